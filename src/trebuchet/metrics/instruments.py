"""Counters and histograms that grow as things happen. Each note costs a few microseconds and never raises.

Names follow Prometheus' conventions: base units (seconds, ratio), `_total` for counters. No label carries anything of a
customer's: neither account nor number.
"""

from collections.abc import Sequence
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Histogram

from trebuchet.events.webhook import Attempt
from trebuchet.media.messages import Load, PortClosed
from trebuchet.model.call import Call
from trebuchet.model.conference import Conference
from trebuchet.model.event import LoggedEvent

ANSWERED, ENDED = "answer", "hangup"
SETUP_BUCKETS_S = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60)
"""From a server that answers by itself to a person who lets it ring."""
COMMIT_BUCKETS_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 3)
DELIVERY_BUCKETS_S = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
AGE_BUCKETS_S = (0.005, 0.025, 0.1, 0.5, 1, 5, 10, 60, 600, 3600, 86_400)
"""Retries end after a day."""
JITTER_BUCKETS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.04, 0.08, 0.2)
MOS_BUCKETS = (1.5, 2.0, 2.5, 3.0, 3.5, 3.8, 4.0, 4.2, 4.4)
GROUP_BUCKETS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


class Instruments:
    """Everything that is counted, in a registry of its own."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"trebuchet_{name}", text, labels, registry=registry)

        def histogram(name: str, text: str, buckets: Sequence[float], *labels: str) -> Histogram:
            return Histogram(f"trebuchet_{name}", text, labels, buckets=buckets, registry=registry)

        # Finding a child by its labels costs as much as counting: each is looked up once.

        self._ended = cache(counter("calls_ended", "Calls that are over.", "direction", "cause").labels)
        setup = histogram(
            "call_setup_seconds", "From the INVITE to the answer, ringing included.", SETUP_BUCKETS_S, "direction"
        )
        self._setup = cache(setup.labels)
        self._attempts = cache(counter("webhook_attempts", "Webhook requests that are over.", "verdict").labels)
        self._delivery = histogram("webhook_attempt_seconds", "Duration of a webhook request.", DELIVERY_BUCKETS_S)
        self._age = histogram(
            "webhook_age_seconds", "Age of an event when its webhook was acknowledged or given up.", AGE_BUCKETS_S
        )
        self._commit = histogram("log_commit_seconds", "One transaction of the event log.", COMMIT_BUCKETS_S)
        self._group = histogram("log_commit_batches", "Batches that shared a transaction.", GROUP_BUCKETS)
        stages = counter("media_stage_seconds", "Time media workers spent in each stage of the tick.", "stage")
        self._stages = cache(stages.labels)
        self._packets = cache(counter("rtp_packets", "RTP packets of ports that have closed.", "kind").labels)
        self._concealed = counter("rtp_concealed_seconds", "Audio made up for packets that never came.")
        self._jitter = histogram("rtp_jitter_seconds", "Inter-arrival jitter of a stream at its end.", JITTER_BUCKETS_S)
        self._mos = histogram("rtp_mos", "Estimated quality of a stream at its end, 1 to 4.5.", MOS_BUCKETS)

    def note_event(self, call: Call | Conference, event: LoggedEvent) -> None:
        """A subscriber of the event log."""
        if not isinstance(call, Call):
            return
        if event.name == ANSWERED and call.answered_at is not None:
            self._setup(call.direction.value).observe((call.answered_at - call.created_at).total_seconds())
        elif event.name == ENDED and call.cause is not None:
            self._ended(call.direction.value, call.cause.value).inc()

    def note_round(self, attempts: Sequence[Attempt], age_s: float) -> None:
        """The first attempts for one event are over, `age_s` after it happened."""
        self.note_attempts(attempts)
        self._age.observe(max(0.0, age_s))

    def note_attempts(self, attempts: Sequence[Attempt]) -> None:
        """Further ones for an event that failed before; they say nothing of how fast events are told."""
        for attempt in attempts:
            self._attempts(attempt.verdict.value).inc()
            self._delivery.observe(attempt.total_ms / 1000)

    def note_commit(self, seconds: float, batches: int) -> None:
        """Called on the log's thread."""
        self._commit.observe(seconds)
        self._group.observe(batches)

    def note_media(self, report: Load | PortClosed) -> None:
        """What a media worker said: once a second about itself, and about each port at its end."""
        if isinstance(report, Load):
            for stage, seconds in report.stages.items():
                self._stages(stage).inc(seconds)
            return
        for kind, count in (("received", report.received), ("lost", report.lost), ("sent", report.sent)):
            self._packets(kind).inc(max(0, count))
        if report.received:
            self._concealed.inc(report.concealed_ms / 1000)
            self._jitter.observe(report.jitter_ms / 1000)
            self._mos.observe(report.mos)
