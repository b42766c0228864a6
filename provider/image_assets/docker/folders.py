"""The directories that the builder reads, each under a name that is used once.

BuildKit keeps the last copy of every local source and asks only for files whose size, mode or mtime differ from it
(github.com/moby/buildkit, `source/local`). It knows a copy again by the source's role and the base name of the
context's path, as the programs tell it, so that one `app` gets the files of another. A file that changed with the same
size and times would stay as it was. Under a new name nothing can be old; that steps are known again is not touched, as
they go by the files' contents.
"""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from image_assets.docker.spec import BuildSpec
from image_assets.frozen import dataclass


@dataclass(frozen=True)
class HandedOver:
    """A build whose directories have names of their own.

    Attributes:
        spec: The build, its paths replaced.
        shown: The paths to show, by those that the program is given instead.
    """

    spec: BuildSpec
    shown: Mapping[str, str]

    def readable(self, line: str) -> str:
        """Return a line of the program's output with the paths that the user knows."""
        for ours, theirs in self.shown.items():
            line = line.replace(ours, theirs)
        return line


def hand_over(spec: BuildSpec, directory: Path) -> HandedOver:
    """Make links to a build's directories.

    Args:
        spec: What is to be built.
        directory: Where to put the links; nobody else's, and outside of what is built.
    """
    unique = os.urandom(16).hex()
    shown = {}

    def link(role: str, target: Path, name_to_show: Path) -> Path:
        made = directory / f"{role}-{unique}"
        made.symlink_to(target, target_is_directory=True)
        shown[str(made)] = str(name_to_show)
        return made

    context = link("context", spec.context, spec.shown_context or spec.context)
    dockerfile = link("dockerfile", spec.dockerfile.parent, (spec.shown_dockerfile or spec.dockerfile).parent)
    named = {
        name: str(link(f"named-{index}", Path(value), Path(value))) if Path(value).is_absolute() else value
        for index, (name, value) in enumerate(spec.build_contexts.items())
    }
    handed = replace(spec, context=context, dockerfile=dockerfile / spec.dockerfile.name, build_contexts=named)
    return HandedOver(handed, shown)


def folders_of(spec: BuildSpec) -> tuple[Path, ...]:
    """Return the directories that the builder reads whole."""
    return (spec.context, *(Path(value) for value in spec.build_contexts.values() if Path(value).is_absolute()))
