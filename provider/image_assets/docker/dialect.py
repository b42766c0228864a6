"""The programs that build images with docker's flags, and how each differs."""

from enum import Enum, auto

from image_assets.frozen import dataclass


class Feature(Enum):
    """What some of the programs can do, by the words of the input that asks for it."""

    PROGRESS = auto()
    """`--progress=plain`, in BuildKit's format."""
    BUILD_ONLY = auto()
    """`--output type=cacheonly`: a build that leaves no image."""
    BUILDERS = auto()
    """Builders by name, and attestations to be switched off."""
    BUILD_CONTEXTS = auto()
    """`--build-context`."""
    ATTESTATIONS = auto()
    """`--provenance` and `--sbom`; the builder must be able to, too."""
    IGNORE_FILE_FLAG = auto()
    """`--ignorefile`: the program does not look for `<Dockerfile>.dockerignore` itself, but for `.containerignore`."""
    OWN_AUTH_FILE = auto()
    """Logins come from `REGISTRY_AUTH_FILE` (containers-auth.json(5))."""
    TLS_FLAG = auto()
    """`push --tls-verify=false` for plain HTTP; docker decides by the engine's configuration and for loopback hosts."""
    NAMED_COPIES = auto()
    """The builder keeps a copy of each context, known by the base name of its path (see `folders`)."""
    ENGINE_API = auto()
    """The engine behind it is docker's, with docker's API."""


@dataclass(frozen=True)
class Dialect:
    """How one kind of program is called.

    Attributes:
        title: Its name in messages.
        features: What it can do.
        cache_from: The cache backends that it reads (Docker's "Cache storage backends"); None for all, with `type=`.
        cache_to: The cache backends that it writes; None for all, with `type=`.
        environment: What it has to find in its environment.
        remedy: How the user gets a program that can do more.
    """

    title: str
    features: frozenset[Feature]
    cache_from: frozenset[str] | None = None
    cache_to: frozenset[str] | None = None
    environment: tuple[tuple[str, str], ...] = ()
    remedy: str = ""

    def can(self, feature: Feature) -> bool:
        """Say whether the program has the feature."""
        return feature in self.features


# Hints and reports that would make the output longer, and the attestations that make an index of a plain image (R22).
_DOCKER = (
    ("DOCKER_BUILDKIT", "1"),
    ("DOCKER_CLI_HINTS", "false"),
    ("BUILDX_NO_DEFAULT_ATTESTATIONS", "1"),
    ("BUILDX_METADATA_PROVENANCE", "disabled"),
)
_INSTALL_BUILDX = "install docker's buildx component (https://docs.docker.com/go/buildx/)"

BUILDX = Dialect(
    title="docker with buildx",
    features=frozenset(
        {
            Feature.PROGRESS,
            Feature.BUILD_ONLY,
            Feature.BUILDERS,
            Feature.BUILD_CONTEXTS,
            Feature.ATTESTATIONS,
            Feature.NAMED_COPIES,
            Feature.ENGINE_API,
        }
    ),
    environment=_DOCKER,
)
EMBEDDED = Dialect(
    title="docker without buildx",
    features=frozenset({Feature.PROGRESS, Feature.BUILD_ONLY, Feature.NAMED_COPIES, Feature.ENGINE_API}),
    cache_from=frozenset({"registry"}),
    cache_to=frozenset({"inline"}),
    environment=_DOCKER,
    remedy=_INSTALL_BUILDX,
)
NERDCTL = Dialect(
    title="nerdctl",
    features=frozenset({Feature.PROGRESS, Feature.BUILD_CONTEXTS}),
    remedy="use docker with buildx",
)
PODMAN = Dialect(
    title="podman",
    features=frozenset(
        {
            Feature.BUILD_CONTEXTS,
            Feature.IGNORE_FILE_FLAG,
            Feature.OWN_AUTH_FILE,
            Feature.TLS_FLAG,
        }
    ),
    cache_from=frozenset({"registry"}),
    cache_to=frozenset({"registry"}),
    remedy="use docker with buildx",
)
