"""The examples in the schema's descriptions are programs: each compiles in its language, and YAML previews."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import NewProject
from tests.fakes.ecr_front import EcrFront
from tests.fakes.images import an_image, docker_save
from tests.support.contexts import busybox, write_files
from tests.support.paths import REPO
from tests.support.registry import Registry
from tools.kit import golang, node
from tools.kit.base_image import push_base_image

SCHEMA: dict[str, Any] = json.loads((REPO / "schema.json").read_text())
LANGUAGES = {"typescript", "python", "csharp", "go", "java", "yaml"}
#: The generators for these languages know no methods.
WITHOUT_METHODS = {"csharp", "java", "yaml"}
_CODE = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def described() -> Iterator[tuple[str, str]]:
    """Yield the token and the description of each resource, function and method."""
    for kind in ("resources", "functions"):
        for token, one in SCHEMA[kind].items():
            yield token, one["description"]


def programs(language: str) -> list[str]:
    """Return every example in a language."""
    return [code for _, text in described() for name, code in _CODE.findall(text) if name == language]


def run(command: list[str | Path], folder: Path, environ: dict[str, str] | None = None) -> None:
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **(environ or {})}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("token", "text"), list(described()), ids=[token for token, _ in described()])
def test_every_description_has_an_example_in_every_language(token: str, text: str) -> None:
    examples = re.findall(r"{{% example %}}(.*?){{% /example %}}", text, re.DOTALL)
    assert examples
    for example in examples:
        languages = {name for name, _ in _CODE.findall(example)}
        assert languages == (LANGUAGES - WITHOUT_METHODS if "/" in token else LANGUAGES)
        assert re.search("^### .+$", example, re.MULTILINE)


def test_typescript_compiles(typescript_user: Path) -> None:
    folder = typescript_user / "examples"
    write_files(folder, {f"example_{index}.ts": text for index, text in enumerate(programs("typescript"))})
    tsc = typescript_user / "node_modules" / ".bin" / "tsc"
    options = ["--strict", "--noEmit", "--module", "commonjs", "--target", "es2022", "--skipLibCheck"]
    run([tsc, *options, *folder.glob("*.ts")], folder, dict(node.node().environ))


@pytest.mark.slow
@pytest.mark.timeout(900)  # Compiling Pulumi's SDK for the first time takes minutes on two cores.
def test_go_is_vetted(tmp_path: Path) -> None:
    shutil.copytree(REPO / "sdk" / "go", tmp_path / "sdk")
    write_files(tmp_path, {f"example{index}/main.go": text for index, text in enumerate(programs("go"))})
    module = "module examples\n\ngo 1.25\n\nrequire image-assets.example/sdk/go v0.0.0\n"
    (tmp_path / "go.mod").write_text(f"{module}\nreplace image-assets.example/sdk/go => ./sdk\n")
    run([golang.go(), "mod", "tidy"], tmp_path, {"GOFLAGS": "-mod=mod"})
    run([golang.go(), "vet", "./..."], tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("mvn"), reason="needs a JDK and Maven")
@pytest.mark.timeout(900)
def test_java_compiles(tmp_path: Path) -> None:
    """With the SDK, against Pulumi's own for Java; the classes of two examples have one name."""
    from tools.artifacts import packages  # noqa: PLC0415 - a slow test's

    jar, _, libraries = packages.java(tmp_path / "sdk", SCHEMA["version"], tmp_path)
    sources = {
        f"example{index}/App.java": text.replace("package generated_program;", f"package example{index};")
        for index, text in enumerate(programs("java"))
    }
    write_files(tmp_path / "examples", sources)
    path = os.pathsep.join([str(jar), *map(str, libraries)])
    files = sorted((tmp_path / "examples").rglob("*.java"))
    run(["javac", "-d", str(tmp_path / "classes"), "-cp", path, *files], tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("dotnet"), reason="needs the .NET SDK")
@pytest.mark.timeout(900)
def test_csharp_compiles(tmp_path: Path) -> None:
    sdk = Path(shutil.copytree(REPO / "sdk" / "dotnet", tmp_path / "sdk"))
    project = (
        '<Project Sdk="Microsoft.NET.Sdk"><PropertyGroup><OutputType>Exe</OutputType><Nullable>enable</Nullable>'
        "<TargetFramework>net8.0</TargetFramework></PropertyGroup>"
        f'<ItemGroup><ProjectReference Include="{sdk}/ImageAssets.Sdk.csproj" /></ItemGroup></Project>'
    )
    for index, text in enumerate(programs("csharp")):
        folder = tmp_path / f"example{index}"
        write_files(folder, {"Program.cs": text, f"example{index}.csproj": project})
        run(["dotnet", "build"], folder)


def merged_yaml() -> str:
    """Return all YAML examples as one program: each name has the number of its example at the end."""
    merged: dict[str, list[str]] = {"resources": [], "variables": [], "outputs": []}
    for index, text in enumerate(programs("yaml")):
        section = ""
        names = re.findall(r"^  (\w+):$", text, re.MULTILINE)
        for line in text.splitlines():
            if not line.startswith(" "):
                section = line.rstrip(":")
                continue
            renamed = re.sub(r"^  (\w+):", rf"  \g<1>{index}:", line)
            for name in names:
                renamed = renamed.replace(f"${{{name}.", f"${{{name}{index}.")
            merged[section].append(renamed)
    return "\n".join("\n".join([f"{section}:", *lines]) for section, lines in merged.items()) + "\n"


@pytest.mark.usefixtures("docker_engine")
def test_yaml_previews(new_project: NewProject, registry: Registry, aws: EcrFront, tmp_path: Path) -> None:
    """All in one program, with a registry and an AWS of this machine in place of those that the examples name."""
    base = push_base_image(f"{registry.address}/library/python:3.12-slim", busybox())
    push_base_image(f"{registry.address}/team/api:stable", busybox())
    text = merged_yaml().replace("docker.io/library/python:3.12-slim", base)
    text = text.replace("registry.example.com", registry.address).replace(
        "platform: linux/arm64", "platform: linux/amd64"
    )
    dockerfiles = ("api", "job", "services/api")
    write_files(tmp_path / "proj", {f"{folder}/Dockerfile": "FROM scratch\n" for folder in dockerfiles})
    write_files(tmp_path / "proj", {"cmd/api/main.go": "package main\n", "go.mod": "", "go.sum": ""})
    (tmp_path / "proj" / "api.tar").write_bytes(docker_save(an_image()))
    project = new_project(text)
    project.environ.update(aws.environ)
    outputs = project.preview().outputs
    addresses = [value for name, value in outputs.items() if name.startswith("imageUri")]
    assert len(addresses) == len(re.findall(r"^  imageUri\d+:", text, re.MULTILINE))
    assert all(re.search(r":\S+$", address) for address in addresses)
