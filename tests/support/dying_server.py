"""`trebuchet serve` that dies (kill -9) at the place that `DIES` names in its environment."""

import os
import signal
from typing import Any

from trebuchet.api.idempotency import KeyedRequests
from trebuchet.calls.actor import CallActor
from trebuchet.calls.control import CallControl
from trebuchet.cli.main import app

BEFORE_COMMIT, AFTER_COMMIT, AFTER_INVITE = "before-commit", "after-commit", "after-invite"
PLACES = {
    BEFORE_COMMIT: (CallControl, "_outgoing_call"),
    AFTER_COMMIT: (CallActor, "begin_outgoing"),
    AFTER_INVITE: (KeyedRequests, "_store_answer"),
}


def die(*_: Any, **__: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":  # media workers import this module too
    setattr(*PLACES[os.environ["DIES"]], die)
    app()
