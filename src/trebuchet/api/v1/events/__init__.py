"""Live events: what happens to the account's calls, as it happens. An extension of ours."""
