"""What is to be built, apart from any program that builds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from image_assets.oci.keychain import Credential


@dataclass(frozen=True)
class SecretSource:
    """A build secret (`RUN --mount=type=secret,id=ID`): exactly one of the three sources is given.

    Attributes:
        id: The name the Dockerfile uses.
        value: The secret itself.
        env: The name of a variable in the provider's environment.
        file: The absolute path of a file.
    """

    id: str
    value: str | None = field(default=None, repr=False)
    env: str | None = None
    file: Path | None = None


@dataclass(frozen=True)
class CacheOption:
    """One place for layers, as in `--cache-from` and `--cache-to` (Docker's "Cache storage backends").

    Attributes:
        type: The backend: `registry`, `local`, `gha`, `s3`, `azblob`, `inline`.
        params: The backend's own keys.
    """

    type: str
    params: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class BuildSpec:
    """One image to build.

    Attributes:
        context: The absolute path of what the builder receives.
        dockerfile: The absolute path of the Dockerfile; an ignore file beside it (`<name>.dockerignore`) goes first.
        build_args: Values of the Dockerfile's `ARG`s.
        build_contexts: Named contexts: an absolute path, an image or a URL each.
        secrets: Never in an argument list, a layer or a log.
        ssh: `default` or `id=path` each.
        target: The stage to build, or None for the last.
        network: The network of `RUN` steps, or None.
        platforms: `os/arch[/variant]` each; the built image is checked against it.
        cache_from: Where layers may come from; one that cannot be read is no failure.
        cache_to: Where layers go; nowhere, when a build is only tried.
        cache_disabled: Build every step anew.
        flags: Passed on as they are, after all others.
        labels: Labels of the image.
        executable: `docker`, or the name or path of a program with the same flags.
        builder: The buildx builder; None for the current one.
        credentials: By registry as it stands in image names; for base images, caches and the push.
        hidden: Texts that must not be shown, apart from the secrets: values of build args that are secret.
        shown_context: The context to name in messages, where `context` is a temporary copy.
        shown_dockerfile: The Dockerfile to name in messages, where `dockerfile` is a temporary copy.
    """

    context: Path
    dockerfile: Path
    build_args: Mapping[str, str] = field(default_factory=dict, repr=False)
    build_contexts: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[SecretSource, ...] = ()
    ssh: tuple[str, ...] = ()
    target: str | None = None
    network: str | None = None
    platforms: tuple[str, ...] = ("linux/amd64",)
    cache_from: tuple[CacheOption, ...] = ()
    cache_to: tuple[CacheOption, ...] = ()
    cache_disabled: bool = False
    flags: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    executable: str = "docker"
    builder: str | None = None
    credentials: Mapping[str, Credential] = field(default_factory=dict, repr=False)
    hidden: tuple[str, ...] = field(default=(), repr=False)
    shown_context: Path | None = None
    shown_dockerfile: Path | None = None
