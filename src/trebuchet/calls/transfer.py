"""The rules of a transfer that concern neither SIP nor audio: whose number is shown, and what is said of diversions."""

from trebuchet.base.values import frozen
from trebuchet.calls.commands import CallerIdNotAllowed, Transfer
from trebuchet.calls.interfaces import Directory
from trebuchet.model.call import Call, Direction

PRIVATE = "private"


@frozen
class CallerId:
    """What the new party sees (`shown`) and whose number stands behind it (`number`)."""

    shown: str
    number: str
    is_private: bool


async def choose_caller_id(call: Call, transfer: Transfer, directory: Directory) -> CallerId:
    """The caller id of the new call. Raises `CallerIdNotAllowed`.

    Omitted, it is the `from` of the call that is transferred. An incoming call may also show its own caller; every
    call may show any number of its account; `private` hides the number.
    """
    wanted = transfer.caller_id
    if wanted is None:
        is_hidden = call.direction is Direction.IN and bool(call.withholds_number)
        return CallerId(PRIVATE if is_hidden else call.from_, call.from_, is_hidden)
    if wanted.lower() == PRIVATE:
        return CallerId(PRIVATE, call.from_, True)
    if call.direction is Direction.IN and wanted == call.from_:
        return CallerId(wanted, wanted, False)
    if await directory.owns_number(call.account_id, wanted):
        return CallerId(wanted, wanted, False)
    raise CallerIdNotAllowed(wanted)


def diversion_headers(transfer: Transfer, received: tuple[str, ...], request_uri: str) -> tuple[str, ...]:
    """Diversion header values of the new INVITE, topmost (newest) first (RFC 5806 5).

    `received` and `request_uri` are those of the incoming call; both are empty for an outgoing one, which has no
    diversion to hand on."""
    if transfer.diversion_treatment == "none":
        return ()
    if transfer.diversion_treatment == "propagate" or not request_uri:
        return received
    return (f"<{request_uri}>;reason={transfer.diversion_reason};counter=1", *received)
