"""Which tags and digests texts and states name, and what cannot be read."""

import base64
import json
from typing import Any

import pytest

from image_assets.errors import InputError
from image_assets.reference import Repository
from image_assets.retention.in_use import Named, Names, in_state, in_text

A, B = "sha256:" + "a" * 64, "sha256:" + "b" * 64
SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}


def names(text: str = "r.io/team/app", *aliases: str) -> Names:
    return Names(Repository.parse(text), aliases)


def state(*resources: dict[str, Any], **more: Any) -> str:
    every = [{"urn": f"urn:{at}", "type": "t", **one} for at, one in enumerate(resources)]
    return json.dumps({"version": 3, "deployment": {"manifest": {}, "resources": every, **more}})


TEXTS = {
    "tag": ("image: r.io/team/app:v1", {"v1"}, set()),
    "digest": (f"r.io/team/app@{A}", set(), {A}),
    "both": (f"r.io/team/app:v1@{A}", {"v1"}, {A}),
    "neither": ("r.io/team/app", {"latest"}, set()),
    "after a line break in JSON": (json.dumps({"a": "x\nr.io/team/app:v1\n"}), {"v1"}, set()),
    "after one in JSON in JSON": (json.dumps({"a": json.dumps("x\tr.io/team/app:v1\n")}), {"v1"}, set()),
    "tag at the end of a sentence": ("uses r.io/team/app:v1.", {"v1", "v1."}, set()),
    "in capitals": ("R.io/team/app:v1", {"v1"}, set()),
    "with the port": ("r.io:443/team/app:v1", {"v1"}, set()),
    "in Base64": (base64.b64encode(b"#!/bin/sh\ndocker run r.io/team/app:v1\n").decode(), {"v1"}, set()),
    "end of a sentence": ("uses r.io/team/app.", {"latest"}, set()),
    "scheme": (f"docker-pullable://r.io/team/app@{A}", set(), {A}),
    "quoted JSON": (json.dumps(json.dumps({"image": "r.io/team/app:v1"})), {"v1"}, set()),
    "escaped slashes": ('{"image":"r.io\\/team\\/app:v1"}', {"v1"}, set()),
    "another repository": (
        "r.io/team/app2:v1 r.io/team/app/x:v2 r.io/team/app.web:v3 x.r.io/team/app:v4",
        set(),
        set(),
    ),
    "another registry": ("other.io/team/app:v1", set(), set()),
    "a digest of another": (f"other.io/x@{B}", set(), {B}),
    "no digest": ("sha256:abc " + "0" + A, set(), set()),
    "several documents": ('["r.io/team/app:v1"]\n["r.io/team/app:v2"]', {"v1", "v2"}, set()),
}


@pytest.mark.parametrize("case", TEXTS)
def test_a_text_names(case: str) -> None:
    text, tags, digests = TEXTS[case]
    found = in_text(text, names(), "x")
    assert (set(found.tags), set(found.digests)) == (tags, digests)


SPELLINGS = {
    "loopback": ("localhost:5000/app", "127.0.0.1:5000/app:v1"),
    "another port": ("localhost:5000/app", None),
    "hub": ("docker.io/library/nginx", "nginx:v1"),
    "hub, full": ("nginx", "index.docker.io/library/nginx:v1"),
    "hub, team": ("team/app", "docker.io/team/app:v1"),
    "ECR dual stack": (
        "123456789012.dkr.ecr.eu-west-1.amazonaws.com/app",
        "123456789012.dkr-ecr.eu-west-1.on.aws/app:v1",
    ),
}


@pytest.mark.parametrize("case", SPELLINGS)
def test_one_repository_has_several_names(case: str) -> None:
    own, text = SPELLINGS[case]
    assert in_text(text or "localhost:5001/app:v1", names(own), "x").tags == ({"v1"} if text else set())


def test_an_alias_is_another_name_of_the_registry() -> None:
    text = "inside:5000/team/app:v1"
    assert in_text(text, names(), "x").tags == set()
    assert in_text(text, names("r.io/team/app", "inside:5000"), "x").tags == {"v1"}


def test_a_state_names_in_any_depth() -> None:
    definitions = json.dumps([{"image": "r.io/team/app:one"}])
    found = in_state(
        state(
            {"inputs": {"containerDefinitions": definitions}},
            {"outputs": {"spec": [{"image": "r.io/team/app"}], "repositoryUrl": "r.io/team/app"}},
            {"outputs": {"hidden": {**SECRET, "plaintext": json.dumps({"image": "r.io/team/app:two"})}}},
            {"outputs": {"imageTag": "three"}, "delete": True},
            pending_operations=[{"type": "creating", "resource": {"urn": "u", "type": "t", "inputs": {"i": f"x@{A}"}}}],
        ),
        names(),
        "x",
    )
    assert found.tags == {"one", "two", "latest"}
    assert found.digests == {A}
    assert "three" in found.words


def test_the_repository_alone_is_not_its_latest_image() -> None:
    assert in_state(state({"outputs": {"repositoryUrl": "r.io/team/app"}}), names(), "x").tags == set()


def test_tags_of_an_image_elsewhere_say_nothing() -> None:
    image = {"type": "image-assets:index:PublishedImage", "outputs": {"imageTag": "v1", "repositoryUrl": "r.io/other"}}
    assert "v1" not in in_state(state(image), names(), "x").words
    own = {**image, "outputs": {"imageTag": "v1", "repositoryUrl": "r.io/team/app"}}
    assert "v1" in in_state(state(own), names(), "x").words


def test_an_image_is_where_its_outputs_say_not_where_its_id_began() -> None:
    image = {"type": "image-assets:index:PublishedImage", "id": "r.io/team/app:old"}
    now = {**image, "outputs": {"repository": "r.io/team/app", "imageUri": "r.io/team/app:new"}}
    assert in_state(state(now), names(), "s").tags == {"new"}
    # One that has no outputs yet, and ids of others', are all that is known.
    assert in_state(state(image), names(), "s").tags == {"old"}
    assert in_state(state({**now, "type": "docker:index/image:Image"}), names(), "s").tags == {"old", "new"}


def test_a_backend_file_and_an_empty_stack_are_states() -> None:
    checkpoint = json.dumps(
        {"version": 3, "checkpoint": {"latest": json.loads(state({"inputs": {"a": f"@{A}"}}))["deployment"]}}
    )
    assert in_state(checkpoint, names(), "x").digests == {A}
    assert in_state('{"version": 3, "deployment": {"manifest": {}}}', names(), "x") == Named("x")


UNREADABLE = {
    "cut": state({"inputs": {"a": "b"}})[:-5],
    "empty": "",
    "no state": "[]",
    "nothing in it": '{"version": 3, "deployment": {}}',
    "encrypted": state({"outputs": {"a": [{**SECRET, "ciphertext": "v1:x"}]}}),
    "encrypted with nothing": state({"inputs": {"a": SECRET}}),
    "damaged secret": state({"inputs": {"a": {**SECRET, "plaintext": "{"}}}),
    "unknown": state({"outputs": {"a": "04da6b54-80e4-46f7-96ec-b56ff0331ba9"}}),
    "nameless": '{"version": 3, "deployment": {"resources": [{"type": "t"}]}}',
    "of the future": '{"version": 99, "deployment": {"resources": []}}',
    "a list of texts": '{"version": 3, "deployment": {"resources": ["x"]}}',
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_what_cannot_be_read_to_the_end_stops(case: str) -> None:
    with pytest.raises(InputError, match="file cannot be read, so nothing is deleted"):
        in_state(UNREADABLE[case], names(), "file")


def test_json_that_breaks_off_stops() -> None:
    with pytest.raises(InputError, match="nothing is deleted"):
        in_text('{"items": [{"image": "r.io/team/app:v1"}', names(), "standard input")
