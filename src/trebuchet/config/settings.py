"""Every setting there is, with its default. Defaults bind to loopback and suit a try on one machine.

The tree is the documentation: names, kinds, defaults and meanings are read from here by the loader, by the sample file
and by the reference page. A setting's key in the file is its path (`media.rtp_timeout_s`); its variable is that in
capitals after `TREBUCHET_` (`TREBUCHET_MEDIA_RTP_TIMEOUT_S`).
"""

# ruff: noqa: RUF009 -- `setting` makes a field, not a default that instances would share

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar, cast

from trebuchet.config.kinds import (
    ADDRESS,
    BASE_URL,
    CREDENTIALS,
    FLAG,
    HOST,
    MODELS,
    NETWORK,
    NUMBER_KIND,
    OPTIONS,
    PATH,
    PORT_RANGE,
    PREFIX,
    Kind,
    many,
    number,
    optional,
    text,
    whole,
)
from trebuchet.config.trunks import TRUNK_TABLES, TRUNK_URI
from trebuchet.config.values import Credentials, PortRange, SocketAddress
from trebuchet.model.number import COSTLY_KINDS, NumberKind
from trebuchet.model.trunk import Trunk

T = TypeVar("T")
DAY_S = 86_400
LOOPBACK = ("127.0.0.0/8", "::1/128")


def setting(
    kind: Kind[T],
    default: T,
    meaning: str,
    *,
    name: str | None = None,
    is_file_only: bool = False,
    is_machine_default: bool = False,
) -> T:
    """A dataclass field that knows how it is configured. `name` is its key when the field's own name has a unit that
    the flag has not; `is_machine_default` says that the default depends on the machine."""
    metadata = {
        "kind": kind,
        "meaning": meaning,
        "name": name,
        "is_file_only": is_file_only,
        "is_machine_default": is_machine_default,
    }
    return field(default=default, metadata=metadata)


def table(kind: Kind[Mapping[str, T]], meaning: str) -> Mapping[str, T]:
    return cast(Mapping[str, T], field(default_factory=dict, metadata={"kind": kind, "meaning": meaning, "name": None}))


@dataclass(frozen=True, slots=True, kw_only=True)
class SignallingSettings:
    advertised_address: str | None = setting(
        optional(HOST), None, "address told to peers beyond loopback instead of the bound one (1:1 NAT)"
    )
    allowed_hosts: tuple[str, ...] = setting(
        many(HOST, "pbx.example, 192.0.2.7"), (), "hosts that may call in and be called as sip: URI"
    )
    allowed_networks: tuple[str, ...] = setting(
        many(NETWORK, "192.0.2.0/24"), (), "networks that may call in and be called as sip: URI"
    )
    allow_loopback: bool = setting(FLAG, True, "whether this machine itself may call in and be called")
    t1_ms: int = setting(whole(10, 10_000, "ms"), 500, "SIP timer T1, the round trip estimate")
    t2_ms: int = setting(whole(10, 60_000, "ms"), 4000, "SIP timer T2, the longest retransmission interval")
    t4_ms: int = setting(whole(10, 60_000, "ms"), 5000, "SIP timer T4, the longest life of a message in the network")
    session_expires_s: int = setting(whole(90, DAY_S, "seconds"), 1800, "session timer offered to peers (RFC 4028)")
    max_transactions: int = setting(whole(100, 10_000_000), 50_000, "SIP transactions at once")
    max_dialogs: int = setting(whole(10, 1_000_000), 10_000, "SIP dialogs at once")
    max_connections: int = setting(whole(1, 1_000_000), 2048, "TCP and TLS connections at once")
    retry_after_s: int = setting(whole(1, 3600, "seconds"), 5, "what a refused caller is told to wait")
    probe_interval_s: float | None = setting(
        optional(number(1, DAY_S, "seconds")), None, "how often each trunk is asked with OPTIONS; unset: never"
    )
    tls_certificate: Path | None = setting(
        optional(PATH), None, "PEM file with the certificate and its chain: SIP over TLS is taken when it is given"
    )
    tls_key: Path | None = setting(optional(PATH), None, "PEM file with the certificate's key, without a passphrase")
    tls_port: int = setting(whole(0, 65_535), 5061, "port for SIP over TLS, on each host of sip")
    tls_authorities: Path | None = setting(
        optional(PATH), None, "PEM file with the authorities that TLS trunks are verified by; unset: the system's"
    )
    trace_file: Path | None = setting(
        optional(PATH), None, "file every SIP message is appended to; holds numbers and addresses"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneSettings:
    domain: str = setting(
        HOST, "sip.localhost", "host name below which each SIP domain gets its own: phones register at <name>.<this>"
    )
    networks: tuple[str, ...] = setting(
        many(NETWORK, "10.0.0.0/8, 192.168.0.0/16"),
        ("0.0.0.0/0", "::/0"),
        "networks phones may register and call from, once there are endpoints",
    )
    min_expires_s: int = setting(whole(1, DAY_S, "seconds"), 60, "shortest registration")
    max_expires_s: int = setting(whole(60, DAY_S, "seconds"), 3600, "longest registration; more is cut to this")
    sha256: bool = setting(
        FLAG, False, "challenge phones with SHA-256 before MD5; some fail on it instead of passing over it"
    )
    max_contacts: int = setting(whole(1, 100), 10, "phones registered as one endpoint at once")


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaSettings:
    advertised_address: str | None = setting(
        optional(HOST), None, "address told to peers for their audio (1:1 NAT); unset: the bound one"
    )
    rtp_timeout_s: float = setting(
        number(0, DAY_S, "seconds"), 30.0, "silence on the network that ends a call; 0: never"
    )
    stereo_recordings: bool = setting(FLAG, False, "record the two directions on two channels instead of mixed")
    port_rest_s: float = setting(number(0, 600, "seconds"), 5.0, "how long a used RTP port rests before its next call")
    realtime: bool = setting(
        FLAG, True, "ask for real-time priority for media workers; without the right it is skipped"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySettings:
    ring_limit_s: float = setting(
        number(1, 3600, "seconds"), 60.0, "an incoming call that nobody answers ends after this"
    )
    transfer_ring_limit_s: int = setting(whole(1, 3600, "seconds"), 60, "how long a transfer's new party may ring")
    max_recording_s: int = setting(whole(1, DAY_S, "seconds"), 3600, "longest recording")
    max_conference_members: int = setting(whole(1, 1000), 20, "members of a conference at once")
    max_calls: int = setting(whole(1, 1_000_000), 2000, "calls at once; further ones are refused")
    max_load: float = setting(
        number(0.1, 1, "share of a media worker's time"), 0.9, "load above which new calls are refused"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DiallingSettings:
    allowed_prefixes: tuple[str, ...] = setting(
        many(PREFIX, "+1, +44"), ("+",), "numbers that may be called; the longest match with denied_prefixes decides"
    )
    denied_prefixes: tuple[str, ...] = setting(
        many(PREFIX, "+1876, +53"), (), "numbers that may not be called; of two equal prefixes this one wins"
    )
    denied_kinds: tuple[NumberKind, ...] = setting(
        many(NUMBER_KIND, "premium-rate, satellite"), COSTLY_KINDS, "kinds of numbers that may not be called"
    )
    exceptions: tuple[str, ...] = setting(
        many(PREFIX, "+448451234567"), (), "numbers that may be called whatever the other rules say"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitSettings:
    calls_at_once: int | None = setting(
        optional(whole(1, 1_000_000)), None, "outgoing calls of an account at once; unset: no limit"
    )
    account_calls_per_second: float | None = setting(
        optional(number(0.1, 1000, "calls a second")), None, "calls of an account, averaged over 10 s"
    )
    number_calls_per_second: float | None = setting(
        optional(number(0.1, 1000, "calls a second")),
        None,
        "calls placed from one number, averaged over 10 s",
    )
    requests_per_second: float | None = setting(
        optional(number(0.001, 10_000, "requests a second")), None, "requests of an account to each resource path"
    )
    request_burst: int = setting(whole(1, 100_000), 1, "requests that may come at once within requests_per_second")
    number_orders_per_minute: float | None = setting(
        optional(number(0.01, 100_000, "requests a minute")), None, "phone numbers an account may add"
    )
    number_order_burst: int = setting(whole(1, 100_000), 800, "phone numbers that may be added at once")
    number_reads_per_second: float | None = setting(
        optional(number(0.001, 10_000, "requests a second")), None, "requests of an account that read phone numbers"
    )
    number_read_burst: int = setting(whole(1, 100_000), 3000, "requests that may read phone numbers at once")
    number_searches_per_minute: float | None = setting(
        optional(number(0.01, 100_000, "requests a minute")), None, "searches of an account for numbers to order"
    )
    number_search_burst: int = setting(whole(1, 100_000), 800, "searches for numbers that may come at once")


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchSettings:
    allowed_networks: tuple[str, ...] = setting(
        many(NETWORK, "10.1.0.0/16"), LOOPBACK, "networks customers' URLs may lead to beside the public internet"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSettings:
    retry_first_s: float = setting(
        number(0.05, DAY_S, "seconds"), 5.0, "pause before a failed webhook is tried again; each next one is twice that"
    )
    retry_longest_s: float = setting(number(0.05, DAY_S, "seconds"), 3600.0, "longest pause between two tries")
    retry_for_s: float = setting(
        number(0, 30 * DAY_S, "seconds"), 86_400.0, "how long a failed webhook is tried again; 0: not at all"
    )
    keep_days: float = setting(
        number(0.01, 3650, "days"), 30.0, "how long the API tells what became of a delivery when it is over"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptSettings:
    max_download_bytes: int = setting(whole(1000, 1 << 32, "bytes"), 65_000_000, "largest audio file fetched")
    download_limit_s: float = setting(number(0.1, 600, "seconds"), 10.0, "longest time for a download")
    max_redirects: int = setting(whole(0, 20), 5, "redirects followed by a download")
    fresh_s: float = setting(number(0, DAY_S, "seconds"), 60.0, "how long a fetched file is not asked for again")
    cache_bytes: int = setting(whole(1 << 20, 1 << 44, "bytes"), 1 << 30, "size of the cache of prompts")


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechSettings:
    engine: str = setting(text(), "espeak", "speech engine: espeak, piper, or an installed plug-in's name")
    sentence_limit_s: float = setting(number(0.1, 600, "seconds"), 15.0, "longest wait for one sentence")
    piper_models: Mapping[str, Path] = table(MODELS, "Piper voice models by locale or locale/voice")
    options: Mapping[str, object] = table(OPTIONS, "options of a plug-in engine; our own engines have none")


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscriptionSettings:
    engine: str = setting(
        text(), "pocketsphinx", "transcription engine: pocketsphinx, faster-whisper, none, or the name of a plug-in"
    )
    model: Path | None = setting(optional(PATH), None, "folder of a faster-whisper model")
    options: Mapping[str, object] = table(OPTIONS, "options of a plug-in engine; our own engines have none")


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceSettings:
    local_number: float = setting(number(0, 10_000, "dollars"), 0.0, "a month of a local number")
    toll_free_number: float = setting(number(0, 10_000, "dollars"), 0.0, "a month of a toll-free number")
    call_in: float = setting(number(0, 10_000, "dollars"), 0.0, "a minute of a call from a number")
    call_out: float = setting(number(0, 10_000, "dollars"), 0.0, "a minute of a call to a number")
    sip_call_in: float = setting(number(0, 10_000, "dollars"), 0.0, "a minute of a call from a SIP address")
    sip_call_out: float = setting(number(0, 10_000, "dollars"), 0.0, "a minute of a call to a SIP address")
    transcription: float = setting(number(0, 10_000, "dollars"), 0.0, "a minute of a transcribed recording")


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageSettings:
    database: Path | None = setting(optional(PATH), None, "database file; unset: trebuchet.db in the data directory")
    prompt_cache: Path | None = setting(
        optional(PATH), None, "folder of the cache of prompts; unset: cache/prompts in the data directory"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiSettings:
    trusted_proxies: tuple[str, ...] = setting(
        many(NETWORK, "10.0.0.2"), (), "proxies whose X-Forwarded-* headers are believed"
    )
    tls_certificate: Path | None = setting(
        optional(PATH), None, "PEM file with the certificate and its chain: the API speaks HTTPS alone when it is given"
    )
    tls_key: Path | None = setting(optional(PATH), None, "PEM file with the certificate's key, without a passphrase")
    metrics_networks: tuple[str, ...] = setting(
        many(NETWORK, "10.0.0.0/8"), ("127.0.0.0/8", "::1/128"), "networks that may read /metrics, without credentials"
    )


def _default_workers() -> int:
    """One core stays for signalling, where there is more than one."""
    return max(1, (os.cpu_count() or 1) - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    data: Path = setting(PATH, Path("trebuchet-data"), "data directory: database, recordings, caches")
    http: SocketAddress = setting(ADDRESS, SocketAddress("127.0.0.1", 8080), "where the API listens")
    sip: tuple[SocketAddress, ...] = setting(
        many(ADDRESS, "127.0.0.1:5060, [::1]:5060"),
        (SocketAddress("127.0.0.1", 5060),),
        "where SIP is spoken, over UDP and TCP",
    )
    rtp_ports: PortRange = setting(PORT_RANGE, PortRange(20_000, 29_999), "UDP ports for audio")
    trunk: Trunk | None = setting(optional(TRUNK_URI), None, "the one trunk of a simple set-up")
    public_url: str | None = setting(
        optional(BASE_URL), None, "base URL of the API as customers see it; unset: as they ask"
    )
    account: Credentials | None = setting(optional(CREDENTIALS), None, "account that exists from the start")
    media_workers: int = setting(
        whole(1, 256), _default_workers(), "media worker processes; unset: one core stays free", is_machine_default=True
    )
    drain_s: float = setting(
        number(0, DAY_S, "seconds"), 30.0, "how long running calls may go on after SIGTERM", name="drain"
    )
    trunks: tuple[Trunk, ...] = setting(TRUNK_TABLES, (), "several trunks, as [[trunks]] tables", is_file_only=True)
    signalling: SignallingSettings = field(default_factory=SignallingSettings)
    phones: PhoneSettings = field(default_factory=PhoneSettings)
    media: MediaSettings = field(default_factory=MediaSettings)
    policy: PolicySettings = field(default_factory=PolicySettings)
    dialling: DiallingSettings = field(default_factory=DiallingSettings)
    limits: LimitSettings = field(default_factory=LimitSettings)
    fetch: FetchSettings = field(default_factory=FetchSettings)
    webhooks: WebhookSettings = field(default_factory=WebhookSettings)
    prompts: PromptSettings = field(default_factory=PromptSettings)
    speech: SpeechSettings = field(default_factory=SpeechSettings)
    transcription: TranscriptionSettings = field(default_factory=TranscriptionSettings)
    prices: PriceSettings = field(default_factory=PriceSettings)
    storage: StorageSettings = field(default_factory=StorageSettings)
    api: ApiSettings = field(default_factory=ApiSettings)

    @property
    def all_trunks(self) -> tuple[Trunk, ...]:
        """The one trunk of the command line, then those of the file."""
        return (*(() if self.trunk is None else (self.trunk,)), *self.trunks)

    @property
    def database_path(self) -> Path:
        return self.storage.database or self.data / "trebuchet.db"

    @property
    def prompt_cache_path(self) -> Path:
        return self.storage.prompt_cache or self.data / "cache" / "prompts"


@dataclass(frozen=True, slots=True)
class Key:
    """One setting as the loader sees it."""

    path: tuple[str, ...]
    """Field names from the root."""
    name: str
    """As in the file: `media.rtp_timeout_s`."""
    kind: Kind[object]
    meaning: str
    default: object
    is_file_only: bool
    is_machine_default: bool

    @property
    def variable(self) -> str:
        return "TREBUCHET_" + self.name.replace(".", "_").upper()

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")


def _default(item: "Field[Any]") -> object:
    if item.default is not MISSING:
        return item.default
    return cast(Callable[[], object], item.default_factory)()


def keys(section: object = Settings, path: tuple[str, ...] = ()) -> Iterator[Key]:
    """Every setting, in the order of the tree."""
    for item in fields(cast(Any, section)):
        here = (*path, item.name)
        if "kind" not in item.metadata:
            yield from keys(item.default_factory, here)
            continue
        name = ".".join((*path, item.metadata["name"] or item.name))
        yield Key(
            path=here,
            name=name,
            kind=item.metadata["kind"],
            meaning=item.metadata["meaning"],
            default=_default(item),
            is_file_only=item.metadata.get("is_file_only", False),
            is_machine_default=item.metadata.get("is_machine_default", False),
        )
