"""Copies of images that are somewhere already, between real registries (R44, R17)."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from image_assets.oci import RegistryClient
from image_assets.oci.keychain import NoKeychain
from image_assets.task import Task
from tests.conftest import NewProject
from tests.engine.test_logins import USERS, auth, refused_logins
from tests.fakes.certificates import make_certificates
from tests.fakes.images import MadeImage, an_image, docker_save, encoded, oci_index, sha256
from tests.fakes.registry import FakeRegistry, Rules
from tests.support.project import Project
from tests.support.registry import Registry
from tools.kit import registry as local_registry

Made = Callable[..., Registry]
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
TWO = {"linux/amd64": an_image("x"), "linux/arm64": an_image("y", architecture="arm64")}


@pytest.fixture(params=["http", "tls"])
def make_registry(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Made]:
    """A maker of registries: of one that lets everybody in, or only the named user."""
    tls = make_certificates(tmp_path, "localhost").server if request.param == "tls" else None
    with ExitStack() as running:

        def make(user: str = "") -> Registry:
            folder = tmp_path / f"registry {user or len(list(tmp_path.iterdir()))}"
            folder.mkdir()
            password, hashed = USERS.get(user, ("", ""))
            local = running.enter_context(local_registry.running(folder, f"{user}:{hashed}\n" if user else None, tls))
            return Registry(local, user, password)

        yield make


def push(registry: Registry, repository: str, tag: str, image: MadeImage, note: str = "") -> str:
    """Put an image into a registry by hand, and return its digest."""
    layers = [upload(registry, repository, layer) for layer in image.layers]
    config = upload(registry, repository, image.config)
    kind = "application/vnd.oci.image."
    document: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": f"{kind}manifest.v1+json",
        "config": {"mediaType": f"{kind}config.v1+json", **config},
        "layers": [{"mediaType": f"{kind}layer.v1.tar", **layer} for layer in layers],
        **({"annotations": {"note": note}} if note else {}),
    }
    return registry.put_manifest(repository, tag, encoded(document), document["mediaType"])


def push_index(registry: Registry, repository: str, tag: str, images: dict[str, MadeImage]) -> str:
    """Put an index into a registry by hand, and return its digest."""
    entries = []
    for platform, image in images.items():
        digest = push(registry, repository, tag, image)
        system, architecture = platform.split("/")
        manifest = encoded(registry.manifest(repository, digest))
        entries.append(
            {
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "digest": digest,
                "size": len(manifest),
                "platform": {"os": system, "architecture": architecture},
            }
        )
    kind = "application/vnd.oci.image.index.v1+json"
    content = encoded({"schemaVersion": 2, "mediaType": kind, "manifests": entries})
    return registry.put_manifest(repository, tag, content, kind)


def upload(registry: Registry, repository: str, content: bytes) -> dict[str, Any]:
    """Upload a blob by hand, and return what names it."""
    begun = registry.ask("POST", f"/v2/{repository}/blobs/uploads/", b"")
    place = begun.headers["Location"].partition(registry.address)[2]
    joined = "&" if "?" in place else "?"
    headers = {"Content-Type": "application/octet-stream"}
    digest = sha256(content)
    answer = registry.ask("PUT", f"{place}{joined}digest={digest}", content, headers)
    assert answer.status == 201, answer
    return {"digest": digest, "size": len(content)}


def replica(name: str, source: str, **more: Any) -> str:
    properties = json.dumps({"source": source, **more})
    exported = "".join(
        f"  {name}{key}: '${{{name}.{key}}}'\n" for key in ("imageUri", "imageDigest", "imageDigestUri", "platforms")
    )
    resource = f"  {name}: {{type: 'image-assets:ImageReplica', properties: {properties}}}\n"
    return f"resources:\n{resource}outputs:\n{exported}"


def sent(registry: Registry, repository: str) -> list[str]:
    """Return what was written to a repository: uploads that were ended, mounts and manifests."""
    return [f"{r.method} {r.path}" for r in registry.requests(repository) if r.method in {"PUT", "PATCH"}]


def named(tags: list[str]) -> list[str]:
    """Return the tags that are no lists of referrers."""
    return [tag for tag in tags if not tag.startswith("sha256-")]


def test_an_index_is_copied_whole_between_registries_with_logins_of_their_own(
    make_registry: Made, new_project: NewProject
) -> None:
    theirs, ours = make_registry("ann"), make_registry("bob")
    digest = push_index(theirs, "team/app", "1.4", TWO)
    program = replica(
        "r",
        f"{theirs.address}/team/app:1.4",
        repository=f"{ours.address}/mirror/app",
        extraTags=["latest"],
        registryAuth=auth(ours)["registryAuth"],
        sourceAuth={"username": theirs.username, "password": {"fn::secret": theirs.password}},
    )
    project = new_project(program)
    preview = project.preview()
    assert preview.outputs["rimageUri"] == f"{ours.address}/mirror/app:1.4"
    assert preview.outputs["rimageDigest"] == digest
    assert ours.tags("mirror/app") == []
    assert project.up().outputs == preview.outputs
    assert ours.tags("mirror/app") == ["1.4", "latest"]
    assert ours.digest("mirror/app", "1.4") == ours.digest("mirror/app", "latest") == digest
    assert preview.outputs["rplatforms"] == ["linux/amd64", "linux/arm64"]
    for entry in ours.manifest("mirror/app", "1.4")["manifests"]:
        child = ours.manifest("mirror/app", entry["digest"])
        assert [len(ours.blob("mirror/app", one["digest"])) for one in (child["config"], *child["layers"])]
    project.up(expect_no_changes=True)
    project.refresh(expect_no_changes=False)
    stored = json.dumps(project.state(show_secrets=True))
    assert theirs.password not in stored
    assert ours.password not in stored
    assert (refused_logins(ours), refused_logins(theirs)) == ([], [])
    project.destroy()
    assert ours.tags("mirror/app") == ["1.4", "latest"]


def test_signatures_come_along_from_a_list_under_a_tag_to_the_registrys_own_and_back(
    registry: Registry, new_project: NewProject, repository_name: str
) -> None:
    """R17: through the engine; docker-registry has no referrers API."""
    digest = push(registry, repository_name, "1", an_image())
    media_type = "application/vnd.oci.image.manifest.v1+json"
    subject = {"mediaType": media_type, "digest": digest, "size": 1}
    signature = encoded({**registry.manifest(repository_name, digest), "subject": subject})
    name = registry.put_manifest(repository_name, sha256(signature), signature, media_type)
    tag, kind = digest.replace(":", "-"), "application/vnd.oci.image.index.v1+json"
    entry = {"mediaType": media_type, "digest": name, "size": len(signature)}
    listed = encoded({"schemaVersion": 2, "mediaType": kind, "manifests": [entry]})
    registry.put_manifest(repository_name, tag, listed, kind)
    with FakeRegistry(rules=Rules(referrers=True)) as listing:
        there = {"repository": f"{listing.host}/app", "referrers": True}
        back = {"repository": f"{registry.address}/{repository_name}/back", "referrers": True}
        resources = {
            "there": {"source": f"{registry.address}/{repository_name}:1", **there},
            "back": {"source": "${there.imageDigestUri}", **back},
        }
        declared = {key: {"type": "image-assets:ImageReplica", "properties": one} for key, one in resources.items()}
        new_project(f"resources: {json.dumps(declared)}\n").up()
        assert RegistryClient(listing.host, NoKeychain(), Task()).known_referrers("app", digest) == [name]
        assert tag not in listing.store.tags["app"]
    (found,) = registry.manifest(f"{repository_name}/back", tag)["manifests"]
    assert found["digest"] == name
    assert encoded(registry.manifest(f"{repository_name}/back", name)) == signature


@pytest.mark.parametrize("mode", ["refresh", "always"])
def test_a_source_tag_that_moved_is_a_change_that_a_preview_shows(
    mode: str, make_registry: Made, new_project: NewProject
) -> None:
    theirs, ours = make_registry(), make_registry("bob")
    old = push(theirs, "app", "1", an_image("old"))
    source, place = f"{theirs.address}/app:1", f"{ours.address}/app"
    project = new_project(replica("r", source, repository=place, checkSource=mode, **auth(ours)))
    project.up()
    new = push(theirs, "app", "1", an_image("new"))
    if mode == "refresh":
        project.preview(expect_no_changes=True)
        assert "has moved to" in project.pulumi("refresh", "--yes", "--skip-preview").text
    shown = project.preview()
    assert shown.outputs["rimageDigest"] == new
    assert f'"{old}" => "{new}"' in " ".join(shown.stdout.split())
    assert ours.digest("app", "1") == old
    project.up()
    assert ours.digest("app", "1") == new
    project.up(expect_no_changes=True)


def test_a_source_that_is_gone_leaves_its_copy(make_registry: Made, new_project: NewProject) -> None:
    theirs, ours = make_registry(), make_registry()
    digest = push(theirs, "app", "1", an_image())
    program = replica("r", f"{theirs.address}/app:1", repository=f"{ours.address}/app", checkSource="always")
    project = new_project(program)
    project.up()
    theirs.delete_tag("app", "1")
    assert "there is no image" in project.up(expect_no_changes=True).messages("warning")
    assert ours.digest("app", "1") == digest


@pytest.mark.parametrize("make_registry", ["http"], indirect=True)
def test_one_platform_is_its_image_and_two_of_three_an_index(make_registry: Made, new_project: NewProject) -> None:
    theirs, ours = make_registry(), make_registry()
    three = {**TWO, "linux/s390x": an_image("z", architecture="s390x")}
    push_index(theirs, "app", "1", three)
    source, place = f"{theirs.address}/app:1", f"{ours.address}/app"
    project = new_project(replica("r", source, repository=place, platforms=["linux/aarch64"]))
    preview = project.preview()
    one = next(
        entry["digest"]
        for entry in theirs.manifest("app", "1")["manifests"]
        if entry["platform"]["architecture"] == "arm64"
    )
    assert (preview.outputs["rimageDigest"], preview.outputs["rplatforms"]) == (one, ["linux/arm64"])
    project.up()
    assert ours.digest("app", "1") == one
    project.write(replica("r", source, repository=place, platforms=["linux/s390x", "linux/amd64"]))
    preview = project.preview()
    assert project.up().outputs == preview.outputs
    kept = [entry["platform"]["architecture"] for entry in ours.manifest("app", "1")["manifests"]]
    assert kept == ["amd64", "s390x"]
    project.up(expect_no_changes=True)
    project.write(replica("r", source, repository=place, platforms=["linux/ppc64le"]))
    assert "has no image for linux/ppc64le; it has: linux/amd64, linux/arm64" in project.preview(check=False).text


@pytest.mark.parametrize("make_registry", ["http"], indirect=True)
def test_within_a_registry_blobs_are_mounted(make_registry: Made, new_project: NewProject) -> None:
    ours = make_registry()
    digest = push(ours, "from/app", "1", an_image())
    project = new_project(replica("r", f"{ours.address}/from/app@{digest}", repository=f"{ours.address}/to/app"))
    preview = project.preview()
    project.up()
    (tag,) = ours.tags("to/app")
    assert preview.outputs["rimageUri"] == f"{ours.address}/to/app:{digest.removeprefix('sha256:')[:32]}"
    assert ours.digest("to/app", tag) == digest
    assert not [line for line in sent(ours, "to/app") if "/uploads/" in line]


@pytest.mark.parametrize("make_registry", ["http"], indirect=True)
def test_what_the_target_has_is_not_sent(make_registry: Made, new_project: NewProject) -> None:
    theirs, ours = make_registry(), make_registry()
    push(theirs, "app", "1", an_image("half", layers=3))
    upload(ours, "app", an_image("half", layers=3).layers[0])
    before = len(sent(ours, "app"))
    project = new_project(replica("r", f"{theirs.address}/app:1", repository=f"{ours.address}/app"))
    project.up()
    missing = [line for line in sent(ours, "app")[before:] if "/uploads/" in line and line.startswith("PUT")]
    assert len(missing) == 3
    before = len(sent(ours, "app"))
    project.write(replica("again", f"{theirs.address}/app:1", repository=f"{ours.address}/app"))
    project.up()
    assert sent(ours, "app")[before:] == []


@pytest.mark.parametrize("kind", ["tar", "index"])
@pytest.mark.parametrize("make_registry", ["http"], indirect=True)
def test_an_archive_is_a_source(kind: str, make_registry: Made, new_project: NewProject) -> None:
    ours = make_registry()
    content = docker_save(an_image()) if kind == "tar" else oci_index(TWO)
    project = new_project(replica("r", "./image.tar", repository=f"{ours.address}/app", retainOnDelete=False))
    (project.folder / "image.tar").write_bytes(content)
    preview = project.preview()
    project.up()
    tag = preview.outputs["rimageUri"].rpartition(":")[2]
    assert named(ours.tags("app")) == [tag]
    project.up(expect_no_changes=True)
    (project.folder / "image.tar").write_bytes(docker_save(an_image("other")))
    project.refresh()
    assert project.preview().outputs["rimageUri"] != preview.outputs["rimageUri"]
    project.up()
    assert len(named(ours.tags("app"))) == 2


@pytest.mark.usefixtures("docker_engine")
def test_an_asset_is_a_source_that_a_preview_knows_before_it_is_built(
    new_project: NewProject, make_registry: Made
) -> None:
    ours = make_registry()
    project = new_project(by_asset(ours, "imageUri"))
    write(project, "one")
    preview = project.preview("--save-plan=plan.json")
    uri = preview.outputs["uri"]
    assert uri.startswith(f"{ours.address}/copy:")
    assert project.up("--plan=plan.json").outputs["uri"] == uri
    assert ours.digest("copy", uri.rpartition(":")[2]) == ours.digest("app", uri.rpartition(":")[2])
    project.up(expect_no_changes=True)
    write(project, "two")
    preview = project.preview()
    assert preview.outputs["uri"] not in {uri, UNKNOWN}
    tag = str(project.up().outputs["uri"]).rpartition(":")[2]
    assert len(ours.tags("copy")) == 2
    # Somebody else overwrites the asset's tag: what stays under it is looked at, and copied.
    found = ours.manifest("app", tag)
    other = ours.put_manifest("app", tag, encoded({**found, "annotations": {"by": "them"}}), found["mediaType"])
    project.write(by_asset(ours, "imageDigestUri", extraTags=["latest"]))
    preview = project.preview()
    assert preview.outputs["digest"] == other
    assert project.up().outputs == preview.outputs
    project.up(expect_no_changes=True)


def by_asset(registry: Registry, output: str, **more: Any) -> str:
    app = {"directory": "app", "repository": f"{registry.address}/app", **more}
    copy = {"source": f"${{app.{output}}}", "repository": f"{registry.address}/copy"}
    return (
        "resources:\n"
        f"  app: {{type: 'image-assets:DockerImageAsset', properties: {json.dumps(app)}}}\n"
        f"  r: {{type: 'image-assets:ImageReplica', properties: {json.dumps(copy)}}}\n"
        "outputs: {uri: '${r.imageUri}', digest: '${r.imageDigest}'}\n"
    )


def write(project: Project, text: str) -> None:
    folder = project.folder / "app"
    folder.mkdir(exist_ok=True)
    (folder / "Dockerfile").write_text("FROM scratch\nCOPY . /\n")
    (folder / "a.txt").write_text(text)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"source": "HTTP://x"}, "is a URL, not a repository"),
        ({"source": "./nothing.tar"}, "there is no file at"),
        ({"tag": "a b"}, '"a b" is not a tag'),
        ({"checkSource": "never"}, "must be one of refresh, always"),
        ({"platforms": ["linux/amd46"]}, "did you mean linux/amd64?"),
    ],
)
def test_wrong_inputs_are_told_before_anything_is_made(
    more: dict[str, Any], message: str, new_project: NewProject, registry: Registry, repository_name: str
) -> None:
    given = {"source": f"{registry.address}/x:1", "repository": f"{registry.address}/{repository_name}", **more}
    project = new_project(replica("r", **given))
    assert message in project.preview(check=False).text
    assert registry.tags(repository_name) == []


def test_a_source_that_is_not_there_is_an_error_of_up(
    new_project: NewProject, registry: Registry, repository_name: str
) -> None:
    place = f"{registry.address}/{repository_name}"
    project = new_project(replica("r", f"{place}/nothing:1", repository=place))
    assert project.preview().outputs["rimageUri"] == f"{place}:1"
    assert f"there is no image {place}/nothing:1" in project.up(check=False).text
