"""The composition root: the only place that names the concrete classes together, and the order of start and stop.

Start: the store first (nothing is promised without it), then the ports that others must find free, the media workers,
speech, signalling; what an earlier process left behind is ended and reported; at last the API, and the ready line.
Stop is the same backwards, after running calls had their time.
"""

import asyncio
import contextlib
import fcntl
import gc
import os
import signal
import sys
from collections.abc import Coroutine, Iterator, Sequence
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import structlog
import uvicorn
import uvloop
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from trebuchet.accounts import ensure_account
from trebuchet.api.app import create_app
from trebuchet.api.dependencies import ApiDependencies
from trebuchet.api.metrics import MetricsPage
from trebuchet.api.serve import make_server, open_listener
from trebuchet.base.clock import SystemClock
from trebuchet.base.errors import TrebuchetError
from trebuchet.base.ids import AccountId, CallId, ConferenceId, Ids
from trebuchet.base.rand import SystemRand
from trebuchet.calls.control import CallControl
from trebuchet.calls.meeting_recovery import end_meetings
from trebuchet.calls.notes import CallNotes
from trebuchet.calls.recovery import Recovery
from trebuchet.calls.transcriber import Transcriber
from trebuchet.calls.transcribing import TranscriptionRules
from trebuchet.config import Settings, SocketAddress
from trebuchet.events.feed import Feed
from trebuchet.events.log import EventLog
from trebuchet.events.outbox import Outbox
from trebuchet.events.payload import INCOMING_CALL, RECORDING
from trebuchet.events.relay import Relay
from trebuchet.events.retrier import Retrier
from trebuchet.events.signing import Signer
from trebuchet.events.webhook import Attempt
from trebuchet.fetch.addresses import AddressPolicy
from trebuchet.fetch.client import GuardedClient
from trebuchet.housekeeping import Housekeeping
from trebuchet.leftovers import remove_orphans
from trebuchet.logs import configure_logs
from trebuchet.loop_lag import LoopLag
from trebuchet.media.adapter import MediaPlanePool
from trebuchet.media.files import AudioFiles, RecordingFiles
from trebuchet.media.paths import media_path
from trebuchet.metrics.instruments import Instruments
from trebuchet.metrics.snapshot import Snapshot, Sources
from trebuchet.model.call import Call
from trebuchet.model.conference import Conference
from trebuchet.model.endpoint import Binding
from trebuchet.model.event import LoggedEvent, OwnerKind
from trebuchet.model.recording import Recording, RecordingState
from trebuchet.places import Places
from trebuchet.prompts.cache import PcmCache
from trebuchet.prompts.renderer import PromptRenderer
from trebuchet.prompts.sources import PromptSources
from trebuchet.scripting import Scripting
from trebuchet.secret_key import RequestSecrets, read_key
from trebuchet.signalling.adapter import SipPlane
from trebuchet.signals import overload_signals
from trebuchet.speech.stt import ListeningOptions, open_listening
from trebuchet.speech.transcripts import Transcripts
from trebuchet.speech.tts import SpeechOptions, open_speech
from trebuchet.store.interface import Batch, PhoneChanges
from trebuchet.store.sqlite import SqliteStore
from trebuchet.webhook_secrets import WebhookSecrets
from trebuchet.wiring import (
    api_tls,
    call_limits,
    call_policy,
    dial_rules,
    media_settings,
    monthly_price,
    price_list,
    prompt_limits,
    rate_limits,
    retry_rules,
    sip_settings,
)

logger = structlog.get_logger(__name__)

WEBHOOKS_DRAIN_S = 10.0
"""At the stop, how long deliveries under way may take; that is the longest a webhook may."""
GC_THRESHOLDS = (50_000, 20, 100)
"""Allocations before a collection: calls make few cycles, and the default would interrupt signalling many times a
second."""


def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; a second signal ends at once. Exits 1 with one plain line when it cannot start."""
    configure_logs()
    try:
        with _data_directory(settings.data):
            uvloop.run(_serve(settings))
    except (TrebuchetError, OSError) as error:
        print(f"trebuchet: {error}", file=sys.stderr)
        raise SystemExit(1) from error


@contextlib.contextmanager
def _data_directory(path: Path) -> Iterator[None]:
    """Make the directory if needed and hold its lock: two servers in one would end each other's calls."""
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (path / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OSError(f"{path} is in use by another server") from None
        yield


async def _serve(settings: Settings) -> None:
    stop = _StopSignals()
    async with contextlib.AsyncExitStack() as stack:
        server = Server(settings, stack)
        await server.start()
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, server.log_state)
        print(server.ready_line(), flush=True)
        await stop.requested.wait()
        server.begin_drain()
        await server.control.close(settings.drain_s)
        await server.relay.drain(WEBHOOKS_DRAIN_S)


class _StopSignals:
    """The first SIGTERM or SIGINT asks for an orderly stop; the second ends the process."""

    def __init__(self) -> None:
        self.requested = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._handle)

    def _handle(self) -> None:
        if self.requested.is_set():
            os._exit(1)
        self.requested.set()


class Server:
    """Everything that runs. What is started is pushed on `stack`, which stops it in the opposite order."""

    def __init__(self, settings: Settings, stack: contextlib.AsyncExitStack) -> None:
        self._settings = settings
        self._stack = stack
        self._clock, self._rand = SystemClock(), SystemRand()
        self._ids = Ids(self._rand)
        self._lag = LoopLag()
        self._figures = CollectorRegistry()
        self._instruments = Instruments(self._figures)
        self._is_draining = False
        self._tasks: set[asyncio.Task[object]] = set()
        self._scripting: Scripting | None = None

    async def start(self) -> None:
        """Raises `OSError` or `TrebuchetError` when the server cannot serve."""
        settings, stack = self._settings, self._stack
        self._api_tls = api_tls(settings)
        self.store = await SqliteStore.open(settings.database_path, observe=self._instruments.note_commit)
        stack.push_async_callback(self.store.close)
        await self._ensure_account()
        await remove_orphans(self.store, self._media_directory)
        self._http_socket = open_listener(settings.http.host, settings.http.port)
        stack.callback(self._http_socket.close)
        policy = AddressPolicy(settings.fetch.allowed_networks)
        self.relay = self._start_relay(policy)
        self.log = EventLog(self.store, self.relay, self._ids, self._clock, self.public_url, price_list(settings))
        self.log.subscribe(self._instruments.note_event)
        self.media = MediaPlanePool(media_settings(settings))
        self.media.observe = self._instruments.note_media
        await self.media.start()
        stack.push_async_callback(self.media.close)
        await self._start_calls(policy)
        await self._start_api()

    async def _ensure_account(self) -> None:
        ensured = await ensure_account(self.store, self._settings.account, self._ids, self._clock)
        self.account_id: AccountId = ensured.account.id
        if ensured.fresh is not None:
            fresh = ensured.fresh
            print(f"user={fresh.account_id} token={fresh.token} secret={fresh.secret}")
            print("These credentials are shown only now; note them.", flush=True)

    def _start_relay(self, policy: AddressPolicy) -> Relay:
        client = GuardedClient(policy)
        self._stack.push_async_callback(client.close)
        outbox = Outbox(self.store, self._clock, retry_rules(self._settings), self._rand)
        self._stack.push_async_callback(outbox.close)
        key = read_key(self._settings.data, self._rand)
        self._secrets, self._request_secrets = WebhookSecrets(key), RequestSecrets(key)
        signer = self._signer = Signer(self._secrets_of, self._clock)
        self.retrier = Retrier(client, self.store, outbox, self._clock, signer.sign, self._owner_of)
        self.retrier.on_round = lambda event, attempts: self._instruments.note_attempts(attempts)
        self._stack.push_async_callback(self.retrier.close)
        relay = Relay(client, self.store, self._ids, self._clock, sign=signer.sign)
        self._stack.push_async_callback(relay.close)
        relay.on_round = lambda event, attempts: self._note_round(outbox, event, attempts)
        relay.on_undeliverable = self._handle_undeliverable
        return relay

    async def _secrets_of(self, account_id: AccountId) -> tuple[str, ...]:
        account = await self.store.account(account_id)
        return () if account is None else self._secrets.valid(account, self._clock.utc())

    async def _owner_of(self, event: LoggedEvent) -> Call | Conference | None:
        if event.owner_kind is OwnerKind.CONFERENCE:
            return await self.store.conference(ConferenceId(event.owner_id))
        return await self.store.call(CallId(event.owner_id))

    def _note_round(self, outbox: Outbox, event: LoggedEvent, attempts: Sequence[Attempt]) -> None:
        outbox.note_round(event, attempts)
        self._instruments.note_round(attempts, (self._clock.utc() - event.at).total_seconds())
        if self._scripting is not None:
            self._scripting.react(event, attempts)

    def _open_scripting(self, policy: AddressPolicy) -> None:
        client = GuardedClient(policy)
        self._stack.push_async_callback(client.close)
        self._scripting = Scripting(
            self.control,
            client,
            self.log,
            self.store,
            self._ids,
            self._clock,
            base_url=self.public_url,
            sign=self._signer.sign,
        )
        self._stack.push_async_callback(self._scripting.close)

    async def _start_calls(self, policy: AddressPolicy) -> None:
        audio = AudioFiles()
        self._stack.push_async_callback(audio.close)
        finisher = RecordingFiles(self._settings.data, audio)
        self.sip = SipPlane(
            sip_settings(self._settings),
            self._rand,
            self._clock,
            book=self.store.phones,
            save_bindings=self._save_bindings,
        )
        self.control = CallControl(
            signalling=self.sip,
            media=self.media,
            prompts=self._open_prompts(policy, audio),
            log=self.log,
            directory=self.store,
            archive=self.store,
            finisher=finisher,
            ids=self._ids,
            clock=self._clock,
            policy=call_policy(self._settings),
            dial_rules=dial_rules(self._settings),
            call_limits=call_limits(self._settings),
            signals=overload_signals(self._lag, self.sip, self.store),
        )
        self.sip.shell.has_room = self.control.has_room
        self._open_scripting(policy)
        self._lag.start()
        self._stack.callback(self._lag.stop)
        await self.sip.start()
        self._stack.push_async_callback(self.sip.close)
        rules = TranscriptionRules(self._ids)
        self.transcriber = self._open_transcriber(rules)
        recovery = Recovery(self.control.machine, self.store, self.log, self.sip, finisher, self._clock, rules)
        await self.relay.resume()
        leftovers = await recovery.leftovers()
        await recovery.end_calls()
        await end_meetings(self.store, self.log, self._clock)
        self._spawn(self._finish_leftovers(recovery, leftovers))
        await self.retrier.start()
        self._start_housekeeping()
        self.sip.handler = self.control

    def _start_housekeeping(self) -> None:
        keep = timedelta(days=self._settings.webhooks.keep_days)
        task = asyncio.get_running_loop().create_task(Housekeeping(self.store, self._clock, keep).run())
        self._stack.callback(task.cancel)

    def _open_transcriber(self, rules: TranscriptionRules) -> Transcriber:
        wanted = self._settings.transcription
        engine = open_listening(wanted.engine, ListeningOptions(model=wanted.model, extra=wanted.options))
        self._stack.push_async_callback(engine.close)
        transcriber = Transcriber(
            rules=rules,
            log=self.log,
            archive=self.store,
            notes=CallNotes(self.control.calls, self.store, self.log),
            listening=Transcripts(engine, self._media_directory),
            clock=self._clock,
        )
        self._stack.push_async_callback(transcriber.close)
        self.log.subscribe(lambda owner, event: transcriber.look() if event.name == RECORDING else None)
        return transcriber

    async def _finish_leftovers(self, recovery: Recovery, leftovers: list[Recording]) -> None:
        """Recordings first: until they are reported, nothing else may add to the logs of their calls."""
        await recovery.save_recordings(leftovers)
        self.transcriber.start()

    async def _save_bindings(self, stored: tuple[Binding, ...], removed: tuple[str, ...]) -> None:
        await self.store.write(Batch(phones=PhoneChanges(bindings=stored, removed_bindings=removed)))

    def _open_prompts(self, policy: AddressPolicy, audio: AudioFiles) -> PromptRenderer:
        settings, limits = self._settings, prompt_limits(self._settings)
        speech = open_speech(
            settings.speech.engine,
            SpeechOptions(
                sentence_limit_s=settings.speech.sentence_limit_s,
                piper_models=settings.speech.piper_models,
                extra=settings.speech.options,
            ),
        )
        self._stack.push_async_callback(speech.close)
        client = GuardedClient(policy)
        self._stack.push_async_callback(client.close)
        cache = PcmCache(
            settings.prompt_cache_path,
            self._clock,
            self._rand,
            max_bytes=limits.cache_bytes,
            protected_s=limits.protected_s,
        )
        sources = PromptSources(
            speech=speech,
            download=client.download,
            decode=audio.decode_to_pcm,
            find_media=self._find_media,
            own_urls=tuple({self.public_url, self._local_url}),
        )
        prompts = PromptRenderer(sources, cache, limits, self._clock)
        self._stack.push_async_callback(prompts.close)
        return prompts

    @property
    def _media_directory(self) -> Path:
        """Holds `{account id}/{media name}`."""
        return self._settings.data / "media"

    async def _find_media(self, account_id: AccountId, media_name: str) -> Path | None:
        file = await self.store.media_file(account_id, media_name)
        if file is not None:
            return self._media_directory / account_id / file.place
        recording = await self.store.recording_by_media_name(account_id, media_name)
        if recording is None or recording.state is not RecordingState.COMPLETE:
            return None
        return media_path(self._settings.data, account_id, media_name)

    async def _start_api(self) -> None:
        feed = Feed(self.log.subscribe, self.store)
        deps = ApiDependencies(
            store=self.store,
            calls=self.control,
            bridges=self.control.bridges,
            conferences=self.control.conferences,
            feed=feed,
            report_error=self.log.report,
            ids=self._ids,
            clock=self._clock,
            media_directory=self._media_directory,
            transcriptions=self.transcriber,
            find_place=Places().find,
            number_price=monthly_price(self._settings.prices.local_number),
            toll_free_price=monthly_price(self._settings.prices.toll_free_number),
            deliver_again=self.retrier.redeliver,
            webhook_secret=self._secrets.current,
            request_secret=self._request_secrets.of,
            is_ready=self._is_ready,
            is_draining=lambda: self._is_draining,
            public_url=self._settings.public_url,
            phone_domain=self._settings.phones.domain,
            trusted_proxies=tuple(ip_network(proxy) for proxy in self._settings.api.trusted_proxies),
            rate_limits=rate_limits(self._settings),
            metrics=self._metrics_page(),
        )
        api = make_server(create_app(deps), tls=self._api_tls)
        serving = asyncio.get_running_loop().create_task(api.serve(sockets=[self._http_socket]))
        while not api.started and not serving.done():
            await asyncio.sleep(0)
        self._stack.push_async_callback(self._stop_api, api, serving)
        self._stack.callback(feed.close)

    def _metrics_page(self) -> MetricsPage:
        agent = self.sip.shell.ua
        self._figures.register(
            Snapshot(
                Sources(
                    live_calls=lambda: len(self.control.calls),
                    refused_calls=lambda: self.control.admission.refused,
                    sip_messages_shed=lambda: self.sip.shell.shed,
                    dialogs=lambda: agent.call_count,
                    transactions=lambda: agent.transaction_count,
                    media=self.media.stats,
                    loop_lag_s=lambda: self._lag.standing_s,
                    commit_age_s=lambda: self.store.commit_age_s,
                    is_ready=self._is_ready,
                )
            )
        )
        networks = tuple(ip_network(network) for network in self._settings.api.metrics_networks)
        return MetricsPage(lambda: (generate_latest(self._figures), CONTENT_TYPE_LATEST), networks)

    @staticmethod
    async def _stop_api(api: uvicorn.Server, serving: "asyncio.Task[None]") -> None:
        api.should_exit = api.force_exit = True
        await serving

    def _is_ready(self) -> bool:
        return self.store.healthy and self.media.load < 1 and not self._is_draining

    def _handle_undeliverable(self, event: LoggedEvent) -> None:
        if event.name == INCOMING_CALL:
            self._spawn(self.control.handle_undeliverable(CallId(event.owner_id)))

    def _spawn(self, work: Coroutine[Any, Any, object]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- facts about the running server -----------------------------------------------------------------------------

    @property
    def _local_url(self) -> str:
        host, port = self._http_socket.getsockname()[:2]
        scheme = "http" if self._api_tls is None else "https"
        return f"{scheme}://{SocketAddress(host, port)}"

    @property
    def public_url(self) -> str:
        """The base of URLs in events."""
        return self._settings.public_url or self._local_url

    def ready_line(self) -> str:
        """One line for scripts: where everything is."""
        sip, rtp = self._sip_address("udp"), self._settings.rtp_ports
        tls = "" if self._settings.signalling.tls_certificate is None else f" sips={self._sip_address('tls')}"
        return f"trebuchet ready http={self._local_url} sip={sip}{tls} rtp={rtp} user={self.account_id}"

    def _sip_address(self, transport: str) -> SocketAddress:
        """The first one bound for the transport."""
        return next(SocketAddress(host, port) for name, host, port in self.sip.bound if name == transport)

    def log_state(self) -> None:
        """How much of everything is alive, as one line of the log: for an operator's `kill -USR1`."""
        agent, workers = self.sip.shell.ua, self.media.stats().workers
        loads = [worker.load for worker in workers if worker.load is not None]
        logger.info(
            "state",
            calls=len(self.control.calls),
            legs=self.sip.leg_count,
            dialogs=agent.call_count,
            transactions=agent.transaction_count,
            is_sip_idle=agent.is_idle,
            calls_shed=self.sip.shell.shed,
            media_ports=sum(worker.ports for worker in workers),
            media_load=round(self.media.load, 3),
            media_dropped=sum(load.dropped_packets for load in loads),
            media_late_ticks=sum(load.late_ticks for load in loads),
            tasks=len(asyncio.all_tasks()),
            loop_lag_ms=round(1e3 * self._lag.standing_s, 1),
        )

    def begin_drain(self) -> None:
        """Refuse new calls by SIP and API."""
        self._is_draining = True
        self.sip.begin_drain()
        self.control.begin_drain()
