"""`docker` mode is what a real BuildKit receives (R7): generated trees and patterns, and each difference ever found."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from image_assets.context import ContextSpec
from image_assets.errors import InputError
from tests.context.buildkit import BuildFailedError, BuildKit, Entry
from tests.context.cases import Case, make_case
from tests.context.looking import counted

_TOGETHER = 25
_BUILDS_AT_ONCE = 2
_BUILDS = range(14)
_MORE_BUILDS = range(1000, 1420)


def _case(number: int, root: Path) -> Case:
    """Build a case, with its patterns as the context's ignore file."""
    case = make_case(number)
    case.build(root)
    if not (root / ".dockerignore").is_dir():
        (root / ".dockerignore").write_bytes(case.ignore.encode())
    return case


def _is_refused_by_buildkit(buildkit: BuildKit, context: Path, empty: Path) -> bool:
    empty.mkdir()
    try:
        buildkit.receive_each({"c0": context}, empty)
    except BuildFailedError:
        return True
    return False


def _differences(buildkit: BuildKit, numbers: Sequence[int], folder: Path) -> list[str]:
    """Compare some cases in one build; those that the provider refuses, each in one of its own."""
    folder.mkdir(parents=True)
    cases = {f"c{number}": _case(number, folder / f"c{number}") for number in numbers}
    ours: dict[str, Mapping[str, Entry]] = {}
    wrong: list[str] = []
    for name, case in cases.items():
        try:
            ours[name] = counted(ContextSpec(folder / name))
        except InputError as error:
            if not _is_refused_by_buildkit(buildkit, folder / name, folder / f"empty-{name}"):
                wrong.append(f"{case} is refused only by the provider: {error}")
    (folder / "empty").mkdir()
    received = buildkit.receive_each({name: folder / name for name in ours}, folder / "empty")
    for name, entries in ours.items():
        if received[name] != entries:
            wrong.append(f"{cases[name]} differs in {received[name].items() ^ entries.items()}")
    return wrong


def _all_differences(buildkit: BuildKit, builds: Sequence[int], folder: Path) -> list[str]:
    def one(build: int) -> list[str]:
        numbers = range(build * _TOGETHER, (build + 1) * _TOGETHER)
        return _differences(buildkit, numbers, folder / str(build))

    with ThreadPoolExecutor(_BUILDS_AT_ONCE) as pool:
        return [text for texts in pool.map(one, builds) for text in texts]


def test_350_generated_contexts_are_received_as_they_are_counted(buildkit: BuildKit, tmp_path: Path) -> None:
    assert _all_differences(buildkit, _BUILDS, tmp_path) == []


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_10500_generated_contexts_are_received_as_they_are_counted(buildkit: BuildKit, tmp_path: Path) -> None:
    assert _all_differences(buildkit, _MORE_BUILDS, tmp_path) == []
