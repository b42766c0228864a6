"""What the programs that build take for the Dockerfile and for the ignore file, where nobody names one."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePath

from image_assets.frozen import dataclass


@dataclass(frozen=True)
class Habits:
    """One program's habits.

    Attributes:
        dockerfiles: The names under which a Dockerfile is looked for if none is named; the first that is there counts.
        lower_case: Whether `dockerfile` is taken where `Dockerfile` is missing.
        own_ignore_files: What is appended to the Dockerfile's name for an ignore file that holds for it alone.
        ignore_files: The names of ignore files in the context's root; the first that is there counts.
        keeps_one_copy: Whether its builder keeps one copy of all contexts, and asks again only for files whose size,
            mode or mtime differ. Docker's has one for each name of a context, Podman's none.
    """

    dockerfiles: tuple[str, ...]
    lower_case: bool
    own_ignore_files: tuple[str, ...]
    ignore_files: tuple[str, ...]
    keeps_one_copy: bool = False


#: BuildKit's frontend (moby/buildkit, `dockerui`): both spellings since moby 10858.
DOCKER = Habits(("Dockerfile",), lower_case=True, own_ignore_files=(".dockerignore",), ignore_files=(".dockerignore",))
#: nerdctl's `build`: a Containerfile in place of a missing Dockerfile. It calls `buildctl`, whose sessions have no name
#: (moby/buildkit, `source/local`: the shared key).
NERDCTL = Habits(
    ("Dockerfile", "Containerfile"),
    lower_case=False,
    own_ignore_files=(".dockerignore",),
    ignore_files=(".dockerignore",),
    keeps_one_copy=True,
)
#: buildah's `DiscoverContainerfile` and `ContainerIgnoreFile`, containerignore(5).
PODMAN = Habits(
    ("Containerfile", "Dockerfile"),
    lower_case=False,
    own_ignore_files=(".dockerignore", ".containerignore"),
    ignore_files=(".containerignore", ".dockerignore"),
)
_BY_NAME: Mapping[str, Habits] = {"podman": PODMAN, "buildah": PODMAN, "nerdctl": NERDCTL, "finch": NERDCTL}
#: Names that a Dockerfile may have, for advice only.
_LIKE_A_DOCKERFILE = re.compile(r"(?:docker|container)file(?:\..+)?|.+\.(?:docker|container)file", re.IGNORECASE)
_IGNORE_FILE = re.compile(r".*ignore", re.IGNORECASE)
_MOST_SHOWN = 3


def habits_of(executable: str) -> Habits:
    """Return the habits of a program, by its name alone: what a fingerprint is must not depend on a machine."""
    name = PurePath(executable).name.lower()
    return next((habits for word, habits in _BY_NAME.items() if word in name), DOCKER)


def dockerfile_in(root: Path, file: str | None, habits: Habits) -> Path:
    """Return the Dockerfile that the program would take; where it finds none, the one that it misses.

    Args:
        root: The context.
        file: The Dockerfile that the user names, relative to the context; None if none is named.
        habits: The program's.
    """
    candidates = [root / name for name in ((file,) if file else habits.dockerfiles)]
    if habits.lower_case and candidates[0].name == "Dockerfile":
        candidates.append(candidates[0].with_name("dockerfile"))
    return next((path for path in candidates if path.is_file()), candidates[0])


def like_dockerfiles(directory: Path) -> tuple[str, ...]:
    """Return the names of some files in a directory that look like Dockerfiles."""
    return tuple(sorted(_looking_alike(directory))[:_MOST_SHOWN])


def _looking_alike(directory: Path) -> Iterator[str]:
    """Yield the names; a directory that cannot be read has none."""
    try:
        for path in directory.iterdir():
            if _LIKE_A_DOCKERFILE.fullmatch(path.name) and not _IGNORE_FILE.fullmatch(path.name) and path.is_file():
                yield path.name
    except OSError:
        return
