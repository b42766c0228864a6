"""Whom TLS connections trust, and who they say we are. Imported with the first connection: `ssl` is slow to load."""

import functools
import ssl
from collections.abc import Iterable
from pathlib import Path

from image_assets.frozen import dataclass
from image_assets.oci.endpoint import KNOWN_BUNDLES


@dataclass(frozen=True)
class Trust:
    """What makes one TLS context; equal ones share it.

    Attributes:
        verify: Whether the other side's certificate is checked.
        bundle: File or directory of authorities instead of the system's, or None.
        authorities: Further files of authorities (`*.crt` of certs.d).
        identities: Our own certificates with their keys (`*.cert` and `*.key` of certs.d).
    """

    verify: bool
    bundle: str | None = None
    authorities: tuple[Path, ...] = ()
    identities: tuple[tuple[Path, Path], ...] = ()

    @classmethod
    def read(cls, *, verify: bool, bundle: str | None, directories: Iterable[Path]) -> "Trust":
        """Look for a registry's own certificates (docs.docker.com, "Verify repository client with certificates")."""
        files = [path for directory in directories for path in _files(directory)]
        return cls(
            verify=verify,
            bundle=bundle,
            authorities=tuple(path for path in files if path.suffix == ".crt"),
            identities=tuple((path, path.with_suffix(".key")) for path in files if path.suffix == ".cert"),
        )


def _files(directory: Path) -> list[Path]:
    """List a directory; one that is not there or may not be opened holds nothing."""
    try:
        return sorted(directory.iterdir())
    except OSError:
        return []


@functools.lru_cache(maxsize=32)
def context(trust: Trust) -> ssl.SSLContext:
    """Make the TLS context.

    Raises:
        OSError: A file of certificates cannot be read, or does not hold any (`ssl.SSLError` is one).
    """
    source = _bundle(trust.bundle)
    made = ssl.create_default_context(cafile=source.file, capath=source.directory)
    # As Go's programs have it: authorities of companies seldom keep every rule that Python 3.13 checks, and any
    # certificate that was named as an authority is one, whoever has signed it.
    made.verify_flags = made.verify_flags & ~ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
    for authority in trust.authorities:
        made.load_verify_locations(authority)
    for certificate, key in trust.identities:
        made.load_cert_chain(certificate, key)
    if not trust.verify:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    return made


@dataclass(frozen=True)
class _Source:
    """Where authorities are read from; with neither, OpenSSL's defaults are."""

    file: str | None = None
    directory: str | None = None


def _bundle(named: str | None) -> _Source:
    if named:
        return _Source(directory=named) if Path(named).is_dir() else _Source(file=named)
    defaults = ssl.get_default_verify_paths()
    if defaults.cafile or defaults.capath:
        return _Source()
    return _Source(file=next(filter(_is_file, KNOWN_BUNDLES), None))


def _is_file(path: str) -> bool:
    return Path(path).is_file()
