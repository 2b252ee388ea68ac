"""Call control: decides what calls do. No I/O; the actor alone may use asyncio. Speaks by `interfaces`."""
