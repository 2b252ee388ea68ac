"""Applications: where the events of incoming calls go."""
