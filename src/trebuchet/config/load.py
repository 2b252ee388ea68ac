"""Where settings come from: a flag wins over the environment, the environment over the file, the file over the default.

A key or variable that nobody knows is an error, never ignored: a misspelt limit would otherwise be no limit.
"""

import difflib
import os
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from trebuchet.base.errors import LocalError
from trebuchet.config.settings import Key, Settings, keys

PREFIX = "TREBUCHET_"
CONFIG_VARIABLE = "TREBUCHET_CONFIG"
SHOWN_VALUE_CHARS = 60
"""How much of a wrong value an error repeats."""


class ConfigError(LocalError):
    """Settings that cannot be used. `lines` has one plain line for each problem."""

    code = "config-error"

    def __init__(self, lines: Iterable[str]) -> None:
        self.lines = tuple(lines)
        super().__init__("\n".join(self.lines))


class _Source:
    """Values by key name, and how to call them in an error."""

    def __init__(self, values: Mapping[str, object], label: Mapping[str, str], base: Path) -> None:
        self.values = values
        self.label = label
        self.base = base


def load_settings(
    flags: Mapping[str, object] | None = None,
    *,
    config: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Settings:
    """The settings in force.

    `flags` by key name (`rtp_ports`), `None` values meaning not given; `config` is the `--config` flag;
    `environment` defaults to the process's. Raises `ConfigError` with every problem found."""
    environment = os.environ if environment is None else environment
    known = {key.name: key for key in keys()}
    problems: list[str] = []
    file = config or (Path(environment[CONFIG_VARIABLE]) if environment.get(CONFIG_VARIABLE) else None)
    sources = [
        _from_flags(flags or {}, known),
        _from_environment(environment, known, problems),
        _from_file(file, known, problems),
    ]
    values = {name: value for name, key in known.items() for value in _read(key, sources, problems)}
    if problems:
        raise ConfigError(problems)
    settings = _build(known, values)
    if contradictions := _contradictions(settings):
        raise ConfigError(contradictions)
    return settings


def _from_flags(flags: Mapping[str, object], known: Mapping[str, Key]) -> _Source:
    given = {name: value for name, value in flags.items() if value is not None}
    return _Source(given, {name: known[name].flag for name in given}, Path())


def _from_environment(environment: Mapping[str, str], known: Mapping[str, Key], problems: list[str]) -> _Source:
    variables = {key.variable: name for name, key in known.items() if not key.is_file_only}
    values: dict[str, object] = {}
    for variable in sorted(environment):
        if not variable.startswith(PREFIX) or variable == CONFIG_VARIABLE:
            continue
        if variable in variables:
            values[variables[variable]] = environment[variable]
        else:
            problems.append(f"{variable}: unknown variable{_suggestion(variable, variables, PREFIX)}")
    return _Source(values, {name: known[name].variable for name in values}, Path())


def _from_file(file: Path | None, known: Mapping[str, Key], problems: list[str]) -> _Source:
    if file is None:
        return _Source({}, {}, Path())
    try:
        with file.open("rb") as stream:
            tree = tomllib.load(stream)
    except OSError as error:
        raise ConfigError([f"{file}: cannot be read: {error.strerror}"]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError([f"{file}: not TOML: {error}"]) from error
    values: dict[str, object] = {}
    _flatten(tree, "", known, values, problems, file)
    return _Source(values, {name: f"{name} in {file}" for name in values}, file.parent)


def _flatten(
    tree: Mapping[str, object], prefix: str, known: Mapping[str, Key],
    values: dict[str, object], problems: list[str], file: Path,
) -> None:  # fmt: skip
    """Tables to dotted names; hyphens count as underscores, as in the flags."""
    sections = {name.rpartition(".")[0] for name in known} - {""}
    for written, value in tree.items():
        name = prefix + written.replace("-", "_")
        if name in known:
            values[name] = value
        elif name in sections and isinstance(value, dict):
            _flatten(value, name + ".", known, values, problems, file)
        elif name in sections:
            problems.append(f"{name} in {file}: expected a table [{name}]")
        else:
            problems.append(f"{prefix}{written} in {file}: unknown key{_suggestion(name, [*known, *sections])}")


def _suggestion(name: str, candidates: Iterable[str], prefix: str = "") -> str:
    bare = [candidate.removeprefix(prefix) for candidate in candidates]
    close = difflib.get_close_matches(name.removeprefix(prefix), bare, n=1)
    return f"; did you mean {prefix}{close[0]}?" if close else ""


def _read(key: Key, sources: list[_Source], problems: list[str]) -> list[object]:
    """The key's value from the first source that has it; empty when none has it or it is wrong."""
    for source in sources:
        if key.name in source.values:
            raw = source.values[key.name]
            try:
                return [key.kind.read(raw, source.base)]
            except ValueError as error:
                shown = "" if key.kind.is_secret else f" = {_shown(raw)}"
                problems.append(f"{source.label[key.name]}{shown}: expected {str(error) or key.kind.allowed}")
                return []
    return []


def _shown(raw: object) -> str:
    shown = repr(raw)
    return shown if len(shown) <= SHOWN_VALUE_CHARS else shown[:SHOWN_VALUE_CHARS] + "…"


def _build(known: Mapping[str, Key], values: Mapping[str, object]) -> Settings:
    sections: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        *section, field = known[name].path
        sections.setdefault(".".join(section), {})[field] = value
    settings = Settings(**sections.pop("", {}))
    for section_name, given in sections.items():
        changed: Any = replace(getattr(settings, section_name), **given)
        settings = replace(settings, **{section_name: changed})
    return settings


def _contradictions(settings: Settings) -> list[str]:
    """Values that are right alone and wrong together."""
    lines = []
    if settings.signalling.t1_ms > settings.signalling.t2_ms:
        lines.append(f"signalling.t1_ms = {settings.signalling.t1_ms}: expected at most signalling.t2_ms")
    names = [trunk.name for trunk in settings.all_trunks]
    if len(set(names)) != len(names):
        lines.append(f"trunks: the name {settings.all_trunks[0].name!r} is that of the --trunk; give it another")
    for section, wanted in (("signalling", settings.signalling), ("api", settings.api)):
        if (wanted.tls_certificate is None) != (wanted.tls_key is None):
            lines.append(f"{section}.tls_certificate and {section}.tls_key: expected both or neither")
    tls_port = settings.signalling.tls_port if settings.signalling.tls_certificate is not None else 0
    for address in settings.sip:
        if tls_port and address.port == tls_port:
            lines.append(f"sip = {address}: expected another port than signalling.tls_port")
        if address.port and address == settings.http:
            lines.append(f"sip = {address}: expected another port than http, which listens there over TCP")
        if settings.rtp_ports.low <= address.port <= settings.rtp_ports.high:
            lines.append(f"rtp_ports = {settings.rtp_ports}: expected a range without the SIP port {address.port}")
    return lines
