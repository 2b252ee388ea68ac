"""Bridges: create, list, read, update, play, and their calls."""
