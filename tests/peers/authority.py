"""An authority that signs certificates of servers, as whoever installs one has it.

Peers that speak TLS get theirs from here, and tests what to check them by. It is trusted by nobody else, and
keeps no key of a server.
"""

import datetime as dt
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_FROM: Final = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
_TO: Final = dt.datetime(2126, 1, 1, tzinfo=dt.UTC)


class Authority:
    """A new one, whose key nobody else has."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named("an authority")
        self._certificate = self._signed(self._name, self._key.public_key(), authority=True)

    @property
    def certificate(self) -> str:
        """Its own, as PEM."""
        return self._certificate.public_bytes(serialization.Encoding.PEM).decode()

    def issue(self, name: str, directory: Path) -> tuple[Path, Path]:
        """The files of a certificate for a server of this name, and of its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate, secret = directory / "tls.crt", directory / "tls.key"
        certificate.write_bytes(
            self._signed(_named(name), key.public_key()).public_bytes(serialization.Encoding.PEM)
        )
        secret.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return certificate, secret

    def _signed(
        self, name: x509.Name, key: ec.EllipticCurvePublicKey, *, authority: bool = False
    ) -> x509.Certificate:
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(_FROM)
            .not_valid_after(_TO)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
