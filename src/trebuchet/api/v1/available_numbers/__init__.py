"""Numbers of the operator's stock that nobody has: search and order."""
