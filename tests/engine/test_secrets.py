"""Where secrets do not turn up, on the real engine (R14, R18)."""

import json
import os
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import NewContext, NewProject
from tests.publishing.test_secrets import watch_arguments
from tests.support.contexts import write_files
from tests.support.project import Project, Run
from tests.support.registry import PASSWORD, USER, Registry

SECRET = "sup3r-s3cr3t-text"
SEALED = {"fn::secret": SECRET}
DOCKERFILE = "FROM scratch\nCOPY . /\n"


ANY_COMPONENT = """
import json, pulumi

def sealed(value):
    if isinstance(value, list):
        return [sealed(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "fn::secret" in value:
        return pulumi.Output.secret(value["fn::secret"])
    return {key: sealed(item) for key, item in value.items()}

class Asset(pulumi.ComponentResource):
    def __init__(self, properties):
        super().__init__("image-assets:index:DockerImageAsset", "app", properties, None, remote=True)

Asset(sealed(json.loads(PROPERTIES)))
"""
"""A program that is not held to the schema, as one without an SDK's types is."""


def asset(name: str = "app", **properties: Any) -> str:
    given = {"directory": "app", "repository": "localhost:1/app", **properties}
    return f"  {name}: {{type: 'image-assets:DockerImageAsset', properties: {json.dumps(given)}}}\n"


def project_of(new_project: NewProject, **properties: Any) -> Project:
    project = new_project("resources:\n" + asset(**properties))
    write_files(project.folder / "app", {"Dockerfile": DOCKERFILE})
    return project


@pytest.mark.parametrize(
    ("properties", "said"),
    [
        ({"registryAuth": {"username": "", "password": SEALED}}, "registryAuth.username: must not be empty"),
        ({"registryAuth": {"fn::secret": {"username": "", "password": SECRET}}}, "registryAuth.username: must not"),
        ({"registryAuth": {"username": "", "password": SECRET}}, "registryAuth.username: must not be empty"),
        ({"registryAuth": {"username": "u", "pasword": SECRET}}, "registryAuth.password: is missing"),
        ({"registryAuth": SEALED}, "registryAuth: must be an object, not a string"),
        ({"registryauth": {"username": "u", "password": SECRET}}, "did you mean registryAuth?"),
        ({"buildSecrets": {"t": {"value": SECRET, "env": "X"}}}, "buildSecrets.t: give exactly one of value"),
        ({"buildSecrets": {"t": {"value": SEALED, "env": "X"}}}, "buildSecrets.t: give exactly one of value"),
        ({"buildSecrets": {"t": {"valeu": SECRET}}}, "did you mean value?"),
        ({"buildSecrets": [SECRET]}, "buildSecrets: must be a map, not a list"),
        ({"repository": {"fn::secret": f"https://u:{SECRET}@r.example/x"}}, "repository: "),
        ({"platform": SEALED}, "platform: "),
        ({"buildArgs": {"A": {"fn::secret": {"x": SECRET}}}}, "buildArgs.A: must be a string, not an object"),
        ({"buildArgs": {"A": SEALED, "B": 5}, "target": ""}, "must not be empty"),
        ({"directory": {"fn::secret": f"no/{SECRET}"}}, "directory: there is no directory at "),
        ({"platform": SEALED, "platforms": ["linux/amd64"], "labels": {"x": SEALED}}, "contradicts `platform`"),
    ],
    ids=map(str, range(16)),
)
def test_a_wrong_input_beside_a_secret_is_named_and_the_secret_is_not_printed(
    new_project: NewProject, properties: dict[str, Any], said: str
) -> None:
    given = {"directory": "app", "repository": "localhost:1/app", **properties}
    project = new_project(f"PROPERTIES = {json.dumps(given)!r}\n{ANY_COMPONENT}", runtime="python")
    write_files(project.folder / "app", {"Dockerfile": DOCKERFILE})
    failed = project.preview(check=False)
    assert failed.code != 0
    # A path is told in front of the value that it leads to, where there is one to be shown.
    for words in said.split(": "):
        assert words in failed.text
    assert SECRET not in failed.text


def texts(*names: str) -> dict[str, str]:
    return {name: f"{name}-9f2c-it's" for name in names}


IN_MEMORY = texts("build-secret", "password")
MARKED = texts("argument", "other-argument", "label", "cache", "flag", "hash", "pattern", "context-token")
SETTINGS = texts("other-password")
EVERY = {**IN_MEMORY, **MARKED, **SETTINGS}
LOUD = ("--debug", "--logtostderr", "-v=9")
SHOWING = (
    'FROM scratch\nCOPY . /\nARG T\nRUN --mount=type=secret,id=token ["/busybox", "sh", "-c", '
    '"echo $T; /busybox cat /run/secrets/token; echo; {end}"]\n'
)


def sealed(text: str) -> dict[str, str]:
    return {"fn::secret": text}


def full(repository: str, username: str, password: str, **more: Any) -> str:
    properties = {
        "repository": repository,
        "registryAuth": {"username": username, "password": sealed(password)},
        "buildSecrets": {"token": {"value": sealed(EVERY["build-secret"])}},
        "buildArgs": {"T": sealed(EVERY["argument"])},
        "labels": {"l": sealed(EVERY["label"])},
        "cacheFrom": [{"type": "local", "params": {"src": sealed(f"/nowhere/{EVERY['cache']}")}}],
        "buildFlags": ["--label", sealed(f"f={EVERY['flag']}")],
        "extraHash": sealed(EVERY["hash"]),
        "exclude": [sealed(EVERY["pattern"])],
        **more,
    }
    return f"resources:\n{asset(**properties)}outputs: {{uri: '${{app.imageUri}}', platforms: '${{app.platforms}}'}}\n"


class Watch:
    """Everything that a deployment shows and leaves, but for the engine's own dump of values at `-v=9`."""

    def __init__(self, project: Project, folder: Path) -> None:
        self.project = project
        self.temporary = folder / "temporary"
        self.temporary.mkdir()
        self.errors = folder / "plugin.stderr"
        self.seen: list[str] = []
        self.shown = ""
        name = "pulumi-resource-image-assets"
        real = shutil.which(name, path=project.isolated_environ["PATH"])
        write_files(folder / "bin", {name: f'#!/bin/sh\nexec {real} "$@" 2>>{self.errors}\n'})
        (folder / "bin" / name).chmod(0o755)
        environ = project.isolated_environ
        project.environ |= {
            "PATH": f"{folder / 'bin'}{os.pathsep}{environ['PATH']}",
            "TMPDIR": str(self.temporary),
            "T": "of the machine",
        }

    def run(self, verb: str, *flags: str, fails: bool = False) -> Run:
        stop = threading.Event()
        watcher = threading.Thread(target=watch_arguments, args=(self.seen, stop))
        watcher.start()
        try:
            done: Run = getattr(self.project, verb)(*flags, *LOUD, check=False)
        finally:
            stop.set()
            watcher.join()
        assert (done.code != 0) is fails, done.stdout
        self.shown += done.stdout + (self.project.private / "events.json").read_text()
        return done

    def left(self) -> str:
        places = (self.temporary, self.project.private / "cache", self.project.private / "docker")
        files = [path for place in places for path in place.rglob("*") if path.is_file() and not path.is_symlink()]
        return "".join(path.read_bytes().decode(errors="replace") for path in files)

    def leaks(self) -> set[tuple[str, str]]:
        state = json.dumps(self.project.state(show_secrets=False))
        everywhere = {
            "shown": self.shown,
            "errors": self.errors.read_text() if self.errors.exists() else "",
            "files": self.left(),
            "arguments": "\n".join(self.seen),
            "state": state,
        }
        return {(place, name) for place, said in everywhere.items() for name, text in EVERY.items() if text in said}


@pytest.mark.usefixtures("docker_engine")
def test_no_secret_is_anywhere_in_the_life_of_a_program(
    new_project: NewProject,
    busybox_context: NewContext,
    registry_with_auth: Registry,
    repository_name: str,
    tmp_path: Path,
) -> None:
    repository = f"{registry_with_auth.address}/{repository_name}"
    project = new_project(full(repository, USER, PASSWORD))
    project.set_config("image-assets:registries[0].address", "other.example")
    project.set_config("image-assets:registries[0].username", "somebody")
    project.set_config("image-assets:registries[0].password", SETTINGS["other-password"], secret=True)
    busybox_context({"unique": repository_name}, dockerfile=SHOWING.format(end="true"), folder=project.folder / "app")
    watch = Watch(project, tmp_path)
    watch.run("preview")
    made = watch.run("up")
    assert made.outputs["uri"].startswith(repository)
    assert made.outputs["platforms"] == ["linux/amd64"]
    stored = json.dumps(project.stored("PublishedImage"))
    assert not [name for name, text in IN_MEMORY.items() if text in stored]
    hidden = next(r for r in project.state(show_secrets=False) if r["type"].endswith("PublishedImage"))
    assert "ciphertext" not in json.dumps(hidden["outputs"])
    assert (
        registry_with_auth.config(repository_name, registry_with_auth.tags(repository_name)[0])["config"]["Labels"]["l"]
        == EVERY["label"]
    )
    watch.run("refresh")
    project.write(full(repository, USER, PASSWORD, buildArgs={"T": sealed(EVERY["other-argument"])}))
    assert "buildArgs" in watch.run("preview").stdout
    (project.folder / "app" / "Dockerfile").write_text(SHOWING.format(end="/busybox false"))
    failed = watch.run("up", fails=True)
    assert "To repeat it:" in failed.messages("error")
    assert "[secret]" in failed.messages("error")
    # Docker's own BuildKit knows no named contexts before version 23.
    named = {"c": sealed(f"https://me:{EVERY['context-token']}@127.0.0.1:1/r.git")}
    project.write(full(repository, USER, PASSWORD, buildContexts=named))
    assert "--build-context 'c=[secret]'" in watch.run("up", fails=True).messages("error")
    project.write(full(repository, USER, EVERY["password"]))
    refused = watch.run("up", fails=True)
    assert "UNAUTHORIZED" in refused.messages("error")
    watch.run("destroy")
    assert any("bake" in line for line in watch.seen), "the watcher saw no build"
    assert watch.leaks() == set()


@pytest.mark.usefixtures("docker_engine")
@pytest.mark.parametrize(("name", "value"), [("buildSecrets", {"t": {"value": SEALED}}), ("registryAuth", None)])
def test_ignoring_changes_of_what_is_kept_in_memory_is_an_error_that_says_so(
    new_project: NewProject, registry_with_auth: Registry, repository_name: str, name: str, value: Any
) -> None:
    """The state has a placeholder, which would be taken for the secret."""
    login = {"username": USER, "password": sealed(PASSWORD)}
    given: dict[str, Any] = {"repository": f"{registry_with_auth.address}/{repository_name}", "registryAuth": login}
    given |= {name: value} if value else {}
    program = "resources:\n" + asset(**given)
    child = program.replace("DockerImageAsset', ", "PublishedImage', ")
    project = new_project(child)
    write_files(project.folder / "app", {"Dockerfile": DOCKERFILE})
    project.up()
    project.write(child.rstrip().removesuffix("}") + f", options: {{ignoreChanges: [{name}]}}}}\n")
    failed = project.up(check=False)
    assert failed.code != 0
    assert f"{name}: `ignoreChanges` asks for the value in the state" in failed.text
    assert f"take `{name}` out of `ignoreChanges`" in failed.text
