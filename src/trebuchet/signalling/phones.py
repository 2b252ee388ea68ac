"""Registered phones: who may register and call from anywhere, where each is reached, and until when.

A phone shows who it is with each REGISTER and each INVITE; both are challenged before the user agent sees them, so that
a stranger costs one answer and no memory. What a REGISTER changes is stored before it is answered.

Reached by anybody whose address lies in the configured networks, once there are endpoints.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from weakref import WeakValueDictionary

import structlog

from trebuchet.base.clock import Clock
from trebuchet.base.errors import TrebuchetError
from trebuchet.base.hosts import read_address
from trebuchet.base.ids import EndpointId
from trebuchet.base.rand import Rand
from trebuchet.base.values import frozen
from trebuchet.model.endpoint import Binding, Domain, Endpoint, binding_id
from trebuchet.signalling.door import read_network
from trebuchet.signalling.phone_book import PhoneBook, SaveBindings
from trebuchet.signalling.settings import PhoneSettings
from trebuchet.sip.auth_server import Ha1
from trebuchet.sip.authenticator import Authenticator, Hashes, Turned
from trebuchet.sip.errors import SipError
from trebuchet.sip.message import Request
from trebuchet.sip.outputs import Flow, HeaderPairs, OutOfDialogRequest
from trebuchet.sip.register import Contact, Outcome, register
from trebuchet.sip.uri import SipUri

log = structlog.get_logger(__name__)

SWEEP_S = 30.0
"""How often expired bindings are removed; nobody is called at one meanwhile."""

Respond = Callable[[OutOfDialogRequest, int, HeaderPairs], None]


@frozen
class Welcome:
    """A request whose sender has shown which endpoint it is."""

    request: Request
    endpoint: Endpoint


class Phones:
    """Everything signalling knows about phones. `respond` answers a REGISTER; `vouch` is told of the flow of each
    registered phone."""

    def __init__(
        self,
        settings: PhoneSettings,
        book: PhoneBook,
        save: SaveBindings,
        rand: Rand,
        clock: Clock,
        *,
        respond: Respond,
        vouch: Callable[[Flow], None],
    ) -> None:
        self._settings = settings
        self._book = book
        self._save = save
        self._clock = clock
        self._respond = respond
        self._vouch = vouch
        self._networks = [read_network(text) for text in settings.networks]
        self._authenticator = Authenticator(rand, self._find_hashes, settings.algorithms)
        self._welcome: Welcome | None = None
        self._locks: WeakValueDictionary[EndpointId, asyncio.Lock] = WeakValueDictionary()
        self._tasks: set[asyncio.Task[None]] = set()
        self._sweeper: asyncio.Task[None] | None = None

    # --- life

    def start(self) -> None:
        self._sweeper = asyncio.get_running_loop().create_task(self._keep_sweeping())

    async def close(self) -> None:
        """Registrations that wait for the store are let finish."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.gather(self._sweeper, return_exceptions=True)
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # --- at the door

    def is_known(self, host: str) -> bool:
        return self._book.is_phone_host(host)

    def may_come_from(self, host: str) -> bool:
        """Whether phones may register and call from this address at all."""
        address = read_address(host)
        return (
            self._book.has_endpoints and address is not None and any(address in network for network in self._networks)
        )

    def domain_of(self, request: Request) -> Domain | None:
        """The domain a request claims to belong to: of its To for REGISTER, else of its From. Raises `SipError`."""
        address = request.to if request.method == "REGISTER" else request.from_
        try:
            return self._book.domain_by_host(address.uri.host)
        except SipError as error:
            if error.status == 416:  # an address that is none of ours, whatever it is
                return None
            raise

    def check(self, request: Request, domain: Domain, flow: Flow) -> Turned | None:
        """`None` for a request of an enabled endpoint of the domain, else what to answer.

        Whether a user exists shows in no answer: only who knows the password is told that he is disabled (403), or
        that he may speak for himself alone.
        """
        try:
            found = self._authenticator.check(request, domain.realm, flow.remote[0], self._clock.now())
        except SipError as error:
            return Turned(error.status, ())
        if isinstance(found, Turned):
            return found
        endpoint = self._book.endpoint_at(found.username, domain.realm)
        claimed = request.to if request.method == "REGISTER" else request.from_
        if endpoint is None or not endpoint.is_enabled or self._at(claimed.uri) != endpoint:
            return Turned(403, ())
        self._welcome = Welcome(request, endpoint)
        return None

    def _at(self, uri: SipUri) -> Endpoint | None:
        return self._book.endpoint_at(uri.user or "", uri.host)

    def endpoint_behind(self, request: Request) -> Endpoint | None:
        """The endpoint that `check` has found behind this very request, told once."""
        welcome, self._welcome = self._welcome, None
        return welcome.endpoint if welcome is not None and welcome.request is request else None

    def _find_hashes(self, username: str, realm: str) -> list[Hashes] | None:
        endpoint = self._book.endpoint_at(username, realm)
        if endpoint is None or endpoint.name != username:
            return None
        secrets = endpoint.valid_secrets(self._clock.utc())
        return [Hashes(Ha1(secret.md5), Ha1(secret.sha256)) for secret in secrets]

    # --- registering

    def handle_register(self, news: OutOfDialogRequest) -> None:
        """A REGISTER that `check` let in: store what it says, then answer."""
        endpoint = self.endpoint_behind(news.request)
        if endpoint is None:
            self._respond(news, 403, ())
            return
        task = asyncio.get_running_loop().create_task(self._register(endpoint.id, news))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _register(self, endpoint_id: EndpointId, news: OutOfDialogRequest) -> None:
        """One at a time for each endpoint, so that none works with contacts another is about to change."""
        try:
            async with self._lock(endpoint_id):
                outcome = await self._change(endpoint_id, news)
            self._respond(news, outcome.status, outcome.headers)
        except SipError as error:
            self._respond(news, error.status, ())
        except TrebuchetError as error:
            log.warning("registration not stored", code=error.code)
            self._respond(news, 503, (("Retry-After", "5"),))
        except Exception as error:
            log.exception("registration failed", kind=type(error).__name__)
            self._respond(news, 500, ())

    def _lock(self, endpoint_id: EndpointId) -> asyncio.Lock:
        lock = self._locks.get(endpoint_id)
        if lock is None:
            lock = self._locks[endpoint_id] = asyncio.Lock()
        return lock

    async def _change(self, endpoint_id: EndpointId, news: OutOfDialogRequest) -> Outcome:
        current = [_to_contact(binding) for binding in self._book.bindings_of(endpoint_id)]
        now = self._clock.utc().timestamp()
        outcome = register(news.request, current, news.flow, now, self._settings.rules)
        stored = tuple(_to_binding(endpoint_id, contact) for contact in outcome.stored)
        removed = tuple(binding_id(endpoint_id, contact.key) for contact in outcome.removed)
        if stored or removed:
            await self._save(stored, removed)
        if stored:
            self._vouch(news.flow)
        return outcome

    # --- being reached

    def contacts_at(self, uri: SipUri) -> list[Contact] | None:
        """Where the phones of an address are, the preferred ones first; empty when none is registered or it may not be
        called. `None`: not an address of an endpoint."""
        endpoint = self._at(uri)
        if endpoint is None:
            return None
        if not endpoint.is_enabled:
            return []
        now = self._clock.utc().timestamp()
        contacts = (_to_contact(binding) for binding in self._book.bindings_of(endpoint.id))
        return sorted((each for each in contacts if each.expires_at > now), key=lambda contact: -contact.q)

    def is_domain(self, host: str) -> bool:
        return self._book.domain_by_host(host) is not None

    async def _keep_sweeping(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            try:
                await self.sweep()
            except TrebuchetError as error:
                log.warning("expired registrations not removed", code=error.code)

    async def sweep(self) -> None:
        """Remove what has expired. Raises `LogUnavailable`."""
        now = self._clock.utc()
        owners = {binding.endpoint_id for binding in self._book.all_bindings() if binding.expires_at <= now}
        for endpoint_id in owners:
            async with self._lock(endpoint_id):
                expired = (b.id for b in self._book.bindings_of(endpoint_id) if b.expires_at <= now)
                await self._save((), tuple(expired))


def _to_contact(binding: Binding) -> Contact:
    return Contact(
        uri=binding.contact,
        call_id=binding.call_id,
        cseq=binding.cseq,
        q=binding.q,
        expires_at=binding.expires_at.timestamp(),
        flow=Flow(binding.transport, binding.local, binding.remote, binding.connection_id),
    )


def _to_binding(endpoint_id: EndpointId, contact: Contact) -> Binding:
    flow = contact.flow
    return Binding(
        id=binding_id(endpoint_id, contact.key),
        endpoint_id=endpoint_id,
        contact=contact.uri,
        call_id=contact.call_id,
        cseq=contact.cseq,
        q=contact.q,
        expires_at=datetime.fromtimestamp(contact.expires_at, UTC),
        transport=flow.transport,
        local=flow.local,
        remote=flow.remote,
        connection_id=flow.connection_id,
    )
