"""The measures of overload that this process takes of itself, as shares of what it can bear."""

from trebuchet.calls.admission import Signal
from trebuchet.loop_lag import LoopLag
from trebuchet.signalling.adapter import SipPlane
from trebuchet.store.sqlite import SqliteStore

LAG_LIMIT_S = 0.05
"""A REST request passes the loop some ten times: at this lateness it takes half a second, as long as anybody should
wait."""
BACKLOG_LIMIT_S = 0.1
"""Time for which SIP messages may stand in line in the kernel: a fifth of T1, after which callers send them again."""
COMMIT_LIMIT_S = 0.5
"""One commit of the log. Nothing is told before it is stored, so calls wait as long as the disk does."""


def overload_signals(lag: LoopLag, sip: SipPlane, store: SqliteStore) -> tuple[Signal, ...]:
    """The cheapest first: they are read for every INVITE."""
    return (
        Signal("event loop", lambda: lag.standing_s / LAG_LIMIT_S),
        Signal("sip messages", lambda: sip.shell.backlog_s / BACKLOG_LIMIT_S),
        Signal("log", lambda: store.commit_age_s / COMMIT_LIMIT_S if store.healthy else 1.0),
    )
