"""The document says of each operation which errors it answers with: all of them can be met, and no others.

What a command refuses is what its interface names; here the fakes refuse so, and the answer is looked at. Bodies, ids
and keys are refused for real.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from support.api_world import CALL_ID, NUMBER, OTHER_NUMBER, START, USER, ApiWorld, an_event
from trebuchet.api import body as body_module
from trebuchet.api.app import OPERATIONS
from trebuchet.api.idempotency import CHANGING_METHODS
from trebuchet.api.openapi import _VARIABLE
from trebuchet.api.operation import Operation
from trebuchet.api.reference.examples import EXAMPLES
from trebuchet.api.reference.refusals import _EVERY, _OWN, KINDS, refusals
from trebuchet.api.v1.domains import routes as domain_routes
from trebuchet.api.v1.endpoints import routes as endpoint_routes
from trebuchet.api.v1.media import uploads
from trebuchet.base.ids import (
    AccountId,
    ApplicationId,
    BridgeId,
    CallId,
    ConferenceId,
    DomainId,
    EndpointId,
    EventId,
    GatherId,
    MemberId,
    NumberId,
    RecordingId,
    TranscriptionId,
    UserErrorId,
)
from trebuchet.base.values import replace
from trebuchet.calls import commands as c
from trebuchet.calls import meeting_commands as m
from trebuchet.model.application import Application
from trebuchet.model.bridge import Bridge, BridgeState
from trebuchet.model.call import CallState
from trebuchet.model.conference import Conference, ConferenceState, Member
from trebuchet.model.delivery import Delivery, DeliveryState
from trebuchet.model.endpoint import Domain, Endpoint, EndpointToken, make_secrets, token_fingerprint
from trebuchet.model.gather import Gather
from trebuchet.model.number import PhoneNumber
from trebuchet.model.recording import RecordingState
from trebuchet.model.stock import StockKind, StockNumber
from trebuchet.model.transcription import Transcription
from trebuchet.model.user_error import UserError
from trebuchet.store.interface import Batch, LibraryChanges, PhoneChanges

ME, CALL = AccountId(USER), CallId(CALL_ID)
BRIDGE, CONFERENCE = BridgeId("brg-1"), ConferenceId("conf-1")
IDS = {
    "userId": USER, "callId": CALL_ID, "eventId": "ce-1", "gatherId": "gtr-1", "bridgeId": BRIDGE,
    "conferenceId": CONFERENCE, "memberId": "member-1", "recordingId": "rec-1", "transcriptionId": "t-1",
    "mediaName": "x", "applicationId": "a-1", "numberId": "n-1", "domainId": "rd-1", "endpointId": "re-1",
    "errorId": "ue-1", "token": "et-1", "number": NUMBER,
}  # fmt: skip
DOCUMENTED = [operation for operation in OPERATIONS if not operation.is_hidden]
Prepare = Callable[[ApiWorld], Awaitable[None]]


@dataclass(frozen=True)
class Try:
    """A request that is refused. `fails`: with what the command is refused; `first`, `after`: what is done then."""

    body: Any = None
    fails: Exception | None = None
    query: str = ""
    first: Prepare | None = None
    after: Prepare | None = None
    ids: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)


def bodies(*sent: Any) -> list[Try]:
    return [Try(body) for body in sent]


def failures(*errors: Exception, body: Any = None) -> list[Try]:
    return [Try(body, error) for error in errors]


def queries(*texts: str) -> list[Try]:
    return [Try(query=text) for text in texts]


CALL_ERRORS = (c.CallNotReady(CALL), c.WrongCallState(CALL, CallState.ENDED))
PROMPT_ERRORS = (c.PromptUnreachable("u"), c.PromptUnsupported("u"), c.SpeechFailed("s"))
DIALLING = (c.CannotCall("+1"), c.DestinationDenied("+1"), c.TooManyCalls(1, 1, 2), c.TooManyCallsAtOnce(1))
ENTERING = (*CALL_ERRORS, m.CallIdUnknown(CALL), m.CallConnected(CALL))
OVER = m.ConferenceNotUsable(CONFERENCE, ConferenceState.ENDED)
BAD_URL = "no url"
AUDIO = [*bodies({}, {"fileUrl": BAD_URL}), *failures(*PROMPT_ERRORS, body={"sentence": "x"})]
FROM = {"from": NUMBER, "callbackUrl": BAD_URL}
FOREIGN = [{"applicationId": "nope"}, {"applicationId": "a-2"}]


def with_(body: dict[str, Any], others: Sequence[dict[str, Any]]) -> list[Try]:
    return bodies(*(body | other for other in others))


async def recording_runs(world: ApiWorld) -> None:
    await world.add_recording(state=RecordingState.RECORDING)


async def delivery_waits(world: ApiWorld) -> None:
    await world.store.write(Batch(deliveries=(replace(a_delivery(), state=DeliveryState.QUEUED),)))


async def place_taken(world: ApiWorld) -> None:
    (world.media / USER).mkdir(parents=True, exist_ok=True)
    (world.media / USER / ".uploads").write_bytes(b"in the way")


async def place_free(world: ApiWorld) -> None:
    (world.media / USER / ".uploads").unlink()


async def file_there(world: ApiWorld) -> None:
    assert (await world.client.put(f"/v1/users/{USER}/media/x", content=b"content")).status_code == 200


TRANSFER = {"state": "transferring", "transferTo": OTHER_NUMBER}
ENDPOINT = {"name": "fax", "credentials": {"password": "sesame-street"}}
PLACES = queries("state=NC&city=Nowhere", "zip=00000")
ITS_MEDIA = {"mediaName": f"{CALL_ID}-1.wav"}

TRIES: dict[tuple[str, str], list[Try]] = {
    ("POST", "/calls"): [
        *bodies({}, {"from": " "}, FROM | {"to": OTHER_NUMBER}),
        *failures(
            *DIALLING,
            c.NumberNotOwned(ME, NUMBER),
            c.NoNumbers(ME),
            c.RecordingLimitTooLong(1),
            c.CallFailed("+1", "+2"),
            m.BridgeNotFound(BRIDGE),
            m.BridgeFull(BRIDGE),
            m.BridgeEnded(BRIDGE),
            m.ConferenceMismatch(CONFERENCE),
        ),
    ],
    ("POST", "/calls/{callId}"): [
        *bodies({"state": "transferring"}, TRANSFER | {"transferTo": " "}, TRANSFER | {"callbackUrl": BAD_URL}),
        Try(TRANSFER | {"whisperAudio": {"fileUrl": BAD_URL}}),
        *failures(
            *DIALLING,
            *CALL_ERRORS,
            *PROMPT_ERRORS,
            c.AlreadyRecording(CALL),
            c.RecordingLimitTooLong(1),
            c.TransferFailed(CALL, "+1"),
            body=TRANSFER,
        ),
        Try({"state": "active"}, ids={"callId": "nope"}),
    ],
    ("POST", "/calls/{callId}/audio"): [*AUDIO, *failures(*CALL_ERRORS, c.NothingPlays(CALL), body={"fileUrl": ""})],
    ("POST", "/calls/{callId}/dtmf"): [*bodies({}), *failures(*CALL_ERRORS, c.DigitsNotSent(CALL, "1"))],
    ("POST", "/calls/{callId}/gather"): [
        *bodies({"prompt": {"loopEnabled": True}}, {"prompt": {"fileUrl": BAD_URL}}),
        *failures(*CALL_ERRORS, *PROMPT_ERRORS, c.AlreadyGathering(CALL)),
    ],
    ("POST", "/calls/{callId}/gather/{gatherId}"): failures(c.CallNotReady(CALL)),
    ("POST", "/calls/{callId}/deliveries/{eventId}"): [Try(first=delivery_waits)],
    ("POST", "/bridges"): failures(*ENTERING, m.BridgeFull(BRIDGE), m.BridgeCreationFailed((CALL,))),
    ("POST", "/bridges/{bridgeId}"): failures(
        *ENTERING, m.BridgeFull(BRIDGE), m.BridgeEnded(BRIDGE), m.BridgeFailed(BRIDGE)
    ),
    ("POST", "/bridges/{bridgeId}/audio"): [
        *AUDIO,
        *failures(m.BridgeEnded(BRIDGE), m.BridgeSilent(BRIDGE), c.CallNotReady(CALL)),
    ],
    ("POST", "/conferences"): [
        *bodies({}, {"from": " "}, FROM),
        *failures(c.NumberNotOwned(ME, NUMBER), c.NoNumbers(ME)),
    ],
    ("POST", "/conferences/{conferenceId}"): [*bodies({"callbackUrl": BAD_URL}), *failures(OVER)],
    ("POST", "/conferences/{conferenceId}/audio"): [*AUDIO, *failures(OVER)],
    ("POST", "/conferences/{conferenceId}/members"): [
        *bodies({}, {"callId": " "}),
        *failures(*ENTERING, OVER, m.ConferenceMismatch(CONFERENCE), m.ConferenceFull(CONFERENCE)),
    ],
    ("POST", "/conferences/{conferenceId}/members/{memberId}"): failures(OVER),
    ("POST", "/conferences/{conferenceId}/members/{memberId}/audio"): [
        *AUDIO,
        *failures(*CALL_ERRORS, OVER),
    ],
    ("DELETE", "/recordings/{recordingId}"): [Try(first=recording_runs)],
    ("POST", "/recordings/{recordingId}/transcriptions"): failures(
        c.RecordingNotComplete(RecordingId("rec-1")), c.RecordingNotTranscribable(RecordingId("rec-1"), "x.mp3")
    ),
    ("GET", "/media/{mediaName}"): [Try(first=file_there, headers={"Range": "bytes=99-"})],
    ("PUT", "/media/{mediaName}"): [
        Try(b"x", first=place_taken, after=place_free),
        Try(b"x", ids={"mediaName": "n" * 1025}),
        Try(b"", headers={"Content-Length": "many"}),
        Try(b"", headers={"Content-Length": str(10**9)}),
        Try(b"x", first=recording_runs, ids=ITS_MEDIA),
    ],
    ("DELETE", "/media/{mediaName}"): [Try(first=recording_runs, ids=ITS_MEDIA)],
    ("GET", "/events/stream"): [Try(headers={"Last-Event-ID": "x"})],
    ("POST", "/applications"): bodies({}, {"name": " ", "incomingCallUrl": "http://app.example/"}),
    ("POST", "/applications/{applicationId}"): bodies({"name": " "}),
    ("POST", "/phoneNumbers"): [
        *bodies({}, {"number": " "}, {"number": NUMBER}),
        *with_({"number": "+19195550188"}, FOREIGN),
    ],
    ("POST", "/phoneNumbers/{numberId}"): bodies(*FOREIGN),
    ("POST", "/domains"): [*bodies({}, {"name": " "}, {"name": "office"}), Try({"name": "other"})],
    ("POST", "/domains/{domainId}/endpoints"): [
        *bodies({}, ENDPOINT | {"name": " "}, ENDPOINT | {"name": "desk"}),
        *with_(ENDPOINT, FOREIGN),
    ],
    ("POST", "/domains/{domainId}/endpoints/{endpointId}"): bodies(*FOREIGN),
    ("POST", "/domains/{domainId}/endpoints/{endpointId}/tokens"): bodies({}),
    ("DELETE", "/domains/{domainId}/endpoints/{endpointId}/tokens/{token}"): [Try(ids={"token": "et-2"})],
    ("GET", "/availableNumbers/local"): [*queries("city=Cary"), *PLACES],
    ("POST", "/availableNumbers/local"): [
        *queries("city=Cary", "areaCode=919&quantity=999", "areaCode=919&quantity=9"),
        *PLACES,
    ],
    ("GET", "/availableNumbers/tollFree"): queries("quantity=99999"),
    ("POST", "/availableNumbers/tollFree"): queries("quantity=999", "quantity=9"),
    ("GET", "/phoneNumbers/numberInfo/{number}"): [Try(ids={"number": "1"}), Try(ids={"number": NUMBER})],
}
"""What each operation refuses by itself."""


def a_delivery() -> Delivery:
    return Delivery(
        event_id=EventId("ce-1"),
        account_id=ME,
        owner_id=CALL,
        sequence=1,
        event_name="incomingcall",
        server="http://app.example:80",
        begun_at=START,
        state=DeliveryState.DELIVERED,
    )


async def furnish(world: ApiWorld) -> None:
    """One of everything, under the ids of `IDS`."""
    secrets = make_secrets("desk", "office.sip.localhost", "sesame-street")
    token = EndpointToken(fingerprint=token_fingerprint("et-1"), secrets=secrets, expires_at=START.replace(year=2050))
    await world.add_call(state=CallState.ANSWERED)
    await world.add_recording()
    transcription = Transcription(
        id=TranscriptionId("t-1"), account_id=ME, call_id=CALL, recording_id=RecordingId("rec-1"), created_at=START
    )
    stock = (
        StockNumber(number="+19195550101", kind=StockKind.LOCAL, city="Cary", region="NC", added_at=START),
        StockNumber(number="+18005550101", kind=StockKind.TOLL_FREE, added_at=START),
    )
    domain = Domain(id=DomainId("rd-1"), account_id=ME, name="office", realm="office.sip.localhost", created_at=START)
    endpoint = Endpoint(
        id=EndpointId("re-1"), account_id=ME, domain_id=domain.id, name="desk", realm=domain.realm, secrets=secrets,
        created_at=START, tokens=(token,),
    )  # fmt: skip
    mine = Application(id=ApplicationId("a-1"), account_id=ME, name="mine", created_at=START)
    await world.store.write(
        Batch(
            events=(an_event(1, "incomingcall"),),
            deliveries=(a_delivery(),),
            gathers=(Gather(id=GatherId("gtr-1"), account_id=ME, call_id=CALL, created_at=START),),
            bridges=(Bridge(id=BRIDGE, account_id=ME, state=BridgeState.CREATED, created_at=START),),
            conferences=(
                Conference(id=CONFERENCE, account_id=ME, from_=NUMBER, state=ConferenceState.ACTIVE, created_at=START),
            ),
            members=(
                Member(id=MemberId("member-1"), account_id=ME, conference_id=CONFERENCE, call_id=CALL, added_at=START),
            ),
            applications=(mine, replace(mine, id=ApplicationId("a-2"), account_id=world.stranger.id)),
            numbers=(PhoneNumber(id=NumberId("n-1"), account_id=ME, number=NUMBER, created_at=START),),
            user_errors=(
                UserError(
                    id=UserErrorId("ue-1"), account_id=ME, at=START, category="c", code="c", message="m", details=()
                ),
            ),
            library=LibraryChanges(transcriptions=(transcription,), stock=stock),
            phones=PhoneChanges(domains=(domain,), endpoints=(endpoint,)),
        )
    )


def url_of(operation: Operation, ids: dict[str, str]) -> str:
    return _VARIABLE.sub(lambda found: (IDS | ids)[found.group(1)], operation.root + operation.path)


def name(operation: Operation) -> str:
    return f"{operation.method} {operation.path}"


class Walk:
    """Meets the refusals of one operation."""

    def __init__(self, world: ApiWorld, operation: Operation) -> None:
        self.world, self.operation = world, operation
        self.path = _VARIABLE.sub(r"{\1}", operation.path)
        self.found: set[str] = set()
        fake = world.conferences if self.path.startswith("/conferences") else None
        fake = fake or (world.bridges if self.path.startswith("/bridges") else None)
        fake = fake or (world.transcriptions if self.path.endswith("/transcriptions") else None)
        self.fake: Any = fake or world.calls

    async def all(self) -> set[str]:
        await self.look_for_what_is_missing()
        for one in TRIES.get((self.operation.method, self.path), ()):
            await self.try_one(one)
        if self.operation.query is not None:
            await self.ask(query="size=x&quantity=x")
        if self.operation.body is not None:
            await self.send_bodies({})
            await self.ask(b"text", {"Content-Type": "text/plain"})
            await self.ask(b"[]")
        if self.operation.consumes is not None:
            with pytest.MonkeyPatch.context() as patched:
                patched.setattr(uploads, "UPLOAD_TIMEOUT_S", 0.0)
                await self.ask(b"x")
        if self.operation.method in CHANGING_METHODS:
            await self.send_keys()
        return self.found

    async def try_one(self, one: Try) -> None:
        if one.first is not None:
            await one.first(self.world)
        self.fake.refusal = one.fails
        sent = self.example() if one.body is None and one.fails is not None else one.body
        await self.ask(sent, one.headers, one.query, one.ids)
        self.fake.refusal = None
        if one.after is not None:
            await one.after(self.world)

    def example(self) -> Any:
        return next(iter(EXAMPLES[self.operation.method, self.path].values())) if self.operation.body else None

    async def look_for_what_is_missing(self) -> None:
        if self.operation.is_empty:
            await self.ask()
        for variable in _VARIABLE.findall(self.operation.path):
            if variable != "token" and self.operation.method != "PUT":
                await self.ask(self.example(), ids={variable: "nope"})

    async def send_bodies(self, headers: dict[str, str]) -> None:
        await self.ask(b"", headers | {"Content-Length": "9999999"})
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(body_module, "BODY_TIMEOUT_S", 0.0)
            await self.ask(_slow(), headers)

    async def send_keys(self) -> None:
        await self.ask(self.any_body(), {"Idempotency-Key": ""})
        if self.operation.take_body is None:
            await self.send_bodies({"Idempotency-Key": "slow"})
        await self.use_at_once()
        for number in range(2):
            await self.ask(self.any_body(), {"Idempotency-Key": "again"}, f"number={number}")

    def any_body(self) -> Any:
        return b"x" if self.operation.consumes else self.example()

    async def use_at_once(self) -> None:
        """A second request, while the key of the first is being stored."""
        begun, goes_on = asyncio.Event(), asyncio.Event()
        write = self.world.store.write

        async def slow(batch: Batch, then: Any = None) -> None:
            begun.set()
            await goes_on.wait()
            await write(batch, then)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(self.world.store, "write", slow)
            first = asyncio.ensure_future(self.ask(self.any_body(), {"Idempotency-Key": "k"}))
            await begun.wait()
            await self.ask(self.any_body(), {"Idempotency-Key": "k"})
            goes_on.set()
            await first

    async def ask(
        self,
        body: Any = None,
        headers: dict[str, str] | None = None,
        query: str = "",
        ids: dict[str, str] | None = None,
    ) -> None:
        content: dict[str, Any] = {"json": body} if isinstance(body, dict) else {"content": body}
        url = url_of(self.operation, ids or {}) + ("?" + query if query else "")
        answer = await self.world.client.request(self.operation.method, url, headers=headers or {}, **content)
        if self.operation.method == "HEAD":
            assert answer.status_code == 404
            self.found.add("media-not-found")  # without a body that says so
        elif answer.status_code >= 400:
            self.found.add(answer.json()["code"])


async def _slow() -> AsyncIterator[bytes]:
    await asyncio.sleep(60)
    yield b""


@pytest.mark.parametrize("operation", DOCUMENTED, ids=name)
async def test_each_refusal_can_be_met_and_no_other(
    world: ApiWorld, operation: Operation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside credentials, rates and failures of the server, which any operation answers with."""
    monkeypatch.setattr(domain_routes, "MAX_DOMAINS", 1)
    monkeypatch.setattr(endpoint_routes, "MAX_TOKENS", 1)
    await furnish(world)
    found = await Walk(world, operation).all()
    path = _VARIABLE.sub(r"{\1}", operation.path)
    named = refusals(operation, path, _VARIABLE.findall(operation.path))
    assert found - set(_EVERY) == {kind.code for kinds in named.values() for kind in kinds} - set(_EVERY)


def test_the_table_knows_no_other_codes_and_operations() -> None:
    assert {code for codes in _OWN.values() for code in codes} <= {kind.code for kind in KINDS}
    paths = {(operation.method, _VARIABLE.sub(r"{\1}", operation.path)) for operation in DOCUMENTED}
    assert set(_OWN) <= paths and set(TRIES) <= paths
