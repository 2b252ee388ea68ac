"""Conferences and their members: create, read, update, play."""
