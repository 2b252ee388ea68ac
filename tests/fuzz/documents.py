"""The invariant of BXML: documents of strangers are followed or refused, within bounds."""

from trebuchet.base.ids import AccountId, CallId
from trebuchet.bxml import commands
from trebuchet.bxml.errors import DocumentError
from trebuchet.bxml.orders import (
    DocumentCame,
    EndCall,
    PlaybackOver,
    RecordingOver,
    StartGather,
    StartRecording,
    StartTransfer,
    TimerOver,
    TransferFailed,
)
from trebuchet.bxml.script import MAX_VERBS, Lingering, Over, Script, decide
from trebuchet.bxml.wire import read_document
from trebuchet.model.call import Call, CallState, Direction
from trebuchet.testing.fakes import LONG_AGO

CALL = Call(
    id=CallId("c-1"),
    account_id=AccountId("u-1"),
    direction=Direction.IN,
    from_="+15550188",
    to="+15550100",
    state=CallState.ANSWERED,
    created_at=LONG_AGO,
)
STEPS = 400
"""More than any document of 16 KB needs to come to its end: some verbs take thirty steps, and few fit."""


def check_document(data: bytes) -> None:
    """Any bytes are a document whose verbs come to an end, or an error of their author."""
    try:
        document = read_document(data, "https://app.example/voice")
    except DocumentError as error:
        assert str(error)
        return
    script, orders = decide(Script(), DocumentCame(document))
    for _ in range(STEPS):
        for order in orders:
            match order:
                case StartGather(wanted):
                    commands.gather_command(CALL, wanted)
                case StartRecording(verb, is_alone):
                    commands.recording_command(CALL, verb, is_alone=is_alone)
                case StartTransfer(connect):
                    assert 1 <= len(commands.transfer_command(CALL, connect).also_to) + 1 <= 7
                case EndCall():
                    assert isinstance(script.waits, Over)
                case _:
                    pass
        if isinstance(script.waits, Over | Lingering):
            break
        for arrival in (PlaybackOver(), RecordingOver(), TransferFailed(), TimerOver(script.timer)):
            after, orders = decide(script, arrival)
            if after != script:
                script = after
                break
    assert script.verbs_run <= MAX_VERBS
