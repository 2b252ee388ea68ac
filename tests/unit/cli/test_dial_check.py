"""`trebuchet dial-check`: the verdict, the rule behind it, and the exit code scripts rely on."""

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from trebuchet.cli.main import app

CONFIG = """
[dialling]
allowed_prefixes = ["+1", "+44"]
denied_prefixes = ["+1876"]
exceptions = ["+448451234567"]

[[trunks]]
name = "atlantic"
address = "192.0.2.7"
patterns = ["+1"]

[[trunks]]
name = "london"
address = "192.0.2.8"
patterns = ["+4420"]
"""
NO_TRUNK = "trunk: none leads there, so calls to it are refused"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in [name for name in os.environ if name.startswith("TREBUCHET_")]:
        monkeypatch.delenv(variable)


@pytest.mark.parametrize(
    ("number", "exit_code", "lines"),
    [
        ("+442079460000", 0, ["allowed", "rule: dialling.allowed_prefixes has +44", "number: +442079460000, ordinary"]),
        ("+442079460000", 0, ["allowed", "trunk: london"]),
        ("+19195550144", 0, ["allowed", "trunk: atlantic"]),
        ("+18765550100", 1, ["denied", "rule: dialling.denied_prefixes has +1876"]),
        ("+4930123456", 1, ["denied", "rule: nothing in dialling.allowed_prefixes matches"]),
        ("+19002345678", 1, ["denied", "rule: dialling.denied_kinds has premium-rate"]),
        ("+448451234567", 0, ["allowed", "rule: dialling.exceptions has +448451234567", "premium-rate", NO_TRUNK]),
        ("sip:+19002345678@pbx", 1, ["denied", "rule: dialling.denied_kinds has premium-rate", "number: +19002345678"]),
        ("sip:alice@pbx", 0, ["allowed", "signalling.allowed_hosts decides about its host"]),
    ],
)
def test_the_rule_that_decides_is_named(number: str, exit_code: int, lines: list[str], tmp_path: Path) -> None:
    config = tmp_path / "t.toml"
    config.write_text(CONFIG)
    result = CliRunner().invoke(app, ["dial-check", number, "--config", str(config)])
    assert result.exit_code == exit_code
    assert result.output.startswith(f"{number}: {lines[0]}\n")
    for line in lines:
        assert line in result.output


@pytest.mark.parametrize("number", ["112", "5550100", "+0123", "+1 555", "tel:+15550100"])
def test_what_the_api_would_not_take_is_no_destination(number: str) -> None:
    result = CliRunner().invoke(app, ["dial-check", number])
    assert result.exit_code == 2
