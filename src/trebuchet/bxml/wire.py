"""The documents' own names: elements, attributes, ranges and defaults. Nowhere else.

Values are read leniently where old libraries differ (the case of names of voices and booleans, missing defaults), and
strictly where a wrong guess would be heard by somebody.
"""

from collections.abc import Callable
from typing import NoReturn

from trebuchet.bxml.attributes import Attributes
from trebuchet.bxml.errors import DocumentError, UnknownVerb
from trebuchet.bxml.parse import Element, parse_xml
from trebuchet.bxml.verbs import (
    Collect,
    Connect,
    Document,
    HangUp,
    Pause,
    Play,
    Record,
    Redirect,
    SendDigits,
    Verb,
)
from trebuchet.calls.commands import MAX_SENT_DIGITS
from trebuchet.model.call import DIVERSION_REASONS, DIVERSION_TREATMENTS
from trebuchet.model.prompt import MAX_SENTENCE_CHARS, AudioFile, Gender, Sentence
from trebuchet.model.recording import RecordingFormat
from trebuchet.model.voice import UnknownLocale, UnknownVoice, resolve_voice

ROOT = "Response"
LOUDEST = 4
MAX_REPEATS = 30
MAX_REPEAT_PAUSE_S = 60
MAX_PAUSE_S = 3600
MAX_GATHERED = 128
MAX_INTER_DIGIT_S = 3600
"""The API names no limit; a pause has this one."""
MAX_RECORDING_S = 3600
MAX_SILENCE_S = 60
MAX_SILENCE_THRESHOLD = 10_000
"""The API names no limit; above this (of 32768, times 3.3) everything is silence."""
MAX_RING_S = 300
MAX_DESTINATIONS = 7
KEYS = frozenset("0123456789*#")
SENT = KEYS | frozenset("ABCD,wW")


def read_document(body: bytes, base: str) -> Document:
    """The verbs of an answer's body that came from the URL `base`. Raises `DocumentError`."""
    root = parse_xml(body)
    if root.name != ROOT:
        raise UnknownVerb(f"line {root.line}: the root is {ROOT}, not {_shown(root.name)}")
    if root.text.strip():
        raise DocumentError(f"line {root.line}: {ROOT} holds verbs, no text")
    return tuple(_read(child, base, _VERBS, ROOT) for child in root.children)


def _read(element: Element, base: str, allowed: "dict[str, _Reader]", parent: str) -> Verb:
    reader = allowed.get(element.name)
    if reader is None:
        raise UnknownVerb(f"line {element.line}: {_shown(element.name)} is no verb inside {parent}")
    return reader(element, Attributes(element, base), base)


def _shown(name: str) -> str:
    return name if len(name) <= 40 else f"{name[:40]}..."


def _leaf(element: Element) -> None:
    if element.children:
        child = element.children[0]
        raise UnknownVerb(f"line {child.line}: {element.name} holds no verbs")


def _speak(element: Element, given: Attributes, base: str) -> Play:
    _leaf(element)
    text = " ".join(element.text.split())
    if not text:
        given.fault("the text", "is empty")
    if len(text) > MAX_SENTENCE_CHARS:
        given.fault("the text", f"has at most {MAX_SENTENCE_CHARS} characters")
    gender = given.choice("gender", {gender.value: gender for gender in Gender}, None)
    volume = given.whole("volume", 0, -LOUDEST, LOUDEST)
    try:
        voice = resolve_voice(given.get("voice"), given.get("locale"), gender)
    except UnknownVoice:
        given.fault("voice", "is none that exists")
    except UnknownLocale:
        given.fault("locale", "is none that exists")
    return Play(prompt=Sentence(text=text, gender=voice.gender, locale=voice.locale, voice=voice.name, volume=volume))


def _play(element: Element, given: Attributes, base: str) -> Play:
    _leaf(element)
    return Play(
        prompt=AudioFile(url=given.text_url(), volume=given.whole("volume", 0, -LOUDEST, LOUDEST)),
        times=given.whole("repeatCount", 1, 1, MAX_REPEATS),
        pause_s=given.whole("delayBeforeRepeat", 0, 0, MAX_REPEAT_PAUSE_S),
    )


def _gather(element: Element, given: Attributes, base: str) -> Collect:
    prompts: list[Play] = []
    for child in element.children:
        verb = _read(child, base, _PROMPTS, element.name)
        assert isinstance(verb, Play), "prompts are all that is read here"
        prompts.append(verb)
    files = sum(isinstance(prompt.prompt, AudioFile) for prompt in prompts)
    if files > 1 or (files and len(prompts) > 1):
        raise UnknownVerb(f"line {element.line}: {element.name} holds sentences or one file")
    terminators = given.get("terminatingDigits") or "#"
    if not KEYS.issuperset(terminators):
        given.fault("terminatingDigits", "holds only 0-9 * #")
    given.flag("bargeable", True)
    return Collect(
        prompts=tuple(prompts),
        callback=given.callback(),
        terminators=terminators,
        max_digits=given.whole("maxDigits", MAX_GATHERED, 1, MAX_GATHERED),
        inter_digit_s=given.whole("interDigitTimeout", 5, 1, MAX_INTER_DIGIT_S),
        tag=given.tag(),
    )


def _hang_up(element: Element, given: Attributes, base: str) -> HangUp:
    _leaf(element)
    return HangUp()


def _pause(element: Element, given: Attributes, base: str) -> Pause:
    _leaf(element)
    return Pause(seconds=given.whole("length", 1, 0, MAX_PAUSE_S))


def _record(element: Element, given: Attributes, base: str) -> Record:
    _leaf(element)
    kind = given.choice("fileFormat", {kind.value: kind for kind in RecordingFormat}, RecordingFormat.WAV)
    return Record(
        callback=given.callback(),
        format=kind,
        transcript_url=_transcript_url(given, kind),
        is_stereo=given.flag("multiChannel", False),
        max_duration_s=given.whole("maxDuration", 60, 1, MAX_RECORDING_S),
        silence_s=given.whole("silenceTimeout", 3, 1, MAX_SILENCE_S),
        silence_threshold=given.whole("silenceThreshold", 100, 1, MAX_SILENCE_THRESHOLD),
        terminator=_terminator(given),
    )


def _transcript_url(given: Attributes, kind: RecordingFormat) -> str | None:
    if not given.flag("transcribe", False):
        return None
    if kind is not RecordingFormat.WAV:
        given.fault("transcribe", "needs the format wav")
    return given.url("transcribeCallbackUrl") or given.fault("transcribeCallbackUrl", "is missing")


def _terminator(given: Attributes) -> str | None:
    key = given.get("terminatingDigits")
    if key is not None and key not in KEYS:
        given.fault("terminatingDigits", "is one of 0-9 * #")
    return key


def _redirect(element: Element, given: Attributes, base: str) -> Redirect:
    _leaf(element)
    return Redirect(callback=given.callback() or given.fault("requestUrl", "is missing"))


def _send_dtmf(element: Element, given: Attributes, base: str) -> SendDigits:
    _leaf(element)
    digits = element.text.strip()
    if not digits or len(digits) > MAX_SENT_DIGITS or not SENT.issuperset(digits):
        given.fault("the text", f"is 1 to {MAX_SENT_DIGITS} of 0-9 * # A-D and the pauses comma, w, W")
    return SendDigits(digits=digits)


def _transfer(element: Element, given: Attributes, base: str) -> Connect:
    to = [address for address in (given.get("transferTo"),) if address is not None]
    whispers: list[Play] = []
    recording: Record | None = None
    for child in element.children:
        if child.name == "PhoneNumber":
            to.append(_phone_number(child, base))
            continue
        verb = _read(child, base, _IN_TRANSFER, element.name)
        if isinstance(verb, Play):
            whispers.append(verb)
        elif recording is not None:
            raise UnknownVerb(f"line {child.line}: {element.name} holds one {child.name}")
        else:
            assert isinstance(verb, Record), "whispers and recordings are all that is read here"
            recording = verb
    if not 1 <= len(to) <= MAX_DESTINATIONS:
        given.fault("transferTo", f"and the phone numbers are 1 to {MAX_DESTINATIONS} destinations")
    return Connect(
        to=tuple(dict.fromkeys(to)),
        caller_id=given.get("transferCallerId"),
        ring_s=given.whole("callTimeout", 60, 1, MAX_RING_S),
        callback=given.callback(),
        tag=given.tag(),
        diversion_treatment=given.choice("diversionTreatment", {name: name for name in DIVERSION_TREATMENTS}, "none"),
        diversion_reason=given.choice("diversionReason", {name: name for name in DIVERSION_REASONS}, "unknown"),
        whispers=tuple(whispers),
        recording=recording,
    )


def _phone_number(element: Element, base: str) -> str:
    _leaf(element)
    return element.text.strip() or _no_number(element)


def _no_number(element: Element) -> NoReturn:
    raise UnknownVerb(f"line {element.line}: {element.name} is empty")


_Reader = Callable[[Element, Attributes, str], Verb]
_PROMPTS: dict[str, _Reader] = {"SpeakSentence": _speak, "PlayAudio": _play}
_IN_TRANSFER: dict[str, _Reader] = {**_PROMPTS, "Record": _record}
_VERBS: dict[str, _Reader] = {
    **_IN_TRANSFER,
    "Gather": _gather,
    "Hangup": _hang_up,
    "Pause": _pause,
    "Redirect": _redirect,
    "SendDtmf": _send_dtmf,
    "Transfer": _transfer,
}
