"""POST /calls/{callId}/audio and /dtmf: every parameter of calls.md 9 and 10, and every documented error."""

from typing import Any

import pytest

from support.api_world import CALL_ID, USER, ApiWorld
from trebuchet.base.ids import AccountId, CallId
from trebuchet.calls.commands import (
    CallNotReady,
    DigitsNotSent,
    NothingPlays,
    PlayAudio,
    PromptUnreachable,
    PromptUnsupported,
    PromptUrlInvalid,
    SendDigits,
    SpeechFailed,
    StopAudio,
    WrongCallState,
)
from trebuchet.model.call import CallState
from trebuchet.model.prompt import AudioFile, Gender, Prompt, Sentence

AUDIO, DTMF = f"/calls/{CALL_ID}/audio", f"/calls/{CALL_ID}/dtmf"
URL = "https://media.example.test/hold.mp3"
CALL = CallId(CALL_ID)


@pytest.fixture(autouse=True)
async def _one_call(world: ApiWorld) -> None:
    await world.add_call(state=CallState.ANSWERED)


async def asked(world: ApiWorld, path: str, body: dict[str, Any]) -> Any:
    """The command that a request becomes; the answer is 200 and empty."""
    world.calls.asked.clear()
    response = await world.post(path, body)
    assert (response.status_code, response.content) == (200, b""), response.text
    (command,) = world.calls.asked
    return command


async def played(world: ApiWorld, **body: Any) -> Prompt:
    command = await asked(world, AUDIO, body)
    assert isinstance(command, PlayAudio)
    prompt: Prompt = command.prompt
    return prompt


async def refused(
    world: ApiWorld, path: str, body: dict[str, Any], status: int, code: str, message: str | None = None
) -> None:
    response = await world.post(path, body)
    assert (response.status_code, response.json()["code"]) == (status, code), response.text
    assert message is None or response.json()["message"] == message
    assert world.calls.asked == []


# --- what plays -----------------------------------------------------------------------------------------------------


async def test_file_url(world: ApiWorld) -> None:
    command = await asked(world, AUDIO, {"fileUrl": URL, "tag": "hold", "loopEnabled": True, "volume": -4})
    assert command == PlayAudio(
        account_id=AccountId(USER),
        call_id=CALL,
        prompt=AudioFile(url=URL, volume=-4),
        is_looped=True,
        tag="hold",
    )


async def test_sentence_with_its_defaults(world: ApiWorld) -> None:
    command = await asked(world, AUDIO, {"sentence": "Hello"})
    assert command == PlayAudio(
        account_id=AccountId(USER),
        call_id=CALL,
        prompt=Sentence(text="Hello", gender=Gender.FEMALE, locale="en_US", voice="susan"),
    )


async def test_gender_locale_and_voice(world: ApiWorld) -> None:
    shown = await played(world, sentence="Hola", gender="MALE", locale="es", voice="Jorge")
    assert shown == Sentence(text="Hola", gender=Gender.MALE, locale="es_MX", voice="jorge")
    italian = await played(world, sentence="Ciao", locale="IT_it", voice="susan", gender="male")
    assert isinstance(italian, Sentence) and (italian.locale, italian.voice) == ("it_IT", "luca")


@pytest.mark.parametrize("locale", ["en", "EN_us", "en_UK", "es_MX", "fr", "fr_FR", "de", "de_DE", "it", "it_IT"])
async def test_every_documented_locale(world: ApiWorld, locale: str) -> None:
    assert isinstance(await played(world, sentence="Hi", locale=locale, voice="susan"), Sentence)


@pytest.mark.parametrize("loop", [True, "true"])
async def test_loop_enabled_as_clients_write_it(world: ApiWorld, loop: Any) -> None:
    assert (await asked(world, AUDIO, {"fileUrl": URL, "loopEnabled": loop})).is_looped is True


async def test_the_file_wins_over_the_sentence(world: ApiWorld) -> None:
    assert await played(world, fileUrl=URL, sentence="Hello") == AudioFile(url=URL)


async def test_an_object_in_file_url_is_unwrapped(world: ApiWorld) -> None:
    nothing = dict.fromkeys(("sentence", "gender", "locale", "voice", "loopEnabled"))
    said = {"sentence": "Hi", "gender": "female", "voice": "susan", "locale": "en_US", "tag": None}
    assert await played(world, fileUrl=said, **nothing) == Sentence(text="Hi")
    command = await asked(world, AUDIO, {"fileUrl": {"fileUrl": URL, "tag": "music"}, **nothing})
    assert (command.prompt, command.tag) == (AudioFile(url=URL), "music")


@pytest.mark.parametrize("body", [{"fileUrl": ""}, {"sentence": ""}, {"sentence": "", "fileUrl": None}])
async def test_an_empty_string_stops(world: ApiWorld, body: dict[str, Any]) -> None:
    assert await asked(world, AUDIO, body) == StopAudio(account_id=AccountId(USER), call_id=CALL)


@pytest.mark.parametrize("body", [{}, {"sentence": None}, {"loopEnabled": True, "tag": "x"}])
async def test_neither_file_nor_sentence(world: ApiWorld, body: dict[str, Any]) -> None:
    await refused(world, AUDIO, body, 400, "missing-property")


@pytest.mark.parametrize(
    "wrong",
    [
        {"sentence": "x" * 1001},
        {"sentence": 5},
        {"sentence": "Hi", "voice": "nobody"},
        {"sentence": "Hi", "locale": "xx_XX"},
        {"sentence": "Hi", "gender": "other"},
        {"fileUrl": URL, "volume": 5},
        {"fileUrl": URL, "volume": -5},
        {"fileUrl": URL, "loopEnabled": "perhaps"},
    ],
)
async def test_what_cannot_be_read(world: ApiWorld, wrong: dict[str, Any]) -> None:
    await refused(world, AUDIO, wrong, 400, "validation-error")


@pytest.mark.parametrize("url", ["no url", "ftp://media.example.test/a.wav", "http://"])
async def test_media_invalid_url(world: ApiWorld, url: str) -> None:
    await refused(world, AUDIO, {"fileUrl": url}, 403, "media-invalid-url", f"The media URL '{url}' is invalid.")


ERRORS = [
    (NothingPlays(CALL), 403, "call-audio-invalid-state"),
    (WrongCallState(CALL, CallState.RINGING), 403, "call-invalid-state"),
    (WrongCallState(CALL, CallState.ENDED), 403, "call-invalid-state"),
    (PromptUrlInvalid(URL), 403, "media-invalid-url"),
    (PromptUnsupported(URL), 403, "media-not-supported"),
    (PromptUnreachable(URL), 503, "media-unavailable"),
    (SpeechFailed("Hello"), 503, "speak-error"),
    (CallNotReady(CALL), 503, "audio-update-failure"),
]


@pytest.mark.parametrize(("error", "status", "code"), ERRORS)
async def test_what_call_control_refuses(world: ApiWorld, error: Exception, status: int, code: str) -> None:
    world.calls.refusal = error
    await refused(world, AUDIO, {"fileUrl": URL}, status, code)
    await refused(world, AUDIO, {"sentence": ""}, status, code)


async def test_the_text_of_stopping_nothing(world: ApiWorld) -> None:
    world.calls.refusal = NothingPlays(CALL)
    expected = f"The audio for call '{CALL_ID}' could not be updated. The audio has already finished or does not exist."
    await refused(world, AUDIO, {"fileUrl": ""}, 403, "call-audio-invalid-state", expected)


@pytest.mark.parametrize("path", ["/calls/c-nope/audio", "/calls/c-nope/dtmf"])
async def test_unknown_calls_come_before_wrong_bodies(world: ApiWorld, path: str) -> None:
    await refused(world, path, {"volume": 99}, 404, "call-not-found")


async def test_calls_of_others_do_not_exist(world: ApiWorld) -> None:
    await world.add_call(id=CallId("c-theirs"), account_id=world.stranger.id)
    await refused(world, "/calls/c-theirs/audio", {"sentence": "Hi"}, 404, "call-not-found")


# --- dtmfOut --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("digits", ["1WWW,59#", "1Ww2Ww1Ww#", "0123456789*#ABCD", "w" * 92])
async def test_dtmf_out(world: ApiWorld, digits: str) -> None:
    assert await asked(world, DTMF, {"dtmfOut": digits}) == SendDigits(
        account_id=AccountId(USER), call_id=CALL, digits=digits
    )


async def test_dtmf_out_as_a_number(world: ApiWorld) -> None:
    assert (await asked(world, DTMF, {"dtmfOut": 12})).digits == "12"


@pytest.mark.parametrize("digits", ["", "abcd", "1 2", "1\n", "1-2", "١", "1" * 93, True, ["1"]])
async def test_dtmf_out_that_is_none(world: ApiWorld, digits: Any) -> None:
    await refused(world, DTMF, {"dtmfOut": digits}, 400, "validation-error")


@pytest.mark.parametrize("body", [{}, {"dtmfOut": None}])
async def test_dtmf_out_missing(world: ApiWorld, body: dict[str, Any]) -> None:
    message = "The 'dtmf' resource property 'dtmfOut' is required but was not specified"
    await refused(world, DTMF, body, 400, "missing-property", message)


async def test_send_dtmf_failure(world: ApiWorld) -> None:
    world.calls.refusal = DigitsNotSent(CALL, "12")
    expected = f"DTMF digits '12' could not be sent for call '{CALL_ID}'"
    await refused(world, DTMF, {"dtmfOut": "12"}, 503, "send-dtmf-failure", expected)
    world.calls.refusal = WrongCallState(CALL, CallState.TRANSFERRING)
    await refused(world, DTMF, {"dtmfOut": "12"}, 403, "call-invalid-state")
