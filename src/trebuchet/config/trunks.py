"""Trunks in configuration: one as a SIP address on the command line, several as tables in the file."""

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote

from trebuchet.config.kinds import NETWORK, Kind, Raw, many, split_address
from trebuchet.model.trunk import Trunk

DEFAULT_NAME = "default"
TRANSPORTS = ("udp", "tcp", "tls")
TABLE_KEYS = ("name", "address", "transport", "srtp", "user", "password", "sources", "patterns")
_PATTERN = re.compile(r"\+[0-9]{0,15}")
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_SIP = re.compile(r"sip:(?:(?P<user>[^:@;]+)(?::(?P<password>[^@;]*))?@)?(?P<address>[^@;]+)(?P<params>(?:;[^;]*)*)")
_ANY_PORT = 0


def _host_port(address: str) -> tuple[str, int | None]:
    found = split_address(address, default_port=_ANY_PORT)
    return found.host, found.port or None


def _transport(text: object) -> str:
    if not isinstance(text, str) or text.lower() not in TRANSPORTS:
        raise ValueError(f"a transport of {', '.join(TRANSPORTS)}")
    return text.lower()


def _srtp(value: object, transport: str) -> bool:
    """Keys travel in SDP (RFC 4568 7.1.1): without TLS everybody on the way could read them."""
    if value not in (True, False, "true", "false"):
        raise ValueError("srtp to be true or false")
    is_wanted = value in (True, "true")
    if is_wanted and transport != "tls":
        raise ValueError("srtp with transport tls only, which protects its keys")
    return is_wanted


def read_trunk_uri(raw: Raw, _: Path) -> Trunk:
    """`sip:[USER:PASSWORD@]HOST[:PORT][;transport=tls][;srtp=true]`."""
    match = _SIP.fullmatch(raw) if isinstance(raw, str) else None
    if match is None:
        raise ValueError
    params = dict(part.partition("=")[::2] for part in match["params"].split(";") if part)
    if set(params) - {"transport", "srtp"}:
        raise ValueError
    transport = _transport(params.get("transport", "udp"))
    host, port = _host_port(match["address"])
    return Trunk(
        name=DEFAULT_NAME,
        host=host,
        port=port,
        transport=transport,
        is_encrypted=_srtp(params.get("srtp", False), transport),
        username=None if match["user"] is None else unquote(match["user"]),
        password=None if match["password"] is None else unquote(match["password"]),
    )


TRUNK_URI: Kind[Trunk] = Kind(
    "sip:HOST:PORT with ;transport=udp, tcp or tls, and with tls ;srtp=true, credentials as sip:USER:PASSWORD@HOST",
    read_trunk_uri,
    is_secret=True,
)


def _optional_text(table: Mapping[str, object], key: str) -> str | None:
    value = table.get(key)
    if value is not None and (not isinstance(value, str) or not value or not value.isprintable()):
        raise ValueError(f"{key} to be a text")
    return value


def _name(table: Mapping[str, object]) -> str:
    name = table.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError("a name of letters, digits and . _ -")
    return name


def _patterns(table: Mapping[str, object]) -> tuple[str, ...]:
    patterns = table.get("patterns", ["+"])
    if not isinstance(patterns, list) or not patterns:
        raise ValueError("patterns to be a list such as ['+1', '+44']")
    for pattern in patterns:
        if not isinstance(pattern, str) or not _PATTERN.fullmatch(pattern):
            raise ValueError(f"patterns to be + and digits, not {pattern!r}")
    return tuple(patterns)


def _read_table(table: Raw, base: Path) -> Trunk:
    if not isinstance(table, dict):
        raise ValueError
    for key in table:
        if key not in TABLE_KEYS:
            raise ValueError(f"only the keys {', '.join(TABLE_KEYS)}, not {key!r}")
    name = _name(table)
    try:
        host, port = _host_port(str(table.get("address", "")))
    except ValueError:
        raise ValueError(f"address of trunk {name!r} to be HOST or HOST:PORT") from None
    try:
        sources = many(NETWORK, "").read(table.get("sources", []), base)
    except ValueError:
        raise ValueError(f"sources of trunk {name!r} to be a list of networks or addresses") from None
    user, password = _optional_text(table, "user"), _optional_text(table, "password")
    if (user is None) != (password is None):
        raise ValueError(f"user and password of trunk {name!r} together or neither")
    transport = _transport(table.get("transport", "udp"))
    return Trunk(
        name=name, host=host, port=port, transport=transport, is_encrypted=_srtp(table.get("srtp", False), transport),
        username=user, password=password, sources=sources, patterns=_patterns(table),
    )  # fmt: skip


def _read_tables(raw: Raw, base: Path) -> tuple[Trunk, ...]:
    if not isinstance(raw, list):
        raise ValueError
    trunks = tuple(_read_table(table, base) for table in raw)
    names = [trunk.name for trunk in trunks]
    if len(set(names)) != len(names):
        raise ValueError("each trunk to have a name of its own")
    return trunks


TRUNK_TABLES: Kind[tuple[Trunk, ...]] = Kind("[[trunks]] tables", _read_tables, is_secret=True)
