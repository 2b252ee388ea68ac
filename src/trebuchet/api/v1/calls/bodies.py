"""What clients send to create, change and list calls."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

from trebuchet.api import errors
from trebuchet.api.fields import (
    MAX_CALLBACK_TIMEOUT_MS,
    Body,
    CallbackUrl,
    Destination,
    Flag,
    PhoneNumber,
    QueryAddress,
    SipHeaders,
    Text,
    choice,
    integer,
    is_e164,
    is_sip_uri,
)
from trebuchet.api.paging import PageQuery
from trebuchet.api.prompts import AudioBody
from trebuchet.api.v1.calls.wire import REQUESTABLE_STATES
from trebuchet.base.ids import AccountId, CallId
from trebuchet.calls.commands import CreateCall, Transfer, UpdateCall
from trebuchet.model.call import DIVERSION_REASONS, DIVERSION_TREATMENTS, CallState, HttpMethod, WebhookTarget
from trebuchet.model.recording import RecordingFormat, RecordingSettings
from trebuchet.store.interface import CallFilter

MAX_RING_TIMEOUT_S = 300
DEFAULT_RING_TIMEOUT_S = 60
"""How long a new call may ring (API rules)."""
PRIVATE = "private"
"""The caller id that hides the caller."""

HTTP_METHODS = {method.value: method for method in HttpMethod}
_FORMATS = {"wav": RecordingFormat.WAV, "mp3": RecordingFormat.MP3}
_TREATMENTS = {word: word for word in DIVERSION_TREATMENTS}
_REASONS = {word: word for word in DIVERSION_REASONS}


class CreateCallBody(Body):
    """A call to place."""

    resource = "call"
    from_: PhoneNumber = Field(alias="from")
    to: Destination
    call_timeout: integer(1, MAX_RING_TIMEOUT_S) = Field(  # type: ignore[valid-type]  # a type made by a function
        DEFAULT_RING_TIMEOUT_S, alias="callTimeout"
    )
    callback_url: CallbackUrl = Field(None, alias="callbackUrl")
    callback_timeout: integer(1, MAX_CALLBACK_TIMEOUT_MS) = Field(  # type: ignore[valid-type]  # likewise
        None, alias="callbackTimeout"
    )
    callback_http_method: choice(HTTP_METHODS) = Field(  # type: ignore[valid-type]  # likewise
        HttpMethod.POST, alias="callbackHttpMethod"
    )
    fallback_url: CallbackUrl = Field(None, alias="fallbackUrl")
    bridge_id: Text | None = Field(None, alias="bridgeId")
    conference_id: Text | None = Field(None, alias="conferenceId")
    recording_enabled: Flag = Field(False, alias="recordingEnabled")
    recording_max_duration: integer(1) = Field(  # type: ignore[valid-type]  # likewise
        None, alias="recordingMaxDuration"
    )
    recording_file_format: choice(_FORMATS) = Field(  # type: ignore[valid-type]  # likewise
        RecordingFormat.WAV, alias="recordingFileFormat"
    )
    transcription_enabled: Flag = Field(False, alias="transcriptionEnabled")
    tag: Text | None = None
    sip_headers: SipHeaders = Field({}, alias="sipHeaders")

    def to_command(self, account_id: AccountId) -> CreateCall:
        return CreateCall(
            account_id=account_id,
            from_=self.from_,
            to=self.to,
            ring_timeout_s=self.call_timeout,
            webhook=self._webhook(),
            recording=RecordingSettings(
                is_enabled=self.recording_enabled,
                format=self.recording_file_format,
                max_duration_s=self.recording_max_duration,
            ),
            is_transcribed=self.transcription_enabled,
            tag=self.tag,
            sip_headers=dict(self.sip_headers),
            bridge_id=self.bridge_id,
            conference_id=self.conference_id,
        )

    def _webhook(self) -> WebhookTarget | None:
        if self.callback_url is None:
            return None
        return WebhookTarget(
            url=self.callback_url,
            method=self.callback_http_method,
            timeout_ms=self.callback_timeout,
            fallback_url=self.fallback_url,
        )


def _caller_id(value: Any) -> str:
    """Read only with a transfer, so anything is taken here and judged there."""
    return value if isinstance(value, str) else str(value)


class UpdateCallBody(Body):
    """A change of a call. Everything is optional."""

    resource = "call"
    state: choice(REQUESTABLE_STATES) = None  # type: ignore[valid-type]  # a type made by a function
    recording_enabled: Flag | None = Field(None, alias="recordingEnabled")
    recording_file_format: choice(_FORMATS) = Field(  # type: ignore[valid-type]  # likewise
        None, alias="recordingFileFormat"
    )
    recording_max_duration: integer(1) = Field(  # type: ignore[valid-type]  # likewise
        None, alias="recordingMaxDuration"
    )
    transfer_to: Destination | None = Field(None, alias="transferTo")
    transfer_caller_id: Annotated[str, BeforeValidator(_caller_id), WithJsonSchema({"type": "string"})] | None = Field(
        None, alias="transferCallerId"
    )
    whisper_audio: AudioBody | None = Field(None, alias="whisperAudio")
    callback_url: CallbackUrl = Field(None, alias="callbackUrl")
    tag: Text | None = None
    diversion_treatment: choice(_TREATMENTS) = Field(  # type: ignore[valid-type]  # likewise
        "none", alias="diversionTreatment"
    )
    diversion_reason: choice(_REASONS) = Field(  # type: ignore[valid-type]  # likewise
        "unknown", alias="diversionReason"
    )

    def to_command(self, account_id: AccountId, call_id: CallId) -> UpdateCall:
        """Raises `ApiError` for what can only be judged with all keys together."""
        return UpdateCall(
            account_id=account_id,
            call_id=call_id,
            state=self.state,
            is_recording=self.recording_enabled,
            recording_format=self.recording_file_format,
            recording_max_duration_s=self.recording_max_duration,
            transfer=self._transfer(),
        )

    def _transfer(self) -> Transfer | None:
        whisper = self._whisper()
        if self.state is not CallState.TRANSFERRING:
            return None
        if self.transfer_to is None:
            raise errors.MISSING_PROPERTY(self.resource, "transferTo")
        return Transfer(
            to=self.transfer_to,
            caller_id=None if self.transfer_caller_id is None else _checked_caller_id(self.transfer_caller_id),
            whisper=whisper,
            webhook_url=self.callback_url,
            tag=self.tag,
            diversion_treatment=self.diversion_treatment,
            diversion_reason=self.diversion_reason,
        )

    def _whisper(self) -> Any:
        if self.whisper_audio is None:
            return None
        prompt = self.whisper_audio.to_prompt()
        if prompt is None:
            raise errors.MISSING_PROPERTY("whisperAudio", "sentence")
        return prompt


def _checked_caller_id(caller_id: str) -> str:
    """The form only; whose number it is, call control knows."""
    if caller_id.lower() == PRIVATE:
        return PRIVATE
    if is_e164(caller_id) or is_sip_uri(caller_id):
        return caller_id
    raise errors.CALLER_ID_NOT_ALLOWED(caller_id)


class ListCallsQuery(PageQuery):
    """Which calls to list. With a bridge or a conference all of its calls come at once."""

    resource = "call"
    bridge_id: Text | None = Field(None, alias="bridgeId")
    conference_id: Text | None = Field(None, alias="conferenceId")
    from_: QueryAddress | None = Field(None, alias="from")
    to: QueryAddress | None = None
    sort_order: choice({"asc": True, "desc": False}) = Field(  # type: ignore[valid-type]  # a type made by a function
        False, alias="sortOrder"
    )

    @property
    def is_whole(self) -> bool:
        """Whether the list comes in one piece."""
        return self.bridge_id is not None or self.conference_id is not None

    def to_filter(self) -> CallFilter:
        return CallFilter(
            from_=self.from_,
            to=self.to,
            bridge_id=self.bridge_id,
            conference_id=self.conference_id,
            is_ascending=self.sort_order,
        )

    def shown_filters(self) -> list[tuple[str, str]]:
        """The filters as the links to neighbouring pages repeat them."""
        shown = [("from", self.from_), ("to", self.to), ("sortOrder", "asc" if self.sort_order else None)]
        return [(name, value) for name, value in shown if value is not None]
