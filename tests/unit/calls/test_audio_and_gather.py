"""Playing, sending keys and gathering on one call, with fake planes: what is told, in which order, and what the port is
asked to do."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from trebuchet.base.ids import AccountId, CallId, GatherId, Ids
from trebuchet.base.rand import SeededRand
from trebuchet.base.values import replace
from trebuchet.calls import keys
from trebuchet.calls.actor import CallActor
from trebuchet.calls.commands import (
    AlreadyGathering,
    CallNotFound,
    CallNotReady,
    DigitsNotSent,
    NothingPlays,
    PlayAudio,
    SendDigits,
    StartGather,
    StopAudio,
    StopGather,
    Transfer,
    UpdateCall,
    WrongCallState,
)
from trebuchet.calls.control import CallControl
from trebuchet.calls.interfaces import CallPolicy, IncomingCall, LegListener, LogUnavailable, SpeechFailed
from trebuchet.calls.recovery import Recovery
from trebuchet.model.call import Call, CallState
from trebuchet.model.cause import Blame, Cause
from trebuchet.model.event import (
    DigitPressed,
    Ended,
    Fact,
    GatherFinished,
    PlaybackChanged,
    TransferChanged,
)
from trebuchet.model.gather import Gather, GatherReason
from trebuchet.model.prompt import AudioFile, Prompt, RenderedPrompt, Sentence
from trebuchet.testing.clock import VirtualClock
from trebuchet.testing.fakes import (
    DESCRIPTION,
    FakeDirectory,
    FakeFinisher,
    FakeLeg,
    FakeLog,
    FakeMedia,
    FakePort,
    FakePrompts,
    FakeSignalling,
    application,
)

ME, OTHERS = AccountId("u-me"), AccountId("u-other")
OURS, CALLER, AGENT = "+15550100", "+15550188", "+15550177"
HELLO, FILE = Sentence(text="Hello"), AudioFile(url="http://media.example/a.wav")
SPEAK, SPOKEN = PlaybackChanged(True, True), PlaybackChanged(True, False)
PLAY, PLAYED = PlaybackChanged(False, True), PlaybackChanged(False, False)
UNKNOWN = CallId("")
SOON_S = 0.01


@dataclass
class Line:
    """One answered incoming call."""

    control: CallControl
    log: FakeLog
    media: FakeMedia
    prompts: FakePrompts
    signalling: FakeSignalling
    clock: VirtualClock
    call_id: CallId = UNKNOWN
    listener: LegListener | None = None
    seen: int = 0

    @property
    def call(self) -> Call:
        return self.log.calls[self.call_id]

    @property
    def port(self) -> FakePort:
        return self.media.ports[0]

    @property
    def actor(self) -> CallActor:
        actor = self.control.calls.get(self.call_id)
        assert actor is not None
        return actor

    def news(self) -> list[Fact]:
        """The facts since the last look."""
        facts = self.log.facts[self.call_id][self.seen :]
        self.seen += len(facts)
        return facts

    def did(self) -> list[str]:
        """What the port was asked to do since the last look."""
        did, self.port.did = self.port.did, []
        return did

    async def play(self, prompt: Prompt = HELLO, **more: Any) -> None:
        await self.control.play_audio(PlayAudio(account_id=ME, call_id=self.call_id, prompt=prompt, **more))

    async def stop(self) -> None:
        await self.control.stop_audio(StopAudio(account_id=ME, call_id=self.call_id))

    async def dial(self, digits: str) -> None:
        await self.control.send_digits(SendDigits(account_id=ME, call_id=self.call_id, digits=digits))

    async def gather(self, **more: Any) -> GatherId:
        return await self.control.start_gather(StartGather(account_id=ME, call_id=self.call_id, **more))

    async def cancel(self, gather_id: GatherId) -> None:
        await self.control.stop_gather(StopGather(account_id=ME, call_id=self.call_id, gather_id=gather_id))

    async def update(self, **more: Any) -> CallId | None:
        return await self.control.update(UpdateCall(account_id=ME, call_id=self.call_id, **more))

    async def press(self, digits: str) -> None:
        """The party presses keys; returns when all of them were seen to."""
        assert self.listener is not None
        for digit in digits:
            self.listener.handle_digit(digit, 100)
        await self.settle()

    async def end_of_playback(self, playback: int) -> None:
        self.port.listener.handle_playback_done(playback)
        await self.settle()

    async def settle(self) -> None:
        """Until everything in the call's inbox was seen to: a command that changes nothing comes after it."""
        await self.update()

    def done(self, gather_id: GatherId) -> Gather:
        return self.log.gathers[gather_id]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.001)


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    log, media, prompts, signalling, clock = FakeLog(), FakeMedia(), FakePrompts(), FakeSignalling(), VirtualClock()
    directory = FakeDirectory()
    directory.add(ME, OURS, application(ME))
    control = CallControl(
        signalling=signalling,
        media=media,
        prompts=prompts,
        log=log,
        directory=directory,
        archive=log,
        finisher=FakeFinisher(),
        ids=Ids(SeededRand(5)),
        clock=clock,
        policy=CallPolicy(),
    )
    made = Line(control, log, media, prompts, signalling, clock)
    made.listener = control.handle_incoming(IncomingCall(from_=CALLER, to=OURS, offer=DESCRIPTION), FakeLeg())
    await until(lambda: bool(log.calls))
    (made.call_id,) = log.calls
    await made.update(state=CallState.ANSWERED)
    made.news()
    made.did()
    yield made
    await control.close(0)


# --- playing --------------------------------------------------------------------------------------------------------


async def test_a_sentence_and_a_file_begin_and_end(line: Line) -> None:
    await line.play(HELLO, tag="greeting")
    assert line.did() == ["play prompt.pcm"]
    assert line.news() == [replace(SPEAK, tag="greeting")]
    await line.end_of_playback(1)
    assert line.news() == [replace(SPOKEN, tag="greeting")]
    await line.play(FILE, is_looped=True)
    assert line.did() == ["play prompt.pcm looped"]
    await line.end_of_playback(2)
    assert line.news() == [PLAY, PLAYED]
    assert line.call.playback is None


async def test_the_beginning_is_stored_before_it_is_heard(line: Line) -> None:
    line.log.failures = 1
    with pytest.raises(LogUnavailable):
        await line.play()
    assert line.did() == [] and line.call.playback is None
    await line.play()
    assert line.did() == ["play prompt.pcm"]


async def test_a_new_playback_replaces_the_old_one(line: Line) -> None:
    await line.play(HELLO, tag="one")
    await line.play(FILE, tag="two")
    assert line.news() == [replace(SPEAK, tag="one"), replace(SPOKEN, tag="one"), replace(PLAY, tag="two")]
    await line.end_of_playback(1)  # the port reports the replaced one as well
    assert line.news() == []
    await line.end_of_playback(2)
    assert line.news() == [replace(PLAYED, tag="two")]


async def test_stopping_is_told_once(line: Line) -> None:
    await line.play(FILE, is_looped=True)
    await line.stop()
    await line.end_of_playback(1)
    assert line.did() == ["play prompt.pcm looped", "stop playback"]
    assert line.news() == [PLAY, PLAYED]
    with pytest.raises(NothingPlays):
        await line.stop()


async def test_a_silent_playback_is_in_the_log_alone(line: Line) -> None:
    await line.play(is_silent=True)
    await line.stop()
    assert line.news() == [replace(SPEAK, is_silent=True), replace(SPOKEN, is_silent=True)]


async def test_a_prompt_that_cannot_be_rendered_changes_nothing(line: Line) -> None:
    line.prompts.error = SpeechFailed("Hello")
    with pytest.raises(SpeechFailed):
        await line.play()
    with pytest.raises(SpeechFailed):
        await line.gather(prompt=HELLO)
    assert line.did() == [] and line.news() == [] and line.call.gather is None


async def test_a_call_that_ends_while_its_prompt_is_made(line: Line) -> None:
    """The answer must come, though nobody is left who could decide."""
    rendering, rendered = asyncio.Event(), asyncio.Event()

    async def render(prompt: Prompt, account_id: AccountId) -> RenderedPrompt:
        rendering.set()
        await rendered.wait()
        return RenderedPrompt("prompt.pcm", 8000)

    line.prompts.render = render  # type: ignore[method-assign]  # a slower one
    attempts = [asyncio.create_task(line.play()), asyncio.create_task(line.gather(prompt=HELLO))]
    await rendering.wait()
    await line.update(state=CallState.ENDED)
    await until(lambda: len(line.control.calls) == 0)
    rendered.set()
    async with asyncio.timeout(10):
        for attempt in attempts:
            with pytest.raises(WrongCallState):
                await attempt


async def test_nothing_of_it_is_allowed_before_the_answer_and_after_the_end(line: Line) -> None:
    await line.update(state=CallState.ENDED)
    line.prompts.error = SpeechFailed("must not be asked")
    for attempt in (line.play, line.stop, line.gather, lambda: line.dial("1"), lambda: line.gather(prompt=HELLO)):
        with pytest.raises(WrongCallState):
            await attempt()
    await until(lambda: len(line.control.calls) == 0)
    for attempt in (line.play, line.stop, line.gather, lambda: line.dial("1")):
        with pytest.raises(WrongCallState):
            await attempt()
    await line.cancel(GatherId("gtr-any"))  # nothing to stop is no error


async def test_calls_of_others_and_of_nobody(line: Line) -> None:
    for account_id, call_id in ((OTHERS, line.call_id), (ME, CallId("c-nope"))):
        with pytest.raises(CallNotFound):
            await line.control.play_audio(PlayAudio(account_id=account_id, call_id=call_id, prompt=HELLO))
        with pytest.raises(CallNotFound):
            await line.control.start_gather(StartGather(account_id=account_id, call_id=call_id))
        with pytest.raises(CallNotFound):
            await line.control.stop_audio(StopAudio(account_id=account_id, call_id=call_id))


async def test_a_call_that_is_stored_but_does_not_live_is_not_ready(line: Line) -> None:
    line.control.calls.forget(line.call_id)
    with pytest.raises(CallNotReady):
        await line.play()


async def test_hanging_up_ends_the_gather_then_the_playback_then_the_call(line: Line) -> None:
    gather_id = await line.gather(tag="menu")
    await line.play(HELLO, tag="greeting")
    await line.press("4")
    line.news()
    assert line.listener is not None
    line.listener.handle_ended(Cause.HANGUP, Blame.PEER, "BYE")
    await until(lambda: line.call.state is CallState.ENDED)
    assert line.news() == [
        GatherFinished(gather_id, "4", GatherReason.CALL_ENDED, "menu"),
        replace(SPOKEN, tag="greeting"),
        Ended(Cause.HANGUP, "BYE"),
    ]
    assert line.call.gather is None and line.call.playback is None
    assert line.done(gather_id).reason is GatherReason.CALL_ENDED
    assert line.done(gather_id).completed_at == line.call.ended_at


# --- with transfers -------------------------------------------------------------------------------------------------


async def test_a_transfer_ends_what_plays_and_refuses_more(line: Line) -> None:
    await line.play(FILE, is_looped=True)
    line.did()
    target = await line.update(state=CallState.TRANSFERRING, transfer=Transfer(to=AGENT))
    assert target is not None
    assert line.news() == [PLAY, PLAYED, TransferChanged("started", target)]
    assert line.did() == ["ringback"]
    for attempt in (line.play, line.stop, line.gather, lambda: line.dial("1")):
        with pytest.raises(WrongCallState):
            await attempt()


async def test_a_gather_goes_on_while_the_call_is_transferred(line: Line) -> None:
    gather_id = await line.gather(prompt=HELLO, max_digits=2)
    await line.update(state=CallState.TRANSFERRING, transfer=Transfer(to=AGENT))
    await line.press("12")
    assert line.done(gather_id).digits == "12"
    assert "stop playback" not in line.did()  # the ringback goes on


async def test_playing_to_the_new_party_ends_its_whisper_and_joins(line: Line) -> None:
    target = await line.update(state=CallState.TRANSFERRING, transfer=Transfer(to=AGENT, whisper=HELLO))
    assert target is not None
    leg, port = line.signalling.legs[0], line.media.ports[1]
    assert leg.listener is not None
    leg.listener.handle_answered(DESCRIPTION)
    await until(lambda: "play prompt.pcm" in port.did)
    with pytest.raises(NothingPlays):
        await line.control.stop_audio(StopAudio(account_id=ME, call_id=target))
    await line.control.play_audio(PlayAudio(account_id=ME, call_id=target, prompt=FILE))
    port.listener.handle_playback_done(1)
    await until(lambda: port.connected is line.port)
    assert [fact for fact in line.log.facts[target] if isinstance(fact, PlaybackChanged)] == [PLAY]


# --- sending keys ---------------------------------------------------------------------------------------------------


async def test_keys_are_sent_and_are_no_event(line: Line) -> None:
    await line.dial("1WWW,59#")
    assert line.did() == ["digits 1WWW,59#"] and line.news() == []


async def test_keys_that_would_wait_too_long_are_refused(line: Line) -> None:
    await line.dial("W" * 92)
    with pytest.raises(DigitsNotSent) as refused:
        await line.dial("1")
    assert (refused.value.call_id, refused.value.digits) == (line.call_id, "1")
    line.clock.advance(92 - keys.MAX_WAIT_S + 0.01)
    await line.dial("1")
    assert line.did() == ["digits " + "W" * 92, "digits 1"]


def test_how_long_keys_take() -> None:
    assert keys.duration_s("W") == 1 and keys.duration_s(",w") == 1
    assert keys.duration_s("12") == pytest.approx(0.48)


# --- gathering ------------------------------------------------------------------------------------------------------


async def test_as_many_keys_as_wanted(line: Line) -> None:
    gather_id = await line.gather(max_digits=2, tag="pin")
    await line.press("1")
    assert line.call.gather is not None and line.call.gather.digits == "1"
    await line.press("2")
    assert line.news() == [
        DigitPressed("1", 100),
        DigitPressed("2", 100),
        GatherFinished(gather_id, "12", GatherReason.MAX_DIGITS, "pin"),
    ]
    assert line.call.gather is None
    assert (line.done(gather_id).digits, line.done(gather_id).reason) == ("12", GatherReason.MAX_DIGITS)


async def test_a_terminating_key_is_told_but_not_collected(line: Line) -> None:
    gather_id = await line.gather(terminators="*#")
    await line.press("12*")
    assert line.news()[-2:] == [
        DigitPressed("*", 100),
        GatherFinished(gather_id, "12", GatherReason.TERMINATING_DIGIT, terminator="*"),
    ]


async def test_keys_can_be_kept_from_the_application(line: Line) -> None:
    gather_id = await line.gather(suppresses_digits=True)
    await line.press("12#")
    assert line.news() == [GatherFinished(gather_id, "12", GatherReason.TERMINATING_DIGIT, terminator="#")]
    await line.press("3")
    assert line.news() == [DigitPressed("3", 100)]


async def test_no_key_in_time(line: Line) -> None:
    gather_id = await line.gather(inter_digit_s=SOON_S)
    await until(lambda: gather_id in line.log.gathers)
    assert line.news() == [GatherFinished(gather_id, "", GatherReason.TIMEOUT)]


async def test_no_further_key_in_time(line: Line) -> None:
    gather_id = await line.gather(inter_digit_s=SOON_S, prompt=HELLO)
    await line.press("7")  # while the prompt plays, so nothing can have expired before
    await until(lambda: gather_id in line.log.gathers)
    assert line.news() == [DigitPressed("7", 100), GatherFinished(gather_id, "7", GatherReason.TIMEOUT)]


async def test_a_wait_that_a_key_came_before_means_nothing(line: Line) -> None:
    """The timer fired, and its message stands in the inbox behind a key that came just before."""
    from trebuchet.calls.stimuli import GatherExpired

    gather_id = await line.gather()
    assert line.listener is not None
    line.listener.handle_digit("1", 100)
    line.actor.tell(GatherExpired(gather_id, 0))
    await line.settle()
    assert line.news() == [DigitPressed("1", 100)]
    line.actor.tell(GatherExpired(gather_id, 1))
    await line.settle()
    assert line.news() == [GatherFinished(gather_id, "1", GatherReason.TIMEOUT)]


async def test_the_client_stops_it(line: Line) -> None:
    gather_id = await line.gather(prompt=HELLO, is_looped=True)
    await line.cancel(GatherId("gtr-other"))
    assert line.news() == []
    await line.cancel(gather_id)
    await line.cancel(gather_id)
    assert line.news() == [GatherFinished(gather_id, "", GatherReason.CANCELLED)]
    assert line.did() == ["play prompt.pcm looped", "stop playback"]


async def test_one_gather_at_a_time(line: Line) -> None:
    first = await line.gather()
    with pytest.raises(AlreadyGathering):
        await line.gather(prompt=HELLO)
    assert line.did() == []
    await line.cancel(first)
    assert await line.gather(gather_id=GatherId("gtr-mine")) == "gtr-mine"


async def test_the_first_key_stops_the_prompt(line: Line) -> None:
    await line.gather(prompt=HELLO)
    await line.press("12")
    await line.end_of_playback(1)
    assert line.did() == ["play prompt.pcm", "stop playback"]
    assert line.news() == [DigitPressed("1", 100), DigitPressed("2", 100)]  # prompts have no events


async def test_the_wait_begins_when_the_prompt_is_over(line: Line) -> None:
    gather_id = await line.gather(prompt=HELLO, inter_digit_s=SOON_S)
    await asyncio.sleep(5 * SOON_S)
    assert line.news() == [] and line.call.gather is not None
    await line.end_of_playback(1)
    await until(lambda: gather_id in line.log.gathers)
    assert line.news() == [GatherFinished(gather_id, "", GatherReason.TIMEOUT)]


async def test_other_audio_in_place_of_the_prompt_lets_the_wait_begin(line: Line) -> None:
    gather_id = await line.gather(prompt=HELLO, inter_digit_s=SOON_S)
    await line.play(FILE)
    await until(lambda: gather_id in line.log.gathers)
    assert line.news() == [PLAY, GatherFinished(gather_id, "", GatherReason.TIMEOUT)]
    assert line.did() == ["play prompt.pcm", "play prompt.pcm"]  # the file goes on


async def test_an_empty_string_stops_a_prompt_too(line: Line) -> None:
    gather_id = await line.gather(prompt=HELLO, is_looped=True, inter_digit_s=SOON_S)
    await line.stop()
    await until(lambda: gather_id in line.log.gathers)
    assert line.news() == [GatherFinished(gather_id, "", GatherReason.TIMEOUT)]


async def test_other_audio_goes_on_whatever_is_pressed(line: Line) -> None:
    await line.play(FILE)
    await line.gather(max_digits=1)
    await line.press("1")
    assert line.did() == ["play prompt.pcm"]
    assert line.call.playback is not None


async def test_a_prompt_replaces_what_plays(line: Line) -> None:
    await line.play(FILE)
    await line.gather(prompt=HELLO)
    assert line.news() == [PLAY, PLAYED]


async def test_a_gather_that_cannot_be_stored_does_not_run(line: Line) -> None:
    line.log.failures = 1
    with pytest.raises(LogUnavailable):
        await line.gather(inter_digit_s=SOON_S)
    await line.press("1")
    assert line.news() == [DigitPressed("1", 100)]


async def test_after_a_restart_the_gather_reads_hung_up_and_the_playback_done(line: Line) -> None:
    gather_id = await line.gather(tag="menu")
    await line.play(FILE, tag="music")
    await line.press("1")
    line.news()
    recovery = Recovery(line.control.machine, line.log, line.log, line.signalling, FakeFinisher(), VirtualClock())
    assert await recovery.end_calls() == 1
    assert line.news() == [
        GatherFinished(gather_id, "1", GatherReason.CALL_ENDED, "menu"),
        replace(PLAYED, tag="music"),
        Ended(Cause.RESTARTED),
    ]
    assert (line.done(gather_id).digits, line.done(gather_id).reason) == ("1", GatherReason.CALL_ENDED)
