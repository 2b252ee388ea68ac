"""Prompts made playable: sentences spoken, files fetched and decoded, both cached as samples on disk."""
