"""Where a registry is reached, and how: schemes, proxies, certificate authorities. Decisions only, no network."""

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from image_assets.frozen import dataclass

# OpenSSL's own default is tried first; here distributions keep the bundle that a Python from elsewhere misses.
KNOWN_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
_BUNDLE_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Candidate:
    """One way to reach a registry.

    Attributes:
        scheme: `https` or `http`.
        verify: Whether its certificate must be trusted.
    """

    scheme: str
    verify: bool


_SECURE = (Candidate("https", verify=True),)
_INSECURE = (Candidate("https", verify=False), Candidate("http", verify=False))
_LOOPBACK = (Candidate("http", verify=False), Candidate("https", verify=False))


def candidates(host: str, *, insecure: bool) -> Sequence[Candidate]:
    """Return the ways to try, in order.

    Docker lets both configured insecure registries and those on the machine itself use an unknown certificate or none
    (dockerd reference, "Insecure registries"). On the machine itself nearly all speak plain HTTP: there it comes first.
    """
    if is_loopback(host):
        return _LOOPBACK
    return _INSECURE if insecure else _SECURE


def host_name(host: str) -> str:
    """Return `host[:port]` without the port and without IPv6 brackets."""
    return urlsplit(f"//{host}").hostname or ""


def is_loopback(host: str) -> bool:
    """Say whether `host[:port]` can only be this machine: `localhost` and below (RFC 6761), 127.0.0.0/8, ::1."""
    name = host_name(host)
    if name == "localhost" or name.endswith(".localhost"):
        return True
    address = _address(name)
    return address is not None and address.is_loopback


def origin(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port: what must be equal for a credential to be sent on."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)


def is_same_host(url: str, other: str) -> bool:
    """Say whether two URLs are served by the same host, with encryption in both or gained by the second."""
    one, two = origin(url), origin(other)
    return one == two or (one[1] == two[1] and two[0] == "https")


def resolve(base: str, location: str) -> str:
    """Return a `Location` as a full URL (RFC 9110, section 10.2.2).

    A registry behind a proxy that ends TLS often writes `http:` with its own name there: the scheme it was reached by
    stays.
    """
    target = urljoin(base, location)
    was, now = urlsplit(base), urlsplit(target)
    if (was.scheme, now.scheme) == ("https", "http") and now.hostname == was.hostname and now.port in {None, was.port}:
        return now._replace(scheme="https", netloc=was.netloc).geturl()
    return target


def proxy_for(url: str, environ: Mapping[str, str]) -> str | None:
    """Return the proxy that HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY mean, read as Docker (Go) reads them."""
    scheme, host, port = origin(url)
    if is_loopback(urlsplit(url).netloc.rpartition("@")[2]) or _excepted(host, port, _variable("NO_PROXY", environ)):
        return None
    proxy = _variable(f"{scheme.upper()}_PROXY", environ) or _variable("ALL_PROXY", environ)
    return (proxy if "://" in proxy else f"http://{proxy}") if proxy else None


def bundle(environ: Mapping[str, str]) -> str | None:
    """Return the file or directory of certificate authorities that the environment names, or None for the system's."""
    return next(filter(None, (environ.get(name) for name in _BUNDLE_VARIABLES)), None)


def certificate_directories(host: str, environ: Mapping[str, str]) -> Iterator[Path]:
    """Name the directories where Docker and podman keep a registry's own certificates (`certs.d/HOST`)."""
    home = environ.get("HOME")
    docker = environ.get("DOCKER_CONFIG") or (f"{home}/.docker" if home else None)
    if docker:
        yield Path(docker, "certs.d", host)
    config = environ.get("XDG_CONFIG_HOME") or (f"{home}/.config" if home else None)
    if config:
        yield Path(config, "docker", "certs.d", host)
        yield Path(config, "containers", "certs.d", host)
    yield Path("/etc/docker/certs.d", host)
    yield Path("/etc/containers/certs.d", host)


def _variable(name: str, environ: Mapping[str, str]) -> str:
    return environ.get(name) or environ.get(name.lower()) or ""


def _excepted(host: str, port: int, exceptions: str) -> bool:
    """Say whether NO_PROXY names the host."""
    return any(_matches(host, port, rule.strip().lower()) for rule in exceptions.split(",") if rule.strip())


def _matches(host: str, port: int, rule: str) -> bool:
    if rule == "*":
        return True
    if network := _network(rule):
        address = _address(host)
        return address is not None and address.version == network.version and address in network
    name, _, wanted = rule.partition(":") if rule.count(":") == 1 else (rule, "", "")
    if wanted and wanted != str(port):
        return False
    bare = name.removeprefix("*").removeprefix(".")
    return host.endswith(f".{bare}") or (host == bare and not name.startswith((".", "*.")))


def _network(rule: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(rule.strip("[]"), strict=False)
    except ValueError:
        return None


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None
