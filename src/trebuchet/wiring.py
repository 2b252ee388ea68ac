"""The settings of the operator as each part of the house wants them."""

import socket
from decimal import Decimal
from ssl import SSLContext

from trebuchet.api.rate_limits import RateLimit, RateLimits
from trebuchet.calls.call_limits import CallLimits
from trebuchet.calls.dial_rules import DialRules
from trebuchet.calls.interfaces import CallPolicy
from trebuchet.config import Settings
from trebuchet.events.retries import RetryRules
from trebuchet.media.settings import MediaSettings
from trebuchet.model.charge import PriceList, Product
from trebuchet.prompts.sources import PromptLimits
from trebuchet.signalling.settings import Bind, LinkLimits, PhoneSettings, SipSettings, TraceSettings
from trebuchet.sip.authenticator import MD5, SHA256_FIRST
from trebuchet.sip.register import RegisterRules
from trebuchet.sip.timers import TimerValues
from trebuchet.tls import client_context, server_context


def media_settings(settings: Settings) -> MediaSettings:
    """Audio uses the addresses SIP is bound to, one for each family."""
    hosts = [_ip_literal(address.host) for address in settings.sip]
    ipv4 = next((host for host in hosts if ":" not in host), "127.0.0.1")
    ipv6 = next((host for host in hosts if ":" in host), None)
    advertised = settings.media.advertised_address
    return MediaSettings(
        data=settings.data,
        rtp_ports=(settings.rtp_ports.low, settings.rtp_ports.high),
        workers=settings.media_workers,
        bind_ipv4=ipv4,
        bind_ipv6=ipv6,
        advertised_ipv4=advertised if advertised is not None and ":" not in advertised else None,
        advertised_ipv6=advertised if advertised is not None and ":" in advertised else None,
        timeout_s=settings.media.rtp_timeout_s,
        quarantine_s=settings.media.port_rest_s,
        has_stereo_recordings=settings.media.stereo_recordings,
        is_realtime=settings.media.realtime,
    )


def _ip_literal(host: str) -> str:
    """A host name as the address it stands for on this machine. Raises `OSError`."""
    return str(socket.getaddrinfo(host, None, type=socket.SOCK_DGRAM)[0][4][0])


def sip_settings(settings: Settings) -> SipSettings:
    """Raises `CertificateUnusable`."""
    wanted = settings.signalling
    return SipSettings(
        binds=(*(Bind(address.host, address.port) for address in settings.sip), *_tls_binds(settings)),
        advertised_host=wanted.advertised_address,
        trunks=settings.all_trunks,
        allowed_hosts=wanted.allowed_hosts,
        allowed_networks=wanted.allowed_networks,
        allows_loopback=wanted.allow_loopback,
        timers=TimerValues(t1=wanted.t1_ms / 1000, t2=wanted.t2_ms / 1000, t4=wanted.t4_ms / 1000),
        session_expires_s=wanted.session_expires_s,
        max_transactions=wanted.max_transactions,
        max_calls=wanted.max_dialogs,
        retry_after_s=wanted.retry_after_s,
        probe_interval_s=wanted.probe_interval_s,
        limits=LinkLimits(max_connections=wanted.max_connections),
        trace=TraceSettings(path=wanted.trace_file),
        phones=_phone_settings(settings),
        tls_server=_sip_server_tls(settings),
        tls_client=client_context(wanted.tls_authorities, wanted.tls_certificate, wanted.tls_key)
        if _uses_tls(settings)
        else None,
    )


def _phone_settings(settings: Settings) -> PhoneSettings:
    wanted = settings.phones
    return PhoneSettings(
        networks=wanted.networks,
        algorithms=SHA256_FIRST if wanted.sha256 else MD5,
        rules=RegisterRules(
            min_expires_s=wanted.min_expires_s,
            max_expires_s=max(wanted.min_expires_s, wanted.max_expires_s),
            max_contacts=wanted.max_contacts,
        ),
    )


def _uses_tls(settings: Settings) -> bool:
    has_tls_trunk = any(trunk.transport == "tls" for trunk in settings.all_trunks)
    return settings.signalling.tls_certificate is not None or has_tls_trunk


def _tls_binds(settings: Settings) -> tuple[Bind, ...]:
    """One for each host: for those who call in when there is a certificate, and for calling trunks in any case."""
    hosts = dict.fromkeys(address.host for address in settings.sip) if _uses_tls(settings) else ()
    return tuple(Bind(_ip_literal(host), settings.signalling.tls_port, ("tls",)) for host in hosts)


def _sip_server_tls(settings: Settings) -> SSLContext | None:
    wanted = settings.signalling
    if wanted.tls_certificate is None or wanted.tls_key is None:
        return None
    return server_context(wanted.tls_certificate, wanted.tls_key)


def api_tls(settings: Settings) -> SSLContext | None:
    """Raises `CertificateUnusable`."""
    wanted = settings.api
    if wanted.tls_certificate is None or wanted.tls_key is None:
        return None
    return server_context(wanted.tls_certificate, wanted.tls_key)


def dial_rules(settings: Settings) -> DialRules:
    wanted = settings.dialling
    return DialRules(
        allowed_prefixes=wanted.allowed_prefixes,
        denied_prefixes=wanted.denied_prefixes,
        denied_kinds=wanted.denied_kinds,
        exceptions=wanted.exceptions,
    )


def call_limits(settings: Settings) -> CallLimits:
    wanted = settings.limits
    return CallLimits(
        account_rate=wanted.account_calls_per_second,
        number_rate=wanted.number_calls_per_second,
        at_once=wanted.calls_at_once,
    )


def rate_limits(settings: Settings) -> RateLimits:
    wanted = settings.limits
    orders, searches = wanted.number_orders_per_minute, wanted.number_searches_per_minute
    return RateLimits(
        requests=_limit(wanted.requests_per_second, wanted.request_burst),
        number_orders=_limit(None if orders is None else orders / 60, wanted.number_order_burst),
        number_searches=_limit(None if searches is None else searches / 60, wanted.number_search_burst),
        number_reads=_limit(wanted.number_reads_per_second, wanted.number_read_burst),
    )


def price_list(settings: Settings) -> PriceList:
    """What calls and transcriptions cost; numbers carry their own price."""
    wanted = settings.prices
    return {
        Product.CALL_IN: _dollars(wanted.call_in),
        Product.CALL_OUT: _dollars(wanted.call_out),
        Product.SIP_CALL_IN: _dollars(wanted.sip_call_in),
        Product.SIP_CALL_OUT: _dollars(wanted.sip_call_out),
        Product.TRANSCRIPTION: _dollars(wanted.transcription),
    }


def _dollars(price: float) -> Decimal:
    """As it was written."""
    return Decimal(str(price))


def monthly_price(price: float) -> str:
    """As phone numbers show it: two places, and more only where they say something."""
    shown = f"{price:.5f}".rstrip("0")
    return shown + "0" * max(0, 2 - len(shown.partition(".")[2]))


def _limit(rate: float | None, burst: int) -> RateLimit | None:
    return None if rate is None else RateLimit(rate, burst)


def retry_rules(settings: Settings) -> RetryRules:
    wanted = settings.webhooks
    return RetryRules(first_s=wanted.retry_first_s, longest_s=wanted.retry_longest_s, for_s=wanted.retry_for_s)


def call_policy(settings: Settings) -> CallPolicy:
    wanted = settings.policy
    return CallPolicy(
        ring_limit_s=wanted.ring_limit_s,
        transfer_ring_limit_s=wanted.transfer_ring_limit_s,
        max_recording_s=wanted.max_recording_s,
        max_conference_members=wanted.max_conference_members,
        max_calls=wanted.max_calls,
        max_load=wanted.max_load,
    )


def prompt_limits(settings: Settings) -> PromptLimits:
    wanted = settings.prompts
    return PromptLimits(
        max_download_bytes=wanted.max_download_bytes,
        download_limit_s=wanted.download_limit_s,
        max_redirects=wanted.max_redirects,
        fresh_s=wanted.fresh_s,
        cache_bytes=wanted.cache_bytes,
    )
