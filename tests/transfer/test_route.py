"""The rule that chooses between the engine's push and our client."""

import pytest

from image_assets.transfer.route import Load, Route, faster_route, unknown_bytes

MB = 1_000_000


@pytest.mark.parametrize(
    ("load", "route"),
    [
        (Load(900 * MB, new_to_engine=900 * MB, new_to_client=900 * MB), Route.CLIENT),
        (Load(900 * MB, new_to_engine=900 * MB, new_to_client=1 * MB), Route.CLIENT),
        (Load(900 * MB, new_to_engine=1 * MB, new_to_client=1 * MB), Route.ENGINE),
        (Load(900 * MB, new_to_engine=1 * MB, new_to_client=900 * MB), Route.ENGINE),
        (Load(900 * MB, new_to_engine=1 * MB, new_to_client=0), Route.CLIENT),
        (Load(2 * MB, new_to_engine=2 * MB, new_to_client=2 * MB), Route.CLIENT),
        (Load(0, new_to_engine=0, new_to_client=0), Route.CLIENT),
    ],
)
def test_the_route_that_moves_least_is_taken(load: Load, route: Route) -> None:
    assert faster_route(load) is route


@pytest.mark.parametrize(
    ("total", "layers", "known", "unknown"),
    [
        (100, 2, [60], 40),
        (100, 2, [None], 50),
        (100, 2, [60, 40], 0),
        (100, 2, [], 100),
        (0, 0, [], 0),
        (10, 3, [99], 0),
    ],
)
def test_what_is_not_known_counts_as_new(total: int, layers: int, known: list[int | None], unknown: int) -> None:
    assert unknown_bytes(total, layers, known) == unknown
