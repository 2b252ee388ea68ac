"""Settings: where they come from, which wins, and what is said about each kind of mistake."""

import dataclasses
import os
import re
from pathlib import Path

import pytest

import trebuchet
from trebuchet.config import ConfigError, Credentials, PortRange, Settings, SocketAddress, load_settings
from trebuchet.config.settings import keys
from trebuchet.model.number import NumberKind
from trebuchet.model.trunk import Trunk

FLAGS = ["data", "http", "sip", "rtp_ports", "trunk", "public_url", "account", "media_workers", "drain"]
EXAMPLES: dict[str, tuple[str, object]] = {
    # key: a text, and the value it becomes
    "data": ("/srv/t", Path("/srv/t")),
    "http": ("[::1]:80", SocketAddress("::1", 80)),
    "sip": ("0.0.0.0:5060, [::]:5062", (SocketAddress("0.0.0.0", 5060), SocketAddress("::", 5062))),
    "rtp_ports": ("10000-10099", PortRange(10000, 10099)),
    "trunk": ("sip:pbx:5070;transport=tcp", Trunk(name="default", host="pbx", port=5070, transport="tcp")),
    "public_url": ("https://voice.example/base/", "https://voice.example/base"),
    "account": ("u-1:t-1:s-1", Credentials("u-1", "t-1", "s-1")),  # type: ignore[arg-type]  # AccountId is a str
    "media_workers": ("3", 3),
    "drain": ("2.5", 2.5),
    "signalling.advertised_address": ("203.0.113.9", "203.0.113.9"),
    "signalling.allowed_hosts": ("pbx.example,192.0.2.7", ("pbx.example", "192.0.2.7")),
    "signalling.allowed_networks": ("192.0.2.0/24, 2001:db8::1", ("192.0.2.0/24", "2001:db8::1/128")),
    "signalling.allow_loopback": ("no", False),
    "signalling.t1_ms": ("100", 100),
    "signalling.t2_ms": ("800", 800),
    "signalling.t4_ms": ("900", 900),
    "signalling.session_expires_s": ("600", 600),
    "signalling.max_transactions": ("1000", 1000),
    "signalling.max_dialogs": ("100", 100),
    "signalling.max_connections": ("10", 10),
    "signalling.retry_after_s": ("9", 9),
    "signalling.probe_interval_s": ("30", 30.0),
    "signalling.tls_certificate": ("/etc/t/cert.pem", Path("/etc/t/cert.pem")),
    "signalling.tls_key": ("/etc/t/key.pem", Path("/etc/t/key.pem")),
    "signalling.tls_port": ("5081", 5081),
    "signalling.tls_authorities": ("/etc/t/ca.pem", Path("/etc/t/ca.pem")),
    "signalling.trace_file": ("/tmp/sip.log", Path("/tmp/sip.log")),
    "phones.domain": ("voip.example.org", "voip.example.org"),
    "phones.networks": ("10.0.0.0/8, 2001:db8::/32", ("10.0.0.0/8", "2001:db8::/32")),
    "phones.min_expires_s": ("30", 30),
    "phones.max_expires_s": ("7200", 7200),
    "phones.sha256": ("yes", True),
    "phones.max_contacts": ("3", 3),
    "media.advertised_address": ("203.0.113.8", "203.0.113.8"),
    "media.rtp_timeout_s": ("5", 5.0),
    "media.stereo_recordings": ("true", True),
    "media.port_rest_s": ("1", 1.0),
    "media.realtime": ("off", False),
    "policy.ring_limit_s": ("20", 20.0),
    "policy.transfer_ring_limit_s": ("20", 20),
    "policy.max_recording_s": ("60", 60),
    "policy.max_conference_members": ("50", 50),
    "policy.max_calls": ("10", 10),
    "policy.max_load": ("0.5", 0.5),
    "dialling.allowed_prefixes": ("+1,+44", ("+1", "+44")),
    "dialling.denied_prefixes": ("+1876", ("+1876",)),
    "dialling.denied_kinds": ("satellite, pager", (NumberKind.SATELLITE, NumberKind.PAGER)),
    "dialling.exceptions": ("+448451234567", ("+448451234567",)),
    "limits.calls_at_once": ("7", 7),
    "limits.account_calls_per_second": ("1.5", 1.5),
    "limits.number_calls_per_second": ("2", 2.0),
    "limits.requests_per_second": ("3", 3.0),
    "limits.request_burst": ("4", 4),
    "limits.number_orders_per_minute": ("100", 100.0),
    "limits.number_order_burst": ("5", 5),
    "limits.number_reads_per_second": ("2000", 2000.0),
    "limits.number_searches_per_minute": ("100", 100.0),
    "limits.number_search_burst": ("9", 9),
    "limits.number_read_burst": ("6", 6),
    "fetch.allowed_networks": ("10.1.0.0/16", ("10.1.0.0/16",)),
    "webhooks.retry_first_s": ("0.5", 0.5),
    "webhooks.retry_longest_s": ("60", 60.0),
    "webhooks.retry_for_s": ("0", 0.0),
    "webhooks.keep_days": ("7", 7.0),
    "prompts.max_download_bytes": ("1000000", 1_000_000),
    "prompts.download_limit_s": ("3", 3.0),
    "prompts.max_redirects": ("0", 0),
    "prompts.fresh_s": ("0", 0.0),
    "prompts.cache_bytes": ("2000000", 2_000_000),
    "speech.engine": ("parrot", "parrot"),
    "speech.sentence_limit_s": ("4", 4.0),
    "speech.piper_models": ("en_US=/m/a.onnx", {"en_US": Path("/m/a.onnx")}),
    "speech.options": ("mood=grumpy", {"mood": "grumpy"}),
    "transcription.engine": ("ear", "ear"),
    "transcription.model": ("/m/whisper", Path("/m/whisper")),
    "transcription.options": ("mood=keen", {"mood": "keen"}),
    "prices.local_number": ("0.6", 0.6),
    "prices.toll_free_number": ("2", 2.0),
    "prices.call_in": ("0.01", 0.01),
    "prices.call_out": ("0.02", 0.02),
    "prices.sip_call_in": ("0.001", 0.001),
    "prices.sip_call_out": ("0.002", 0.002),
    "prices.transcription": ("0.05", 0.05),
    "storage.database": ("/srv/db", Path("/srv/db")),
    "storage.prompt_cache": ("/srv/cache", Path("/srv/cache")),
    "api.trusted_proxies": ("10.0.0.2", ("10.0.0.2/32",)),
    "api.tls_certificate": ("/etc/t/api.pem", Path("/etc/t/api.pem")),
    "api.tls_key": ("/etc/t/api.key", Path("/etc/t/api.key")),
    "api.metrics_networks": ("10.1.0.0/16, 127.0.0.1/32", ("10.1.0.0/16", "127.0.0.1/32")),
}


def load(
    flags: dict[str, object] | None = None, environment: dict[str, str] | None = None, config: Path | None = None
) -> Settings:
    return load_settings(flags, environment=environment or {}, config=config)


def write(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "trebuchet.toml"
    file.write_text(text)
    return file


def value_of(settings: Settings, name: str) -> object:
    path = next(key.path for key in keys() if key.name == name)
    value: object = settings
    for part in path:
        value = getattr(value, part)
    return value


def problems(
    flags: dict[str, object] | None = None, environment: dict[str, str] | None = None, config: Path | None = None
) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as raised:
        load(flags, environment, config)
    assert all("\n" not in line for line in raised.value.lines)
    return raised.value.lines


def test_the_defaults_listen_on_loopback_only() -> None:
    settings = load()
    assert settings.http.host == "127.0.0.1"
    assert {address.host for address in settings.sip} == {"127.0.0.1"}
    assert settings.all_trunks == ()
    assert settings.account is None
    assert settings.drain_s == 30
    assert settings.media.rtp_timeout_s == 30
    assert settings.policy.max_recording_s == 3600


def test_every_setting_has_an_example_here() -> None:
    assert set(EXAMPLES) | {"trunks"} == {key.name for key in keys()}


def test_every_setting_is_read_by_what_it_configures() -> None:
    source = Path(trebuchet.__file__).parent
    readers = "".join((source / name).read_text() for name in ("server.py", "wiring.py"))
    readers = readers.replace(".all_trunks", ".trunk .trunks")
    readers = readers.replace(".database_path", ".database").replace(".prompt_cache_path", ".prompt_cache")
    unread = [key.name for key in keys() if not re.search(rf"\.{key.path[-1]}\b", readers)]
    assert unread == []


def test_names_are_unique_in_every_form() -> None:
    for form in ("name", "variable", "flag"):
        names = [getattr(key, form) for key in keys()]
        assert len(set(names)) == len(names)


def companion(name: str) -> str | None:
    """The setting without which this one is refused."""
    other = {"tls_certificate": "tls_key", "tls_key": "tls_certificate"}
    section, _, key = name.rpartition(".")
    return f"{section}.{other[key]}" if key in other else None


def variable(name: str) -> str:
    return "TREBUCHET_" + name.replace(".", "_").upper()


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_setting_from_the_environment(name: str) -> None:
    value = EXAMPLES[name][1]
    given = {variable(each): EXAMPLES[each][0] for each in (name, companion(name)) if each is not None}
    assert value_of(load(environment=given), name) == value


@pytest.mark.parametrize("name", FLAGS)
def test_a_setting_from_a_flag(name: str) -> None:
    text, value = EXAMPLES[name]
    assert value_of(load({name: text}), name) == value


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_setting_from_the_file_as_text(name: str, tmp_path: Path) -> None:
    text, value = EXAMPLES[name]
    section, _, key = name.rpartition(".")
    file = write(tmp_path, (f"[{section}]\n" if section else "") + f'{key} = "{text}"\n')
    other = companion(name)
    environment = {} if other is None else {variable(other): EXAMPLES[other][0]}
    assert value_of(load(config=file, environment=environment), name) == value


def test_the_file_with_its_own_types(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        """
        data = "here"
        rtp-ports = "30000-30009"
        media_workers = 2
        drain = 5
        sip = ["127.0.0.1:5060", "[::1]:5060"]
        [signalling]
        allow_loopback = false
        allowed-networks = ["192.0.2.0/24"]
        [policy]
        max_load = 0.75
        [speech.piper_models]
        de_DE = "models/thorsten.onnx"
        [speech.piper_models.en_US]
        susan = "/models/amy.onnx"
        [speech.options]
        speed = 3
        """,
    )
    settings = load(config=file)
    assert settings.data == tmp_path / "here", "paths in a file start from its folder"
    assert settings.database_path == tmp_path / "here" / "trebuchet.db"
    assert settings.prompt_cache_path == tmp_path / "here" / "cache" / "prompts"
    assert settings.rtp_ports == PortRange(30000, 30009)
    assert (settings.media_workers, settings.drain_s) == (2, 5.0)
    assert [str(address) for address in settings.sip] == ["127.0.0.1:5060", "[::1]:5060"]
    assert settings.signalling.allow_loopback is False
    assert settings.signalling.allowed_networks == ("192.0.2.0/24",)
    assert settings.policy.max_load == 0.75
    assert settings.speech.piper_models == {
        "de_DE": tmp_path / "models" / "thorsten.onnx",
        "en_US/susan": Path("/models/amy.onnx"),
    }
    assert settings.speech.options == {"speed": 3}


def test_flag_over_environment_over_file_over_default(tmp_path: Path) -> None:
    file = write(tmp_path, 'media_workers = 2\ndrain = 2\nhttp = "127.0.0.1:2"\n')
    settings = load({"media_workers": "4"}, {"TREBUCHET_MEDIA_WORKERS": "3", "TREBUCHET_DRAIN": "3"}, file)
    assert (settings.media_workers, settings.drain_s, settings.http.port) == (4, 3, 2)
    assert settings.policy.max_calls == 2000


def test_flags_that_were_not_given_do_not_count() -> None:
    assert load({"media_workers": None}, {"TREBUCHET_MEDIA_WORKERS": "3"}).media_workers == 3


def test_the_file_can_be_named_in_the_environment(tmp_path: Path) -> None:
    file = write(tmp_path, "drain = 7\n")
    assert load(environment={"TREBUCHET_CONFIG": str(file)}).drain_s == 7
    other = tmp_path / "other.toml"
    other.write_text("drain = 8\n")
    assert load(environment={"TREBUCHET_CONFIG": str(file)}, config=other).drain_s == 8


def test_the_process_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in [name for name in os.environ if name.startswith("TREBUCHET_")]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("TREBUCHET_DRAIN", "11")
    assert load_settings().drain_s == 11


def test_settings_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        load().drain_s = 1  # type: ignore[misc]  # what is tested


# trunks


def test_several_trunks_in_the_file(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        """
        [[trunks]]
        name = "west"
        address = "sip.west.example:5062"
        transport = "TCP"
        user = "me"
        password = "p@ss:word"
        sources = ["192.0.2.0/28", "198.51.100.7"]
        patterns = ["+1", "+52"]
        [[trunks]]
        name = "rest"
        address = "[2001:db8::5]"
        """,
    )
    settings = load({"trunk": "sip:u%40x:p%3Aw@127.0.0.1:5080"}, config=file)
    assert settings.all_trunks == (
        Trunk(name="default", host="127.0.0.1", port=5080, username="u@x", password="p:w"),
        Trunk(
            name="west",
            host="sip.west.example",
            port=5062,
            transport="tcp",
            username="me",
            password="p@ss:word",
            sources=("192.0.2.0/28", "198.51.100.7/32"),
            patterns=("+1", "+52"),
        ),
        Trunk(name="rest", host="2001:db8::5", port=None),
    )


@pytest.mark.parametrize(
    ("table", "line"),
    [
        ('name = "a"\naddress = "h"\npasword = "secret"', "only the keys name, address, transport"),
        ('address = "h"', "a name of letters, digits"),
        ('name = "a b"\naddress = "h"', "a name of letters, digits"),
        ('name = "a"', "address of trunk 'a' to be HOST or HOST:PORT"),
        ('name = "a"\naddress = "h:99999"', "address of trunk 'a' to be HOST or HOST:PORT"),
        ('name = "a"\naddress = "h"\ntransport = "sctp"', "a transport of udp, tcp, tls"),
        ('name = "a"\naddress = "h"\nuser = "u"', "user and password of trunk 'a' together or neither"),
        ('name = "a"\naddress = "h"\nuser = 7\npassword = "secret"', "user to be a text"),
        ('name = "a"\naddress = "h"\nsources = ["nowhere"]', "sources of trunk 'a' to be a list of networks"),
        ('name = "a"\naddress = "h"\npatterns = ["1"]', "patterns to be + and digits, not '1'"),
        ('name = "a"\naddress = "h"\npatterns = []', "patterns to be a list"),
        ('name = "a"\naddress = "h"\n[[trunks]]\nname = "a"\naddress = "i"', "each trunk to have a name of its own"),
    ],
)
def test_what_can_be_wrong_with_a_trunk(table: str, line: str, tmp_path: Path) -> None:
    file = write(tmp_path, "[[trunks]]\n" + table)
    (said,) = problems(config=file)
    assert said.startswith(f"trunks in {file}: expected {line}")
    assert "secret" not in said


@pytest.mark.parametrize(
    "text",
    [
        "pbx",
        "http://pbx",
        "sip:",
        "sip:pbx:0x",
        "sip:pbx;transport=sctp",
        "sip:pbx;lr",
        "sips:pbx",
        "sip:a:b@",
        "sip:a b",
    ],
)
def test_a_trunk_that_is_no_sip_address(text: str) -> None:
    (said,) = problems({"trunk": text})
    assert said.startswith("--trunk: expected ")


def test_a_trunk_of_the_file_cannot_have_the_name_of_the_one_on_the_command_line(tmp_path: Path) -> None:
    file = write(tmp_path, '[[trunks]]\nname = "default"\naddress = "h"\n')
    assert problems({"trunk": "sip:h"}, config=file) == (
        "trunks: the name 'default' is that of the --trunk; give it another",
    )


# mistakes


def test_an_unknown_key_is_named_with_what_was_meant(tmp_path: Path) -> None:
    file = write(tmp_path, "[media]\nrtp_timout_s = 3\n[polcy]\nx = 1\n[http]\nport = 1\n")
    assert problems(config=file) == (
        f"media.rtp_timout_s in {file}: unknown key; did you mean media.rtp_timeout_s?",
        f"polcy in {file}: unknown key; did you mean policy?",
        f"http in {file} = {{'port': 1}}: expected HOST:PORT, IPv6 in brackets ([::1]:5060)",
    )


def test_a_value_where_a_table_belongs(tmp_path: Path) -> None:
    file = write(tmp_path, "media = 3\n")
    assert problems(config=file) == (f"media in {file}: expected a table [media]",)


def test_an_unknown_variable_is_named() -> None:
    assert problems(environment={"TREBUCHET_DRAN": "3", "HOME": "/", "TREBUCHET_TRUNKS": "x"}) == (
        "TREBUCHET_DRAN: unknown variable; did you mean TREBUCHET_DRAIN?",
        "TREBUCHET_TRUNKS: unknown variable; did you mean TREBUCHET_TRUNK?",
    )


WRONG = {
    "http": ["here", "127.0.0.1", "127.0.0.1:70000", ":80", "::1:80", "[::1", "a b:80", "host:-1"],
    "sip": ["127.0.0.1", "127.0.0.1:5060,x"],
    "rtp_ports": ["20000", "20000-20002", "9-1", "0-100", "1-70000", "a-b"],
    "public_url": ["voice.example", "ftp://x", "http://", "http://u:p@x", "http://x?y", "http://x#y", "http://x:port"],
    "media_workers": ["0", "-1", "1.5", "many", "", "1e3"],
    "drain": ["-1", "nan", "inf", "soon"],
    "signalling.allow_loopback": ["maybe", ""],
    "signalling.allowed_networks": ["192.0.2.1/24", "nowhere"],
    "signalling.allowed_hosts": ["a b", "-x"],
    "speech.piper_models": ["english=/m", "en_US", "en_US/Susan!=/m"],
    "data": ["", "a\nb"],
    "dialling.denied_prefixes": ["1876", "+1x"],
    "dialling.denied_kinds": ["expensive"],
    "limits.account_calls_per_second": ["0", "1e9"],
}


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in WRONG.items() for text in texts])
def test_a_wrong_value_is_named_with_what_is_allowed(name: str, text: str) -> None:
    key = next(key for key in keys() if key.name == name)
    (line,) = problems(environment={key.variable: text})
    assert line == f"{key.variable} = {text!r}: expected {key.kind.allowed}"


@pytest.mark.parametrize(
    "line", ["media_workers = true", "drain = false", "http = 8080", "data = 3", "trunk = []", "account = 1"]
)
def test_a_value_of_the_wrong_type(line: str, tmp_path: Path) -> None:
    file = write(tmp_path, line)
    (said,) = problems(config=file)
    assert f" in {file}" in said
    assert ": expected " in said


def test_secrets_are_never_repeated() -> None:
    said = problems({"account": "u-1:t-1:s-hush:more", "trunk": "sip:me:hush@pbx:port"})
    assert len(said) == 2
    assert "hush" not in "".join(said)
    assert "s-hush" not in repr(load({"account": "u-1:t-1:s-hush"}).account)


def test_all_problems_are_told_at_once() -> None:
    said = problems({"http": "x", "drain": "y"}, {"TREBUCHET_X": "1"})
    assert len(said) == 3


def test_a_long_value_is_cut() -> None:
    (said,) = problems({"http": "x" * 500})
    assert len(said) < 160


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    file = tmp_path / "none.toml"
    assert problems(config=file) == (f"{file}: cannot be read: No such file or directory",)


def test_a_file_that_is_not_toml(tmp_path: Path) -> None:
    (said,) = problems(config=write(tmp_path, "data = \n"))
    assert ": not TOML: " in said
    file = tmp_path / "bytes.toml"
    file.write_bytes(b"\xff\xfe")
    assert ": not TOML: " in problems(config=file)[0]


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        ({"signalling.t1_ms": "5000"}, "signalling.t1_ms = 5000: expected at most signalling.t2_ms"),
        ({"sip": "127.0.0.1:8080"}, "sip = 127.0.0.1:8080: expected another port than http"),
        ({"api.tls_key": "/k"}, "api.tls_certificate and api.tls_key: expected both or neither"),
        ({"signalling.tls_certificate": "/c"}, "signalling.tls_certificate and signalling.tls_key: expected both"),
        (
            {"signalling.tls_certificate": "/c", "signalling.tls_key": "/k", "signalling.tls_port": "5060"},
            "sip = 127.0.0.1:5060: expected another port than signalling.tls_port",
        ),
        ({"rtp_ports": "5000-6000"}, "rtp_ports = 5000-6000: expected a range without the SIP port 5060"),
    ],
)
def test_values_that_contradict_each_other(flags: dict[str, object], line: str) -> None:
    (said,) = problems(flags)
    assert said.startswith(line)


def test_ports_chosen_by_the_system_do_not_clash() -> None:
    settings = load({"sip": "127.0.0.1:0", "http": "127.0.0.1:0"})
    assert str(settings.http) == "127.0.0.1:0"
