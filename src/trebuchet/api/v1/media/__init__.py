"""Media: the bytes behind recordings."""
