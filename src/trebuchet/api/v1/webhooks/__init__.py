"""What becomes of webhooks, and what they are signed with: additions to the v1 API."""
