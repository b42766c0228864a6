"""`docker` mode is what a real BuildKit receives (R7): generated trees and patterns, and each difference ever found."""

import os
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


# An ignore file, and files: each was once received otherwise than it was counted.
ONCE_DIFFERENT: dict[str, tuple[bytes, tuple[bytes, ...]]] = {
    "a backslash at the end": (b"obj*\\", (b"obj$x", b"obj1\\", b"objx")),
    "a byte-order mark in front of stars": (b"b\n\xef\xbb\xbf**/a", (b"x/a", b"a", b"b")),
    "a name that is no text": (b"**/caf\xe9", (b"caf\xe9", b"d/caf\xe9", b"caf\xef\xbf\xbd", b"d/x")),
    "a directory that is no text": (b"\xff/**", (b"\xff/a", b"\xef\xbf\xbd/a", b"b")),
    "a start that is no text": (b"\xff**", (b"\xffa", b"\xef\xbf\xbda", b"b")),
    "an end that is no text": (b"**\xe9/x", (b"q\xe9/x", b"\xe9/x", b"q/\xef\xbf\xbd/x", b"x")),
    "control characters beside what is not ASCII": ("é\na\tb\n\x01".encode(), (b"a\tb", b"\x01", b"c")),
}


def _write(root: Path, ignore: bytes, names: Sequence[bytes]) -> None:
    for name in names:
        path = root / os.fsdecode(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name)
    (root / ".dockerignore").write_bytes(ignore)


@pytest.mark.parametrize("what", ONCE_DIFFERENT)
def test_what_once_differed_does_not(buildkit: BuildKit, root: Path, tmp_path: Path, what: str) -> None:
    _write(root, *ONCE_DIFFERENT[what])
    (tmp_path / "empty").mkdir()
    assert buildkit.receive_each({"c": root}, tmp_path / "empty")["c"] == counted(ContextSpec(root))


@pytest.mark.parametrize("ignore", [b"a\tb", b"x\n\x01", b"a\rb\r", b"a\0", b"\x7f", b"!a\tb"])
def test_control_characters_are_refused_by_both(buildkit: BuildKit, root: Path, tmp_path: Path, ignore: bytes) -> None:
    _write(root, ignore, (b"a", b"b"))
    with pytest.raises(InputError, match=r"^directory: \.dockerignore:\d: the pattern .* has control characters"):
        counted(ContextSpec(root))
    assert _is_refused_by_buildkit(buildkit, root, tmp_path / "empty")


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_10500_generated_contexts_are_received_as_they_are_counted(buildkit: BuildKit, tmp_path: Path) -> None:
    assert _all_differences(buildkit, _MORE_BUILDS, tmp_path) == []
