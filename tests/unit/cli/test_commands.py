"""The commands as an operator runs them."""

import os
import re
import stat
import subprocess
import sys
import time
import tomllib
import types
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from trebuchet.cli.main import app
from trebuchet.config import Settings, load_settings
from trebuchet.config.sample import reference_page, sample_file
from trebuchet.config.settings import keys

HELP_LIMIT_S = 0.5
HEAVY = (
    "numpy", "fastapi", "sqlalchemy", "uvicorn", "aiohttp", "httpx", "soundfile", "trebuchet.sip", "trebuchet.media",
    "trebuchet.client",
)  # fmt: skip


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable in [name for name in os.environ if name.startswith("TREBUCHET_")]:
        monkeypatch.delenv(variable)
    monkeypatch.chdir(tmp_path)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """What `serve` hands to the server."""
    received: list[Settings] = []
    server = types.ModuleType("trebuchet.server")
    monkeypatch.setattr(server, "run", received.append, raising=False)
    monkeypatch.setitem(sys.modules, "trebuchet.server", server)
    return received


# serve


def test_serve_hands_every_flag_to_the_server(served: list[Settings]) -> None:
    result = run(
        "serve", "--data", "d", "--http", "127.0.0.1:81", "--sip", "127.0.0.1:82,[::1]:82", "--rtp-ports", "4000-4099",
        "--trunk", "sip:127.0.0.1:83;transport=tcp", "--public-url", "https://v.example", "--account", "u-1:t-1:s-1",
        "--media-workers", "3", "--drain", "1.5",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    (settings,) = served
    assert settings == load_settings(
        {
            "data": "d", "http": "127.0.0.1:81", "sip": "127.0.0.1:82,[::1]:82", "rtp_ports": "4000-4099",
            "trunk": "sip:127.0.0.1:83;transport=tcp", "public_url": "https://v.example", "account": "u-1:t-1:s-1",
            "media_workers": "3", "drain": "1.5",
        },
        environment={},
    )  # fmt: skip


def test_serve_reads_the_environment_and_the_file(
    served: list[Settings], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "t.toml").write_text('http = "127.0.0.1:91"\n[policy]\nmax_calls = 7\n')
    monkeypatch.setenv("TREBUCHET_DRAIN", "4")
    assert run("serve", "--config", "t.toml").exit_code == 0
    assert (served[0].http.port, served[0].policy.max_calls, served[0].drain_s) == (91, 7, 4.0)


def test_wrong_settings_are_told_one_a_line_and_nothing_starts(served: list[Settings]) -> None:
    result = run("serve", "--http", "x", "--account", "u-1:hush")
    assert result.exit_code == 2
    assert result.stderr.splitlines() == [
        "trebuchet: --http = 'x': expected HOST:PORT, IPv6 in brackets ([::1]:5060)",
        "trebuchet: --account: expected USERID:TOKEN:SECRET, each of letters, digits and . _ ~ -",
    ]
    assert served == []


# init and account


def test_init_makes_an_account_and_shows_its_secret_once(tmp_path: Path) -> None:
    first = run("init", "--data", "d")
    assert first.exit_code == 0, first.output
    user = re.search(r"^user: +(u-[a-z2-7]{23})$", first.output, re.M)
    assert user is not None
    assert re.search(r"^token: +t-[a-z2-7]{23}$", first.output, re.M)
    assert re.search(r"^secret: +s-[a-z2-7]{23}$", first.output, re.M)
    again = run("init", "--data", "d")
    assert again.exit_code == 0
    assert "secret" not in again.output
    assert f"account {user[1]}: there already" in again.output


def test_what_init_makes_belongs_to_its_owner_alone(tmp_path: Path) -> None:
    run("init", "--data", "deep/d")
    assert stat.S_IMODE((tmp_path / "deep" / "d").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "deep" / "d" / "trebuchet.toml").stat().st_mode) == 0o600


def test_the_secret_itself_is_not_kept(tmp_path: Path) -> None:
    output = run("init", "--data", "d").output
    secret = re.search(r"^secret: +(\S+)$", output, re.M)
    assert secret is not None
    for file in (tmp_path / "d").rglob("*"):
        assert not file.is_file() or secret[1].encode() not in file.read_bytes()


def test_init_leaves_a_configuration_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "trebuchet.toml").write_text("drain = 3\n")
    assert run("init", "--data", "d").exit_code == 0
    assert (tmp_path / "d" / "trebuchet.toml").read_text() == "drain = 3\n"


def test_init_where_no_folder_can_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = run("init", "--data", "file/d")
    assert result.exit_code == 1
    assert result.stderr.startswith("trebuchet: file/d: ")


def test_accounts_are_added_and_listed_in_order() -> None:
    made = run("account", "add", "--data", "d")
    user = re.search(r"^user: +(\S+)$", made.output, re.M)
    assert user is not None
    assert run("account", "add", "--data", "d", "--account", "u-mine:t-mine:s-mine").exit_code == 0
    listed = run("account", "list", "--data", "d")
    assert [line.split()[0] for line in listed.output.splitlines()] == [user[1], "u-mine"]
    assert re.fullmatch(r"u-mine  t-mine  \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", listed.output.splitlines()[1])
    assert "s-mine" not in listed.output


def test_adding_the_same_account_again_changes_nothing() -> None:
    for _ in range(2):
        assert run("account", "add", "--data", "d", "--account", "u-1:t-1:s-1").exit_code == 0
    assert len(run("account", "list", "--data", "d").output.splitlines()) == 1


def test_the_signing_secret_of_an_account_is_shown() -> None:
    run("account", "add", "--data", "d", "--account", "u-1:t-1:s-1")
    run("account", "add", "--data", "d", "--account", "u-2:t-2:s-2")
    first, again, other = (
        run("account", "webhook-secret", user, "--data", "d").output for user in ("u-1", "u-1", "u-2")
    )
    assert first.startswith("whsec_")
    assert first == again != other
    assert run("account", "webhook-secret", "u-3", "--data", "d").exit_code == 1
    assert run("account", "webhook-secret", "u-1", "--data", "nowhere").exit_code == 1
    Path("d", "webhook.key").write_bytes(b"short")
    broken = run("account", "webhook-secret", "u-1", "--data", "d")
    assert (broken.exit_code, "32 bytes" in broken.output) == (1, True)


@pytest.mark.parametrize("other", ["u-1:t-1:s-2", "u-1:t-2:s-1", "u-2:t-1:s-1"])
def test_an_account_that_clashes_is_refused(other: str) -> None:
    run("account", "add", "--data", "d", "--account", "u-1:t-1:s-1")
    result = run("account", "add", "--data", "d", "--account", other)
    assert result.exit_code == 1
    assert result.stderr.startswith("trebuchet: ")
    assert len(run("account", "list", "--data", "d").output.splitlines()) == 1


def test_listing_where_there_is_nothing_makes_nothing(tmp_path: Path) -> None:
    result = run("account", "list", "--data", "nowhere")
    assert result.exit_code == 1
    assert "no database there" in result.stderr
    assert not (tmp_path / "nowhere").exists()


def test_a_damaged_database_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "trebuchet.db").write_bytes(b"not a database" * 1000)
    result = run("account", "list", "--data", "d")
    assert result.exit_code == 1
    assert result.stderr.startswith("trebuchet: cannot open ")


# the sample file


def test_the_sample_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text(sample_file())
    before, after = load_settings(environment={}), load_settings(environment={}, config=tmp_path / "s.toml")
    assert before == after


def test_the_sample_shows_every_setting_with_a_valid_default(tmp_path: Path) -> None:
    live = re.sub(r"^# (\w+ = .*)$", r"\1", sample_file().partition("# One table")[0], flags=re.M)
    tomllib.loads(live)
    (tmp_path / "s.toml").write_text(live)
    loaded = load_settings(environment={}, config=tmp_path / "s.toml")
    assert loaded.data == tmp_path / "trebuchet-data"
    assert (loaded.http, loaded.policy, loaded.prompts) == (
        load_settings(environment={}).http, load_settings(environment={}).policy, load_settings(environment={}).prompts,
    )  # fmt: skip
    for key in keys():
        assert key.is_file_only or f"# {key.name.rpartition('.')[2]} =" in sample_file()


def test_the_trunks_of_the_sample_are_valid(tmp_path: Path) -> None:
    trunks = sample_file().partition("decides where a call to a number goes.\n")[2]
    (tmp_path / "s.toml").write_text(re.sub(r"^# ", "", trunks, flags=re.M))
    (trunk,) = load_settings(environment={}, config=tmp_path / "s.toml").all_trunks
    assert (trunk.host, trunk.port, trunk.username) == ("sip.carrier.example", 5060, "name")


# starting up


def test_help_is_instant_and_imports_nothing_heavy() -> None:
    script = (
        "import sys, trebuchet.cli.main\n"
        "from typer.testing import CliRunner\n"
        "assert CliRunner().invoke(trebuchet.cli.main.app, ['--help']).exit_code == 0\n"
        "print(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert [name for name in loaded if name.startswith(HEAVY)] == []


def test_help_takes_less_than_half_a_second() -> None:
    def timed() -> float:
        began = time.perf_counter()
        subprocess.run([sys.executable, "-m", "trebuchet.cli.main", "--help"], capture_output=True, check=True)
        return time.perf_counter() - began

    assert min(timed() for _ in range(5)) < HELP_LIMIT_S


def test_the_version() -> None:
    assert re.fullmatch(r"trebuchet \d+\.\d+\.\d+\n", run("--version").output)


def test_the_reference_of_settings_is_up_to_date() -> None:
    page = Path(__file__).parents[3] / "docs" / "reference" / "settings.md"
    assert page.read_text() == reference_page(), "run: python -m trebuchet.config.sample > docs/reference/settings.md"
