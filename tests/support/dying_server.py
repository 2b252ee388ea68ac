"""`trebuchet serve` that dies (kill -9) at the place that `DIES` names in its environment."""

import os
import signal
from collections.abc import Awaitable, Callable
from typing import Any

from trebuchet.api.context import Context
from trebuchet.api.idempotency import KeyedRequests
from trebuchet.api.v1.media import uploads
from trebuchet.calls.actor import CallActor
from trebuchet.calls.control import CallControl
from trebuchet.calls.performer import EffectsPerformer
from trebuchet.cli.main import app

BEFORE_COMMIT, AFTER_COMMIT, AFTER_INVITE = "before-commit", "after-commit", "after-invite"
BEFORE_ANSWER = "before-answer"
BEFORE_PUBLISH, BEFORE_CHANGE, AFTER_CHANGE = "before-publish", "before-change", "after-change"
PLACES = {
    BEFORE_COMMIT: (CallControl, "_outgoing_call"),
    AFTER_COMMIT: (CallActor, "begin_outgoing"),
    AFTER_INVITE: (KeyedRequests, "_store_answer"),
    BEFORE_ANSWER: (EffectsPerformer, "hold_answer"),
    BEFORE_PUBLISH: (uploads, "replace_durably"),
    BEFORE_CHANGE: (Context, "commit"),
    AFTER_CHANGE: (Context, "commit"),
}


def die(*_: Any, **__: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_after(work: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[None]]:
    async def last(*arguments: Any, **named: Any) -> None:
        await work(*arguments, **named)
        die()

    return last


if __name__ == "__main__":  # media workers import this module too
    owner, name = PLACES[os.environ["DIES"]]
    setattr(owner, name, die_after(getattr(owner, name)) if os.environ["DIES"] == AFTER_CHANGE else die)
    app()
