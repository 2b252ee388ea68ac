"""A certificate authority of the tests' own, and certificates by it, made with the `openssl` command."""

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

_CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


@dataclass(frozen=True)
class Certificate:
    """PEM files."""

    certificate: Path
    key: Path

    @property
    def both(self) -> Path:
        """One file with both, as baresip wants it."""
        path = self.certificate.with_suffix(".both.pem")
        path.write_bytes(self.certificate.read_bytes() + self.key.read_bytes())
        return path

    def server(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context


class Authority:
    """`authority` is its own certificate."""

    def __init__(self, folder: Path, name: str = "Test authority") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self.authority, self._key = folder / "ca.pem", folder / "ca.key"
        _openssl(
            "req", "-x509", *_CURVE, "-days", "2", "-subj", f"/CN={name}", "-keyout", self._key, "-out", self.authority
        )

    def issue(self, *names: str) -> Certificate:
        """A certificate for host names (`DNS:phone.example`) and addresses (`IP:127.0.0.1`)."""
        stem = names[0].replace(":", "-").replace("*", "any")
        request, made = self._folder / f"{stem}.csr", self._folder / f"{stem}.pem"
        key, extension = self._folder / f"{stem}.key", self._folder / f"{stem}.ext"
        extension.write_text(f"subjectAltName={','.join(names)}\n")
        _openssl("req", *_CURVE, "-subj", "/CN=test", "-keyout", key, "-out", request)
        _openssl(
            "x509", "-req", "-in", request, "-CA", self.authority, "-CAkey", self._key, "-CAcreateserial",
            "-days", "2", "-extfile", extension, "-out", made,
        )  # fmt: skip
        return Certificate(made, key)

    def client(self) -> ssl.SSLContext:
        """Trusts this authority alone."""
        return ssl.create_default_context(cafile=str(self.authority))


def _openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=30)
