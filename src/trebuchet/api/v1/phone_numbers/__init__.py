"""Phone numbers and their applications."""
