"""Who addressed us and how: the base of every URL we hand out, and the address a request came from."""

import re
from ipaddress import ip_address

from starlette.types import Scope

from trebuchet.api.dependencies import ApiDependencies
from trebuchet.api.headers import header
from trebuchet.base.hosts import bracketed

_HOST = re.compile(r"(?:[A-Za-z0-9\-_.]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
MAX_FORWARDED_HOPS = 16
"""Addresses looked at in `X-Forwarded-For`; chains of proxies are short."""


def base_url(deps: ApiDependencies, scope: Scope) -> str:
    """Scheme, host and port exactly as the client addressed us (or the configured public URL), no final slash."""
    if deps.public_url is not None:
        return deps.public_url
    scheme: str = scope["scheme"]
    host = header(scope, b"host")
    if deps.trusted_proxies and _is_trusted(deps, _peer(scope)):
        proto = header(scope, b"x-forwarded-proto")
        scheme = proto.lower() if proto is not None and proto.lower() in ("http", "https") else scheme
        host = header(scope, b"x-forwarded-host") or host
    if host is None or not _HOST.fullmatch(host):
        host = _own_address(scope)
    return f"{scheme}://{host}"


def remote_address(deps: ApiDependencies, scope: Scope) -> str:
    """The client's address: the peer's, or behind trusted proxies the nearest one that is not theirs."""
    address = _peer(scope)
    forwarded = header(scope, b"x-forwarded-for") if deps.trusted_proxies else None
    hops = [hop.strip() for hop in forwarded.split(",")[-MAX_FORWARDED_HOPS:]] if forwarded else []
    while hops and _is_trusted(deps, address):
        hop = hops.pop()
        if not _is_address(hop):
            break
        address = hop
    return address


def _peer(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""


def _own_address(scope: Scope) -> str:
    host, port = scope.get("server") or ("localhost", None)
    shown = bracketed(host)
    return shown if port is None else f"{shown}:{port}"


def _is_trusted(deps: ApiDependencies, address: str) -> bool:
    if not _is_address(address):
        return False
    parsed = ip_address(address)
    return any(parsed.version == network.version and parsed in network for network in deps.trusted_proxies)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
