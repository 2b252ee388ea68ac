"""Figures for a monitoring system, to those networks that may read them."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response


@dataclass(frozen=True, slots=True)
class MetricsPage:
    """`render` gives the page and its content type; it returns within milliseconds."""

    render: Callable[[], tuple[bytes, str]]
    networks: tuple[IPv4Network | IPv6Network, ...]
    """Who may read it, by the address the connection comes from; no credentials are asked for."""

    def is_readable_by(self, host: str) -> bool:
        try:
            address = ip_address(host)
        except ValueError:
            return False
        plain = getattr(address, "ipv4_mapped", None) or address
        return any(plain in network for network in self.networks)


MetricsEndpoint = Callable[[Request], Coroutine[Any, Any, Response]]


def metrics_for(page: MetricsPage) -> MetricsEndpoint:
    """The endpoint. To everybody else the path does not exist."""

    async def metrics(request: Request) -> Response:
        """Figures in Prometheus' text format."""
        if request.client is None or not page.is_readable_by(request.client.host):
            raise HTTPException(404)
        content, media_type = page.render()
        return Response(content, headers={"content-type": media_type})

    return metrics
