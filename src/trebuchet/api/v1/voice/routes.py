"""Audio and keys into a call."""

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema
from starlette.responses import Response

from trebuchet.api import errors
from trebuchet.api.context import Context
from trebuchet.api.fields import Body, fault, read_text
from trebuchet.api.operation import Operation
from trebuchet.api.prompts import AudioBody
from trebuchet.api.responses import empty
from trebuchet.api.v1.calls.routes import own_call
from trebuchet.calls.commands import MAX_SENT_DIGITS, CallNotReady, PlayAudio, SendDigits, StopAudio
from trebuchet.model.call import Call

_DIGITS = re.compile(r"[A-D0-9#*,wW]+")


def _digits(value: Any) -> str:
    """Some clients send a number."""
    text = read_text(value)
    if not _DIGITS.fullmatch(text):
        raise fault("bad")
    if len(text) > MAX_SENT_DIGITS:
        raise fault("too_big", limit=MAX_SENT_DIGITS)
    return text


class DtmfBody(Body):
    """Keys to send; `,` and `w` pause half a second, `W` a second."""

    resource = "dtmf"
    dtmf_out: Annotated[
        str,
        BeforeValidator(_digits),
        WithJsonSchema({"type": "string", "pattern": "^[A-D0-9#*,wW]+$", "maxLength": MAX_SENT_DIGITS}),
    ] = Field(alias="dtmfOut")


async def play_audio(context: Context) -> Response:
    """Play a file or a sentence to the call, or stop what plays."""
    call = await own_call(context)
    body = await context.body(AudioBody)
    try:
        await _play_or_stop(context, call, body)
    except CallNotReady as error:
        raise errors.AUDIO_UPDATE_FAILURE(call.id, details=(("callId", call.id),)) from error
    return empty()


async def _play_or_stop(context: Context, call: Call, body: AudioBody) -> None:
    prompt = body.wanted_prompt()
    calls, account_id = context.deps.calls, context.account.id
    if prompt is None:
        await calls.stop_audio(StopAudio(account_id=account_id, call_id=call.id))
        return
    await calls.play_audio(
        PlayAudio(account_id=account_id, call_id=call.id, prompt=prompt, is_looped=body.loop_enabled, tag=body.tag)
    )


async def send_dtmf(context: Context) -> Response:
    """Send keys to the call's other party."""
    call = await own_call(context)
    digits = (await context.body(DtmfBody)).dtmf_out
    await context.deps.calls.send_digits(SendDigits(account_id=context.account.id, call_id=call.id, digits=digits))
    return empty()


OPERATIONS = (
    Operation(method="POST", path="/calls/{callId}/audio", handler=play_audio, body=AudioBody),
    Operation(method="POST", path="/calls/{callId}/dtmf", handler=send_dtmf, body=DtmfBody),
)
