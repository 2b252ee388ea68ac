"""POST /calls/{callId}: every parameter of calls.md 7 and 8, and what is refused before call control hears of it."""

from typing import Any

import pytest

from support.api_world import CALL_ID, NUMBER, OTHER_NUMBER, USER, ApiWorld
from trebuchet.base.ids import AccountId, CallId
from trebuchet.calls.commands import Overloaded, Transfer, UpdateCall
from trebuchet.model.call import CallState
from trebuchet.model.prompt import AudioFile, Gender, Sentence
from trebuchet.model.recording import RecordingFormat


@pytest.fixture(autouse=True)
async def _one_call(world: ApiWorld) -> None:
    await world.add_call()


def transferring(**more: Any) -> dict[str, Any]:
    return {"state": "transferring", "transferTo": OTHER_NUMBER, **more}


async def transfer(world: ApiWorld, **more: Any) -> Transfer:
    response = await world.update(transferring(**more))
    assert response.status_code == 201, response.text
    made = world.command.transfer
    assert made is not None
    return made


async def refused(world: ApiWorld, body: Any, status: int, code: str, message: str | None = None) -> None:
    response = await world.update(body)
    assert (response.status_code, response.json()["code"]) == (status, code), response.text
    assert message is None or response.json()["message"] == message
    assert world.calls.updated == []


# --- calls.md 7.1: the five examples --------------------------------------------------------------------------------

EXAMPLES = [
    ('{"state":"active"}', {"state": CallState.ANSWERED}),
    ('{"state":"completed"}', {"state": CallState.ENDED}),
    ('\n{\n  "recordingEnabled": "true"\n}\n', {"is_recording": True}),
    ('{"recordingEnabled":"false"}', {"is_recording": False}),
    (' {"state" : "rejected"} ', {"state": CallState.REJECTED}),
]


@pytest.mark.parametrize(("body", "asked"), EXAMPLES)
async def test_the_documented_examples(world: ApiWorld, body: str, asked: dict[str, Any]) -> None:
    path = f"/v1/users/{USER}/calls/{CALL_ID}"
    response = await world.client.post(path, content=body, headers={"Content-type": "application/json"})
    assert (response.status_code, response.content) == (200, b"")
    assert "location" not in response.headers
    assert world.command == UpdateCall(account_id=AccountId(USER), call_id=CallId(CALL_ID), **asked)


# --- calls.md 1.5 and 1.6: absence and lenient scalars --------------------------------------------------------------


async def test_an_empty_object_changes_nothing(world: ApiWorld) -> None:
    """calls.md 1.5."""
    assert (await world.update({})).status_code == 200
    assert world.command == UpdateCall(account_id=AccountId(USER), call_id=CallId(CALL_ID))


async def test_null_means_not_sent_as_one_sdk_does(world: ApiWorld) -> None:
    """clients.md 4."""
    keys = ("recordingEnabled", "recordingFileFormat", "transferTo", "transferCallerId", "whisperAudio", "callbackUrl")
    assert (await world.update({"state": "active", **dict.fromkeys(keys)})).status_code == 200
    assert world.command == UpdateCall(account_id=AccountId(USER), call_id=CallId(CALL_ID), state=CallState.ANSWERED)


async def test_unknown_keys_are_ignored(world: ApiWorld) -> None:
    """calls.md 1.5."""
    assert (await world.update({"state": "active", "domainId": [1], "tags": {}})).status_code == 200


@pytest.mark.parametrize(
    ("sent", "read"), [(True, True), (False, False), ("true", True), ("False", False), ("TRUE", True)]
)
async def test_booleans_and_their_names(world: ApiWorld, sent: Any, read: bool) -> None:
    """calls.md 1.6; `recordingEnabled` of calls.md 7."""
    assert (await world.update({"recordingEnabled": sent})).status_code == 200
    assert world.command.is_recording is read


@pytest.mark.parametrize("sent", ["yes", "", 1, 0, [], {}, "1"])
async def test_other_booleans_are_bad_parameters(world: ApiWorld, sent: Any) -> None:
    await refused(world, {"recordingEnabled": sent}, 400, "validation-error", "Bad parameters")


@pytest.mark.parametrize("sent", ["ACTIVE", "Active", "active"])
async def test_enums_in_any_case(world: ApiWorld, sent: str) -> None:
    """calls.md 1.6."""
    assert (await world.update({"state": sent})).status_code == 200
    assert world.command.state is CallState.ANSWERED


@pytest.mark.parametrize("state", ["started", "answered", "ringing", "", 5, True, ["active"], "active "])
async def test_states_that_cannot_be_asked_for(world: ApiWorld, state: Any) -> None:
    """calls.md 7.2, last row."""
    message = (
        "The 'call' resource property 'state' must be one of the following values: "
        "rejected, active, completed, transferring"
    )
    await refused(world, {"state": state}, 400, "validation-error", message)


# --- calls.md 7.3: recording ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("sent", "read"), [("wav", RecordingFormat.WAV), ("MP3", RecordingFormat.MP3)])
async def test_recording_file_format(world: ApiWorld, sent: str, read: RecordingFormat) -> None:
    assert (await world.update({"recordingFileFormat": sent})).status_code == 200
    assert world.command.recording_format is read


@pytest.mark.parametrize("sent", ["ogg", "", 3])
async def test_other_file_formats(world: ApiWorld, sent: Any) -> None:
    await refused(world, {"recordingFileFormat": sent}, 400, "validation-error")


@pytest.mark.parametrize(("sent", "read"), [(1, 1), ("90", 90), (5.0, 5), (3600, 3600), (10**17, 10**17)])
async def test_recording_max_duration(world: ApiWorld, sent: Any, read: int) -> None:
    """calls.md 1.6 and 7; the platform's maximum is call control's."""
    assert (await world.update({"recordingMaxDuration": sent})).status_code == 200
    assert world.command.recording_max_duration_s == read


@pytest.mark.parametrize("sent", [0, -1, "0"])
async def test_recording_max_duration_too_small(world: ApiWorld, sent: Any) -> None:
    message = "The 'call' resource property 'recordingMaxDuration' must be greater than 0"
    await refused(world, {"recordingMaxDuration": sent}, 400, "validation-error", message)


@pytest.mark.parametrize("sent", ["ten", 1.5, True, "", "1e3", "٣", "9" * 30, []])
async def test_recording_max_duration_that_is_no_number(world: ApiWorld, sent: Any) -> None:
    await refused(world, {"recordingMaxDuration": sent}, 400, "validation-error", "Bad parameters")


async def test_several_keys_at_once(world: ApiWorld) -> None:
    """calls.md 7.2, end."""
    assert (await world.update({"state": "active", "recordingEnabled": True})).status_code == 200
    assert (world.command.state, world.command.is_recording) == (CallState.ANSWERED, True)


# --- calls.md 8: transfer -------------------------------------------------------------------------------------------


async def test_a_transfer_answers_201_with_the_new_calls_location(world: ApiWorld) -> None:
    """calls.md 8.3."""
    response = await world.update(transferring())
    assert (response.status_code, response.content) == (201, b"")
    assert response.headers["location"] == f"{world.url}/calls/{world.calls.new_call_id}"
    assert world.command.state is CallState.TRANSFERRING
    assert world.command.transfer == Transfer(to=OTHER_NUMBER)


async def test_a_transfer_needs_a_destination(world: ApiWorld) -> None:
    """calls.md 8.1."""
    message = "The 'call' resource property 'transferTo' is required but was not specified"
    await refused(world, {"state": "transferring"}, 400, "missing-property", message)
    await refused(world, {"state": "transferring", "transferTo": None}, 400, "missing-property", message)


@pytest.mark.parametrize(
    "to",
    [
        "+19195550177",
        "+12",
        "+123456789012345",
        "sip:bob@example.test",
        "SIP:bob@example.test:5070",
        "sip:+1919@127.0.0.1:5060;transport=tcp",
        "sip:a.b_c~d%20e@[::1]:5060",
        "sip:user:pass@my_host;user=phone",
        "sip:*97@10.0.0.1",
    ],
)
async def test_transfer_to_numbers_and_sip_addresses(world: ApiWorld, to: str) -> None:
    """calls.md 8.1, errors.md 7."""
    assert (await transfer(world, transferTo=to)).to == to


BAD_DESTINATIONS = [
    "911",
    "19195550177",
    "+09195550177",
    "+1234567890123456",
    "+1 919 555 0177",
    "+1919555٠١٧٧",
    "sips:bob@example.test",
    "tel:+1919",
    "sip:example.test",
    "sip:bob@",
    "sip:@host",
    "sip:bob@host?X-Evil=1",
    "sip:bob@host>",
    'sip:"bob"@host',
    "sip:bob@ho st",
    "sip:bob@host:port",
    "<sip:bob@host>",
    "sip:bob@host;lr\r\nX-Evil: 1",
    "sip:bob\r\n@host",
    "+19195550177\r\n",
    "+19195550177\n",
    "+19195550177\0",
    "sip:bob@host\0",
    "sip:" + "b" * 600 + "@host",
    12,
    ["+19195550177"],
]


@pytest.mark.parametrize("to", BAD_DESTINATIONS)
@pytest.mark.parametrize("state", ["transferring", "active"])
async def test_bad_destinations(world: ApiWorld, to: Any, state: str) -> None:
    """calls.md 8.1; nothing with CR, LF or NUL ever gets to SIP."""
    await refused(world, {"state": state, "transferTo": to}, 400, "validation-error", "Invalid phone number")


async def test_a_blank_destination(world: ApiWorld) -> None:
    await refused(world, transferring(transferTo=" "), 400, "blank-property")


@pytest.mark.parametrize(
    ("sent", "read"),
    [("private", "private"), ("Private", "private"), (NUMBER, NUMBER), ("sip:a@b.test", "sip:a@b.test")],
)
async def test_transfer_caller_id(world: ApiWorld, sent: str, read: str) -> None:
    """calls.md 8.2: the form; whose number it is, call control judges."""
    assert (await transfer(world, transferCallerId=sent)).caller_id == read


async def test_transfer_caller_id_omitted(world: ApiWorld) -> None:
    assert (await transfer(world)).caller_id is None


@pytest.mark.parametrize("sent", ["", "anonymous", "5550100", "+1919\r\nX-Evil: 1", "private\r\n", 5, True, {"a": 1}])
async def test_bad_caller_ids(world: ApiWorld, sent: Any) -> None:
    await refused(world, transferring(transferCallerId=sent), 400, "validation-error")


async def test_the_caller_id_is_ignored_without_a_transfer(world: ApiWorld) -> None:
    """calls.md 8.2 (D)."""
    assert (await world.update({"state": "active", "transferCallerId": "nonsense"})).status_code == 200
    assert world.command.transfer is None


async def test_callback_url_and_tag_belong_to_the_new_call(world: ApiWorld) -> None:
    """calls.md 7 and 8.6."""
    made = await transfer(world, callbackUrl="https://u:p@app.test:8443/x?y=1", tag="leg B")
    assert (made.webhook_url, made.tag) == ("https://u:p@app.test:8443/x?y=1", "leg B")


async def test_callback_url_none(world: ApiWorld) -> None:
    """errors.md 7."""
    assert (await transfer(world, callbackUrl="none")).webhook_url is None


@pytest.mark.parametrize(
    "url",
    [
        "app.test/x",
        "/x",
        "ftp://app.test/",
        "http://",
        "http:///x",
        "http://a b.test/",
        "http://app.test/\r\nX: 1",
        "http://[::1/",
        "http://app.test:99999/",
        "http://app.test:0/",
        "javascript:alert(1)",
        "",
        "http://app.test/" + "x" * 2048,
        7,
        {"url": "http://app.test/"},
    ],
)
async def test_bad_callback_urls(world: ApiWorld, url: Any) -> None:
    """errors.md 4 `callback-invalid-url`, 7 URL rules."""
    await refused(world, transferring(callbackUrl=url), 400, "callback-invalid-url")


@pytest.mark.parametrize("treatment", ["none", "propagate", "stack", "STACK"])
async def test_diversion_treatment(world: ApiWorld, treatment: str) -> None:
    """calls.md 8.5."""
    assert (await transfer(world, diversionTreatment=treatment)).diversion_treatment == treatment.lower()


REASONS = [
    "unknown",
    "user-busy",
    "no-answer",
    "unavailable",
    "unconditional",
    "time-of-day",
    "do-not-disturb",
    "deflection",
    "follow-me",
    "out-of-service",
    "away",
]


@pytest.mark.parametrize("reason", [*REASONS, "Follow-Me"])
async def test_diversion_reason(world: ApiWorld, reason: str) -> None:
    """calls.md 8.5."""
    made = await transfer(world, diversionTreatment="stack", diversionReason=reason)
    assert made.diversion_reason == reason.lower()


async def test_diversion_defaults(world: ApiWorld) -> None:
    made = await transfer(world)
    assert (made.diversion_treatment, made.diversion_reason) == ("none", "unknown")


@pytest.mark.parametrize(
    "extra", [{"diversionTreatment": "drop"}, {"diversionReason": "busy"}, {"diversionReason": "away\r\nX: 1"}]
)
async def test_other_diversion_values(world: ApiWorld, extra: dict[str, str]) -> None:
    await refused(world, transferring(**extra), 400, "validation-error")


async def test_recording_with_a_transfer_belongs_to_the_original_call(world: ApiWorld) -> None:
    """ambiguities.md B41."""
    await transfer(world, recordingEnabled=True)
    assert world.command.is_recording is True


async def test_overload_of_a_transfer_says_when_to_retry(world: ApiWorld) -> None:
    world.calls.refusal = Overloaded(7)
    response = await world.update(transferring())
    assert (response.status_code, response.json()["code"]) == (503, "call-transfer-error")
    assert response.headers["retry-after"] == "7"
    assert (await world.update({"state": "active"})).json()["code"] == "internal-error"


# --- calls.md 8.4 and 9: whisper ------------------------------------------------------------------------------------


async def test_a_whispered_sentence_with_defaults(world: ApiWorld) -> None:
    """calls.md 9: female, en_US, susan."""
    made = await transfer(world, whisperAudio={"sentence": "Hello"})
    assert made.whisper == Sentence(text="Hello", gender=Gender.FEMALE, locale="en_US", voice="susan", volume=0)


async def test_the_documented_whisper(world: ApiWorld) -> None:
    """calls.md 8.4: `en` means `en_US`."""
    whisper = {"gender": "female", "locale": "en", "voice": "julie", "sentence": "Connecting you."}
    made = await transfer(world, whisperAudio=whisper)
    assert made.whisper == Sentence(text="Connecting you.", locale="en_US", voice="julie")


@pytest.mark.parametrize(
    ("sent", "voice", "locale", "gender"),
    [
        ({"locale": "EN_uk"}, "bridget", "en_UK", "female"),
        ({"locale": "en_UK", "gender": "MALE"}, "simon", "en_UK", "male"),
        ({"locale": "es", "voice": "Jorge", "gender": "male"}, "jorge", "es_MX", "male"),
        ({"locale": "fr", "voice": "susan", "gender": "male"}, "bernard", "fr_FR", "male"),
        ({"locale": "de_DE", "voice": "susan"}, "katrin", "de_DE", "female"),
        ({"locale": "it", "gender": "male"}, "luca", "it_IT", "male"),
        ({"voice": "Dave"}, "dave", "en_US", "male"),
        ({"voice": "kate", "gender": "male"}, "kate", "en_US", "female"),
        ({"gender": "male"}, "dave", "en_US", "male"),
    ],
)
async def test_voices(world: ApiWorld, sent: dict[str, str], voice: str, locale: str, gender: str) -> None:
    """calls.md 9."""
    made = await transfer(world, whisperAudio={"sentence": "Hi", **sent})
    assert isinstance(made.whisper, Sentence)
    assert (made.whisper.voice, made.whisper.locale, made.whisper.gender) == (voice, locale, gender)


@pytest.mark.parametrize(
    ("extra", "name"),
    [({"voice": "hal"}, "voice"), ({"voice": ""}, "voice"), ({"locale": "t"}, "locale"), ({"locale": "xx"}, "locale")],
)
async def test_unknown_voices_and_locales(world: ApiWorld, extra: dict[str, str], name: str) -> None:
    """calls.md 9: 400 `validation-error`."""
    body = transferring(whisperAudio={"sentence": "Hi", **extra})
    response = await world.update(body)
    assert f"property '{name}' must be one of" in response.json()["message"]
    await refused(world, body, 400, "validation-error")


async def test_a_whispered_file(world: ApiWorld) -> None:
    made = await transfer(world, whisperAudio={"fileUrl": "http://files.test/hi.mp3", "volume": "-2", "tag": "x"})
    assert made.whisper == AudioFile(url="http://files.test/hi.mp3", volume=-2)


async def test_the_file_wins_over_the_sentence(world: ApiWorld) -> None:
    """calls.md 9 (R)."""
    made = await transfer(world, whisperAudio={"fileUrl": "http://files.test/hi.mp3", "sentence": "Hi"})
    assert made.whisper == AudioFile(url="http://files.test/hi.mp3")


@pytest.mark.parametrize("file_url", ["", None])
async def test_an_empty_file_leaves_the_sentence(world: ApiWorld, file_url: str | None) -> None:
    made = await transfer(world, whisperAudio={"fileUrl": file_url, "sentence": "Hi"})
    assert made.whisper == Sentence(text="Hi")


async def test_an_object_in_file_url_is_unwrapped(world: ApiWorld) -> None:
    """calls.md 9: what one SDK's helpers send."""
    inner = {"sentence": "Hi", "gender": "male", "voice": "paul", "locale": "en_US", "tag": None}
    made = await transfer(world, whisperAudio={"fileUrl": inner, "sentence": None, "loopEnabled": None})
    assert made.whisper == Sentence(text="Hi", gender=Gender.MALE, voice="paul")


async def test_a_file_within_a_file_url_object(world: ApiWorld) -> None:
    made = await transfer(world, whisperAudio={"fileUrl": {"fileUrl": "http://f.test/a.wav", "tag": None}})
    assert made.whisper == AudioFile(url="http://f.test/a.wav")


@pytest.mark.parametrize("loop", [True, "true", "False", None])
async def test_loop_and_tag_are_accepted(world: ApiWorld, loop: Any) -> None:
    """calls.md 8.4: ignored for a whisper."""
    made = await transfer(world, whisperAudio={"sentence": "Hi", "loopEnabled": loop, "tag": "x"})
    assert made.whisper == Sentence(text="Hi")


async def test_a_sentence_of_1000_characters(world: ApiWorld) -> None:
    made = await transfer(world, whisperAudio={"sentence": "é" * 1000})
    assert isinstance(made.whisper, Sentence) and len(made.whisper.text) == 1000


@pytest.mark.parametrize(
    ("whisper", "status", "code"),
    [
        ({}, 400, "missing-property"),
        ({"sentence": ""}, 400, "missing-property"),
        ({"fileUrl": ""}, 400, "missing-property"),
        ({"sentence": "x" * 1001}, 400, "validation-error"),
        ({"sentence": 5}, 400, "validation-error"),
        ({"sentence": "Hi", "gender": "robot"}, 400, "validation-error"),
        ({"sentence": "Hi", "volume": 5}, 400, "validation-error"),
        ({"sentence": "Hi", "volume": -5}, 400, "validation-error"),
        ({"sentence": "Hi", "volume": "loud"}, 400, "validation-error"),
        ({"sentence": "Hi", "loopEnabled": "maybe"}, 400, "validation-error"),
        ({"fileUrl": "files.test/hi.mp3"}, 403, "media-invalid-url"),
        ({"fileUrl": "file:///etc/passwd"}, 403, "media-invalid-url"),
        ({"fileUrl": 5}, 400, "validation-error"),
        ({"fileUrl": {"fileUrl": {"fileUrl": "http://a.test"}}}, 400, "validation-error"),
        ("Hello", 400, "validation-error"),
        (["Hello"], 400, "validation-error"),
    ],
)
async def test_bad_whispers(world: ApiWorld, whisper: Any, status: int, code: str) -> None:
    """calls.md 8.4, 9; errors.md 4, 7."""
    await refused(world, transferring(whisperAudio=whisper), status, code)


async def test_the_limit_of_a_sentence_is_named(world: ApiWorld) -> None:
    message = "The 'whisperAudio' resource property 'sentence' exceeds the limit of 1000"
    await refused(world, transferring(whisperAudio={"sentence": "x" * 1001}), 400, "validation-error", message)


@pytest.mark.parametrize(
    "wrong",
    [
        {"recordingMaxDuration": 0},
        {"transferTo": "x"},
        {"whisperAudio": {"sentence": "Hi", "voice": "hal"}},
        {"diversionReason": "x"},
        {"callbackUrl": "x"},
        {"recordingFileFormat": "x"},
    ],
)
async def test_one_wrong_key_keeps_all_the_others_from_acting(world: ApiWorld, wrong: dict[str, Any]) -> None:
    """calls.md 7.2: no partial effect on error."""
    response = await world.update({"state": "active", "recordingEnabled": True, **wrong})
    assert response.status_code == 400
    assert world.calls.updated == []


async def test_unknown_call(world: ApiWorld) -> None:
    response = await world.update({"state": "active"}, call_id="c-nope")
    assert (response.status_code, response.json()["code"]) == (404, "call-not-found")
