"""A stand-in for docker with buildx and a builder of its own: the same command line, for the simplest Dockerfiles.

It knows `FROM scratch`, `ARG`, `LABEL name=$ARG` and `COPY`, and pushes by digest as BuildKit's image exporter does. As
BuildKit, it keeps the last copy of each context by the base name of its path, and asks again only for files whose size
or mtime differ. It notes what it was called with, and refuses secrets that are not the ones that it was told of.

It is a program that needs nothing but Python's library: dozens of builds are to take no time.
"""

import gzip
import hashlib
import http.client
import io
import json
import os
import re
import sys
import tarfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NAME = "standin"
"""The builder's name."""

_SCRIPT = """#!/bin/sh
printf '%s\\n' "$*" >> {folder}/calls
case "$*" in
  --version) echo "Docker version 27.0.0, build 0000000" ;;
  "buildx version") echo "github.com/docker/buildx v0.20.0 0000000" ;;
  "buildx inspect "*) printf 'Name: {name}\\nDriver: remote\\nStatus: running\\nPlatforms: linux/amd64\\n' ;;
  *) exec {python} -S -E {program} {folder} "$@" ;;
esac
"""
_KIND = "application/vnd.oci.image"
_LOCKED_SECONDS = 30.0


@dataclass(frozen=True)
class FakeBuilder:
    """The program, as a test looks at it.

    Attributes:
        folder: Where it keeps everything.
        executable: What a user would write into `builder.executable`.
    """

    folder: Path
    executable: Path

    @property
    def calls(self) -> str:
        """The words of all calls, a line each."""
        noted = self.folder / "calls"
        return noted.read_text() if noted.exists() else ""

    @property
    def held(self) -> Path:
        """Appears when a build waits because `hold` is there."""
        return self.folder / "held"

    def hold(self) -> None:
        """Let the next builds wait until they are killed."""
        (self.folder / "hold").touch()

    def go_on(self) -> None:
        """Let builds end again."""
        for name in ("hold", "held"):
            (self.folder / name).unlink(missing_ok=True)

    def expect(self, secrets: Mapping[str, str]) -> None:
        """Tell which build secrets there are, each as a pattern of its value."""
        (self.folder / "secrets.json").write_text(json.dumps(dict(secrets)))


def install(folder: Path, config: Path) -> FakeBuilder:
    """Put the program into a folder, and its builder into a configuration directory of docker's."""
    folder.mkdir(parents=True, exist_ok=True)
    executable = folder / "docker"
    executable.write_text(_SCRIPT.format(folder=folder, name=NAME, python=sys.executable, program=__file__))
    executable.chmod(0o755)
    instance = config / "buildx" / "instances" / NAME
    instance.parent.mkdir(parents=True, exist_ok=True)
    nodes = [{"Name": f"{NAME}0", "Endpoint": "ssh://nowhere"}]
    instance.write_text(json.dumps({"Name": NAME, "Driver": "remote", "Nodes": nodes}))
    return FakeBuilder(folder, executable)


class _FailedError(Exception):
    """The build fails; the message is what BuildKit would say."""


@dataclass
class _Build:
    """What is to be built."""

    context: str = ""
    dockerfile: str = ""
    output: str = ""
    metadata_file: str = ""
    args: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    secrets: list[str] = field(default_factory=list)


def _asked(words: list[str]) -> _Build:
    """Read `buildx build` or `buildx bake`."""
    values: dict[str, list[str]] = {}
    rest = iter(words[2:])
    for word in rest:
        if word.startswith("--"):
            values.setdefault(word, []).append(next(rest))
        else:
            values.setdefault("", []).append(word)
    metadata_file = values.get("--metadata-file", [""])[0]
    if words[1] == "bake":
        (target,) = json.loads(Path(values["--file"][0]).read_text())["target"].values()
        return _Build(
            target["context"],
            target["dockerfile"],
            target["output"][0],
            metadata_file,
            {name: _argument(name, value) for name, value in target.get("args", {}).items()},
            target.get("labels", {}),
            target.get("secret", []),
        )
    return _Build(
        values[""][-1],
        values["--file"][0],
        values["--output"][0],
        metadata_file,
        {name: _argument(name, text if found else None) for name, found, text in _pairs(values.get("--build-arg", []))},
        {name: text for name, _, text in _pairs(values.get("--label", []))},
        values.get("--secret", []),
    )


def _pairs(words: list[str]) -> Iterator[tuple[str, str, str]]:
    return (word.partition("=") for word in words)


def _argument(name: str, value: str | None) -> str:
    return os.environ.get(name, "") if value is None else value


def _record(text: str) -> dict[str, str]:
    """Read a CSV record of `key=value` pairs without quotes."""
    return {key: value for key, _, value in (pair.partition("=") for pair in text.split(","))}


def _check_secrets(folder: Path, secrets: list[str]) -> None:
    expected = json.loads((folder / "secrets.json").read_text()) if secrets else {}
    for one in secrets:
        about = _record(one)
        value = os.environ.get(about["env"], "") if "env" in about else Path(about["src"]).read_text()
        if not re.fullmatch(expected.get(about["id"], "no such secret"), value):
            raise _FailedError(f"secret {about['id']} is not what the user gave")


def _received(folder: Path, root: str) -> dict[str, bytes]:
    """Return the files of a context as a builder has them that keeps the last copy."""
    kept = folder / "copies" / f"{hashlib.sha256(Path(root).name.encode()).hexdigest()}.json"
    old = json.loads(kept.read_text()) if kept.exists() else {}
    new: dict[str, Any] = {}
    for path in sorted(one for one in Path(root).rglob("*") if one.is_file()):
        status, name = path.stat(), str(path.relative_to(root))
        look = [status.st_size, status.st_mtime_ns]
        content = old[name][1] if name in old and old[name][0] == look else path.read_bytes().hex()
        new[name] = [look, content]
    kept.parent.mkdir(exist_ok=True)
    part = kept.with_suffix(f".{os.getpid()}")
    part.write_text(json.dumps(new))
    part.rename(kept)
    return {name: bytes.fromhex(content) for name, (_, content) in new.items()}


def _made(folder: Path, build: _Build) -> tuple[bytes, bytes]:
    """Return an image's only layer and its config."""
    files = _received(folder, build.context)
    copied: dict[str, bytes] = {}
    labels: dict[str, str] = {}
    dockerfile = _received(folder, str(Path(build.dockerfile).parent))["Dockerfile"].decode()
    for at, line in enumerate(dockerfile.splitlines()):
        word, _, rest = line.partition(" ")
        if word == "LABEL":
            name, _, value = rest.partition("=")
            labels[name] = build.args.get(value[1:], "") if value.startswith("$") else value
        elif word == "COPY":
            source, target = rest.split()
            if source not in files:
                raise _FailedError(f'Dockerfile:{at + 1}\nERROR: failed to solve: "/{source}": not found')
            copied[target.lstrip("/")] = files[source]
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as archive:
        for name, content in copied.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Labels": {**labels, **build.labels}},
        "rootfs": {"type": "layers", "diff_ids": [_digest(layer.getvalue())]},
    }
    return gzip.compress(layer.getvalue(), 1, mtime=0), json.dumps(config).encode()


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@dataclass
class _Registry:
    """A registry that is pushed to, by the logins in docker's configuration."""

    host: str
    path: str

    def __post_init__(self) -> None:
        config = json.loads((Path(os.environ["DOCKER_CONFIG"]) / "config.json").read_text() or "{}")
        login = config.get("auths", {}).get(self.host, {}).get("auth")
        self.headers = {"Authorization": f"Basic {login}"} if login else {}
        self.connection = http.client.HTTPConnection(self.host, timeout=60)

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> http.client.HTTPResponse:
        self.connection.request(method, path, body, {**self.headers, **headers})
        answer = self.connection.getresponse()
        answer.read()
        return answer

    def demand(self, method: str, path: str, body: bytes = b"", **headers: str) -> http.client.HTTPResponse:
        answer = self.ask(method, path, body, **headers)
        if answer.status >= 300:
            url = f"http://{self.host}{path}"
            raise _FailedError(
                f"ERROR: failed to push {self.host}/{self.path}: unexpected status from {method} request to {url}: "
                f"{answer.status} {answer.reason}"
            )
        return answer

    def send(self, blob: bytes) -> dict[str, Any]:
        digest = _digest(blob)
        if self.ask("HEAD", f"/v2/{self.path}/blobs/{digest}").status != 200:
            location = self.demand("POST", f"/v2/{self.path}/blobs/uploads/").headers["Location"]
            place = re.sub(r"^http://[^/]+", "", location)
            mark = "&" if "?" in place else "?"
            self.demand("PUT", f"{place}{mark}digest={digest}", blob, **{"Content-Type": "application/octet-stream"})
        return {"digest": digest, "size": len(blob)}


def _pushed(output: Mapping[str, str], layer: bytes, config: bytes) -> dict[str, Any]:
    host, _, path = output["name"].partition("/")
    registry = _Registry(host, path)
    media_type = f"{_KIND}.manifest.v1+json"
    manifest = {
        "schemaVersion": 2,
        "mediaType": media_type,
        "config": {"mediaType": f"{_KIND}.config.v1+json", **registry.send(config)},
        "layers": [{"mediaType": f"{_KIND}.layer.v1.tar+gzip", **registry.send(layer)}],
    }
    content = json.dumps(manifest).encode()
    kind = {"Content-Type": media_type}
    registry.demand("PUT", f"/v2/{path}/manifests/{_digest(content)}", content, **kind)
    platform = {"os": "linux", "architecture": "amd64"}
    return {"mediaType": media_type, "digest": _digest(content), "size": len(content), "platform": platform}


def _wait_if_held(folder: Path) -> None:
    deadline = time.monotonic() + _LOCKED_SECONDS
    while (folder / "hold").exists() and time.monotonic() < deadline:
        (folder / "held").touch()
        time.sleep(0.02)


def main() -> None:
    """Build."""
    folder, words = Path(sys.argv[1]), sys.argv[2:]
    build = _asked(words)
    try:
        _check_secrets(folder, build.secrets)
        layer, config = _made(folder, build)
        sys.stderr.write("#1 [1/1] COPY data /data\n")
        sys.stderr.flush()
        _wait_if_held(folder)
        descriptor = _pushed(_record(build.output.replace('"', "")), layer, config)
    except _FailedError as error:
        sys.exit(f"#1 ERROR: {error}\n------\n{error}")
    sys.stderr.write("#1 DONE 0.0s\n")
    told = {"containerimage.digest": descriptor["digest"], "containerimage.descriptor": descriptor}
    Path(build.metadata_file).write_text(json.dumps({"image": told} if words[1] == "bake" else told))


if __name__ == "__main__":
    main()
