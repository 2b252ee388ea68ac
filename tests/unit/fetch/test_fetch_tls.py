"""TLS: the certificate must be trusted and be the URL's own."""

import ssl
import subprocess
from pathlib import Path

import pytest

from trebuchet.fetch.addresses import LOOPBACK, AddressPolicy
from trebuchet.fetch.client import FetchFailed, FetchTimeout, GuardedClient
from trebuchet.testing.raw_http import RawServer, answer_ok


class Local:
    async def resolve(self, host: str) -> list[str]:
        return ["127.0.0.1"]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    paths = (folder / "cert.pem", folder / "key.pem")
    options = ["-days", "2", "-nodes", "-subj", "/CN=app.example", "-addext", "subjectAltName=DNS:app.example"]
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", *options]
    subprocess.run([*command, "-out", paths[0], "-keyout", paths[1]], check=True, capture_output=True, timeout=30)
    return paths


async def serve(certificate: tuple[Path, Path]) -> RawServer:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return await RawServer(answer_ok).start(context)


async def test_a_trusted_certificate_of_the_right_name(certificate: tuple[Path, Path]) -> None:
    tls = ssl.create_default_context(cafile=str(certificate[0]))
    client = GuardedClient(AddressPolicy(LOOPBACK), resolver=Local(), tls=tls)
    server = await serve(certificate)
    for _ in range(2):
        answer = await client.request("POST", f"https://app.example:{server.port}/x", {}, b"x", 5.0, 100)
        assert answer.status == 200
    assert server.connections == 1
    with pytest.raises(FetchFailed):
        await client.request("POST", f"https://other.example:{server.port}/", {}, b"x", 5.0, 100)
    assert len(server.requests) == 2
    await client.close()
    await server.close()


async def test_a_stranger_certificate(certificate: tuple[Path, Path]) -> None:
    client = GuardedClient(AddressPolicy(LOOPBACK), resolver=Local())
    server = await serve(certificate)
    with pytest.raises(FetchFailed):
        await client.request("POST", f"https://app.example:{server.port}/", {}, b"x", 5.0, 100)
    assert server.requests == []
    await client.close()
    await server.close()


async def test_a_server_without_tls_answers_nothing_to_the_handshake() -> None:
    client = GuardedClient(AddressPolicy(LOOPBACK), resolver=Local())
    async with RawServer(answer_ok) as server:
        with pytest.raises(FetchTimeout):
            await client.request("POST", f"https://app.example:{server.port}/", {}, b"x", 0.2, 100)
    await client.close()
