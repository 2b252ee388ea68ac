"""The doctor finds what is wrong with a machine, and says what to do about it."""

import resource
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from support.certificates import Authority
from trebuchet.cli import checks
from trebuchet.cli.main import app
from trebuchet.config import Settings, load_settings

NAMES = [
    "http port", "sip ports", "trunks", "certificates", "rtp ports", "open files", "disk", "fsync", "speech",
    "media workers",
]  # fmt: skip


def settings(tmp_path: Path, **flags: str) -> Settings:
    base = {
        "data": str(tmp_path), "http": "127.0.0.1:0", "sip": "127.0.0.1:0", "rtp_ports": "41000-41099",
        "media_workers": "1", "policy.max_calls": "10",
    }  # fmt: skip
    return load_settings({**base, **{name.replace("__", "."): value for name, value in flags.items()}}, environment={})


@pytest.fixture
def taken_udp() -> Iterator[int]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


@pytest.fixture
def taken_tcp() -> Iterator[int]:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen(1)
        yield holder.getsockname()[1]


def test_a_good_machine_is_green_throughout(tmp_path: Path) -> None:
    findings = list(checks.run_checks(settings(tmp_path)))
    assert [finding.name for finding in findings] == NAMES
    assert [finding for finding in findings if not finding.is_green] == []
    assert list(tmp_path.iterdir()) == [], "the doctor leaves nothing behind"


def test_a_taken_http_port_is_red(tmp_path: Path, taken_tcp: int) -> None:
    finding = checks.check_http_port(settings(tmp_path, http=f"127.0.0.1:{taken_tcp}"))
    assert not finding.is_green
    assert finding.text == f"127.0.0.1:{taken_tcp}: Address already in use"
    assert "--http" in finding.remedy


def test_an_address_of_another_machine_is_red(tmp_path: Path) -> None:
    finding = checks.check_http_port(settings(tmp_path, http="192.0.2.1:8080"))
    assert not finding.is_green


def test_a_sip_port_taken_over_one_transport_is_red(tmp_path: Path, taken_udp: int) -> None:
    finding = checks.check_sip_ports(settings(tmp_path, sip=f"127.0.0.1:{taken_udp}"))
    assert not finding.is_green
    assert finding.text.startswith(f"udp 127.0.0.1:{taken_udp}: ")
    assert "tcp" not in finding.text


def test_the_tls_port_is_looked_at_when_there_is_a_certificate(tmp_path: Path, taken_tcp: int) -> None:
    files = {"signalling__tls_certificate": "/c.pem", "signalling__tls_key": "/k.pem"}
    assert checks.check_sip_ports(settings(tmp_path, signalling__tls_port=str(taken_tcp))).is_green
    finding = checks.check_sip_ports(settings(tmp_path, signalling__tls_port=str(taken_tcp), **files))
    assert not finding.is_green
    assert finding.text.startswith(f"tls 127.0.0.1:{taken_tcp}: ")


@pytest.mark.parametrize(
    ("trunk", "sip", "is_green", "text"),
    [
        (None, "127.0.0.1:0", True, "none configured: only sip: addresses can be called, no numbers"),
        ("sip:192.0.2.1", "127.0.0.1:0", False, "default cannot be reached from 127.0.0.1:0"),
        ("sip:192.0.2.1", "[::1]:0", False, "default cannot be reached from [::1]:0"),
        ("sip:carrier.example", "127.0.0.1:0,192.0.2.9:5060", True, "default at carrier.example"),
        ("sip:127.0.0.1:5070", "127.0.0.1:0", True, "default at 127.0.0.1"),
        ("sip:localhost", "127.0.0.1:0", True, "default at localhost"),
    ],
)
def test_a_trunk_beyond_the_reach_of_loopback_is_red(
    tmp_path: Path, trunk: str | None, sip: str, is_green: bool, text: str
) -> None:
    finding = checks.check_trunks(settings(tmp_path, sip=sip, **({} if trunk is None else {"trunk": trunk})))
    assert (finding.is_green, finding.text) == (is_green, text)
    assert ("--sip" in finding.remedy) is not is_green


@pytest.mark.parametrize("section", ["api", "signalling"])
def test_certificates_that_cannot_be_used_are_red(tmp_path: Path, section: str) -> None:
    authority = Authority(tmp_path / "ca")
    one, other = authority.issue("DNS:one.example"), authority.issue("DNS:other.example")

    def check(certificate: Path, key: Path) -> checks.Finding:
        files = {f"{section}__tls_certificate": str(certificate), f"{section}__tls_key": str(key)}
        return checks.check_certificates(settings(tmp_path, **files))

    assert check(one.certificate, one.key).is_green
    mismatch = check(one.certificate, other.key)
    assert not mismatch.is_green and "KEY_VALUES_MISMATCH" in mismatch.text
    missing = check(tmp_path / "nowhere.pem", one.key)
    assert not missing.is_green and missing.text == f"{tmp_path}/nowhere.pem: No such file or directory"
    assert not check(one.key, one.key).is_green


def test_authorities_that_are_none_are_red(tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.touch()
    trunk = {"trunk": "sip:carrier.example;transport=tls", "signalling__tls_authorities": str(empty)}
    finding = checks.check_certificates(settings(tmp_path, **trunk))
    assert not finding.is_green and "no certificates of authorities" in finding.text


def test_rtp_ports_in_other_hands_are_red(tmp_path: Path) -> None:
    holders = []
    try:
        for port in range(41200, 41210):
            holder = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            holders.append(holder)
            holder.bind(("127.0.0.1", port))
        finding = checks.check_rtp_ports(settings(tmp_path, rtp_ports="41200-41209", policy__max_calls="1"))
    finally:
        for holder in holders:
            holder.close()
    assert not finding.is_green
    assert "10 of 10" in finding.text


def test_too_few_rtp_ports_for_the_calls_wanted_are_red(tmp_path: Path) -> None:
    finding = checks.check_rtp_ports(settings(tmp_path, rtp_ports="41300-41309", policy__max_calls="6"))
    assert not finding.is_green
    assert "enough for 5 calls, policy.max_calls is 6" in finding.text


def test_too_low_a_limit_of_open_files_is_red(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (1024, 4096))
    assert checks.check_open_files(settings(tmp_path, policy__max_calls="900")).is_green
    finding = checks.check_open_files(settings(tmp_path, policy__max_calls="1000"))
    assert not finding.is_green
    assert "ulimit -n 4256" in finding.remedy


def test_a_full_disk_is_red(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=5 * 10**8))
    finding = checks.check_disk(settings(tmp_path))
    assert not finding.is_green
    assert finding.text.startswith("0.5 GB free")


def test_a_data_directory_that_is_not_there_yet_is_judged_by_its_parent(tmp_path: Path) -> None:
    assert checks.check_disk(settings(tmp_path, data=str(tmp_path / "a" / "b"))).is_green
    assert not (tmp_path / "a").exists()


def test_a_slow_disk_is_red(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "_time_fsync", lambda descriptor: 0.2)
    finding = checks.check_fsync(settings(tmp_path))
    assert not finding.is_green
    assert finding.text == "200.0 ms median of 20"


def test_a_missing_speech_engine_is_red_and_named(tmp_path: Path) -> None:
    finding = checks.check_speech(settings(tmp_path, speech__engine="cockatoo"))
    assert not finding.is_green
    assert "'cockatoo' is not installed" in finding.text


def test_more_workers_than_cores_are_red(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks.os, "cpu_count", lambda: 1)
    finding = checks.check_workers(settings(tmp_path, media_workers="2"))
    assert not finding.is_green
    assert finding.text == "2 workers on 1 cores"


def test_workers_that_do_not_start_are_red(tmp_path: Path) -> None:
    finding = checks.check_workers(settings(tmp_path, rtp_ports="41400-41403", media_workers="8"))
    assert not finding.is_green
    assert "8 do not start" in finding.text


def test_a_check_that_breaks_is_red_and_stops_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(path: object) -> object:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(shutil, "disk_usage", broken)
    findings = {finding.name: finding for finding in checks.run_checks(settings(tmp_path))}
    assert list(findings) == NAMES
    assert "Input/output error" in findings["disk"].text
    assert findings["fsync"].is_green


def test_the_command_prints_a_line_for_each_check_and_fails_when_one_is_red(tmp_path: Path, taken_tcp: int) -> None:
    config = tmp_path / "t.toml"
    config.write_text(
        f'http = "127.0.0.1:{taken_tcp}"\nsip = "127.0.0.1:0"\nrtp_ports = "41500-41599"\n[policy]\nmax_calls = 10\n'
    )
    result = CliRunner().invoke(app, ["doctor", "--data", str(tmp_path), "--config", str(config)])
    lines = result.output.splitlines()
    assert result.exit_code == 1
    assert len(lines) == len(NAMES)
    assert lines[0].startswith(f"red   http port: 127.0.0.1:{taken_tcp}: ")
    assert " — stop what listens there" in lines[0]
    assert all(line.startswith("green ") for line in lines[1:]), result.output
