"""One HTTP request and its answer, as values: what the transport takes and gives."""

from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import field

from image_assets.frozen import dataclass


def _nothing() -> Generator[bytes, None, None]:
    """Give no bytes."""
    yield from ()


def _unheard(_count: int) -> None:
    """Take note of nothing."""


@dataclass(frozen=True)
class Body:
    """Content that is sent as it is read.

    Attributes:
        read: Starts reading; called once for each time the request is sent.
        size: Bytes that `read` gives, or None: then they go in HTTP's own chunks.
        sent: Hears the length of each piece that was handed to the network.
    """

    read: Callable[[], Iterator[bytes]]
    size: int | None
    sent: Callable[[int], None] = _unheard


@dataclass(frozen=True)
class Request:
    """What is asked of a registry.

    Attributes:
        method: The HTTP method.
        url: The full URL.
        headers: All headers but those of signing in and of the body's length.
        body: Bytes, or content that is read while it is sent.
        expect: The statuses that are no error.
        within: Seconds that the answer may take once the request is sent; None for the usual time.
        confidential: Whether the body is for nobody but the host that is asked.
        stream: Whether the body of a good answer is read by the caller, piece by piece.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | Body | None = None
    expect: frozenset[int] = frozenset({200})
    within: float | None = None
    confidential: bool = False
    stream: bool = False


@dataclass(frozen=True)
class Answer:
    """What came back.

    Attributes:
        method: The request's method.
        url: The URL that answered, after redirects.
        status: The HTTP status.
        headers: Values by name in lower case; of equal names the first.
        challenges: The `WWW-Authenticate` headers.
        content: The body, unless it is streamed.
        chunks: The body while it arrives; empty unless asked for. To be closed if it is not read to its end.
    """

    method: str
    url: str
    status: int
    headers: Mapping[str, str]
    challenges: tuple[str, ...] = ()
    content: bytes = b""
    chunks: Generator[bytes, None, None] = field(default_factory=_nothing)
