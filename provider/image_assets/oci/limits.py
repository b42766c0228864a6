"""How long a registry may take, and how often it is asked again."""

from image_assets.frozen import dataclass


@dataclass(frozen=True)
class Limits:
    """Bounds on time and size; every wait on the network is under one of them.

    Attributes:
        connect: Seconds for a connection to be made, encryption included.
        answer: Seconds from the end of a request to the end of a short answer.
        commit: The same where the registry must first store a large blob.
        stall: Seconds in which the next piece of a long transfer must move.
        retrying: Seconds from the first failure of a request to the start of its last repetition; those in which
            content moved do not count.
        settle: Seconds in which what a registry took must become readable.
        pace: What the pauses between repetitions are multiplied by.
        chunk: Bytes in one PATCH where a registry wants uploads in pieces.
    """

    connect: float = 5.0
    answer: float = 45.0
    commit: float = 300.0
    stall: float = 45.0
    retrying: float = 60.0
    settle: float = 20.0
    pace: float = 1.0
    chunk: int = 16 * 2**20


# The spec asks registries to take manifests of 4 MiB; twice that is still no danger to us.
LARGEST_ANSWER = 8 * 2**20
# What is read of an error's body: enough for any message, too little to be a burden.
LARGEST_ERROR = 64 * 2**10
