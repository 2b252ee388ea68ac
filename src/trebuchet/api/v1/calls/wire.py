"""The call resource and its events as clients read them."""

from datetime import datetime
from typing import Any

from typing_extensions import TypedDict

from trebuchet.api.prompts import prompt_to_wire
from trebuchet.api.timestamps import wire_time
from trebuchet.api.wire import CALL_STATES, without_nulls
from trebuchet.model.call import Call, CallState, Direction, WebhookTarget
from trebuchet.model.event import LoggedEvent

REQUESTABLE_STATES: dict[str, CallState] = {
    "rejected": CallState.REJECTED,
    "active": CallState.ANSWERED,
    "completed": CallState.ENDED,
    "transferring": CallState.TRANSFERRING,
}
"""What an update may ask for."""

BILLED_S = 60
"""Calls are counted in started minutes."""

CallResource = TypedDict(
    "CallResource",
    {
        "id": str,
        "direction": str,
        "from": str,
        "to": str,
        "state": str,
        "startTime": str,
        "activeTime": str | None,
        "endTime": str | None,
        "callTimeout": int | None,
        "callbackUrl": str | None,
        "callbackHttpMethod": str | None,
        "callbackTimeout": int | None,
        "fallbackUrl": str | None,
        "bridgeId": str | None,
        "bridge": str | None,
        "conferenceId": str | None,
        "conference": str | None,
        "chargeableDuration": int | None,
        "recordingEnabled": bool,
        "recordingFileFormat": str,
        "recordingMaxDuration": int | None,
        "transcriptionEnabled": bool,
        "events": str,
        "recordings": str,
        "transcriptions": str,
        "sipHeaders": dict[str, str] | None,
        "tag": str | None,
        "transferTo": str | None,
        "transferCallerId": str | None,
        "whisperAudio": dict[str, Any] | None,
        "displayName": str | None,
        "preferredId": str | None,
        "withholdCallerName": bool | None,
        "withholdCallerNumber": bool | None,
    },
)
"""A call. Properties without a value are left out, never null."""


class CallEventResource(TypedDict):
    """An entry of a call's log. `data` is left out when there is none."""

    id: str
    time: str
    name: str
    data: str | None


def call_to_wire(call: Call, user_url: str) -> CallResource:
    """`user_url`: the absolute URL of the account."""
    url = f"{user_url}/calls/{call.id}"
    webhook = call.webhook
    transfer = call.transfer
    return without_nulls(
        CallResource(
            {
                "id": call.id,
                "direction": "in" if call.direction is Direction.IN else "out",
                "from": call.from_,
                "to": call.to,
                "state": CALL_STATES[call.state],
                "startTime": wire_time(call.created_at),
                "activeTime": _time(call.answered_at),
                "endTime": _time(call.ended_at),
                "callTimeout": call.ring_timeout_s if call.direction is Direction.OUT else None,
                "callbackUrl": webhook.url if webhook else None,
                "callbackHttpMethod": webhook.method.value if webhook else None,
                "callbackTimeout": webhook.timeout_ms if webhook else None,
                "fallbackUrl": _fallback(webhook),
                "bridgeId": call.bridge_id,
                "bridge": f"{user_url}/bridges/{call.bridge_id}" if call.bridge_id else None,
                "conferenceId": call.conference_id,
                "conference": f"{user_url}/conferences/{call.conference_id}" if call.conference_id else None,
                "chargeableDuration": chargeable_s(call),
                "recordingEnabled": call.recording.is_enabled,
                "recordingFileFormat": call.recording.format.value,
                "recordingMaxDuration": call.recording.max_duration_s,
                "transcriptionEnabled": call.is_transcribed,
                "events": f"{url}/events",
                "recordings": f"{url}/recordings",
                "transcriptions": f"{url}/transcriptions",
                "sipHeaders": call.sip_headers or None,
                "tag": call.tag,
                "transferTo": transfer.to if transfer else None,
                "transferCallerId": transfer.caller_id if transfer else None,
                "whisperAudio": prompt_to_wire(transfer.whisper) if transfer and transfer.whisper else None,
                "displayName": call.display_name,
                "preferredId": call.preferred_id,
                "withholdCallerName": call.withholds_name,
                "withholdCallerNumber": call.withholds_number,
            }
        )
    )


def event_to_wire(event: LoggedEvent) -> CallEventResource:
    return without_nulls(
        CallEventResource(id=event.id, time=wire_time(event.at), name=event.name, data=event.data or None)
    )


def chargeable_s(call: Call) -> int | None:
    """Seconds from answer to end in started minutes, 0 for calls never answered, `None` before the end."""
    if call.ended_at is None:
        return None
    if call.answered_at is None:
        return 0
    duration_s = (call.ended_at - call.answered_at).total_seconds()
    return -int(-max(duration_s, 0.0) // BILLED_S) * BILLED_S


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else wire_time(moment)


def _fallback(webhook: WebhookTarget | None) -> str | None:
    return webhook.fallback_url if webhook else None
