"""Public helpers for tests: virtual time and networks, test phones, tones and their measurement."""
