"""The rules of a script: what it waits for × what arrives → what it waits for next, and orders.

Theory. A script runs its verbs one after the other and always waits for exactly one thing:

    Reading     a document (the first one, a redirect's, or the answer to a gather's digits)
    Playing     the end of a prompt
    Collecting  the end of a gather
    Pausing     a timer: silence, or keys that go out
    Recording   the end of a recording
    Connecting  a transfer's first answer
    Joined      nothing any more: the parties talk, and the end of the one ends the other
    Lingering   the last verb is over: a timer ends the call
    Over        nothing; final

1. What arrives and is not named in the table means nothing there: it belongs to something that is over (a timer that
   was replaced, the end of a playback that a key stopped).
2. A document that is wrong ends the call, and the customer reads why; so does a verb that cannot be carried out and
   whose effect the caller waits for (a destination that may not be called). A prompt that cannot be played is left out.
3. Everything is bounded: the verbs of one call, the redirects in a row, the silence after the last verb. So no document
   keeps a call, or this server, busy for ever.
4. A client of the API who plays, gathers or transfers takes the call over: the script is over, the call is not.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from trebuchet.base.values import frozen, replace
from trebuchet.bxml.orders import (
    Arrival,
    AskForDocument,
    CallOver,
    Complain,
    Dial,
    DocumentBad,
    DocumentCame,
    EndCall,
    GatherOver,
    KeyCame,
    NothingCame,
    Order,
    PlaybackOver,
    RecordingOver,
    Refused,
    RequestFailed,
    Say,
    StartGather,
    StartRecording,
    StartTransfer,
    StopRecording,
    TakenOver,
    TellGather,
    TimerOver,
    TransferFailed,
    TransferJoined,
    Wait,
)
from trebuchet.bxml.verbs import (
    Collect,
    Connect,
    HangUp,
    Pause,
    Play,
    Record,
    Redirect,
    SendDigits,
    Verb,
)
from trebuchet.model.gather import GatherReason

LINGER_S = 30.0
"""API rule: a call without instructions ends after this."""
MAX_VERBS = 2000
"""Verbs of one call: hold music in pieces of half a minute for sixteen hours."""
MAX_REDIRECTS = 10
"""Redirects in a row without any other verb between: two web servers may point at each other."""
KEY_S = 0.25
"""A key and the gap after it, generously."""
PAUSES_S = {",": 0.5, "w": 0.5, "W": 1.0}

_DESTINATION = re.compile(r"\+[1-9][0-9]{1,14}|[sS][iI][pP]:[^\s@<>\"\x00-\x20\x7f]+@[^\s@<>\"\x00-\x20\x7f]+")


# --- what a script waits for ----------------------------------------------------------------------------------------


@frozen
class Reading:
    is_urgent: bool = False
    """Whether a timer ends the call when nothing comes."""


@frozen
class Playing:
    verb: Play
    times_left: int


@frozen
class Collecting:
    verb: Collect


@frozen
class Pausing:
    pass


@frozen
class Recording:
    verb: Record


@frozen
class Connecting:
    verb: Connect


@frozen
class Joined:
    pass


@frozen
class Lingering:
    has_document: bool = True
    """Whether there ever was one."""


@frozen
class Over:
    pass


Waiting = Reading | Playing | Collecting | Pausing | Recording | Connecting | Joined | Lingering | Over


@frozen
class Script:
    """All that is known of it between two arrivals."""

    waits: Waiting = Reading()
    left: tuple[Verb, ...] = ()
    verbs_run: int = 0
    redirects: int = 0
    """In a row."""
    timer: int = 0
    """Number of the newest timer."""


Turn = tuple[Script, tuple[Order, ...]]


def decide(script: Script, arrival: Arrival) -> Turn:
    """What follows. Never raises; what means nothing changes nothing."""
    rule = TABLE[type(script.waits)].get(type(arrival))
    return (script, ()) if rule is None else rule(script, script.waits, arrival)


# --- between verbs --------------------------------------------------------------------------------------------------


def _next(script: Script) -> Turn:
    """The next verb begins, or the silence after the last one."""
    if not script.left:
        return _wait(replace(script, waits=Lingering()), LINGER_S)
    if script.verbs_run >= MAX_VERBS:
        return _give_up(script, "bxml-too-many-verbs", f"a call runs at most {MAX_VERBS} verbs")
    verb, left = script.left[0], script.left[1:]
    redirects = script.redirects + 1 if isinstance(verb, Redirect) else 0
    if redirects > MAX_REDIRECTS:
        return _give_up(script, "bxml-too-many-redirects", f"at most {MAX_REDIRECTS} redirects in a row")
    return _begin(replace(script, left=left, verbs_run=script.verbs_run + 1, redirects=redirects), verb)


def _begin(script: Script, verb: Verb) -> Turn:
    match verb:
        case Play():
            return replace(script, waits=Playing(verb, verb.times - 1)), (Say(verb.prompt),)
        case Collect():
            return replace(script, waits=Collecting(verb)), (StartGather(verb),)
        case HangUp():
            return _end(script)
        case Pause(seconds=seconds):
            return _wait(replace(script, waits=Pausing()), float(seconds))
        case Record():
            return replace(script, waits=Recording(verb)), (StartRecording(verb, True),)
        case Redirect(callback=callback):
            return replace(script, waits=Reading(), left=()), (AskForDocument(callback),)
        case SendDigits(digits=digits):
            return _dial(script, digits)
        case Connect():
            return _connect(script, verb)


def _dial(script: Script, digits: str) -> Turn:
    """The next verb begins when the last key is out."""
    seconds = sum(PAUSES_S.get(digit, KEY_S) for digit in digits)
    script, orders = _wait(replace(script, waits=Pausing()), seconds)
    return script, (Dial(digits), *orders)


def _connect(script: Script, verb: Connect) -> Turn:
    if not all(_DESTINATION.fullmatch(to) for to in verb.to):
        return _give_up(script, "bxml-bad-destination", "a destination is no E.164 number and no SIP address")
    return replace(script, waits=Connecting(verb)), (StartTransfer(verb),)


def _wait(script: Script, seconds: float) -> Turn:
    number = script.timer + 1
    return replace(script, timer=number), (Wait(number, seconds),)


def _end(script: Script) -> Turn:
    return replace(script, waits=Over(), left=()), (EndCall(),)


def _give_up(script: Script, code: str, text: str) -> Turn:
    script, orders = _end(script)
    return script, (Complain(code, text), *orders)


# --- rules ----------------------------------------------------------------------------------------------------------


def _run(script: Script, waits: Reading, came: DocumentCame) -> Turn:
    return _next(replace(script, left=came.document))


def _refuse_document(script: Script, waits: Reading, came: DocumentBad) -> Turn:
    return _give_up(script, "bxml-invalid", came.text)


def _do_without(script: Script, waits: Reading, came: NothingCame) -> Turn:
    """The answer to a gather may still be on its way by other means; the timer runs already."""
    if waits.is_urgent:
        return replace(script, waits=Lingering()), ()
    return _wait(replace(script, waits=Lingering(has_document=script.verbs_run > 0)), LINGER_S)


def _fail(script: Script, waits: Reading, came: RequestFailed) -> Turn:
    """Without a first document the call stays up for a while; later on nobody could go on."""
    if script.verbs_run == 0:
        return _wait(replace(script, waits=Lingering(has_document=False)), LINGER_S)
    return _end(script)


def _time_out(script: Script, waits: Reading | Lingering, came: TimerOver) -> Turn:
    is_mine = came.number == script.timer and (isinstance(waits, Lingering) or waits.is_urgent)
    return _end(script) if is_mine else (script, ())


def _repeat(script: Script, waits: Playing, came: PlaybackOver) -> Turn:
    if waits.times_left == 0:
        return _next(script)
    return replace(script, waits=Playing(waits.verb, waits.times_left - 1)), (Say(waits.verb.prompt),)


def _skip(script: Script, waits: Waiting, came: Refused) -> Turn:
    """A verb that does no harm when it is left out; its timer means nothing any more."""
    script, orders = _next(replace(script, timer=script.timer + 1))
    return script, (Complain("bxml-verb-failed", f"a verb was left out: {came.code}"), *orders)


def _break_off(script: Script, waits: Waiting, came: Refused) -> Turn:
    return _give_up(script, "bxml-verb-failed", f"a verb could not be carried out: {came.code}")


def _collected(script: Script, waits: Collecting, came: GatherOver) -> Turn:
    """Without a digit the verb has failed and the next one runs. As the last verb it waits for a document."""
    verb, is_hung_up = waits.verb, came.reason is GatherReason.CALL_ENDED
    told = verb.callback if came.digits else None
    if is_hung_up:
        return replace(script, waits=Over(), left=()), _tell(told, came, verb, is_answered=False)
    if told is None or script.left:
        script, orders = _next(script)
        return script, (*_tell(told, came, verb, is_answered=False), *orders)
    script, orders = _wait(replace(script, waits=Reading(is_urgent=True)), LINGER_S)
    return script, (*_tell(told, came, verb, is_answered=True), *orders)


def _tell(told: Any, came: GatherOver, verb: Collect, *, is_answered: bool) -> tuple[Order, ...]:
    return () if told is None else (TellGather(told, came, verb.tag, is_answered),)


def _go_on(script: Script, waits: Waiting, came: RecordingOver | TransferFailed) -> Turn:
    return _next(script)


def _go_on_in_time(script: Script, waits: Pausing, came: TimerOver) -> Turn:
    return _next(script) if came.number == script.timer else (script, ())


def _press(script: Script, waits: Recording, came: KeyCame) -> Turn:
    return script, (StopRecording(),) if came.digit == waits.verb.terminator else ()


def _join(script: Script, waits: Connecting, came: TransferJoined) -> Turn:
    recording = waits.verb.recording
    orders: tuple[Order, ...] = () if recording is None else (StartRecording(recording, False),)
    return replace(script, waits=Joined(), left=()), orders


def _lament(script: Script, waits: Joined, came: Refused) -> Turn:
    """The recording of a conversation could not begin; the conversation goes on."""
    return script, (Complain("bxml-verb-failed", f"a verb was left out: {came.code}"),)


def _stop(script: Script, waits: Waiting, came: TakenOver | CallOver) -> Turn:
    return replace(script, waits=Over(), left=()), ()


Rule = Callable[[Script, Any, Any], Turn]
_ALWAYS: dict[type[Arrival], Rule] = {TakenOver: _stop, CallOver: _stop}

TABLE: Mapping[type[Waiting], Mapping[type[Arrival], Rule]] = {
    Reading: {
        **_ALWAYS,
        DocumentCame: _run,
        DocumentBad: _refuse_document,
        NothingCame: _do_without,
        RequestFailed: _fail,
        TimerOver: _time_out,
    },
    Playing: {**_ALWAYS, PlaybackOver: _repeat, Refused: _skip},
    Collecting: {**_ALWAYS, GatherOver: _collected, Refused: _skip},
    Pausing: {**_ALWAYS, TimerOver: _go_on_in_time, Refused: _skip},
    Recording: {**_ALWAYS, KeyCame: _press, RecordingOver: _go_on, Refused: _skip},
    Connecting: {**_ALWAYS, TransferJoined: _join, TransferFailed: _go_on, Refused: _break_off},
    Joined: {**_ALWAYS, Refused: _lament},
    Lingering: {**_ALWAYS, TimerOver: _time_out},
    Over: {},
}
