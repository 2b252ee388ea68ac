"""The two clients: `Client` waits for each answer, `AsyncClient` is awaited. Their methods are the same ones."""

from ssl import SSLContext
from types import TracebackType
from typing import Generic, Self

import httpx

from trebuchet.client.account import Accounts, Errors, Events
from trebuchet.client.calls import Calls
from trebuchet.client.endpoints import Domains, Endpoints
from trebuchet.client.files import Media, Recordings
from trebuchet.client.groups import Bridges, Conferences
from trebuchet.client.numbers import Applications, AvailableNumbers, NumberInformation, PhoneNumbers
from trebuchet.client.request import Awaiting, Blocking, F
from trebuchet.client.transport import DEFAULT_TIMEOUT_S, AwaitingTransport, BlockingTransport, pool_options
from trebuchet.client.webhooks import Webhooks


class _Resources(Generic[F]):
    def __init__(self, transport: F) -> None:
        self.account = Accounts(transport)
        self.applications = Applications(transport)
        self.available_numbers = AvailableNumbers(transport)
        self.bridges = Bridges(transport)
        self.calls = Calls(transport)
        self.conferences = Conferences(transport)
        self.domains = Domains(transport)
        self.endpoints = Endpoints(transport)
        self.errors = Errors(transport)
        self.events = Events(transport)
        self.media = Media(transport)
        self.number_info = NumberInformation(transport)
        self.phone_numbers = PhoneNumbers(transport)
        self.recordings = Recordings(transport)
        self.webhooks = Webhooks(transport)


class Client(_Resources[Blocking]):
    """The API of one account, blocking; may be shared by threads. A context manager.

    `url`: the server's, as `https://voice.example.test`; `user`, `token`, `secret`: the account's; `timeout_s`: for
    each wait on the network; `verify`: how TLS certificates are checked; `transport`: in place of the network, for
    tests.
    Methods raise `ApiError` (refused), `Unreachable` (no answer) or `UnexpectedAnswer`.
    """

    def __init__(
        self,
        url: str,
        user: str,
        token: str,
        secret: str,
        *,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        verify: bool | SSLContext = True,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        options = pool_options(token, secret, timeout_s, verify)
        self._connection = BlockingTransport(url, user, httpx.Client(transport=transport, **options))
        super().__init__(self._connection)

    def close(self) -> None:
        """Let go of the connections."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncClient(_Resources[Awaiting]):
    """The API of one account, for asyncio: the methods of `Client`, to be awaited; lists are asynchronous iterators."""

    def __init__(
        self,
        url: str,
        user: str,
        token: str,
        secret: str,
        *,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        verify: bool | SSLContext = True,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        options = pool_options(token, secret, timeout_s, verify)
        self._connection = AwaitingTransport(url, user, httpx.AsyncClient(transport=transport, **options))
        super().__init__(self._connection)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._connection.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
