"""What went wrong for the account: failed requests and failed webhooks."""
