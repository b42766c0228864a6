"""What describes one build context: the directory, the Dockerfile and the rules that pick the entries."""

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Literal

from image_assets.context.habits import DOCKER, Habits
from image_assets.frozen import dataclass

IgnoreMode = Literal["docker", "git", "glob"]
FollowSymlinks = Literal["never", "external", "always", "internal-only"]
ScopeMode = Literal["context", "dockerfile"]


@dataclass(frozen=True)
class ContextSpec:
    """One build context, as the user asked for it.

    Attributes:
        root: The directory, absolute; may be a symbolic link.
        dockerfile: The Dockerfile, absolute; may lie outside `root`. None for a named context, which has none.
        dockerfile_text: The Dockerfile's content, where it is not in a file; `dockerfile` is then a name for messages.
        ignore_mode: The language of the ignore file and of `exclude`.
        habits: What the program that builds takes for the ignore file.
        exclude: Patterns that follow those of the ignore file.
        follow_symlinks: Which links stand for what they lead to; the others are links in the image too.
        count_dockerfile: Whether the Dockerfile's content counts even where it is no entry of the context.
        scope: `dockerfile` narrows the entries to what the Dockerfile's `COPY`, `ADD` and mounts can take.
        target: The stage that is built; matters to `scope` only.
        build_args: Values of the Dockerfile's `ARG`s; matter to `scope` only.
        build_flags: Further flags of the build; matter to `scope` only.
        platforms: What is built for, in their one spelling; matter to `scope` only.
        epoch: No entry is to have an earlier time when it is built, in seconds since 1970; None if times do not matter.
        named_contexts: The names of the other contexts; matter to `scope` only.
        onbuild: The ONBUILD triggers of base images, by the form of their names that `familiar` gives; matter to
            `scope` only.
    """

    root: Path
    dockerfile: Path | None = None
    ignore_mode: IgnoreMode = "docker"
    habits: Habits = DOCKER
    exclude: tuple[str, ...] = ()
    follow_symlinks: FollowSymlinks = "never"
    count_dockerfile: bool = True
    scope: ScopeMode = "context"
    target: str | None = None
    build_args: Mapping[str, str] = field(default_factory=dict)
    build_flags: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    named_contexts: tuple[str, ...] = ()
    dockerfile_text: str | None = None
    epoch: int | None = None
    onbuild: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
