"""`trebuchet call` and `trebuchet tail`: what they send, what they print, and who they say they are."""

import functools
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner, Result

import trebuchet.client
from trebuchet.cli.main import app
from trebuchet.cli.show import printable

CALL = {
    "id": "c-1", "direction": "in", "from": "+15550188", "to": "+15550100", "state": "active",
    "startTime": "2016-03-02T10:00:00Z", "activeTime": "2016-03-02T10:00:09Z", "recordingEnabled": True,
    "tag": "[bold]order[/bold] \x1b[31m",
}  # fmt: skip
FLAGS = ("--url", "http://voice.test", "--user", "u-1", "--token", "t-1", "--secret", "s-1")


class Server:
    """Answers as the API would, and remembers what was asked."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []
        self.answers: dict[tuple[str, str], httpx.Response] = {}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        path = request.url.path.removeprefix("/v1/users/u-1")
        return self.answers[request.method, path]

    def answer(self, method: str, path: str, status: int = 200, **more: Any) -> None:
        self.answers[method, path] = httpx.Response(status, **more)

    @property
    def body(self) -> Any:
        """Of the only request that had one."""
        (found,) = [request for request in self.requests if request.content]
        return json.loads(found.content)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    server = Server()
    server.answer("GET", "/calls/c-1", json=CALL)
    server.answer("POST", "/calls/c-1")
    server.answer("POST", "/calls/c-1/audio")
    server.answer("POST", "/calls/c-1/dtmf")
    client = functools.partial(trebuchet.client.Client, transport=httpx.MockTransport(server))
    monkeypatch.setattr(trebuchet.client, "Client", client)
    return server


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No variables, no profiles: the folder where profiles would be."""
    for variable in [name for name in os.environ if name.startswith("TREB_")]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "trebuchet").mkdir()
    return tmp_path / "trebuchet"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def call(*arguments: str) -> str:
    """What `trebuchet call` prints."""
    result = run("call", *FLAGS, *arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


# calls


def test_create_sends_everything_and_prints_the_id(server: Server) -> None:
    server.answer("POST", "/calls", 201, headers={"location": "http://voice.test/v1/users/u-1/calls/c-new"})
    printed = call(
        "create", "--from", "+15550100", "--to", "sip:desk@192.0.2.7", "--timeout", "30", "--callback-url",
        "http://a.test/", "--tag", "t", "--record", "--format", "mp3", "--max-duration", "60", "--transcribe",
        "--bridge", "brg-1", "--conference", "conf-1", "--header", "X-A=b=c", "--header", "X-D=",
        "--idempotency-key", "k",
    )  # fmt: skip
    assert printed == "c-new\n"
    assert server.body == {
        "from": "+15550100", "to": "sip:desk@192.0.2.7", "callTimeout": 30, "callbackUrl": "http://a.test/", "tag": "t",
        "recordingEnabled": True, "recordingFileFormat": "mp3", "recordingMaxDuration": 60,
        "transcriptionEnabled": True, "bridgeId": "brg-1", "conferenceId": "conf-1",
        "sipHeaders": {"X-A": "b=c", "X-D": ""},
    }  # fmt: skip
    assert server.requests[0].headers["idempotency-key"] == "k"
    assert json.loads(call("create", "--from", "+1", "--to", "+2", "--json")) == {"id": "c-new"}


def test_a_header_needs_a_value(server: Server) -> None:
    result = run("call", *FLAGS, "create", "--from", "+1", "--to", "+2", "--header", "X-A")
    assert result.exit_code == 2 and "X-NAME=VALUE" in result.output
    assert not server.requests


@pytest.mark.parametrize(
    ("command", "body"),
    [
        (("answer", "c-1"), {"state": "active"}),
        (("reject", "c-1"), {"state": "rejected"}),
        (("hangup", "c-1"), {"state": "completed"}),
        (("record", "c-1"), {"recordingEnabled": True}),
        (("record", "c-1", "--off"), {"recordingEnabled": False}),
        (
            ("record", "c-1", "--format", "mp3", "--max-duration", "9"),
            {"recordingEnabled": True, "recordingFileFormat": "mp3", "recordingMaxDuration": 9},
        ),
        (("play", "c-1", "http://a.test/x.wav", "--loop"), {"fileUrl": "http://a.test/x.wav", "loopEnabled": True}),
        (("play", "c-1", "--stop"), {"sentence": ""}),
        (
            ("say", "c-1", "Hi you", "--voice", "dave", "--gender", "male", "--locale", "en_US", "--volume", "-4",
             "--tag", "t"),
            {"sentence": "Hi you", "voice": "dave", "gender": "male", "locale": "en_US", "volume": -4, "tag": "t"},
        ),
        (("say", "c-1", "--stop"), {"sentence": ""}),
        (("dtmf", "c-1", "12#"), {"dtmfOut": "12#"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)  # fmt: skip
def test_a_command_sends(server: Server, command: tuple[str, ...], body: dict[str, Any]) -> None:
    call(*command)
    assert server.body == body


def test_commands_on_the_state_print_it(server: Server) -> None:
    assert call("answer", "c-1") == "c-1 active\n"
    assert call("record", "c-1") == "c-1 recording\n"
    assert json.loads(call("hangup", "c-1", "--json")) == CALL


def test_transfer_prints_the_new_call(server: Server) -> None:
    server.answer("POST", "/calls/c-1", 201, headers={"location": "http://voice.test/v1/users/u-1/calls/c-2"})
    printed = call(
        "transfer", "c-1", "--to", "+2", "--whisper", "Hello", "--caller-id", "private", "--tag", "t",
        "--callback-url", "http://a.test/",
    )  # fmt: skip
    assert printed == "c-2\n"
    assert server.body == {
        "state": "transferring", "transferTo": "+2", "whisperAudio": {"sentence": "Hello"},
        "transferCallerId": "private", "tag": "t", "callbackUrl": "http://a.test/",
    }  # fmt: skip


def test_a_whisper_may_be_a_file(server: Server) -> None:
    server.answer("POST", "/calls/c-1", 201, headers={"location": "http://voice.test/v1/users/u-1/calls/c-2"})
    call("transfer", "c-1", "--to", "+2", "--whisper-file", "http://a.test/w.wav")
    assert server.body["whisperAudio"] == {"fileUrl": "http://a.test/w.wav"}


@pytest.mark.parametrize(
    "command",
    [
        ("play", "c-1"),
        ("play", "c-1", "http://a.test/x.wav", "--stop"),
        ("say", "c-1"),
        ("say", "c-1", "Hi", "--stop"),
        ("transfer", "c-1", "--to", "+2", "--whisper", "a", "--whisper-file", "b"),
        ("say", "c-1", "Hi", "--volume", "5"),
    ],
)
def test_what_makes_no_sense_is_not_sent(server: Server, command: tuple[str, ...]) -> None:
    assert run("call", *FLAGS, *command).exit_code == 2
    assert not server.requests


def test_gather_prints_its_id_or_what_was_pressed(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trebuchet.cli.call_audio.POLL_S", 0.0)
    server.answer("POST", "/calls/c-1/gather", 201, headers={"location": "http://x/calls/c-1/gather/gtr-1"})
    states = [{"state": "started"}, {"state": "completed", "digits": "47", "reason": "max-digits"}]
    common = {"id": "gtr-1", "createdTime": "2016-03-02T10:00:00Z"}

    def reading(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return httpx.Response(200, json=common | states.pop(0))
        return Server.__call__(server, request)

    client = functools.partial(trebuchet.client.Client.func, transport=httpx.MockTransport(reading))  # type: ignore[attr-defined]  # the partial of the fixture
    monkeypatch.setattr(trebuchet.client, "Client", client)
    assert call("gather", "c-1", "--max-digits", "2") == "gtr-1\n"
    printed = call("gather", "c-1", "--timeout", "2.5", "--terminators", "*", "--say", "Code?", "--tag", "t", "--wait")
    assert printed == "47 (max-digits)\n"
    assert json.loads(server.requests[-1].content) == {
        "interDigitTimeout": 2.5, "terminatingDigits": "*", "prompt": {"sentence": "Code?"}, "tag": "t",
    }  # fmt: skip
    assert not states


# what is shown


def test_get_shows_every_property_and_json_all_of_it(server: Server) -> None:
    shown = call("get", "c-1")
    for name in CALL:
        assert name in shown
    assert json.loads(call("get", "c-1", "--json")) == CALL


def test_list_shows_a_table_and_asks_for_no_more_than_wanted(server: Server) -> None:
    page = [CALL | {"id": f"c-{place}"} for place in range(3)]
    link = '<http://voice.test/v1/users/u-1/calls?page=1&size=3>; rel="next"'
    server.answer("GET", "/calls", json=page, headers={"link": link})
    shown = call("list", "--limit", "3", "--from", "+1", "--to", "+2")
    assert [line.split()[0] for line in shown.splitlines() if line.startswith("c-")] == ["c-0", "c-1", "c-2"]
    assert dict(server.requests[0].url.params) == {"from": "+1", "to": "+2", "size": "3"}
    assert len(server.requests) == 1
    assert "2016-03-02 10:00:09Z" in shown
    assert json.loads(call("list", "--limit", "2", "--json")) == page[:2]


def test_what_a_caller_chose_steers_no_terminal(server: Server) -> None:
    server.answer("GET", "/calls", json=[CALL])
    for shown in (call("get", "c-1"), call("list")):
        assert "[bold]order[/bold]" in shown and "\x1b" not in shown
    assert printable("a\x1b[2J\r\nb") == "a\ufffd[2J\ufffd\ufffdb"


def test_events_are_listed(server: Server) -> None:
    events = [{"id": "ce-1", "time": "2016-03-02T10:00:00Z", "name": "playback", "data": "start"}]
    server.answer("GET", "/calls/c-1/events", json=events)
    assert "playback" in call("events", "c-1")
    assert json.loads(call("events", "c-1", "--json")) == events


# tail


def feed(*events: dict[str, Any]) -> httpx.Response:
    common = {"id": "ce-1", "time": "2016-03-02T10:00:00Z", "callId": "c-1"}
    pieces = [f"id: {event['position']}\ndata: {json.dumps(common | event)}\n\n" for event in events]
    return httpx.Response(200, content="".join(pieces).encode())


def test_tail_prints_a_line_for_each_event(server: Server) -> None:
    server.answers["GET", "/events/stream"] = feed(
        {"position": 1, "name": "answer"},
        {"position": 2, "name": "hangup", "data": "NORMAL_CLEARING"},
        {"position": 3, "name": "conference", "callId": None, "conferenceId": "conf-1"},
    )
    result = run("tail", *FLAGS, "--after", "0", "--limit", "3")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "2016-03-02T10:00:00Z  c-1  answer",
        "2016-03-02T10:00:00Z  c-1  hangup  NORMAL_CLEARING",
        "2016-03-02T10:00:00Z  conf-1  conference",
    ]
    assert server.requests[0].headers["last-event-id"] == "0"


def test_tail_can_be_choosy(server: Server) -> None:
    server.answers["GET", "/events/stream"] = feed(
        {"position": 1, "name": "answer", "callId": "c-2"},
        {"position": 2, "name": "dtmf"},
        {"position": 3, "name": "answer"},
        {"position": 4, "name": "hangup"},
    )
    result = run("tail", *FLAGS, "--call", "c-1", "--name", "answer", "--name", "hangup", "--limit", "2", "--json")
    assert [json.loads(line)["position"] for line in result.stdout.splitlines()] == [3, 4]


# who one is


def basic(token: str, secret: str) -> str:
    request = next(httpx.BasicAuth(token, secret).auth_flow(httpx.Request("GET", "http://x")))
    return str(request.headers["authorization"])


def write_profiles(folder: Path) -> Path:
    path = folder / "profiles.toml"
    path.touch(mode=0o600)
    path.write_text(
        '[default]\nurl = "http://file.test/"\nuser = "u-1"\ntoken = "t-f"\nsecret = "s-f"\n'
        '[other]\nuser = "u-1"\ntoken = "t-o"\nsecret = "s-o"\n'
    )
    return path


def test_flags_win_over_variables_and_variables_over_the_profile(
    server: Server, nobody: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sent(*flags: str) -> tuple[str, str]:
        server.requests.clear()
        result = run("call", *flags, "get", "c-1")
        assert result.exit_code == 0, result.output
        (request,) = server.requests
        return request.url.host, request.headers["authorization"]

    write_profiles(nobody)
    assert sent() == ("file.test", basic("t-f", "s-f"))
    assert sent("--profile", "other") == ("127.0.0.1", basic("t-o", "s-o"))
    monkeypatch.setenv("TREB_URL", "http://variable.test")
    monkeypatch.setenv("TREB_TOKEN", "t-v")
    assert sent() == ("variable.test", basic("t-v", "s-f"))
    assert sent("--url", "http://flag.test", "--secret", "s-x") == ("flag.test", basic("t-v", "s-x"))
    monkeypatch.setenv("TREB_PROFILE", "other")
    monkeypatch.delenv("TREB_TOKEN")
    assert sent() == ("variable.test", basic("t-o", "s-o"))


def test_nobody_is_asked_who_he_is() -> None:
    result = run("call", "list")
    assert result.exit_code == 2
    assert "--user, --token, --secret" in result.stderr and "profiles.toml" in result.stderr


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda path: path.chmod(0o644), "chmod 600"),
        (lambda path: path.write_text("[default\n"), "profiles.toml"),
    ],
)
def test_profiles_that_cannot_be_used(nobody: Path, spoil: Callable[[Path], Any], said: str) -> None:
    spoil(write_profiles(nobody))
    result = run("call", "list")
    assert result.exit_code == 1 and said in result.stderr
    assert "s-f" not in result.output


def test_a_profile_that_is_not_there(nobody: Path) -> None:
    write_profiles(nobody)
    result = run("call", "--profile", "nope", "list")
    assert result.exit_code == 1 and "no profile nope" in result.stderr


def test_what_the_server_says_no_to_is_one_plain_line(server: Server) -> None:
    body = {"category": "not-found", "code": "call-not-found", "message": "The call 'c-1' could not be found"}
    server.answer("POST", "/calls/c-1", 404, json=body)
    result = run("call", *FLAGS, "answer", "c-1")
    assert result.exit_code == 1
    assert result.stderr == "trebuchet: The call 'c-1' could not be found (404 call-not-found)\n"


def test_a_server_that_is_not_there_is_one_plain_line() -> None:
    result = run("call", *FLAGS[2:], "--url", "http://127.0.0.1:9", "list")
    assert result.exit_code == 1
    assert result.stderr.startswith("trebuchet: http://127.0.0.1:9: ") and result.stderr.count("\n") == 1


def test_the_variables_are_no_settings_of_the_server() -> None:
    from trebuchet.cli.remote import VARIABLE_PREFIX
    from trebuchet.config.load import PREFIX

    assert not VARIABLE_PREFIX.startswith(PREFIX) and not PREFIX.startswith(VARIABLE_PREFIX)
