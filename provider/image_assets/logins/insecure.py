"""Which hosts may be reached without TLS, or with a certificate that nobody vouches for."""

import ipaddress
import socket
from collections.abc import Collection
from contextlib import suppress
from dataclasses import field

from image_assets.frozen import dataclass
from image_assets.oci.endpoint import host_name

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True)
class InsecureHosts:
    """Hosts as dockerd's `insecure-registries` names them: `host[:port]`, or the network that a host is in (CIDR).

    Attributes:
        hosts: Each with its port if it has one, in lower case.
        networks: Those whose hosts are meant, whatever their port.
    """

    hosts: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()
    _answers: dict[str, bool] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(cls, entries: Collection[str]) -> "InsecureHosts":
        """Read checked entries of the setting."""
        networks = {entry: ipaddress.ip_network(entry, strict=False) for entry in entries if "/" in entry}
        return cls(frozenset(entry.lower() for entry in entries if entry not in networks), tuple(networks.values()))

    def __contains__(self, host: object) -> bool:
        """Say whether this `host[:port]` is meant."""
        if not isinstance(host, str):
            return False
        if host.lower() in self.hosts:
            return True
        if host not in self._answers:
            self._answers[host] = bool(self.networks) and self._is_in_a_network(host_name(host))
        return self._answers[host]

    def _is_in_a_network(self, name: str) -> bool:
        """Look the name up, as dockerd does; one that is unknown is in no network."""
        with suppress(OSError, UnicodeError, ValueError):
            found = {info[4][0] for info in socket.getaddrinfo(name, None)}
            addresses = [ipaddress.ip_address(str(address).partition("%")[0]) for address in found]
            return any(address in network for address in addresses for network in self.networks)
        return False
