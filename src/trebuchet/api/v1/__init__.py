"""Version 1 of the API: one package for each resource; `wire` modules hold its names, `routes` modules what it does."""
