"""From a spec to the tree of entries that count."""

import os
import stat
from pathlib import Path

from image_assets.context.links import Links
from image_assets.context.place import Places
from image_assets.context.rules import top_level
from image_assets.context.scope import judge_scope, narrowed
from image_assets.context.spec import ContextSpec
from image_assets.context.tree import Tree
from image_assets.errors import InputError
from image_assets.task import Task


def open_tree(spec: ContextSpec, places: Places, task: Task) -> Tree:
    """Return the tree of a context.

    Raises:
        InputError: The directory is missing or none, or its ignore rules are wrong.
    """
    root = resolved_root(spec)
    scope = judge_scope(spec, root)
    return Tree(
        root,
        narrowed(top_level(spec), scope),
        Links(spec.follow_symlinks, root),
        places,
        empty_directories=spec.ignore_mode == "docker",
        task=task,
        notices=scope.notices,
    )


def resolved_root(spec: ContextSpec) -> str:
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
