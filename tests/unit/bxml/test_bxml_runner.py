"""Scripts on real call control with fake planes: which calls are led, what the commands are, and what ends a script."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from trebuchet.base.ids import AccountId, ApplicationId, CallId, Ids
from trebuchet.base.rand import SeededRand
from trebuchet.bxml.runner import Surroundings
from trebuchet.bxml.scripts import Scripts
from trebuchet.calls.commands import PlayAudio, PromptUnreachable, UpdateCall
from trebuchet.calls.control import CallControl
from trebuchet.calls.interfaces import CallPolicy, IncomingCall, LegListener, StopReason, UnitOfWork
from trebuchet.model.application import Application
from trebuchet.model.call import Call, CallState, HttpMethod, WebhookTarget
from trebuchet.model.cause import Blame, Cause
from trebuchet.model.event import DigitPressed, GatherFinished, PlaybackChanged, RecordingFinished, TransferEnded
from trebuchet.model.prompt import AudioFile, Prompt, RenderedPrompt, Sentence
from trebuchet.model.recording import RecordingState
from trebuchet.testing.clock import VirtualClock
from trebuchet.testing.fakes import (
    DESCRIPTION,
    FakeDirectory,
    FakeFinisher,
    FakeLeg,
    FakeLog,
    FakeMedia,
    FakePort,
    FakeSignalling,
    application,
)

ME = AccountId("u-me")
OURS, CALLER, AGENT, OTHER = "+15550100", "+15550188", "+15550177", "+15550166"
URL = "http://app.example/voice/answer"


@dataclass
class Answered:
    """A web server's answer."""

    body: bytes
    url: str = URL


@dataclass
class FakeQuestions:
    """What the application is asked, and what it answers by URL; nobody answers for the others."""

    asked: list[tuple[str, str, int]] = field(default_factory=list)
    gathered: list[GatherFinished] = field(default_factory=list)
    answers: dict[str, bytes] = field(default_factory=dict)

    async def tell_gather(self, call: Call, url: str, timeout_ms: int, gather: GatherFinished) -> Answered | None:
        self.gathered.append(gather)
        return self._answer("gather", url, timeout_ms)

    async def ask_for_document(self, call: Call, url: str, timeout_ms: int) -> Answered | None:
        return self._answer("redirect", url, timeout_ms)

    def _answer(self, kind: str, url: str, timeout_ms: int) -> Answered | None:
        self.asked.append((kind, url, timeout_ms))
        return Answered(self.answers[url], url) if url in self.answers else None


class NamedPrompts:
    """Prompts whose files are named after what they are."""

    def __init__(self) -> None:
        self.unreachable: set[str] = set()

    async def render(self, prompt: Prompt, account_id: AccountId) -> RenderedPrompt:
        name = prompt.text if isinstance(prompt, Sentence) else prompt.url.rsplit("/", 1)[1]
        if name in self.unreachable:
            raise PromptUnreachable(name)
        return RenderedPrompt(name, 8000)


@dataclass
class World:
    control: CallControl
    scripts: Scripts
    log: FakeLog
    media: FakeMedia
    signalling: FakeSignalling
    questions: FakeQuestions
    prompts: NamedPrompts
    directory: FakeDirectory
    application: Application
    call_id: CallId = CallId("")  # noqa: RUF009 - a str
    leg: FakeLeg = field(default_factory=FakeLeg)
    listener: LegListener | None = None

    @property
    def call(self) -> Call:
        return self.log.calls[self.call_id]

    @property
    def port(self) -> FakePort:
        return self.media.ports[0]

    async def arrive(self, **more: Any) -> None:
        """A call that is answered by the server at once."""
        self.application = application(ME, **({"http_method": HttpMethod.GET, "auto_answer": True} | more))
        self.directory.add(ME, OURS, self.application)
        self.listener = self.control.handle_incoming(IncomingCall(from_=CALLER, to=OURS, offer=DESCRIPTION), self.leg)
        await until(lambda: bool(self.log.calls))
        (self.call_id,) = self.log.calls
        self.port.did.clear()

    async def lead(self, *verbs: str) -> None:
        """The application answers the call's `answer` event with a document."""
        await self.arrive()
        await self.scripts.begin(self.call_id, Answered(f"<Response>{''.join(verbs)}</Response>".encode()))

    async def did(self, *wanted: str) -> None:
        """Until the port has been asked for exactly this since the last look."""
        await until(lambda: self.port.did == list(wanted), lambda: str(self.port.did))
        self.port.did.clear()

    async def finish_playback(self) -> None:
        self.port.listener.handle_playback_done(self.port.played)

    def press(self, digits: str) -> None:
        assert self.listener is not None
        for digit in digits:
            self.listener.handle_digit(digit, 100)

    async def is_over(self) -> None:
        await until(lambda: self.call.state is CallState.ENDED and not len(self.scripts))

    async def update(self, **more: Any) -> None:
        await self.control.update(UpdateCall(account_id=ME, call_id=self.call_id, **more))


async def until(condition: Callable[[], bool], what: Callable[[], str] = lambda: "") -> None:
    try:
        async with asyncio.timeout(10):
            while not condition():
                await asyncio.sleep(0.001)
    except TimeoutError as error:
        raise AssertionError(what()) from error


@pytest.fixture
async def world() -> AsyncIterator[World]:
    log, media, prompts, signalling, clock = FakeLog(), FakeMedia(), NamedPrompts(), FakeSignalling(), VirtualClock()
    directory, questions, ids = FakeDirectory(), FakeQuestions(), Ids(SeededRand(5))
    control = CallControl(
        signalling=signalling,
        media=media,
        prompts=prompts,
        log=log,
        directory=directory,
        archive=log,
        finisher=FakeFinisher(),
        ids=ids,
        clock=clock,
        policy=CallPolicy(),
    )

    async def find(application_id: ApplicationId) -> Application | None:
        return made.application

    scripts = Scripts(Surroundings(control, questions, log.report, ids, clock), find)

    def watch(unit: UnitOfWork) -> None:
        for change in unit.changes:
            scripts.see(change.call, change.facts)

    log.on_commit = watch
    made = World(control, scripts, log, media, signalling, questions, prompts, directory, application(ME))
    yield made
    await scripts.close()
    await control.close(0)


# --- which calls are led --------------------------------------------------------------------------------------------


async def test_a_document_leads_a_call_to_its_end(world: World) -> None:
    await world.lead("<SpeakSentence>Hi</SpeakSentence>", "<PlayAudio>http://a.example/b.wav</PlayAudio>", "<Hangup/>")
    await world.did("play Hi")
    await world.finish_playback()
    await world.did("play b.wav")
    await world.finish_playback()
    await world.is_over()
    playbacks = [fact for fact in world.log.facts[world.call_id] if isinstance(fact, PlaybackChanged)]
    assert len(playbacks) == 4 and all(fact.is_silent for fact in playbacks)
    assert world.call.cause is Cause.HANGUP and world.call.blame is Blame.CUSTOMER


async def test_a_post_application_is_never_led(world: World) -> None:
    await world.arrive(http_method=HttpMethod.POST)
    await world.scripts.begin(world.call_id, Answered(b"<Response><Hangup/></Response>"))
    assert len(world.scripts) == 0 and world.call.state is CallState.ANSWERED


@pytest.mark.parametrize("reply", [Answered(b"OK"), Answered(b""), None])
async def test_without_a_document_the_call_waits(world: World, reply: Answered | None) -> None:
    await world.arrive()
    await world.scripts.begin(world.call_id, reply)
    assert len(world.scripts) == 1 and world.call.state is CallState.ANSWERED
    await world.control.play_audio(PlayAudio(account_id=ME, call_id=world.call_id, prompt=Sentence(text="Mine")))
    await until(lambda: len(world.scripts) == 0)
    assert world.call.state is CallState.ANSWERED, "a client of the API has taken it over"


async def test_a_call_that_the_application_answers_by_itself_waits_for_nothing(world: World) -> None:
    await world.arrive(auto_answer=False)
    await world.update(state=CallState.ANSWERED)
    await world.scripts.begin(world.call_id, Answered(b"OK"))
    assert len(world.scripts) == 0


async def test_the_application_reacts_only_once(world: World) -> None:
    await world.lead("<Pause/>")
    await world.scripts.begin(world.call_id, Answered(b"<Response><Hangup/></Response>"))
    assert len(world.scripts) == 1 and world.call.state is CallState.ANSWERED


async def test_a_call_that_has_ended_is_not_led(world: World) -> None:
    await world.arrive()
    await world.update(state=CallState.ENDED)
    await world.scripts.begin(world.call_id, Answered(b"<Response><Hangup/></Response>"))
    assert len(world.scripts) == 0


async def test_a_wrong_document_is_reported_and_ends_the_call(world: World) -> None:
    await world.lead("<Nonsense/>")
    await world.is_over()
    (error,) = world.log.errors
    assert (error.code, error.category) == ("bxml-invalid", "bad-request")
    assert "Nonsense is no verb" in error.message and error.details == (("callId", world.call_id),)


# --- verbs ----------------------------------------------------------------------------------------------------------


async def test_digits_are_told_with_the_key_that_ended_them(world: World) -> None:
    world.questions.answers["http://app.example/next"] = b"<Response><Hangup/></Response>"
    await world.lead(
        '<Gather requestUrl="/next" requestUrlTimeout="700" terminatingDigits="*" tag="t">'
        "<SpeakSentence>One</SpeakSentence><SpeakSentence>Two</SpeakSentence></Gather>"
    )
    await world.did("play One")
    await world.finish_playback()
    await world.did("play Two")
    world.press("47*")
    await world.is_over()
    (told,) = world.questions.gathered
    assert (told.digits, told.terminator, told.tag) == ("47", "*", "t")
    assert world.questions.asked == [("gather", "http://app.example/next", 700)]
    pressed = [fact for fact in world.log.facts[world.call_id] if isinstance(fact, DigitPressed)]
    assert len(pressed) == 3 and all(fact.is_silent for fact in pressed)
    (gather,) = world.log.gathers.values()
    assert (gather.max_digits, gather.inter_digit_s, gather.is_silent) == (128, 5.0, True)


async def test_a_key_in_the_pause_between_repetitions(world: World) -> None:
    prompt = '<PlayAudio repeatCount="2" delayBeforeRepeat="60">http://a.example/b.wav</PlayAudio>'
    await world.lead(f'<Gather maxDigits="1">{prompt}</Gather><Hangup/>')
    await world.did("play b.wav")
    await world.finish_playback()
    await until(lambda: world.call.playback is None)
    world.press("1")
    await world.is_over()
    assert "play b.wav" not in world.port.did


async def test_the_pause_between_repetitions_is_over(world: World) -> None:
    prompt = '<PlayAudio repeatCount="2" delayBeforeRepeat="1">http://a.example/b.wav</PlayAudio>'
    await world.lead(f"<Gather>{prompt}</Gather>")
    await world.did("play b.wav")
    await world.finish_playback()
    await world.did("play b.wav")


async def test_hanging_up_in_a_gather_tells_what_there_was(world: World) -> None:
    await world.lead('<Gather requestUrl="/next"/>')
    await until(lambda: world.call.gather is not None)
    world.press("12")
    assert world.listener is not None
    world.listener.handle_ended(Cause.HANGUP, Blame.PEER, None)
    await until(lambda: bool(world.questions.gathered))
    assert world.questions.gathered[0].digits == "12"
    await world.is_over()


async def test_a_recording_of_the_caller_alone(world: World) -> None:
    await world.lead(
        '<Record requestUrl="rec" requestUrlTimeout="900" fileFormat="wav" maxDuration="20" silenceTimeout="4"'
        ' silenceThreshold="50" terminatingDigits="#" transcribe="true" transcribeCallbackUrl="/text"/>',
        "<SpeakSentence>Thanks</SpeakSentence>",
    )
    await world.did(f"record {world.call_id}-1.wav 20 channels 1 silence 4 50")
    world.press("1#")
    await until(lambda: world.call.recording.is_enabled is False)
    (recording,) = world.log.recordings.values()
    target = WebhookTarget(url="http://app.example/voice/rec", method=HttpMethod.GET, timeout_ms=900)
    assert (recording.webhook, recording.is_silent) == (target, False)
    assert recording.transcript_webhook == WebhookTarget(url="http://app.example/text")
    world.port.stop_recorder()
    await world.did("play Thanks")
    await until(lambda: world.log.recordings[recording.id].state is RecordingState.COMPLETE)
    (fact,) = [fact for fact in world.log.facts[world.call_id] if isinstance(fact, RecordingFinished)]
    assert fact.webhook == target


async def test_silence_ends_a_recording_that_nobody_is_told_of(world: World) -> None:
    await world.lead("<Record/>", "<SpeakSentence>Thanks</SpeakSentence>")
    await world.did(f"record {world.call_id}-1.wav 60 channels 1 silence 3 100")
    world.port.stop_recorder(StopReason.SILENCE)
    await world.did("play Thanks")
    (recording,) = world.log.recordings.values()
    assert recording.is_silent and recording.webhook is None


async def test_a_transfer_rings_everybody_and_joins_the_first(world: World) -> None:
    await world.lead(
        f'<Transfer transferTo="{AGENT}" callTimeout="20" requestUrl="/done" tag="t" transferCallerId="No Caller Id">'
        f"<PhoneNumber>{OTHER}</PhoneNumber><SpeakSentence>A</SpeakSentence><SpeakSentence>B</SpeakSentence>"
        '<Record multiChannel="true"/></Transfer>'
    )
    await world.did("ringback")
    await until(lambda: len(world.signalling.legs) == 2)
    first, second = world.signalling.legs
    assert first.invite is not None and first.invite.is_private
    assert second.listener is not None and first.listener is not None
    second.listener.handle_answered(DESCRIPTION)
    await until(lambda: first.said == ["hang up"])
    other = world.media.ports[2]
    await until(lambda: other.did[-1:] == ["play A"])
    other.listener.handle_playback_done(1)
    await until(lambda: other.did[-1:] == ["play B"])
    assert world.port.connected is None
    other.listener.handle_playback_done(2)
    await world.did("stop playback", "connect", f"record {world.call_id}-1.wav 3600 channels 2")
    ids = [call_id for call_id in world.log.calls if call_id != world.call_id]
    ended, joined = (world.log.calls[call_id] for call_id in ids)
    assert (ended.state, ended.cause) == (CallState.ENDED, Cause.CANCELLED)
    assert (joined.to, joined.ring_timeout_s, joined.tag, joined.from_) == (OTHER, 20, "t", "private")
    assert world.call.connected_to == joined.id
    second.listener.handle_ended(Cause.HANGUP, Blame.PEER, None)
    await world.is_over()
    parting = [fact for fact in world.log.facts[world.call_id] if isinstance(fact, TransferEnded)]
    told = WebhookTarget(url="http://app.example/done", method=HttpMethod.GET, timeout_ms=30_000)
    assert parting == [TransferEnded("private", OTHER, told)]


async def test_nobody_answers_and_the_next_verb_runs(world: World) -> None:
    await world.lead(f'<Transfer transferTo="{AGENT}"><PhoneNumber>{OTHER}</PhoneNumber></Transfer>', "<Hangup/>")
    await until(lambda: len(world.signalling.legs) == 2)
    for leg in world.signalling.legs:
        assert world.call.state is CallState.TRANSFERRING and leg.listener is not None
        leg.listener.handle_ended(Cause.BUSY, Blame.PEER, None)
    await world.is_over()
    assert not [fact for fact in world.log.facts[world.call_id] if isinstance(fact, TransferEnded)]


async def test_a_transfer_without_a_url_is_told_to_the_call(world: World) -> None:
    await world.lead(f'<Transfer transferTo="{AGENT}"/>')
    await until(lambda: len(world.signalling.legs) == 1)
    (leg,) = world.signalling.legs
    assert leg.listener is not None
    leg.listener.handle_answered(DESCRIPTION)
    await until(lambda: world.port.connected is not None)
    await world.update(state=CallState.ENDED)
    await world.is_over()
    (parting,) = [fact for fact in world.log.facts[world.call_id] if isinstance(fact, TransferEnded)]
    assert parting.webhook == world.call.webhook and (parting.from_, parting.to) == (CALLER, AGENT)


@pytest.mark.parametrize("to", ['+15559990000"', '+15550177" transferCallerId="+15553334444"'])
async def test_a_transfer_that_is_refused_ends_the_call(world: World, to: str) -> None:
    world.signalling.unroutable.add("+15559990000")
    await world.lead(f'<Transfer transferTo="{to}/>', "<SpeakSentence>Never</SpeakSentence>")
    await world.is_over()
    assert world.log.errors[0].code == "bxml-verb-failed"


async def test_a_prompt_that_cannot_be_fetched_is_left_out(world: World) -> None:
    world.prompts.unreachable.add("gone.wav")
    await world.lead("<PlayAudio>http://a.example/gone.wav</PlayAudio>", "<SpeakSentence>Next</SpeakSentence>")
    await world.did("play Next")
    assert [error.code for error in world.log.errors] == ["bxml-verb-failed"]


async def test_keys_are_sent_and_a_pause_is_waited(world: World) -> None:
    await world.lead('<SendDtmf>1</SendDtmf><Pause length="0"/><SpeakSentence>Done</SpeakSentence>')
    await world.did("digits 1", "play Done")


async def test_a_redirect_is_followed(world: World) -> None:
    world.questions.answers["http://app.example/voice/there"] = (
        b"<Response><SpeakSentence>There</SpeakSentence></Response>"
    )
    await world.lead('<Redirect requestUrl="there"/>', "<SpeakSentence>Never</SpeakSentence>")
    await world.did("play There")
    assert world.questions.asked == [("redirect", "http://app.example/voice/there", 30_000)]


async def test_a_redirect_to_nobody_ends_the_call(world: World) -> None:
    await world.lead('<Redirect requestUrl="there"/>')
    await world.is_over()


# --- what ends a script ---------------------------------------------------------------------------------------------


async def test_hanging_up_ends_the_script(world: World) -> None:
    await world.lead("<SpeakSentence>Hi</SpeakSentence><SpeakSentence>Never</SpeakSentence>")
    await world.did("play Hi")
    assert world.listener is not None
    world.listener.handle_ended(Cause.HANGUP, Blame.PEER, None)
    await world.is_over()
    assert "play Never" not in world.port.did


async def test_a_client_that_plays_takes_the_call_over(world: World) -> None:
    await world.lead("<SpeakSentence>Hi</SpeakSentence><Hangup/>")
    await world.did("play Hi")
    await world.control.play_audio(
        PlayAudio(account_id=ME, call_id=world.call_id, prompt=AudioFile(url="http://a.example/mine.wav"))
    )
    await until(lambda: len(world.scripts) == 0)
    assert world.call.state is CallState.ANSWERED


async def test_a_script_that_fails_inside_ends_its_call(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(world.control, "send_digits", fail)
    await world.lead("<SendDtmf>1</SendDtmf>")
    await world.is_over()


async def test_a_request_that_fails_inside_is_a_failed_request(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(world.questions, "ask_for_document", fail)
    await world.lead('<Redirect requestUrl="/next"/>')
    await world.is_over()
