"""When a failed delivery is tried again, and when not any more. Pure rules; time and chance are arguments.

The first round (each URL once, at once) is the API's own. What comes after it is ours: events that matter when the call
is long over are tried again for a day, the others while their call lives.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from trebuchet.base.rand import Rand
from trebuchet.base.values import frozen_keywords, replace
from trebuchet.events.payload import INCOMING_CALL
from trebuchet.model.call import Call, CallState
from trebuchet.model.conference import Conference
from trebuchet.model.delivery import Delivery, DeliveryAttempt, DeliveryState
from trebuchet.model.event import LoggedEvent

MAX_ATTEMPTS_KEPT = 100
"""Attempts kept of one delivery, the newest: a day of retries makes some 70 with two URLs; 15 kB."""
GONE = 410
"""The status with which a server says that it never wants this again (RFC 9110 15.5.11)."""
SPREAD = 0.25
"""Share by which each pause is longer or shorter by chance, so that what failed together does not return together."""
ACKNOWLEDGED = "acknowledged"

_LASTING = frozenset({"hangup", "recording", "timeout", "transcription"})


@frozen_keywords
class RetryRules:
    """Pauses double from the first one to the longest. `for_s` 0: no retries at all."""

    first_s: float = 5.0
    longest_s: float = 3600.0
    for_s: float = 86_400.0

    def pause_s(self, rounds: int, rand: Rand) -> float:
        """After so many failed rounds (at least 1)."""
        doubled = self.first_s * 2.0 ** min(rounds - 1, 40)
        chance = rand.below(2_000_001) / 1_000_000 - 1
        return min(doubled, self.longest_s) * (1 + SPREAD * chance)


def is_lasting(event: LoggedEvent) -> bool:
    """Whether the event is worth telling when its call or conference is over."""
    return event.name in _LASTING or (event.name == "conference" and event.data == "completed")


def is_wanted(delivery: Delivery, event: LoggedEvent, owner: Call | Conference | None) -> bool:
    """Whether the next round of a waiting delivery is to take place. `owner`: as it is now."""
    if delivery.is_asked_for or is_lasting(event):
        return True
    if owner is None or owner.state.is_final:
        return False
    return event.name != INCOMING_CALL or owner.state is CallState.RINGING


def after_round(
    before: Delivery, made: Sequence[DeliveryAttempt], now: datetime, rules: RetryRules, rand: Rand
) -> Delivery:
    """What has become of a delivery after another round."""
    after = replace(
        before,
        attempts=(*before.attempts, *made)[-MAX_ATTEMPTS_KEPT:],
        rounds=before.rounds + 1,
        is_asked_for=False,
    )
    last = made[-1]
    if last.verdict == ACKNOWLEDGED:
        return settle(after, DeliveryState.DELIVERED, now)
    due_at = now + timedelta(seconds=rules.pause_s(after.rounds, rand))
    if last.status == GONE or due_at > before.begun_at + timedelta(seconds=rules.for_s):
        return settle(after, DeliveryState.FAILED, now)
    return replace(after, state=DeliveryState.WAITING, due_at=due_at, settled_at=None)


def settle(delivery: Delivery, state: DeliveryState, now: datetime) -> Delivery:
    """Delivered or given up: there is no next round."""
    return replace(delivery, state=state, due_at=None, settled_at=now)


def ask_again(delivery: Delivery, now: datetime) -> Delivery:
    """Somebody wants it delivered (again): due now, and retried from now on as if it were new."""
    return replace(
        delivery,
        state=DeliveryState.WAITING,
        begun_at=now,
        rounds=0,
        due_at=now,
        settled_at=None,
        is_asked_for=True,
    )
