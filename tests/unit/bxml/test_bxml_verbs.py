"""Every verb and attribute of the documents: defaults, ranges, kinds and nesting, as the API's tables have them.

`VERBS` is those tables. A test walks what the reader asks a document for and fails when the table lacks it, or when
the table has something that nobody reads.
"""

import contextlib
from typing import Any

import pytest

from trebuchet.bxml import wire
from trebuchet.bxml.attributes import Attributes
from trebuchet.bxml.errors import BadValue, DocumentError, UnknownVerb
from trebuchet.bxml.parse import parse_xml
from trebuchet.bxml.verbs import Callback, Collect, Connect, HangUp, Pause, Play, Record, Redirect, SendDigits, Verb
from trebuchet.bxml.wire import read_document
from trebuchet.model.prompt import AudioFile, Gender, Sentence
from trebuchet.model.recording import RecordingFormat
from trebuchet.model.voice import LOCALES, VOICES

BASE = "https://app.example/voice/answer?x=1"
URL = "https://app.example/next"
A = "https://a.example/one.wav"


def read(verb: str) -> Verb:
    (found,) = read_document(f"<Response>{verb}</Response>".encode(), BASE)
    return found


def value(verb: str, field: str) -> Any:
    """The field of the verb, or of what it holds."""
    found: Any = read(verb)
    for name in field.split("."):
        found = found[int(name)] if name.isdigit() else getattr(found, name)
    return found


# verb with `{}` for attributes: attribute: (field, default, good values as (text, value), bad values)
VERBS: dict[str, dict[str, tuple[str, Any, list[tuple[str, Any]], list[str]]]] = {
    '<Gather requestUrl="/next" {}/>': {
        "terminatingDigits": ("terminators", "#", [("*", "*"), ("#*0", "#*0"), ("", "#")], ["A", "1,2"]),
        "maxDigits": ("max_digits", 128, [("1", 1), ("128", 128)], ["0", "129", "x", "1.5"]),
        "interDigitTimeout": ("inter_digit_s", 5, [("1", 1), ("60", 60)], ["0", "-1", "3601"]),
        "bargeable": ("prompts", (), [("true", ()), ("False", ())], ["maybe"]),
        "tag": ("tag", None, [("main", "main")], ["t" * 1025]),
        "requestUrlTimeout": ("callback.timeout_ms", 30_000, [("1", 1), ("60000", 60_000)], ["0", "60001", "x"]),
    },
    "<Gather {}/>": {
        "requestUrl": ("callback", None, [(URL, Callback(url=URL)), ("/next", Callback(url=URL))], ["ftp://a/b"]),
    },
    "<Pause {}/>": {"length": ("seconds", 1, [("0", 0), ("3600", 3600)], ["-1", "3601", "x"])},
    f"<PlayAudio {{}}>{A}</PlayAudio>": {
        "volume": ("prompt.volume", 0, [("-4", -4), ("4", 4)], ["-5", "5", "loud"]),
        "repeatCount": ("times", 1, [("1", 1), ("30", 30)], ["0", "31"]),
        "delayBeforeRepeat": ("pause_s", 0, [("0", 0), ("60", 60)], ["-1", "61"]),
    },
    "<SpeakSentence {}>Hello.</SpeakSentence>": {
        "gender": ("prompt.gender", Gender.FEMALE, [("male", Gender.MALE), ("Female", Gender.FEMALE)], ["robot"]),
        "locale": ("prompt.locale", "en_US", [("de_de", "de_DE"), ("en_UK", "en_UK")], ["xx_XX"]),
        "voice": ("prompt.voice", "susan", [("Kate", "kate"), ("paul", "paul")], ["hal"]),
        "volume": ("prompt.volume", 0, [("-4", -4), ("4", 4)], ["-5", "5"]),
    },
    "<Record {}/>": {
        "requestUrl": ("callback", None, [("/next", Callback(url=URL))], ["file:///etc/passwd"]),
        "fileFormat": ("format", RecordingFormat.WAV, [("mp3", RecordingFormat.MP3)], ["ogg"]),
        "multiChannel": ("is_stereo", False, [("true", True), ("FALSE", False)], ["2"]),
        "maxDuration": ("max_duration_s", 60, [("1", 1), ("3600", 3600)], ["0", "3601"]),
        "silenceTimeout": ("silence_s", 3, [("1", 1), ("60", 60)], ["0", "61"]),
        "silenceThreshold": ("silence_threshold", 100, [("1", 1), ("10000", 10_000)], ["0", "10001"]),
        "terminatingDigits": ("terminator", None, [("#", "#"), ("0", "0")], ["12", "A"]),
        "transcribe": ("transcript_url", None, [("false", None)], ["true", "perhaps"]),
    },
    '<Record requestUrl="/next" {}/>': {
        "requestUrlTimeout": ("callback.timeout_ms", 30_000, [("10", 10)], ["0"]),
    },
    '<Record transcribe="true" {}/>': {"transcribeCallbackUrl": ("transcript_url", BadValue, [(URL, URL)], ["x:y"])},
    "<Redirect {}/>": {
        "requestUrl": ("callback.url", BadValue, [("next", "https://app.example/voice/next")], ["mailto:a"])
    },
    '<Redirect requestUrl="/next" {}/>': {
        "requestUrlTimeout": ("callback.timeout_ms", 30_000, [("5000", 5000)], ["never"]),
    },
    "<Transfer {}/>": {
        "transferTo": ("to", BadValue, [("+19195550144", ("+19195550144",)), ("sip:a@b", ("sip:a@b",))], []),
    },
    '<Transfer transferTo="+19195550144" {}/>': {
        "transferCallerId": ("caller_id", None, [("private", "private"), ("+19195550100", "+19195550100")], []),
        "callTimeout": ("ring_s", 60, [("1", 1), ("300", 300)], ["0", "301"]),
        "requestUrl": ("callback", None, [("/next", Callback(url=URL))], ["javascript:x"]),
        "tag": ("tag", None, [("shop", "shop")], ["t" * 1025]),
        "diversionTreatment": ("diversion_treatment", "none", [("propagate", "propagate"), ("stack", "stack")], ["x"]),
        "diversionReason": ("diversion_reason", "unknown", [("away", "away"), ("user-busy", "user-busy")], ["why"]),
    },
    '<Transfer transferTo="+19195550144" requestUrl="/next" {}/>': {
        "requestUrlTimeout": ("callback.timeout_ms", 30_000, [("5", 5)], ["-5"]),
    },
    "<Hangup {}/>": {},
    "<SendDtmf {}>1</SendDtmf>": {},
}
ROWS = [(verb, name) for verb, attributes in VERBS.items() for name in attributes]


@pytest.mark.parametrize(("verb", "name"), ROWS)
def test_an_attribute(verb: str, name: str) -> None:
    field, default, good, bad = VERBS[verb][name]
    if default is BadValue:
        with pytest.raises(BadValue):
            read(verb.format(""))
    else:
        assert value(verb.format(""), field) == default
    for text, wanted in good:
        assert value(verb.format(f'{name}="{text}"'), field) == wanted
    for text in bad:
        with pytest.raises(BadValue, match=name if name != "transcribe" or text != "true" else "transcribeCallbackUrl"):
            read(verb.format(f'{name}="{text}"'))


@pytest.mark.parametrize("name", sorted(wire._VERBS))
def test_the_table_is_what_is_read(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: set[str] = set()
    original = Attributes.get

    def spy(self: Attributes, attribute: str) -> str | None:
        asked.add(attribute)
        return original(self, attribute)

    monkeypatch.setattr(Attributes, "get", spy)
    in_table: set[str] = set()
    for verb, attributes in VERBS.items():
        if verb.startswith(f"<{name} "):
            in_table |= set(attributes)
            with contextlib.suppress(BadValue):
                read(verb.format(""))
    assert any(verb.startswith(f"<{name} ") for verb in VERBS)
    assert asked == in_table


def test_obsolete_attributes_are_passed_over() -> None:
    assert read(f'<PlayAudio digits="1">{A}</PlayAudio>') == Play(prompt=AudioFile(url=A))


@pytest.mark.parametrize("voice", VOICES, ids=lambda voice: voice.name)
def test_every_voice_and_its_locale(voice: Any) -> None:
    locales = [name for name, canonical in LOCALES.items() if canonical == voice.locale]
    for locale in locales:
        verb = f'<SpeakSentence gender="{voice.gender}" locale="{locale}" voice="{voice.name}">Hi</SpeakSentence>'
        assert read(verb) == Play(
            prompt=Sentence(text="Hi", gender=voice.gender, locale=voice.locale, voice=voice.name)
        )


@pytest.mark.parametrize("element", ["Gather", "Transfer"])
def test_prompts_inside(element: str) -> None:
    start = f'<{element} transferTo="+19195550144">'
    inside = f"<SpeakSentence>One.</SpeakSentence><SpeakSentence>Two.</SpeakSentence></{element}>"
    verb = read(start + inside)
    assert isinstance(verb, Collect | Connect)
    plays = verb.prompts if isinstance(verb, Collect) else verb.whispers
    assert [play.prompt.text for play in plays if isinstance(play.prompt, Sentence)] == ["One.", "Two."]
    verb = read(f'{start}<PlayAudio repeatCount="2" delayBeforeRepeat="3">{A}</PlayAudio></{element}>')
    assert isinstance(verb, Collect | Connect)
    plays = verb.prompts if isinstance(verb, Collect) else verb.whispers
    assert plays == (Play(prompt=AudioFile(url=A), times=2, pause_s=3),)


def test_a_recording_and_seven_destinations_inside_a_transfer() -> None:
    numbers = "".join(f"<PhoneNumber>+1919555010{n}</PhoneNumber>" for n in range(6))
    verb = read(f'<Transfer transferTo="sip:a@b.example">{numbers}<Record fileFormat="mp3"/></Transfer>')
    assert isinstance(verb, Connect) and len(verb.to) == 7 and verb.to[0] == "sip:a@b.example"
    assert verb.recording == Record(format=RecordingFormat.MP3)
    with pytest.raises(BadValue, match="7"):
        read(f'<Transfer transferTo="sip:a@b.example">{numbers}<PhoneNumber>+19195550109</PhoneNumber></Transfer>')
    only = read("<Transfer><PhoneNumber>+19195550109</PhoneNumber></Transfer>")
    assert isinstance(only, Connect) and only.to == ("+19195550109",)


def test_the_plain_verbs() -> None:
    document = (
        b'<Response><Hangup/><Pause/><Redirect requestUrl="http://a.example/"/>'
        b"<SendDtmf> 1w2W3,*#AD </SendDtmf><Record/></Response>"
    )
    assert read_document(document, BASE) == (
        HangUp(),
        Pause(),
        Redirect(callback=Callback(url="http://a.example/")),
        SendDigits(digits="1w2W3,*#AD"),
        Record(),
    )
    assert read_document(b"<Response/>", BASE) == ()


@pytest.mark.parametrize("digits", ["", "x", "1 2", "1" * 93, "a"])
def test_digits_that_cannot_be_sent(digits: str) -> None:
    with pytest.raises(BadValue):
        read(f"<SendDtmf>{digits}</SendDtmf>")
    assert read(f"<SendDtmf>{'1' * 92}</SendDtmf>") == SendDigits(digits="1" * 92)


@pytest.mark.parametrize("text", ["", "  ", "x" * 1001])
def test_sentences_that_cannot_be_spoken(text: str) -> None:
    with pytest.raises(BadValue):
        read(f"<SpeakSentence>{text}</SpeakSentence>")


@pytest.mark.parametrize("text", ["", "ftp://a/b", "http://", f"http://a/{'x' * 2048}"])
def test_files_that_cannot_be_played(text: str) -> None:
    with pytest.raises(BadValue):
        read(f"<PlayAudio>{text}</PlayAudio>")


def test_a_transcription_is_of_wav_alone() -> None:
    with pytest.raises(BadValue, match="wav"):
        read(f'<Record fileFormat="mp3" transcribe="true" transcribeCallbackUrl="{URL}"/>')


@pytest.mark.parametrize(
    "body",
    [
        "<Call/>",
        "<Conference/>",
        "<SendMessage/>",
        "<Reject/>",
        "<hangup/>",
        "<Response/>",
        "<PhoneNumber>+19195550144</PhoneNumber>",
        "<Gather><Record/></Gather>",
        "<Gather><Gather/></Gather>",
        f"<Gather><PlayAudio>{A}</PlayAudio><SpeakSentence>Hi</SpeakSentence></Gather>",
        f"<Gather><PlayAudio>{A}</PlayAudio><PlayAudio>{A}</PlayAudio></Gather>",
        '<Transfer transferTo="+19195550144"><Gather/></Transfer>',
        '<Transfer transferTo="+19195550144"><Record/><Record/></Transfer>',
        '<Transfer transferTo="+19195550144"><PhoneNumber/></Transfer>',
        '<Transfer transferTo="+19195550144"><PhoneNumber><Hangup/></PhoneNumber></Transfer>',
        "<Pause><Hangup/></Pause>",
        "<Hangup><Hangup/></Hangup>",
        "<SpeakSentence>Hi <b>you</b></SpeakSentence>",
    ],
)
def test_what_is_not_where_it_may_be(body: str) -> None:
    with pytest.raises(UnknownVerb):
        read_document(f"<Response>{body}</Response>".encode(), BASE)


@pytest.mark.parametrize("body", [b"<response/>", b"<Answer/>", b"<Response>text</Response>"])
def test_the_root_is_a_response_of_verbs(body: bytes) -> None:
    with pytest.raises(DocumentError):
        read_document(body, BASE)


def test_errors_name_the_line() -> None:
    with pytest.raises(BadValue, match="line 2: length of Pause"):
        read_document(b'<Response>\n<Pause length="x"/></Response>', BASE)
    assert parse_xml(b"<a/>").line == 1
