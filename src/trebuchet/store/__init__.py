"""Where calls, events and the customer's resources live. One interface, several engines."""
