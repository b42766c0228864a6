"""Where images come from besides a directory with a Dockerfile, on the real engine, builder and registry."""

import json
import subprocess
from base64 import b64encode
from pathlib import Path

import pytest

from tests.conftest import NewProject
from tests.fakes import git_server
from tests.fakes.certificates import make_certificates
from tests.fakes.git_server import TOKEN
from tests.fakes.images import an_image, docker_save
from tests.support.builders import add_buildx, clean_environ
from tests.support.contexts import write_files
from tests.support.events import UNKNOWN
from tests.support.registry import Registry

INLINE = """
resources:
  open:
    type: image-assets:DockerImageAsset
    properties:
      directory: app
      repository: {repository}
      dockerfileInline: |
        FROM scratch
        COPY {copied} /
  sealed:
    type: image-assets:DockerImageAsset
    properties:
      directory: app
      repository: {repository}
      dockerfileInline: {{"fn::secret": "FROM scratch\\nCOPY a /\\nLABEL password=hunter2222\\n"}}
  later:
    type: image-assets:DockerImageAsset
    properties: {{directory: app, repository: "{repository}", dockerfileInline: "FROM ${{open.imageDigestUri}}"}}
outputs: {{imageUri: "${{open.imageUri}}", later: "${{later.imageUri}}"}}
"""


@pytest.mark.usefixtures("docker_engine")
def test_a_dockerfile_in_the_program(new_project: NewProject, registry: Registry, repository_name: str) -> None:
    repository = f"{registry.address}/{repository_name}"
    project = new_project(INLINE.format(repository=repository, copied="a"))
    write_files(project.folder / "app", {"a": "1", "b": "2", ".dockerignore": "c", "c": "3"})
    first = project.preview()
    uri = first.outputs["imageUri"]
    assert first.outputs["later"] == UNKNOWN
    made = project.up()
    assert made.outputs["imageUri"] == uri
    project.preview(expect_no_changes=True)
    write_files(project.folder / "app", {"c": "4"})
    project.preview(expect_no_changes=True)
    assert "hunter2222" not in str(project.state(show_secrets=False)) + made.text
    project.write(INLINE.format(repository=repository, copied="b"))
    again = project.preview()
    assert again.outputs["imageUri"] != uri
    assert project.up().outputs["imageUri"] == again.outputs["imageUri"]


COMMAND = """
resources:
  app:
    type: image-assets:TarballImageAsset
    properties:
      repository: {repository}
      command:
        run: {run}
        output: out/image.tar
        inputs: [src, "*.mod", "!src/left-out"]
outputs: {{imageUri: "${{app.imageUri}}", platforms: "${{app.platforms}}", imageDigest: "${{app.imageDigest}}"}}
"""
RUN = "mkdir -p out && echo ran >> runs && cp src/image out/image.tar"


def test_a_command_that_makes_an_archive(new_project: NewProject, registry: Registry, repository_name: str) -> None:
    """R10: the command runs only when the tag is missing, and what it reads is what counts."""

    def program(run: str = RUN, repository: str = repository_name) -> str:
        return COMMAND.format(repository=f"{registry.address}/{repository}", run=run)

    project = new_project(program())
    write_files(project.folder, {"go.mod": "1", "src/left-out": "1", "README.md": "1"})
    (project.folder / "src" / "image").write_bytes(docker_save(an_image("a")))
    runs = project.folder / "runs"

    first = project.preview()
    uri = first.outputs["imageUri"]
    assert first.outputs["platforms"] == UNKNOWN
    assert not runs.exists()
    made = project.up()
    assert made.outputs["imageUri"] == uri
    assert made.outputs["platforms"] == ["linux/amd64"]
    assert made.outputs["imageDigest"] == registry.digest(repository_name, uri.rpartition(":")[2])
    assert runs.read_text() == "ran\n"

    # What it does not read, and what it makes, is no matter.
    write_files(project.folder, {"src/left-out": "2", "README.md": "2"})
    project.up(expect_no_changes=True)
    project.destroy()
    assert project.up().outputs["imageUri"] == uri
    assert runs.read_text() == "ran\n"

    # What it reads, and what it is, counts.
    write_files(project.folder, {"go.mod": "2"})
    edited = project.preview()
    assert set(edited.step("PublishedImage", "app").detailed_diff) == {'files["go.mod"]', "fingerprint"}
    assert edited.outputs["imageUri"] != uri
    project.write(program(RUN + " && true"))
    assert "command.run" in project.preview().step("PublishedImage", "app").detailed_diff
    project.up()
    assert runs.read_text() == "ran\nran\n"

    # A failure shows what the command said, but nothing secret of it.
    sealed = '{"fn::secret": "echo sesame-open; echo no room; exit 3"}'
    project.write(program(sealed))
    failed = project.up(check=False)
    assert "ended with 3" in failed.messages("error")
    assert "no room" in failed.messages("error")
    assert "echo sesame-open" not in failed.text + str(project.state(show_secrets=False))


def test_what_cannot_be_a_command_is_refused_in_the_preview(
    new_project: NewProject, registry: Registry, repository_name: str
) -> None:
    text = COMMAND.format(repository=f"{registry.address}/{repository_name}", run=RUN)
    project = new_project(text.replace("src,", "none, /etc/passwd,"))
    said = project.preview(check=False).messages("error")
    assert "there is no file or directory at" in said
    assert "must be relative to the program" in said
    project.write(text.replace("      command:", "      tarballFile: x.tar\n      command:"))
    assert "contradicts `tarballFile`" in project.preview(check=False).messages("error")
    project.write(text.replace('[src, "*.mod", "!src/left-out"]', "[]"))
    assert "nothing would count" in project.preview(check=False).messages("error")
    project.write(text[: text.index("      command:")] + "outputs: {}\n")
    assert "is missing: write the archive" in project.preview(check=False).messages("error")
    (project.folder / "src").mkdir()
    project.write(text.replace(RUN, '"true"').replace("/image.tar", "/none.tar"))
    assert "there is nothing at" in project.up(check=False).messages("error")


def test_a_command_whose_input_changes_while_it_runs_leaves_no_tag(
    new_project: NewProject, registry: Registry, repository_name: str
) -> None:
    run = f"{RUN} && echo 2 > go.mod"
    project = new_project(COMMAND.format(repository=f"{registry.address}/{repository_name}", run=run))
    project.set_config("image-assets:pinBaseImages", "true")
    write_files(project.folder, {"go.mod": "1", "src/x": ""})
    (project.folder / "src" / "image").write_bytes(docker_save(an_image("a")))
    assert "go.mod" in project.up(check=False).messages("error")
    assert registry.tags(repository_name) == []


LOCAL = """
resources:
  app:
    type: image-assets:TarballImageAsset
    properties: {{repository: "{repository}", localImage: "{name}"{more}}}
outputs: {{imageUri: "${{app.imageUri}}", platforms: "${{app.platforms}}", imageDigest: "${{app.imageDigest}}"}}
"""


@pytest.mark.usefixtures("docker_engine")
def test_an_image_that_the_engine_has(
    new_project: NewProject, registry: Registry, repository_name: str, tmp_path: Path
) -> None:
    """R10: the image's ID makes the tag; the preview asks the engine, and sends the registry nothing."""
    name = f"{repository_name}:local"

    def load(content: str) -> None:
        archive = tmp_path / "image.tar"
        archive.write_bytes(docker_save({name: an_image(content)}))
        subprocess.run(["docker", "load", "-i", str(archive)], check=True, capture_output=True)

    def program(more: str = "") -> str:
        return LOCAL.format(repository=f"{registry.address}/{repository_name}", name=name, more=more)

    project = new_project(program())
    said = project.preview(check=False).messages("error")
    assert "build or pull it first" in said
    try:
        load(f"{repository_name} a")
        first = project.preview()
        uri = first.outputs["imageUri"]
        assert first.outputs["platforms"] == ["linux/amd64"]
        assert registry.requests(repository_name) == []
        made = project.up()
        assert made.outputs["imageUri"] == uri
        assert made.outputs["imageDigest"] == registry.digest(repository_name, uri.rpartition(":")[2])
        project.up(expect_no_changes=True)
        load(f"{repository_name} b")
        edited = project.preview()
        assert 'files["localImage"]' in edited.step("PublishedImage", "app").detailed_diff
        assert edited.outputs["imageUri"] != uri
        assert project.up().outputs["imageUri"] == edited.outputs["imageUri"]
        project.write(program(", tarballFile: x.tar"))
        assert "contradicts `tarballFile`" in project.preview(check=False).messages("error")
    finally:
        subprocess.run(["docker", "image", "rm", "-f", name], check=True, capture_output=True)


@pytest.mark.xdist_group("store")
def test_an_index_that_the_engine_has(
    store_engine: str, new_project: NewProject, registry: Registry, repository_name: str, tmp_path: Path
) -> None:
    """Of an index the engine names this machine's platform; what is published has all that the engine holds."""
    context = tmp_path / "context"
    write_files(
        context, {"Dockerfile": "FROM scratch\nARG TARGETARCH\nCOPY $TARGETARCH /\n", "amd64": "a", "arm64": "b"}
    )
    name = f"{registry.address}/{repository_name}/two:1"
    platforms = ["linux/amd64", "linux/arm64"]
    environ = {**clean_environ(tmp_path / "home"), "DOCKER_HOST": store_engine}
    add_buildx(Path(environ["DOCKER_CONFIG"]))

    def docker(*words: str | Path) -> None:
        subprocess.run(("docker", *words), env=environ, check=True, capture_output=True)

    project = new_project(LOCAL.format(repository=f"{registry.address}/{repository_name}", name=name, more=""))
    project.environ["DOCKER_HOST"] = store_engine
    docker("buildx", "build", "--builder", "default", "--platform", ",".join(platforms), "--tag", name, context)
    first = project.preview()
    assert first.outputs["platforms"] == UNKNOWN
    made = project.up()
    assert made.outputs["platforms"] == platforms
    project.up(expect_no_changes=True)
    # One that is pulled has its index, and the content of one platform only.
    docker("push", name)
    docker("image", "rm", name)
    docker("system", "prune", "--all", "--force")
    docker("pull", name)
    project.write(LOCAL.format(repository=f"{registry.address}/{repository_name}/one", name=name, more=""))
    assert project.up().outputs["platforms"] == platforms[:1]


GIT = """
resources:
  app:
    type: image-assets:DockerImageAsset
    properties: {{repository: "{repository}", directory: "{url}"}}
outputs: {{imageUri: "${{app.imageUri}}"}}
"""


def git(folder: Path, *words: str) -> str:
    identity = ("-c", "user.name=x", "-c", "user.email=x@example.com", "-c", "init.defaultBranch=main")
    return subprocess.run(
        ["git", *identity, "-C", str(folder), *words], check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.mark.usefixtures("docker_engine")
def test_a_git_repository(new_project: NewProject, registry: Registry, repository_name: str, tmp_path: Path) -> None:
    """The commit that the preview finds counts, and is what is built."""
    repository = tmp_path / "it.git"
    write_files(repository, {"app/Dockerfile": "FROM scratch\nCOPY a /\n", "app/a": "1", "other": "1"})
    git(repository, "init", "-q")

    def commit(files: dict[str, str]) -> str:
        write_files(repository, files)
        git(repository, "add", "-A")
        git(repository, "commit", "-q", "--allow-empty", "-m", "x")
        return git(repository, "rev-parse", "HEAD")

    def program(ref: str) -> str:
        url = f"git+file://{repository}#{ref}"
        return GIT.format(repository=f"{registry.address}/{repository_name}", url=url)

    first_commit = commit({})
    git(repository, "tag", "-a", "v1", "-m", "x")
    project = new_project(program("main:app"))
    first = project.preview()
    uri = first.outputs["imageUri"]
    assert project.up().outputs["imageUri"] == uri
    project.up(expect_no_changes=True)
    commit({"app/a": "2"})
    edited = project.preview()
    assert 'files["directory"]' in edited.step("PublishedImage", "app").detailed_diff
    assert project.up().outputs["imageUri"] == edited.outputs["imageUri"] != uri
    for same in ("v1:app", f"{first_commit}:app"):
        project.write(program(same))
        assert project.preview().outputs["imageUri"] == uri
    project.write(program("main:app").replace("{repository:", "{assetHash: own, repository:"))
    assert project.up().outputs["imageUri"] != uri
    project.write(program("nowhere"))
    assert "has no branch or tag nowhere" in project.preview(check=False).messages("error")
    sealed = GIT.format(repository="r.example/x", url="https://user:sesame-open@host.example/it.git")
    project.write(sealed)
    refused = project.preview(check=False)
    assert "a login in a URL" in refused.messages("error")
    assert "sesame-open" not in refused.text


PRIVATE = """
config: {{token: {{type: string, secret: true}}}}
resources:
  app:
    type: image-assets:DockerImageAsset
    properties:
      repository: "{repository}"
      directory: "{url}#main:app"
      buildSecrets: {{GIT_AUTH_TOKEN: {{value: "${{token}}"}}}}
outputs: {{imageUri: "${{app.imageUri}}"}}
"""


@pytest.mark.usefixtures("docker_engine")
def test_a_private_git_repository_over_tls(
    new_project: NewProject, registry: Registry, repository_name: str, tmp_path: Path
) -> None:
    """Its login is a build secret, which nobody sees; while it does not answer, its commit is the last one known."""
    certificates = make_certificates(tmp_path, "localhost")
    repository = tmp_path / "served" / "it.git"
    write_files(repository, {"app/Dockerfile": "FROM scratch\nCOPY a /\n", "app/a": "1"})
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "x")):
        git(repository, *words)
    project = new_project("resources: {}")
    project.environ["GIT_SSL_CAINFO"] = str(certificates.authority)
    project.set_config("token", TOKEN, secret=True)
    with git_server.running(repository.parent, certificates) as server:
        server.private.add("it.git")
        url = server.url("it.git")
        program = PRIVATE.format(repository=f"{registry.address}/{repository_name}", url=url)
        project.write(program)
        preview = project.preview()
        up = project.up()
        assert up.outputs["imageUri"] == preview.outputs["imageUri"]
        project.write(program.replace("${token}", "another-token"))
        refused = project.preview()
    assert "the git repository cannot be read" in refused.messages("warning")
    project.write(program)
    kept = project.preview(expect_no_changes=True)
    assert f"{url} is taken as it last was, {git(repository, 'rev-parse', 'HEAD')[:12]}" in kept.messages("warning")
    project.write(program.replace("#main", "#other"))
    unknown = project.preview(check=False)
    assert "the git repository cannot be read" in unknown.messages("error")
    header = b64encode(f"x-access-token:{TOKEN}".encode()).decode()
    for text in (preview.text, up.text, refused.text, kept.text, unknown.text, json.dumps(project.state())):
        assert TOKEN not in text
        assert header not in text
    project.write(program.replace("https://", "HTTPS://x:sesame-open@"))
    sealed = project.preview(check=False)
    assert sealed.code
    assert "sesame-open" not in sealed.text
