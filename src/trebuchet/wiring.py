"""The settings of the operator as each part of the house wants them."""

import socket

from trebuchet.calls.interfaces import CallPolicy
from trebuchet.config import Settings
from trebuchet.media.settings import MediaSettings
from trebuchet.prompts.sources import PromptLimits
from trebuchet.signalling.settings import Bind, LinkLimits, SipSettings, TraceSettings
from trebuchet.sip.timers import TimerValues


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
    wanted = settings.signalling
    return SipSettings(
        binds=tuple(Bind(address.host, address.port) for address in settings.sip),
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
    )


def call_policy(settings: Settings) -> CallPolicy:
    wanted = settings.policy
    return CallPolicy(
        ring_limit_s=wanted.ring_limit_s,
        transfer_ring_limit_s=wanted.transfer_ring_limit_s,
        max_recording_s=wanted.max_recording_s,
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
