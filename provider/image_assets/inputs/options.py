"""The build options that the program that builds is told of: one attribute an input, `docker.argv` has its flag."""

from collections.abc import Mapping
from dataclasses import field

from image_assets.frozen import dataclass
from image_assets.values import empty


@dataclass(frozen=True)
class CacheOption:
    """One place for layers, as in `--cache-from` and `--cache-to` (Docker's "Cache storage backends").

    Attributes:
        type: The backend: `registry`, `local`, `gha`, `s3`, `azblob`, `inline`.
        params: The backend's own keys.
    """

    type: str
    params: Mapping[str, str] = field(default_factory=empty)


@dataclass(frozen=True)
class BuildOptions:
    """What a build is told, apart from files, secrets and logins; the rows of the inputs say what each means."""

    build_args: Mapping[str, str] = field(default_factory=empty, repr=False)
    build_contexts: Mapping[str, str] = field(default_factory=empty)
    build_ssh: tuple[str, ...] = ()
    target: str | None = None
    network_mode: str | None = None
    platforms: tuple[str, ...] = ()
    cache_from: tuple[CacheOption, ...] = ()
    cache_to: tuple[CacheOption, ...] = ()
    cache_disabled: bool = False
    provenance: str = "false"
    sbom: str = "false"
    source_date_epoch: str | None = None
    build_flags: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=empty)


@dataclass(frozen=True)
class ArchiveCommand:
    """A command that makes an archive.

    Attributes:
        run: What the shell runs.
        output: The archive that it makes, absolute once it is located.
        inputs: Paths and patterns of what it reads, relative to the program.
        directory: The program's, once it is located.
    """

    run: str
    output: str
    inputs: tuple[str, ...]
    directory: str = ""
