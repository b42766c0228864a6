"""Certificates for servers of the tests: signed by an authority that nobody trusts unless told to."""

import datetime as dt
import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Certificates:
    """Files of one authority and of a server and a client that it vouches for."""

    authority: Path
    server: Path
    client: Path
    client_key: Path

    def server_context(self, *, asks_client: bool = False) -> ssl.SSLContext:
        """Return what a TLS server needs."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.server)
        if asks_client:
            context.load_verify_locations(self.authority)
            context.verify_mode = ssl.CERT_REQUIRED
        return context


def make_certificates(folder: Path, *names: str, below: str = "") -> Certificates:
    """Write an authority's certificate, a server's for these names and addresses, and a client's.

    Args:
        folder: Where to.
        names: The server's.
        below: Another authority, which nobody has the certificate of, that signs the first; none: it signs itself.
    """
    authority_key = ec.generate_private_key(ec.SECP256R1())
    signer = (below, ec.generate_private_key(ec.SECP256R1())) if below else ("tests authority", authority_key)
    authority = _certificate("tests authority", authority_key, *signer, authority=True)
    files = Certificates(folder / "ca.pem", folder / "server.pem", folder / "client.cert", folder / "client.key")
    files.authority.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    key = ec.generate_private_key(ec.SECP256R1())
    server = _certificate("server", key, "tests authority", authority_key, names=names)
    files.server.write_bytes(_key(key) + server.public_bytes(serialization.Encoding.PEM))
    client = _certificate("client", key, "tests authority", authority_key)
    files.client.write_bytes(client.public_bytes(serialization.Encoding.PEM))
    files.client_key.write_bytes(_key(key))
    return files


def _key(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _certificate(
    subject: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    issuer_key: ec.EllipticCurvePrivateKey,
    *,
    names: tuple[str, ...] = (),
    authority: bool = False,
) -> x509.Certificate:
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _DAY)
        .not_valid_after(now + _DAY)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    if names:
        made = made.add_extension(x509.SubjectAlternativeName(list(map(_name, names))), critical=False)
    return made.sign(issuer_key, hashes.SHA256())


def _name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
