"""TLS as the operator configured it: certificates from files, and nothing older than TLS 1.2."""

import ssl
from pathlib import Path

from trebuchet.base.errors import LocalError


class CertificateUnusable(LocalError):
    """A certificate, key or list of authorities cannot be read, or certificate and key do not belong together."""

    code = "certificate-unusable"


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """For those who connect to us. They need no certificate: who may call in is decided by their address.
    Raises `CertificateUnusable`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _load(context, certificate, key)
    return context


def client_context(authorities: Path | None, certificate: Path | None, key: Path | None) -> ssl.SSLContext:
    """For those we connect to: their certificate must be valid for the name or address we call. Ours, if there is one,
    is shown to a peer that asks for it. Raises `CertificateUnusable`."""
    try:
        context = ssl.create_default_context(cafile=None if authorities is None else str(authorities))
    except (OSError, ValueError) as error:
        raise CertificateUnusable(f"{authorities}: no certificates of authorities: {_reason(error)}") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if certificate is not None and key is not None:
        _load(context, certificate, key)
    return context


def _load(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    for file in (certificate, key):
        try:
            file.read_bytes()
        except OSError as error:
            raise CertificateUnusable(f"{file}: {error.strerror}") from error
    try:
        context.load_cert_chain(certificate, key, password=_no_passphrase)
    except (OSError, ValueError) as error:
        raise CertificateUnusable(f"{certificate} with {key}: {_reason(error)}") from error


def _no_passphrase() -> str:
    """Without this an encrypted key would make the server wait for a terminal."""
    return ""


def _reason(error: Exception) -> str:
    return getattr(error, "reason", None) or getattr(error, "strerror", None) or type(error).__name__
