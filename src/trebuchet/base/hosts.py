"""Host names and addresses as they are written."""


def bracketed(host: str) -> str:
    """A host as it stands before a port: an IPv6 address in brackets (RFC 3986 3.2.2), anything else as it is."""
    return f"[{host}]" if ":" in host else host
