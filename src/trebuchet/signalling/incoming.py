"""From an INVITE to `IncomingCall`."""

from trebuchet.base.values import replace
from trebuchet.calls.interfaces import IncomingCall
from trebuchet.model.endpoint import Endpoint
from trebuchet.model.media_description import MediaDescription
from trebuchet.signalling.door import Visitor
from trebuchet.signalling.identity import read_caller, read_diversion, read_diversion_headers, read_sip_headers
from trebuchet.signalling.numbers import name_of
from trebuchet.sip.message import Request


def read_invite(
    request: Request, visitor: Visitor, offer: MediaDescription | None, *, wants_encryption: bool = False
) -> IncomingCall:
    """Raises `SipError` with the status the INVITE deserves (400, 416) when From or Request-URI cannot be read."""
    caller = read_caller(request)
    return IncomingCall(
        from_=caller.from_,
        to=name_of(request.uri),
        offer=offer,
        display_name=caller.display_name,
        preferred_id=caller.preferred_id,
        withholds_number=caller.withholds_number,
        withholds_name=caller.withholds_name,
        sip_headers=read_sip_headers(request),
        diversion=read_diversion(request),
        diversion_headers=read_diversion_headers(request),
        request_uri=str(request.uri),
        trunk=visitor.trunk,
        wants_encryption=wants_encryption,
    )


def as_call_of(endpoint: Endpoint, call: IncomingCall) -> IncomingCall:
    """The call of a phone that has shown which endpoint it is: nothing else it says about its caller is believed."""
    return replace(
        call,
        from_=endpoint.address,
        endpoint_id=endpoint.id,
        preferred_id=None,
        withholds_number=False,
        withholds_name=False,
        diversion=None,
        diversion_headers=(),
    )
