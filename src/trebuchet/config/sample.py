"""The sample configuration file and the reference of settings, both made from the settings themselves."""

import re
from collections.abc import Mapping
from pathlib import Path

from trebuchet.config.settings import Key, keys
from trebuchet.config.values import PortRange, SocketAddress

HEADER = """\
# Configuration of Trebuchet. Everything here is optional: what is commented out shows the default.
# A flag wins over a variable of the environment, a variable over this file.
"""
TRUNKS = """
# One table for each carrier; the longest pattern decides where a call to a number goes.
# [[trunks]]
# name = "carrier"
# address = "sip.carrier.example:5060"
# transport = "udp"                   # udp, tcp or tls
# srtp = false                        # true with tls: its audio must be encrypted
# user = "name"                       # answers this carrier's challenges only
# password = "secret"
# sources = ["192.0.2.0/28"]          # where its calls come from, beside the address itself
# patterns = ["+"]                    # prefixes of the numbers that go out here
"""


def _toml(value: object) -> str | None:
    """The default as TOML; `None` for what has no default."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"{value:g}" if isinstance(value, float) else str(value)
    if isinstance(value, Mapping):
        return "{}"
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(item) or "" for item in value) + "]"
    if isinstance(value, str | Path | SocketAddress | PortRange):
        return f'"{value}"'
    raise TypeError(f"no TOML for {value!r}")


def _entry(key: Key) -> str:
    name = key.name.rpartition(".")[2]
    value = _toml(key.default)
    shown = f"# {name} = {value}" if value is not None else f"# {name} ="
    return f"# {key.meaning}\n#   {key.kind.allowed}\n{shown}\n"


def _section(key: Key) -> str:
    return key.name.rpartition(".")[0]


def sample_file() -> str:
    """Every setting with its meaning and default, commented out: valid TOML that changes nothing."""
    parts, section = [HEADER], ""
    for key in keys():
        if key.is_file_only:
            continue
        if _section(key) != section:
            section = _section(key)
            parts.append(f"[{section}]\n")
        parts.append(_entry(key))
    return "\n".join(parts) + TRUNKS


REFERENCE_INTRODUCTION = """\
# Settings

<!-- Made by `python -m trebuchet.config.sample`; a test compares the two. -->

Each setting can be given in the TOML file named by `--config` (or `TREBUCHET_CONFIG`) and in the environment; those
without a section also as a flag of `trebuchet serve`. A flag wins over a variable, a variable over the file. A key or a
variable that nobody knows is an error. Lists are TOML lists, or texts with commas in a variable or flag. Paths in the
file start from the file's folder.
"""


def _row(key: Key) -> str:
    default = "depends on the machine" if key.is_machine_default else _toml(key.default)
    shown = f"`{default}`" if default not in (None, "{}") and not key.is_machine_default else default or ""
    return f"| `{key.name.rpartition('.')[2]}` | `{key.variable}` | {key.meaning} | {key.kind.allowed} | {shown} |"


def reference_page() -> str:
    """Every setting as Markdown tables, one for each section."""
    lines, section = [REFERENCE_INTRODUCTION], None
    for key in keys():
        if key.is_file_only:
            continue
        if _section(key) != section:
            section = _section(key)
            lines += ["", f"## {f'[{section}]' if section else 'Top level'}", ""]
            lines += ["| key | variable | meaning | value | default |", "| --- | --- | --- | --- | --- |"]
        lines.append(_row(key).replace("{}", ""))
    trunks = re.sub(r"^# (?=\[\[|\w+ = )", "", TRUNKS, flags=re.M)
    return "\n".join(lines) + f"\n\n## [[trunks]]\n\n```toml{trunks}```\n"


if __name__ == "__main__":
    print(reference_page(), end="")
