"""Text to speech: engines behind one interface, each in a process of its own, none needing a key."""
