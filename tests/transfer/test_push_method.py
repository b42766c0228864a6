"""The rule that chooses between the engine's push and our client."""

import pytest

from image_assets.transfer.push_method import Load, PushMethod, faster_method, unknown_bytes

MB = 1_000_000


@pytest.mark.parametrize(
    ("load", "method"),
    [
        (Load(900 * MB, new_to_engine=900 * MB, new_to_client=900 * MB), PushMethod.CLIENT),
        (Load(900 * MB, new_to_engine=900 * MB, new_to_client=1 * MB), PushMethod.CLIENT),
        (Load(900 * MB, new_to_engine=1 * MB, new_to_client=1 * MB), PushMethod.ENGINE),
        (Load(900 * MB, new_to_engine=1 * MB, new_to_client=900 * MB), PushMethod.ENGINE),
        (Load(900 * MB, new_to_engine=1 * MB, new_to_client=0), PushMethod.CLIENT),
        (Load(2 * MB, new_to_engine=2 * MB, new_to_client=2 * MB), PushMethod.CLIENT),
        (Load(0, new_to_engine=0, new_to_client=0), PushMethod.CLIENT),
    ],
)
def test_the_method_that_moves_least_is_taken(load: Load, method: PushMethod) -> None:
    assert faster_method(load) is method


@pytest.mark.parametrize(
    ("total", "layers", "known", "unknown"),
    [
        (100, 2, [60], 40),
        (100, 2, [None], 50),
        (100, 2, [60, 40], 0),
        (100, 2, [], 100),
        (0, 0, [], 0),
        # Sizes may be guesses.
        (10, 3, [99], 1),
    ],
)
def test_what_is_not_known_counts_as_new(total: int, layers: int, known: list[int | None], unknown: int) -> None:
    assert unknown_bytes(total, layers, known) == unknown
