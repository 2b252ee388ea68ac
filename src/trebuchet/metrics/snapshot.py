"""What is the case now, read from its owners when a scrape comes; between scrapes it costs nothing."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import attrgetter

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from trebuchet.media.adapter import MediaStats, WorkerStats


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where the figures are; each returns at once."""

    live_calls: Callable[[], int]
    refused_calls: Callable[[], int]
    """Incoming and created calls for which there was no room."""
    sip_messages_shed: Callable[[], int]
    dialogs: Callable[[], int]
    transactions: Callable[[], int]
    media: Callable[[], MediaStats]
    loop_lag_s: Callable[[], float]
    commit_age_s: Callable[[], float]
    is_ready: Callable[[], bool]


class Snapshot(Collector):
    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def collect(self) -> Iterator[Metric]:
        sources = self._sources
        yield _gauge("ready", "1 while new calls are taken.", sources.is_ready())
        yield _gauge("calls", "Live calls.", sources.live_calls())
        yield _counter("calls_refused", "Calls there was no room for.", sources.refused_calls())
        yield _counter("sip_messages_shed", "INVITEs refused unread under overload.", sources.sip_messages_shed())
        yield _gauge("sip_dialogs", "SIP calls the stack knows.", sources.dialogs())
        yield _gauge("sip_transactions", "SIP transactions that are not over.", sources.transactions())
        yield _gauge("loop_lag_seconds", "Lateness of the event loop that stands, not bursts.", sources.loop_lag_s())
        yield _gauge("log_commit_age_seconds", "Time the commit under way has taken.", sources.commit_age_s())
        media = sources.media()
        yield _counter("media_worker_restarts", "Media workers that died and were replaced.", media.restarts)
        yield from _workers(media.workers)


WORKER_GAUGES = {
    "media_worker_up": ("is_up", "1 while the worker runs."),
    "media_ports": ("ports", "Media ports in use."),
    "media_load_ratio": ("load.load", "Busy share of the 20 ms tick."),
    "media_recorders": ("load.recorders", "Recordings under way."),
    "media_tick_late_seconds": ("load.worst_late_s", "Worst lateness of a tick in the last second."),
}
WORKER_COUNTERS = {
    "media_ticks": ("load.ticks", "Ticks of 20 ms."),
    "media_ticks_late": ("load.late_ticks", "Ticks that began more than 5 ms late."),
    "media_ticks_missed": ("load.missed_ticks", "Ticks left out because the worker was far behind."),
    "media_ticks_failed": ("load.failed_ticks", "Ticks that an error ended early."),
    "media_packets_dropped": ("load.dropped_packets", "Packets from a wrong source, or too long."),
}
"""Name, where `WorkerStats` has it, what it is. Counters begin again at zero when a worker is replaced."""


def _workers(workers: tuple[WorkerStats, ...]) -> Iterator[Metric]:
    for make, table in ((GaugeMetricFamily, WORKER_GAUGES), (CounterMetricFamily, WORKER_COUNTERS)):
        for name, (path, text) in table.items():
            family = make(f"trebuchet_{name}", text, labels=["worker"])
            for worker in workers:
                if worker.load is not None or not path.startswith("load."):
                    family.add_metric([str(worker.index)], float(attrgetter(path)(worker)))
            yield family


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"trebuchet_{name}", text, value=float(value))


def _counter(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(f"trebuchet_{name}", text, value=float(value))
