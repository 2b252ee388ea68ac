"""What comes to a script (arrivals), and what it wants done (orders)."""

from trebuchet.base.values import frozen
from trebuchet.bxml.verbs import Callback, Collect, Connect, Document, Record
from trebuchet.model.gather import GatherReason
from trebuchet.model.prompt import Prompt

# --- arrivals -------------------------------------------------------------------------------------------------------


@frozen
class DocumentCame:
    document: Document


@frozen
class NothingCame:
    """The application answered, but with no document."""


@frozen
class DocumentBad:
    """`text`: what its author should know."""

    text: str


@frozen
class RequestFailed:
    """Nobody answered at any URL; that is in the customer's error list already."""


@frozen
class PlaybackOver:
    """What the script let play has come to its end."""


@frozen
class GatherOver:
    gather_id: str
    digits: str
    reason: GatherReason
    terminator: str | None = None
    """The key that ended it."""


@frozen
class KeyCame:
    """The party pressed a key."""

    digit: str


@frozen
class RecordingOver:
    """The recording stopped, whoever stopped it."""


@frozen
class TransferJoined:
    pass


@frozen
class TransferFailed:
    """Nobody answered."""


@frozen
class TimerOver:
    number: int


@frozen
class Refused:
    """An order could not be carried out; nothing of it has happened. `code` is the error's."""

    code: str


@frozen
class TakenOver:
    """A client of the API leads the call now."""


@frozen
class CallOver:
    pass


Arrival = (
    DocumentCame
    | NothingCame
    | DocumentBad
    | RequestFailed
    | PlaybackOver
    | GatherOver
    | KeyCame
    | RecordingOver
    | TransferJoined
    | TransferFailed
    | TimerOver
    | Refused
    | TakenOver
    | CallOver
)

# --- orders ---------------------------------------------------------------------------------------------------------


@frozen
class Say:
    prompt: Prompt


@frozen
class StartGather:
    wanted: Collect


@frozen
class StartRecording:
    wanted: Record
    is_alone: bool
    """The party alone, ended by silence, a key or its duration; otherwise both parties until one hangs up."""


@frozen
class StopRecording:
    pass


@frozen
class StartTransfer:
    wanted: Connect


@frozen
class Dial:
    digits: str


@frozen
class Wait:
    """`TimerOver` with this number after so many seconds; replaces the timer that runs."""

    number: int
    seconds: float


@frozen
class TellGather:
    """Tell the application what was gathered. `is_answered`: its document is wanted."""

    callback: Callback
    result: GatherOver
    tag: str | None
    is_answered: bool


@frozen
class AskForDocument:
    """A redirect."""

    callback: Callback


@frozen
class EndCall:
    pass


@frozen
class Complain:
    """An entry of the customer's error list."""

    code: str
    text: str


Order = (
    Say
    | StartGather
    | StartRecording
    | StopRecording
    | StartTransfer
    | Dial
    | Wait
    | TellGather
    | AskForDocument
    | EndCall
    | Complain
)
