"""Model values to JSON documents and back. Fields that were added since a row was written take their defaults."""

from collections.abc import Callable
from dataclasses import MISSING, Field, field, fields, make_dataclass, replace
from typing import Any, cast, get_type_hints

import msgspec

from trebuchet.base.values import frozen_keywords
from trebuchet.model.account import Account
from trebuchet.model.application import Application
from trebuchet.model.bridge import Bridge
from trebuchet.model.call import Call, TransferRequest
from trebuchet.model.charge import Charge
from trebuchet.model.conference import Conference, Member
from trebuchet.model.delivery import Delivery
from trebuchet.model.endpoint import Binding, Domain, Endpoint
from trebuchet.model.event import LoggedEvent
from trebuchet.model.gather import Gather
from trebuchet.model.keyed_request import KeyedRequest
from trebuchet.model.media_file import MediaFile
from trebuchet.model.number import PhoneNumber
from trebuchet.model.prompt import AudioFile, Prompt, Sentence
from trebuchet.model.recording import Recording
from trebuchet.model.stock import CallerName, StockNumber
from trebuchet.model.transcription import Transcription
from trebuchet.model.user_error import UserError

encode: Callable[[object], bytes] = msgspec.json.Encoder().encode

decode_account = msgspec.json.Decoder(Account).decode
decode_application = msgspec.json.Decoder(Application).decode
decode_number = msgspec.json.Decoder(PhoneNumber).decode
decode_event = msgspec.json.Decoder(LoggedEvent).decode
decode_keyed_request = msgspec.json.Decoder(KeyedRequest).decode
decode_delivery = msgspec.json.Decoder(Delivery).decode
decode_bridge = msgspec.json.Decoder(Bridge).decode
decode_conference = msgspec.json.Decoder(Conference).decode
decode_member = msgspec.json.Decoder(Member).decode
decode_gather = msgspec.json.Decoder(Gather).decode
decode_recording = msgspec.json.Decoder(Recording).decode
decode_user_error = msgspec.json.Decoder(UserError).decode
decode_transcription = msgspec.json.Decoder(Transcription).decode
decode_media_file = msgspec.json.Decoder(MediaFile).decode
decode_stock_number = msgspec.json.Decoder(StockNumber).decode
decode_caller_name = msgspec.json.Decoder(CallerName).decode
decode_charge = msgspec.json.Decoder(Charge).decode
decode_domain = msgspec.json.Decoder(Domain).decode
decode_endpoint = msgspec.json.Decoder(Endpoint).decode
decode_binding = msgspec.json.Decoder(Binding).decode


# A call's document differs from the value in one place: the kinds of prompt look alike as JSON, so each has its key.


@frozen_keywords
class _TransferDoc:
    to: str
    caller_id: str | None = None
    sentence: Sentence | None = None
    file: AudioFile | None = None


def _pack_transfer(transfer: TransferRequest) -> _TransferDoc:
    whisper = transfer.whisper
    return _TransferDoc(
        to=transfer.to,
        caller_id=transfer.caller_id,
        sentence=whisper if isinstance(whisper, Sentence) else None,
        file=whisper if isinstance(whisper, AudioFile) else None,
    )


def _unpack_transfer(doc: _TransferDoc | None) -> TransferRequest | None:
    if doc is None:
        return None
    whisper: Prompt | None = doc.sentence or doc.file
    return TransferRequest(to=doc.to, caller_id=doc.caller_id, whisper=whisper)


def _copy_default(source: "Field[Any]") -> Any:
    if source.default_factory is not MISSING:
        return field(default_factory=source.default_factory)
    return field(default=source.default)


def _make_call_doc() -> Any:
    hints = get_type_hints(Call) | {"transfer": _TransferDoc | None}
    shape = [(item.name, hints[item.name], _copy_default(item)) for item in fields(Call)]
    return make_dataclass("CallDoc", shape, kw_only=True, slots=True)


_CALL_FIELDS = tuple(item.name for item in fields(Call))
_decode_call_doc = msgspec.json.Decoder(_make_call_doc()).decode


def encode_call(call: Call) -> bytes:
    if call.transfer is not None:
        call = replace(call, transfer=cast(TransferRequest, _pack_transfer(call.transfer)))
    return encode(call)


def decode_call(doc: bytes) -> Call:
    found = _decode_call_doc(doc)
    values = {name: getattr(found, name) for name in _CALL_FIELDS}
    values["transfer"] = _unpack_transfer(values["transfer"])
    return Call(**values)
