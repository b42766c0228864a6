"""One build, and the same image in several repositories (R44)."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import NewProject
from tests.engine.test_logins import auth, refused_logins
from tests.engine.test_program import counted
from tests.engine.test_replicas import Made, make_registry, push, write
from tests.fakes.images import an_image, docker_save
from tests.support.project import Project
from tests.support.registry import Registry

__all__ = ["make_registry"]


def program(*places: dict[str, Any], **more: Any) -> str:
    properties = json.dumps({"directory": "app", **more, "destinations": list(places)})
    exported = "".join(f"  {key}: '${{app.{key}}}'\n" for key in ("imageUri", "imageDigest", "destinationUris"))
    return (
        f"resources:\n  app: {{type: 'image-assets:DockerImageAsset', properties: {properties}}}\noutputs:\n{exported}"
    )


def builds(notes: Path) -> int:
    return len([line for line in notes.read_text().splitlines() if "build " in line and "--file" in line])


@pytest.mark.usefixtures("docker_engine")
def test_one_build_goes_everywhere_and_a_place_added_later_builds_nothing(
    make_registry: Made, new_project: NewProject, tmp_path: Path
) -> None:
    main, ann = make_registry(), make_registry("ann")
    places: list[dict[str, Any]] = [
        {"repository": f"{main.address}/b", "tagPrefix": "v-", "extraTags": ["latest"]},
        {
            "repository": f"{ann.address}/c",
            "registryAuth": {"username": ann.username, "password": {"fn::secret": ann.password}},
        },
    ]
    project = new_project(program(places[0], repository=f"{main.address}/a"))
    write(project, "one")
    calls = counted(project, tmp_path / "count")
    preview = project.preview()
    uris = preview.outputs["destinationUris"]
    tag = preview.outputs["imageUri"].rpartition(":")[2]
    assert uris == [f"{main.address}/b:v-{tag}"]
    made = project.up()
    assert made.outputs["destinationUris"] == uris
    digest = made.outputs["imageDigest"]
    assert main.digest("a", tag) == main.digest("b", f"v-{tag}") == main.digest("b", "latest") == digest
    project.write(program(*places, repository=f"{main.address}/a"))
    preview = project.preview()
    assert preview.outputs["destinationUris"] == [*uris, f"{ann.address}/c:{tag}"]
    project.up()
    assert ann.digest("c", tag) == digest
    assert builds(calls) == 1
    project.up(expect_no_changes=True)
    project.refresh(expect_no_changes=False)
    assert ann.password not in json.dumps(project.state(show_secrets=True))
    assert refused_logins(ann) == []


@pytest.mark.usefixtures("docker_engine")
@pytest.mark.parametrize("make_registry", ["http"], indirect=True)
def test_a_place_that_fails_leaves_the_others_and_is_tried_again(
    make_registry: Made, new_project: NewProject, tmp_path: Path
) -> None:
    main, ann = make_registry(), make_registry("ann")
    refused = {"repository": f"{ann.address}/c", "registryAuth": {"username": "ann", "password": "wrong"}}
    good = {"repository": f"{main.address}/b"}
    project = new_project(program(refused, good, repository=f"{main.address}/a"))
    write(project, "one")
    calls = counted(project, tmp_path / "count")
    failed = project.up(check=False)
    assert f"{ann.address}/v2/c" in failed.messages("error")
    (tag,) = main.tags("a")
    assert main.tags("b") == [tag]
    project.write(program({**refused, **auth(ann)}, good, repository=f"{main.address}/a"))
    made = project.up()
    assert ann.digest("c", tag) == main.digest("b", tag) == made.outputs["imageDigest"]
    assert builds(calls) == 1


def tarball(repository: str, *places: dict[str, Any], **more: Any) -> str:
    given = {"tarballFile": "app.tar", "repository": repository, "destinations": list(places), **more}
    properties = json.dumps(given)
    return f"resources:\n  app: {{type: 'image-assets:TarballImageAsset', properties: {properties}}}\n"


def test_an_archive_goes_everywhere_too_and_nothing_is_overwritten(
    new_project: NewProject, registry: Registry, repository_name: str
) -> None:
    place = f"{registry.address}/{repository_name}"
    project: Project = new_project(tarball(f"{place}/a", {"repository": f"{place}/b"}))
    (project.folder / "app.tar").write_bytes(docker_save(an_image()))
    project.up()
    (tag,) = registry.tags(f"{repository_name}/a")
    assert registry.digest(f"{repository_name}/b", tag) == registry.digest(f"{repository_name}/a", tag)
    other = push(registry, f"{repository_name}/c", tag, an_image("other"))
    project.write(tarball(f"{place}/a", {"repository": f"{place}/c"}))
    failed = project.up(check=False)
    assert "exists and holds" in failed.text
    assert registry.digest(f"{repository_name}/c", tag) == other


def test_what_may_not_stay_goes_from_every_place(
    new_project: NewProject, registry: Registry, repository_name: str
) -> None:
    place = f"{registry.address}/{repository_name}"
    project = new_project(tarball(f"{place}/a", {"repository": f"{place}/b"}, retainOnDelete=False))
    (project.folder / "app.tar").write_bytes(docker_save(an_image()))
    project.up()
    assert len(registry.tags(f"{repository_name}/b")) == 1
    project.destroy()
    assert registry.tags(f"{repository_name}/a") == registry.tags(f"{repository_name}/b") == []


def test_one_with_a_name_stays_when_another_before_it_goes(
    new_project: NewProject, registry: Registry, repository_name: str
) -> None:
    """It was a number before; its tag is still its own, so that it goes with it."""
    place = f"{registry.address}/{repository_name}"
    numbered: list[dict[str, Any]] = [{"repository": f"{place}/{name}"} for name in ("b", "c", "d")]
    named = [{**one, "name": one["repository"][-1]} for one in numbered]
    named[2]["name"] = "d-e"
    project = new_project(tarball(f"{place}/a", *numbered, retainOnDelete=False))
    (project.folder / "app.tar").write_bytes(docker_save(an_image()))
    project.up()
    project.write(tarball(f"{place}/a", *named, retainOnDelete=False))
    assert {step.op for step in project.up().steps} == {"same"}
    project.write(tarball(f"{place}/a", named[2], named[0], retainOnDelete=False))
    assert [(step.op, step.name) for step in project.up().changes] == [("delete", "app-c")]
    assert registry.tags(f"{repository_name}/c") == []
    assert registry.tags(f"{repository_name}/d") == registry.tags(f"{repository_name}/b") != []
    project.destroy()
    assert registry.tags(f"{repository_name}/d") == registry.tags(f"{repository_name}/b") == []


@pytest.mark.parametrize(
    ("places", "message"),
    [
        ([{"repository": "{place}/a"}], "names the same image as the asset's own"),
        ([{"repository": "{place}/b"}, {"repository": "{place}/b"}], "names the same image as destinations[0]"),
        ([{"repository": "{place}/B"}], "has capital letters"),
        ([{"tagPrefix": "v"}], "repository"),
        ([{"repository": "{place}/b", "name": "2"}], "must not be a number"),
        ([{"repository": f"{{place}}/{one}", "name": "x"} for one in "bc"], "is the name of destinations[0] already"),
    ],
)
def test_wrong_places_are_told(
    places: list[dict[str, str]], message: str, new_project: NewProject, registry: Registry, repository_name: str
) -> None:
    place = f"{registry.address}/{repository_name}"
    given = json.loads(json.dumps(places).replace("{place}", place))
    project = new_project(tarball(f"{place}/a", *given))
    (project.folder / "app.tar").write_bytes(docker_save(an_image()))
    assert message in project.preview(check=False).text
