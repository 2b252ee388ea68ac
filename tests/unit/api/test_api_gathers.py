"""…/calls/{callId}/gather: every parameter of calls.md 11, the resource, and every documented error."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from support.api_world import CALL_ID, START, USER, ApiWorld
from trebuchet.base.ids import AccountId, CallId, GatherId
from trebuchet.base.values import replace
from trebuchet.calls.commands import (
    AlreadyGathering,
    CallNotReady,
    PromptUnreachable,
    SpeechFailed,
    StartGather,
    StopGather,
    WrongCallState,
)
from trebuchet.model.call import CallState
from trebuchet.model.gather import Gather, GatherReason
from trebuchet.model.prompt import AudioFile, Gender, Sentence
from trebuchet.store.interface import Batch

CALL = CallId(CALL_ID)
PATH = f"/calls/{CALL_ID}/gather"
RUNNING = Gather(
    id=GatherId("gtr-running"), account_id=AccountId(USER), call_id=CALL, created_at=START, tag="ask", digits="47"
)
OVER = Gather(
    id=GatherId("gtr-over"),
    account_id=AccountId(USER),
    call_id=CALL,
    created_at=START,
    digits="4711",
    reason=GatherReason.MAX_DIGITS,
    completed_at=START + timedelta(seconds=7),
)


@pytest.fixture(autouse=True)
async def _one_call(world: ApiWorld) -> None:
    await world.add_call(state=CallState.ANSWERED, gather=RUNNING)
    await world.store.write(Batch(gathers=(OVER,)))


async def started(world: ApiWorld, **body: Any) -> StartGather:
    world.calls.asked.clear()
    response = await world.post(PATH, body)
    assert (response.status_code, response.content) == (201, b""), response.text
    (command,) = world.calls.asked
    assert isinstance(command, StartGather)
    assert response.headers["location"] == f"{world.url}{PATH}/{command.gather_id}"
    return command


async def refused(world: ApiWorld, body: Any, status: int, code: str, path: str = PATH) -> str:
    response = await world.post(path, body)
    assert (response.status_code, response.json()["code"]) == (status, code), response.text
    assert world.calls.asked == []
    message: str = response.json()["message"]
    return message


# --- create ---------------------------------------------------------------------------------------------------------


async def test_the_defaults(world: ApiWorld) -> None:
    command = await started(world)
    assert command.gather_id is not None and command.gather_id.startswith("gtr-")
    assert command == StartGather(
        account_id=AccountId(USER),
        call_id=CALL,
        gather_id=command.gather_id,
        max_digits=30,
        inter_digit_s=5.0,
        terminators="#",
    )


async def test_the_documented_example(world: ApiWorld) -> None:
    command = await started(
        world,
        maxDigits="5",
        terminatingDigits="*",
        interDigitTimeout="7",
        prompt={"sentence": "Please enter your 5 digit code"},
    )
    assert (command.max_digits, command.terminators, command.inter_digit_s) == (5, "*", 7.0)
    assert command.prompt == Sentence(text="Please enter your 5 digit code")


async def test_tag_and_suppress_dtmf(world: ApiWorld) -> None:
    command = await started(world, tag="ask-order", suppressDtmf="true")
    assert (command.tag, command.suppresses_digits) == ("ask-order", True)


async def test_prompt_with_all_its_keys(world: ApiWorld) -> None:
    prompt = {"sentence": "Hola", "gender": "male", "locale": "es", "voice": "Jorge", "loopEnabled": "true"}
    command = await started(world, prompt=prompt | {"bargeable": "true"})
    assert command.prompt == Sentence(text="Hola", gender=Gender.MALE, locale="es_MX", voice="jorge")
    assert command.is_looped is True
    command = await started(world, prompt={"fileUrl": "http://media.example.test/a.wav", "bargeable": False})
    assert command.prompt == AudioFile(url="http://media.example.test/a.wav") and command.is_looped is False


@pytest.mark.parametrize(("timeout", "seconds"), [(30, 30.0), (0.5, 0.5), ("2.5", 2.5), ("1", 1.0)])
async def test_inter_digit_timeout(world: ApiWorld, timeout: Any, seconds: float) -> None:
    assert (await started(world, interDigitTimeout=timeout)).inter_digit_s == seconds


@pytest.mark.parametrize(
    ("keys", "read"), [("*#", "*#"), ("0123456789*#ABCD", "0123456789*#ABCD"), ("ad", "AD"), (5, "5")]
)
async def test_terminating_digits(world: ApiWorld, keys: Any, read: str) -> None:
    assert (await started(world, terminatingDigits=keys)).terminators == read


@pytest.mark.parametrize(
    "wrong",
    [
        {"maxDigits": 0},
        {"maxDigits": 31},
        {"maxDigits": "x"},
        {"interDigitTimeout": 0},
        {"interDigitTimeout": -1},
        {"interDigitTimeout": 30.5},
        {"interDigitTimeout": "31"},
        {"interDigitTimeout": "soon"},
        {"interDigitTimeout": True},
        {"terminatingDigits": ""},
        {"terminatingDigits": "x"},
        {"terminatingDigits": "1" * 17},
        {"suppressDtmf": "no"},
        {"prompt": "Hello"},
        {"prompt": {"sentence": "x" * 1001}},
        {"prompt": {"sentence": "Hi", "voice": "nobody"}},
    ],
)
async def test_what_cannot_be_read(world: ApiWorld, wrong: dict[str, Any]) -> None:
    await refused(world, wrong, 400, "validation-error")


async def test_a_prompt_with_nothing_to_play(world: ApiWorld) -> None:
    message = await refused(world, {"prompt": {"gender": "male"}}, 400, "missing-property")
    assert message == "The 'prompt' resource property 'sentence' is required but was not specified"


async def test_a_prompt_from_nowhere(world: ApiWorld) -> None:
    await refused(world, {"prompt": {"fileUrl": "nowhere"}}, 403, "media-invalid-url")


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (AlreadyGathering(CALL), 409, "call-duplicate-gather-error"),
        (WrongCallState(CALL, CallState.RINGING), 403, "call-invalid-state"),
        (PromptUnreachable("http://x"), 503, "media-unavailable"),
        (SpeechFailed("Hi"), 503, "speak-error"),
        (CallNotReady(CALL), 503, "call-unavailable"),
    ],
)
async def test_what_call_control_refuses(world: ApiWorld, error: Exception, status: int, code: str) -> None:
    world.calls.refusal = error
    await refused(world, {}, status, code)


async def test_the_text_of_a_second_gather(world: ApiWorld) -> None:
    world.calls.refusal = AlreadyGathering(CALL)
    message = await refused(world, {}, 409, "call-duplicate-gather-error")
    assert message == f"DTMF digits are already being gathered for call '{CALL_ID}'"


async def test_unknown_calls_come_before_wrong_bodies(world: ApiWorld) -> None:
    await refused(world, {"maxDigits": 99}, 404, "call-not-found", "/calls/c-nope/gather")


class Crash(BaseException):
    """Nothing after this runs, as when the process dies."""


@pytest.mark.parametrize("is_stored", [True, False])
async def test_a_keyed_gather_is_made_once_whatever_happens(world: ApiWorld, is_stored: bool) -> None:
    made: list[GatherId] = []

    async def crash(command: StartGather) -> GatherId:
        assert command.gather_id is not None
        made.append(command.gather_id)
        if is_stored:
            await world.store.write(Batch(gathers=(replace(OVER, id=command.gather_id),)))
        raise Crash

    async def post() -> httpx.Response:
        url, headers = f"/v1/users/{USER}{PATH}", {"Idempotency-Key": "k"}
        return await world.client.post(url, json={"maxDigits": 1}, headers=headers)

    working = world.calls.start_gather
    world.calls.start_gather = crash  # type: ignore[method-assign]  # dies half-way
    with pytest.raises(Crash):
        await post()
    world.calls.start_gather = working  # type: ignore[method-assign]  # the next process
    for _ in range(2):
        answer = await post()
        assert (answer.status_code, answer.headers["location"]) == (201, f"{world.url}{PATH}/{made[0]}")
    assert len(world.calls.asked) == (0 if is_stored else 1)


# --- read -----------------------------------------------------------------------------------------------------------


async def test_a_gather_that_runs(world: ApiWorld) -> None:
    assert (await world.get(f"{PATH}/{RUNNING.id}")).json() == {
        "id": RUNNING.id,
        "state": "started",
        "digits": "47",
        "call": f"{world.url}/calls/{CALL_ID}",
        "createdTime": "2016-03-02T10:00:00Z",
    }


async def test_a_gather_that_is_over(world: ApiWorld) -> None:
    assert (await world.get(f"{PATH}/{OVER.id}")).json() == {
        "id": OVER.id,
        "state": "completed",
        "reason": "max-digits",
        "digits": "4711",
        "call": f"{world.url}/calls/{CALL_ID}",
        "createdTime": "2016-03-02T10:00:00Z",
        "completedTime": "2016-03-02T10:00:07Z",
    }


REASONS = [
    (GatherReason.MAX_DIGITS, "max-digits"),
    (GatherReason.TERMINATING_DIGIT, "terminating-digit"),
    (GatherReason.TIMEOUT, "inter-digit-timeout"),
    (GatherReason.CALL_ENDED, "hung-up"),
    (GatherReason.CANCELLED, "cancelled"),
]


@pytest.mark.parametrize(("reason", "shown"), REASONS)
async def test_every_reason(world: ApiWorld, reason: GatherReason, shown: str) -> None:
    await world.store.write(Batch(gathers=(replace(OVER, reason=reason),)))
    assert (await world.get(f"{PATH}/{OVER.id}")).json()["reason"] == shown
    assert len(REASONS) == len(GatherReason)


@pytest.mark.parametrize("path", [f"{PATH}/gtr-nope", f"/calls/c-second/gather/{OVER.id}"])
async def test_gather_not_found(world: ApiWorld, path: str) -> None:
    await world.add_call(id=CallId("c-second"))
    response = await world.get(path)
    assert (response.status_code, response.json()["code"]) == (404, "gather-not-found")
    await refused(world, {"state": "nonsense"}, 404, "gather-not-found", path)


# --- update ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gather", [RUNNING, OVER])
async def test_completed_stops(world: ApiWorld, gather: Gather) -> None:
    response = await world.post(f"{PATH}/{gather.id}", {"state": "completed"})
    assert (response.status_code, response.content) == (200, b"")
    assert world.calls.asked == [StopGather(account_id=AccountId(USER), call_id=CALL, gather_id=gather.id)]


@pytest.mark.parametrize("body", [{}, {"state": "started"}, {"state": ""}, {"state": 5}])
async def test_anything_else_is_refused(world: ApiWorld, body: dict[str, Any]) -> None:
    await refused(world, body, 400, "validation-error", f"{PATH}/{RUNNING.id}")
