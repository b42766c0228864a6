"""From a spec to the tree of entries that count."""

import os
import stat
from dataclasses import replace
from pathlib import Path

from image_assets.context.links import Links
from image_assets.context.place import Places
from image_assets.context.rules import IgnoreFile, ignore_file, top_level
from image_assets.context.scope import Scope, judge_scope, narrowed
from image_assets.context.spec import ContextSpec
from image_assets.context.tree import Tree
from image_assets.errors import InputError
from image_assets.frozen import dataclass
from image_assets.task import Task


@dataclass(frozen=True)
class Selection:
    """What decides which entries of a context count; it was read from the disk once, whoever walks the tree.

    Attributes:
        spec: What the user asked for, without what has been judged already.
        root: The directory, links resolved.
        file: The ignore file in force.
        scope: What the Dockerfile can take.
    """

    spec: ContextSpec
    root: str
    file: IgnoreFile
    scope: Scope

    def tree(self, places: Places, task: Task) -> Tree:
        """Return the tree of the context.

        Raises:
            InputError: An ignore pattern is wrong.
        """
        return Tree(
            self.root,
            narrowed(top_level(self.spec, self.file), self.scope),
            Links(self.spec.follow_symlinks, self.root),
            places,
            empty_directories=self.spec.ignore_mode == "docker",
            task=task,
        )


def select(spec: ContextSpec) -> Selection:
    """Read what decides on a context's entries.

    Raises:
        InputError: The directory is missing or none, or its ignore file or the Dockerfile cannot be read.
    """
    root = _resolved_root(spec)
    return Selection(replace(spec, build_args={}, build_flags=()), root, ignore_file(spec), judge_scope(spec, root))


def _resolved_root(spec: ContextSpec) -> str:
    """Return the context's directory with all links resolved, as the builder resolves it (fsutil, `NewFS`).

    Raises:
        InputError: There is no such directory.
    """
    root = os.path.realpath(spec.root)
    try:
        mode = Path(root).stat().st_mode
    except OSError as fault:
        raise InputError.single("directory", f"cannot use {spec.root} as build context: {fault.strerror}") from fault
    if not stat.S_ISDIR(mode):
        raise InputError.single("directory", f"{spec.root} is not a directory; give the directory that holds the files")
    return root
