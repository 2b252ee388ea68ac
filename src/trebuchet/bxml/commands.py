"""Orders as commands of call control. Everything is silent: applications are not told of the single verbs."""

from trebuchet.base.values import replace
from trebuchet.bxml.verbs import Callback, Collect, Connect, Play, Record
from trebuchet.calls.commands import GatherPrompt, PlayAudio, SilenceLimit, StartGather, StartRecording, Transfer
from trebuchet.model.call import Call, HttpMethod, WebhookTarget
from trebuchet.model.prompt import Prompt

PRIVATE = "private"
ANONYMOUS = frozenset({"private", "unknown", "no caller id"})
"""What hides the caller, in any case of letters."""


def play_command(call: Call, prompt: Prompt) -> PlayAudio:
    return PlayAudio(account_id=call.account_id, call_id=call.id, prompt=prompt, is_silent=True)


def gather_command(call: Call, wanted: Collect) -> StartGather:
    first, *further = _repeated(wanted.prompts) or [None]
    return StartGather(
        account_id=call.account_id,
        call_id=call.id,
        max_digits=wanted.max_digits,
        inter_digit_s=float(wanted.inter_digit_s),
        terminators=wanted.terminators,
        tag=wanted.tag,
        prompt=None if first is None else first.prompt,
        further_prompts=tuple(prompt for prompt in further if prompt is not None),
        is_silent=True,
    )


def _repeated(plays: tuple[Play, ...]) -> list[GatherPrompt | None]:
    """Every repetition by itself, with the pause before it."""
    return [
        GatherPrompt(prompt=play.prompt, pause_s=float(play.pause_s if n else 0))
        for play in plays
        for n in range(play.times)
    ]


def recording_command(call: Call, wanted: Record, *, is_alone: bool) -> StartRecording:
    """Of the party alone (voicemail), or of both parties of a transfer until one hangs up."""
    return StartRecording(
        account_id=call.account_id,
        call_id=call.id,
        format=wanted.format,
        max_duration_s=wanted.max_duration_s if is_alone else None,
        channels=2 if wanted.is_stereo and not is_alone else 1,
        silence=SilenceLimit(wanted.silence_s, wanted.silence_threshold) if is_alone else None,
        is_silent=wanted.callback is None,
        webhook=None if wanted.callback is None else _get(wanted.callback),
        transcript_webhook=None if wanted.transcript_url is None else WebhookTarget(url=wanted.transcript_url),
    )


def transfer_command(call: Call, wanted: Connect) -> Transfer:
    whispers = [play.prompt for play in wanted.whispers for _ in range(play.times)]
    first, *further = wanted.to
    caller_id = wanted.caller_id
    if caller_id is not None and caller_id.lower() in ANONYMOUS:
        caller_id = PRIVATE
    return Transfer(
        to=first,
        also_to=tuple(further),
        caller_id=caller_id,
        whisper=whispers[0] if whispers else None,
        further_whispers=tuple(whispers[1:]),
        ring_timeout_s=wanted.ring_s,
        tag=wanted.tag,
        diversion_treatment=wanted.diversion_treatment,
        diversion_reason=wanted.diversion_reason,
        told=_told(call, wanted),
    )


def _told(call: Call, wanted: Connect) -> WebhookTarget | None:
    """Who hears of the connection's end: the verb's URL, or the call's."""
    target = call.webhook if wanted.callback is None else _get(wanted.callback)
    return None if target is None else replace(target, fallback_url=call.webhook.fallback_url if call.webhook else None)


def _get(callback: Callback) -> WebhookTarget:
    return WebhookTarget(url=callback.url, method=HttpMethod.GET, timeout_ms=callback.timeout_ms)
