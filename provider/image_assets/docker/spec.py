"""What is to be built, apart from any program that builds."""

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path

from image_assets.frozen import dataclass
from image_assets.inputs.options import BuildOptions, CacheOption
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
class KeptCache:
    """A cache that the build is to go without where the builder knows no such thing.

    Attributes:
        word: What the program said.
        source: Where it is read from; None while there is nothing.
        target: Where it is written to.
        parts: The caches of single platforms, where different nodes build them: one would replace the other.
    """

    word: str
    source: CacheOption | None
    target: CacheOption
    parts: Mapping[str, "KeptCache"] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class BuildSpec(BuildOptions):
    """One image to build; paths are absolute, and `cache_to` is empty when a build is only tried.

    Attributes:
        context: The absolute path of what the builder receives.
        dockerfile: The absolute path of the Dockerfile; an ignore file beside it (`<name>.dockerignore`) goes first.
        platforms: `os/arch[/variant]` each; the built image is checked against it.
        pinned: Images whose digests cannot stand in the Dockerfile, by the names that it has for them, as
            `docker-image://...@DIGEST`.
        secrets: Never in an argument list, a layer or a log.
        kept_cache: A cache beside those of `cache_from` and `cache_to`.
        executable: `docker`, or the name or path of a program with the same flags.
        builder: The buildx builder; None for the current one.
        credentials: By registry as it stands in image names; for the push, base images and caches.
        base_credentials: The same where the builder does not push, so that base images come first; empty: the same.
        hidden: Texts that must not be shown, apart from the secrets: values of build args that are secret.
        shown_context: The context to name in messages, where `context` is a temporary copy.
        shown_dockerfile: The Dockerfile to name in messages, where `dockerfile` is a temporary copy.
    """

    context: Path
    dockerfile: Path
    platforms: tuple[str, ...] = ("linux/amd64",)
    pinned: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[SecretSource, ...] = ()
    kept_cache: KeptCache | None = None
    executable: str = "docker"
    builder: str | None = None
    credentials: Mapping[str, Credential] = field(default_factory=dict, repr=False)
    base_credentials: Mapping[str, Credential] = field(default_factory=dict, repr=False)
    hidden: tuple[str, ...] = field(default=(), repr=False)
    shown_context: Path | None = None
    shown_dockerfile: Path | None = None
