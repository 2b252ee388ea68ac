"""What belongs to people reaches only marked log fields: in the source, and in the processors every line passes."""

import ast
import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

import trebuchet
from trebuchet.base.ids import AccountId
from trebuchet.calls.commands import NumberNotOwned
from trebuchet.config.values import Credentials
from trebuchet.logs import configure_logs
from trebuchet.model.media_description import SrtpKey
from trebuchet.model.trunk import Trunk
from trebuchet.sip.auth import Credentials as SipCredentials
from trebuchet.sip.client_auth import TrunkCredentials

SOURCE = Path(trebuchet.__file__).parent
NUMBER = "+15559876543"
METHODS = {"debug", "info", "warning", "error", "exception", "critical", "log"}
PLAIN_FIELDS = {
    "account_id", "allowed", "call_id", "calls", "calls_shed", "code", "command", "count", "dialogs", "error",
    "event_name", "exc_info", "is_complete", "is_sip_idle", "kind", "legs", "meeting_id", "method", "needed", "news",
    "owner_id", "pid", "ports", "reason", "recording_id", "refused", "rule", "signal", "ticks", "transactions",
    "transport", "verdict", "webhook_event", "worker",
}  # fmt: skip
"""Ids of ours, codes, counts and names out of our own code. A new one is added here by whoever is sure of it."""

NUMBERS = ("len(", "sum(", "round(")


def calls_of_loggers() -> Iterator[tuple[str, ast.Call]]:
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            target = node.func.value
            if isinstance(target, ast.Name) and target.id.strip("_") in ("log", "logger") and node.func.attr in METHODS:
                yield f"{path.relative_to(SOURCE)}:{node.lineno}", node


CALLS = dict(calls_of_loggers())


def test_the_loggers_are_found() -> None:
    assert len(CALLS) > 15


@pytest.mark.parametrize("place", CALLS)
def test_the_text_of_an_event_is_a_constant(place: str) -> None:
    call = CALLS[place]
    assert len(call.args) == 1, "values belong into fields"
    assert isinstance(call.args[0], ast.Constant) and isinstance(call.args[0].value, str)


@pytest.mark.parametrize("place", CALLS)
def test_fields_are_known_to_be_plain_or_marked(place: str) -> None:
    for keyword in CALLS[place].keywords:
        assert keyword.arg is not None, "nobody knows what is in there"
        value = ast.unparse(keyword.value)
        assert keyword.arg in PLAIN_FIELDS or keyword.arg.startswith("pii_") or value.startswith(NUMBERS)
        if keyword.arg in PLAIN_FIELDS - {"exc_info"}:
            assert not value.startswith(("str(", "repr(")), "the text of something else"


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda path: str(path.relative_to(SOURCE)))
def test_nothing_goes_around_the_logs(path: Path) -> None:
    """Only commands, which talk to their operator, and the start of the server print."""
    if path.parent.name in ("cli", "sim", "testing") or path.name in ("server.py", "sample.py", "diagram.py"):
        return
    tree = ast.parse(path.read_text())
    names = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert "print" not in names


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What reaches standard error; the configuration of others is put back."""
    root, written = logging.getLogger(), io.StringIO()
    handlers, level, config = list(root.handlers), root.level, structlog.get_config()
    monkeypatch.setattr("sys.stderr", written)
    configure_logs()
    yield written
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.configure(**config)


def only(lines: io.StringIO) -> dict[str, Any]:
    (line,) = lines.getvalue().splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


def unmarked(entry: dict[str, Any]) -> str:
    return json.dumps({name: value for name, value in entry.items() if not name.startswith("pii_")})


def fail() -> None:
    try:
        raise NumberNotOwned(AccountId("u-1"), NUMBER)
    except NumberNotOwned as error:
        raise ExceptionGroup(f"for {NUMBER}", [KeyError(NUMBER)]) from error


def test_the_messages_of_exceptions_are_marked(lines: io.StringIO) -> None:
    try:
        fail()
    except ExceptionGroup:
        structlog.get_logger("test").exception("it failed")
    entry = only(lines)
    assert NUMBER not in unmarked(entry) and NUMBER in str(entry["pii_exception"])
    assert entry["event"] == "it failed"
    for name in ("Traceback", "NumberNotOwned", "ExceptionGroup", "KeyError", "in fail"):
        assert name in entry["exception"]


@pytest.mark.parametrize("with_exception", [False, True])
def test_what_libraries_say_is_marked_as_a_whole(lines: io.StringIO, with_exception: bool) -> None:
    try:
        fail()
    except ExceptionGroup:
        logging.getLogger("asyncio").error("failed for %s", NUMBER, exc_info=with_exception)
    entry = only(lines)
    assert NUMBER not in unmarked(entry)
    assert (entry["pii_message"], entry["logger"]) == (f"failed for {NUMBER}", "asyncio")
    assert ("exception" in entry) is with_exception


@pytest.mark.parametrize(
    "holder",
    [
        Trunk(name="t", host="h", username="me", password="hidden-thing"),
        Credentials(AccountId("u"), "t", "hidden-thing"),
        TrunkCredentials("me", "hidden-thing"),
        SipCredentials("me", "hidden-thing"),
        SrtpKey(1, "s", b"hidden-thing"),
    ],
    ids=lambda holder: type(holder).__name__,
)
def test_secrets_are_not_shown_by_what_holds_them(holder: object) -> None:
    assert "hidden-thing" not in repr(holder) and "hidden-thing" not in str(holder)
