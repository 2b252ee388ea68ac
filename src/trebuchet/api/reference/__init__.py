"""The API described: what its document and its page say beyond what follows from the code that serves it."""
