"""An authority of one's own, such as a company has for its servers."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def with_authority(folder: Path) -> ssl.SSLContext:
    """For a server with a certificate for this machine, of an authority in `folder`/ca.pem that names no key
    identifiers, as many a company's."""

    def signed(name: str, signer: Any, *extensions: x509.ExtensionType) -> tuple[Any, bytes]:
        key, today = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
        subject, issuer = (x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, one)]) for one in (name, "ca"))
        made = x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number(),
                                       today - timedelta(1), today + timedelta(1))  # fmt: skip
        for extension in extensions:
            made = made.add_extension(extension, critical=False)
        return key, made.sign(signer or key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    authority, certificate = signed("ca", None, x509.BasicConstraints(ca=True, path_length=None))
    (folder / "ca.pem").write_bytes(certificate)
    key, certificate = signed("here", authority, x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "here.pem").write_bytes(private + certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "here.pem")
    return context
