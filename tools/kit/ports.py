"""Ports for programs of our own."""

import secrets
import socket

_FIRST = 20_000
_BEHIND = 32_768
"""Where Linux begins to give connections ports of their own: until a program listens, one could take its port."""


def free_port() -> int:
    """Return a port on which nobody listens."""
    while True:
        port = _FIRST + secrets.randbelow(_BEHIND - _FIRST)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
