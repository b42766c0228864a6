"""The packages of each language, built from copies, so that nothing is left in the checkout."""

import json
import re
import shutil
import zipfile
from pathlib import Path

from tools.kit import golang, node
from tools.kit.commands import REPO, VENV, run_quietly

_SDK = REPO / "sdk"
_LEFTOVERS = shutil.ignore_patterns("__pycache__", "*.egg-info", "node_modules", "build", "bin")
_CLASSIFIERS = (
    "Intended Audience :: Developers",
    "Programming Language :: Python :: 3",
    "Topic :: Software Development :: Build Tools",
    "Typing :: Typed",
)
_EPOCH = (1980, 1, 1, 0, 0, 0)


def wheels(scratch: Path, out: Path) -> list[Path]:
    """Build the wheels of the provider and of the Python SDK.

    Raises:
        SetupError: Building failed.
    """
    sdk = _copy("python", scratch)
    described = (sdk / "pyproject.toml").read_text()
    listed = json.dumps(_CLASSIFIERS)
    (sdk / "pyproject.toml").write_text(described.replace("[project]\n", f"[project]\n  classifiers = {listed}\n", 1))
    before = set(out.glob("*.whl"))
    options: list[str | Path] = ["--no-deps", "--no-build-isolation", "--disable-pip-version-check", "-w", out]
    run_quietly([VENV / "bin" / "python", "-m", "pip", "wheel", *options, REPO, sdk])
    return sorted(set(out.glob("*.whl")) - before)


def npm(scratch: Path, out: Path) -> Path:
    """Compile the TypeScript SDK and pack it.

    Raises:
        SetupError: There is no Node.js, or compiling failed.
    """
    found, sdk = node.node(), _copy("nodejs", scratch)
    node.install()
    (sdk / "node_modules").symlink_to(node.MODULES)
    run_quietly([node.MODULES / ".bin" / "tsc", "--project", sdk], environ=found.environ)
    for name in ("package.json", "README.md", "LICENSE"):
        shutil.copy2(sdk / name, sdk / "bin" / name)
    run_quietly([*found.npm, "pack", sdk / "bin", "--pack-destination", out], environ=found.environ)
    return max(out.glob("*.tgz"), key=lambda path: path.stat().st_mtime)


def go_module(scratch: Path, version: str, out: Path) -> list[Path]:
    """Complete the Go module by its go.sum, compile it, and lay it out as a module proxy serves it.

    `GOPROXY=file://.../go` takes it from there (Go Modules Reference, "GOPROXY protocol").

    Raises:
        SetupError: There is no Go, or compiling failed.
    """
    sdk = _copy("go", scratch)
    for command in (["mod", "tidy"], ["vet", "./..."]):
        run_quietly([golang.go(), *command], cwd=sdk, environ={"GOFLAGS": "-mod=mod"})
    module = (sdk / "go.mod").read_text().split("\n", 1)[0].removeprefix("module ").strip()
    served = out / "go" / module / "@v"
    served.mkdir(parents=True)
    (served / "list").write_text(f"v{version}\n")
    (served / f"v{version}.info").write_text(json.dumps({"Version": f"v{version}"}))
    shutil.copy2(sdk / "go.mod", served / f"v{version}.mod")
    with zipfile.ZipFile(served / f"v{version}.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        for path in sorted(filter(Path.is_file, sdk.rglob("*"))):
            member = zipfile.ZipInfo(f"{module}@v{version}/{path.relative_to(sdk).as_posix()}", _EPOCH)
            packed.writestr(member, path.read_bytes(), zipfile.ZIP_DEFLATED)
    return sorted(served.iterdir())


_POM = """\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>{group}</groupId>
  <artifactId>image-assets</artifactId>
  <version>{version}</version>
  <properties>
    <maven.compiler.source>11</maven.compiler.source>
    <maven.compiler.target>11</maven.compiler.target>
    <project.build.sourceEncoding>UTF-8</project.build.sourceEncoding>
  </properties>
  <dependencies>{dependencies}</dependencies>
</project>
"""
_DEPENDENCY = "<dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version></dependency>"


def java(scratch: Path, version: str, out: Path) -> tuple[Path, Path, list[Path]]:
    """Compile the Java SDK with Maven.

    Returns:
        The jar, its description for Maven, and the libraries that it needs.

    Raises:
        SetupError: Compiling failed.
    """
    sdk = _copy("java", scratch)
    built = (sdk / "build.gradle").read_text()
    needed = re.findall(r'implementation\("([^:]+):([^:]+):([^:]+)"\)', built)
    group = re.findall(r'^group = "(.+)"$', built, re.MULTILINE)[0]
    listed = "".join(_DEPENDENCY.format(*one) for one in needed)
    (sdk / "pom.xml").write_text(_POM.format(group=group, version=version, dependencies=listed))
    shutil.copy2(sdk / "LICENSE", sdk / "src" / "main" / "java")
    path = sdk / "path.txt"
    run_quietly(["mvn", "-B", "-q", "package", "dependency:build-classpath", f"-Dmdep.outputFile={path}"], cwd=sdk)
    name = f"image-assets-sdk-java-{version}"
    jar = Path(shutil.copy2(sdk / "target" / f"image-assets-{version}.jar", out / f"{name}.jar"))
    pom = Path(shutil.copy2(sdk / "pom.xml", out / f"{name}.pom"))
    return jar, pom, [Path(library) for library in path.read_text().strip().split(":")]


def dotnet(scratch: Path, out: Path) -> Path:
    """Compile the .NET SDK and pack it.

    Raises:
        SetupError: Compiling failed.
    """
    sdk = _copy("dotnet", scratch)
    run_quietly(["dotnet", "pack", "--configuration", "Release", "--output", out], cwd=sdk)
    return max(out.glob("*.nupkg"), key=lambda path: path.stat().st_mtime)


def _copy(language: str, scratch: Path) -> Path:
    """Copy a generated SDK, with the licence, to where it may be built."""
    folder = scratch / language
    shutil.copytree(_SDK / language, folder, ignore=_LEFTOVERS)
    shutil.copy2(REPO / "LICENSE", folder)
    return folder
