"""The first promise: what a preview tells as known is what `up` does (for random inputs, unknowns and secret marks)."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from image_assets.custom_resource import Change, Job, State, Values
from image_assets.errors import InputError
from image_assets.image.program import Program
from image_assets.image.resource import PublishedImage
from image_assets.inputs.image import IMAGE_FIELDS
from image_assets.inputs.property_path import is_covered
from image_assets.inputs.settings import Settings
from image_assets.task import Task
from image_assets.values import UNKNOWN, Secret, has_unknown
from tests.fakes.images import sha256
from tests.fakes.registry import FakeRegistry
from tests.support.contexts import write_files

URN = "urn:pulumi:dev::proj::image-assets:index:DockerImageAsset$image-assets:index:PublishedImage::app"
FILES = {
    "app/Dockerfile": "ARG B=two\nFROM scratch AS one\nCOPY b.txt /\nFROM scratch AS two\nCOPY a.txt /\nFROM $B\n",
    "app/Dockerfile.dockerignore": "ignored\n",
    "app/other.Dockerfile": "FROM scratch\nCOPY b.txt /\n",
    "app/.gitignore": "b.txt\n",
    "app/a.txt": "a",
    "app/b.txt": "b",
    "app/ignored": "i",
    "lib/Dockerfile": "FROM scratch AS one\nCOPY . /\n",
    "lib/x.txt": "x",
}
NAMES = ("A", "B", "TOKEN")
SWITCHES = ("buildArgs", "buildContexts", "buildSecrets", "target", "file", "networkMode", "platform", "buildFlags")
CACHES = st.lists(
    st.fixed_dictionaries({"type": st.sampled_from(["local", "registry"])}, optional={"params": st.just({"ref": "r"})}),
    max_size=2,
)


def some(*values: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(values)


def maps(keys: tuple[str, ...], values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.dictionaries(st.sampled_from(keys), values, max_size=3)


OPTIONAL: dict[str, st.SearchStrategy[Any]] = {
    "file": some("Dockerfile", "other.Dockerfile"),
    "exclude": st.lists(some("a.txt", "!ignored"), max_size=2),
    "ignoreMode": some("docker", "git", "glob"),
    "followSymlinks": some("never", "external"),
    "scope": some("context", "dockerfile", "dockerfile"),
    "buildArgs": maps(NAMES, some("one", "two", "")),
    "buildContexts": maps(("lib", "base"), some("lib", "docker-image://alpine")),
    "buildSecrets": maps(("t", "u"), some({"value": "v"}, {"env": "E"}, {"file": "f"})),
    "buildSsh": st.lists(some("default"), max_size=1),
    "target": some("one", "two"),
    "networkMode": some("host", "none"),
    "platform": some("linux/amd64", "linux/arm64/v8"),
    "platforms": st.lists(some("linux/amd64", "linux/arm64"), max_size=2),
    "extraHash": some("", "x"),
    "assetHash": some("mine", "yours"),
    "invalidation": st.fixed_dictionaries(
        {},
        optional={
            **dict.fromkeys(SWITCHES, st.booleans()),
            "ignoredBuildArgs": st.lists(st.sampled_from(NAMES), max_size=2),
        },
    ),
    "cacheFrom": CACHES,
    "cacheTo": CACHES,
    "cacheDisabled": st.booleans(),
    "builder": st.fixed_dictionaries({}, optional={"executable": some("docker", "podman"), "name": some("far")}),
    "buildFlags": st.lists(some("--pull", "--quiet"), max_size=2),
    "labels": maps(("l",), some("1", "2")),
    "dockerfileInline": some("FROM scratch\nCOPY a.txt /\n", "FROM scratch AS one\n"),
    "provenance": some(False, "min", "max"),
    "sbom": some(False, True, "r.example/generator:1"),
    "sourceDateEpoch": some(1_700_000_000, "1700000001"),
    "cache": some("registry", "gha", "local"),
    "tagPrefix": some("", "v-"),
    "extraTags": st.lists(some("latest", "stable"), max_size=2),
    "registryAuth": some({"username": "u", "password": "p"}),
    "retainOnDelete": st.booleans(),
    "aws": st.fixed_dictionaries({}, optional={"region": some("eu-west-1")}),
}
REQUIRED = {"directory": some("app", "lib"), "repository": some("app", "x", "y")}
#: Inputs that mean something together.
TOGETHER = ((), (), ("scope", "target", "invalidation"), ("scope", "buildArgs", "invalidation"), ("file", "builder"))
#: What has no part in these programs: archives, an own repository, what a preview builds or asks registries for.
LEFT_OUT = {"tarballFile", "image", "command", "localImage", "buildOnPreview", "pinBaseImages", "ownRepository"}

Pair = tuple[Any, Any]


@st.composite
def pairs(draw: st.DrawFn, value: Any) -> Pair:
    """Draw (what the preview gets, what `up` gets): parts of the one are unknown or secret, at any depth."""
    fate = draw(st.integers(0, 9))
    if fate < 3:
        return Secret(UNKNOWN) if draw(st.booleans()) else UNKNOWN, value
    first: Any = value
    second: Any = value
    if isinstance(value, dict):
        members = {key: draw(pairs(item)) for key, item in value.items()}
        first, second = ({key: pair[side] for key, pair in members.items()} for side in (0, 1))
    elif isinstance(value, list):
        items = [draw(pairs(item)) for item in value]
        first, second = ([pair[side] for pair in items] for side in (0, 1))
    return (Secret(first), Secret(second)) if fate == 3 else (first, second)


@st.composite
def some_of(draw: st.DrawFn, rows: dict[str, st.SearchStrategy[Any]]) -> dict[str, Any]:
    """Draw a few inputs: among many there is always an unknown one that counts."""
    names = draw(st.lists(st.sampled_from(sorted(rows)), unique=True, max_size=4))
    return {name: draw(rows[name]) for name in {**dict.fromkeys(names), **dict.fromkeys(draw(some(*TOGETHER)))}}


@st.composite
def programs(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Draw (the inputs before, what the preview gets now, what `up` gets now)."""
    before = {**draw(st.fixed_dictionaries(REQUIRED)), **draw(some_of(OPTIONAL))}
    # Often little changes.
    now = {**before, **(draw(some_of({**REQUIRED, **OPTIONAL})) if draw(st.booleans()) else {})}
    drawn = {name: draw(pairs(value)) for name, value in now.items()}
    foretold = {name: pair[0] for name, pair in drawn.items()}
    # An unknown may turn out to be nothing at all.
    unknown = [name for name in OPTIONAL if foretold.get(name) is UNKNOWN]
    gone = {name for name in unknown if draw(st.integers(0, 5)) == 0}
    return before, foretold, {name: pair[1] for name, pair in drawn.items() if name not in gone}


@dataclass(frozen=True)
class Place:
    """Where the programs run: their folder, and the registry that all repositories are in."""

    base: Path
    registry: FakeRegistry

    def placed(self, value: Any) -> Any:
        """Return a repository, secret or not, with the registry's address."""
        if isinstance(value, Secret):
            return Secret(self.placed(value.value))
        return f"{self.registry.host}/{value}" if isinstance(value, str) else value

    def hold(self, repository: str, tag: str, content: bytes = b"{}") -> str:
        """Put an image under a tag, and return its digest."""
        path, digest = repository.partition("/")[2], sha256(content)
        store = self.registry.store
        store.manifests.setdefault(path, {})[digest] = ("application/vnd.oci.image.manifest.v1+json", content)
        store.tags.setdefault(path, {})[tag] = digest
        return digest


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("program")
    write_files(folder, FILES)
    with FakeRegistry() as registry:
        yield Place(folder, registry)


def image(place: Place) -> PublishedImage:
    return PublishedImage(Program(Settings(cache_directory=str(place.base / "cache")), place.base))


def told(place: Place, values: Values, old: State | None) -> tuple[Values, dict[str, Any], set[Change]] | None:
    """Return (checked inputs, outputs, differences) of a preview; None if it refuses the inputs."""
    made, job = image(place), Job(URN, preview=True)
    try:
        checked = made.check(job, {}, {**values, "repository": place.placed(values["repository"])})
    except InputError:
        return None
    found = set(made.diff(job, old, checked)) if old else set()
    outputs = made.update(job, old, checked) if old else made.create(job, checked).outputs
    return checked, dict(outputs), found


def state_of(place: Place, values: Values) -> State | None:
    """Return what the state holds after an `up` with inputs that are known."""
    first = told(place, values, None)
    if first is None:
        return None
    digest = place.hold(first[1]["repositoryUrl"], first[1]["imageTag"])
    outputs = {**first[1], "imageDigest": digest, "imageDigestUri": f"{first[1]['repositoryUrl']}@{digest}"}
    return State(first[1]["imageUri"], first[0], outputs)


def check_truth(place: Place, before: Values, foretold: Values, done: Values, *, is_new: bool) -> None:
    old = None if is_new else state_of(place, before)
    after = told(place, done, old)
    if after is None or (old is None and not is_new):
        return
    preview = told(place, foretold, old)
    assert preview is not None, "the preview refuses what `up` takes"
    for promised, kept in ((preview[0], after[0]), (preview[1], after[1])):
        for name in ("fingerprint", "files", *preview[1]):
            if name in promised and not has_unknown(promised[name]):
                assert promised[name] == kept.get(name), name
    if not has_unknown(foretold):
        assert preview == after
    if not has_unknown(preview[0]["fingerprint"]):
        # Of a map that is not known, the preview tells the map alone.
        told_of = {change.path for change in preview[2]}
        assert not [change.path for change in after[2] if not is_covered(change.path, told_of)]
    if not preview[2]:
        assert not after[2]


def test_the_programs_draw_every_input() -> None:
    assert {row.name for row in IMAGE_FIELDS} <= {*REQUIRED, *OPTIONAL, *LEFT_OUT}


def fuzzed(examples: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    quiet = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
    return settings(max_examples=examples, deadline=None, suppress_health_check=quiet)


@fuzzed(int(os.environ.get("IMAGE_ASSETS_EXAMPLES", "250")))
@example(
    program=(
        {"directory": "app", "repository": "app", "buildArgs": {"A": "one"}},
        {"directory": "app", "repository": "app", "buildArgs": UNKNOWN, "assetHash": "mine"},
        {"directory": "app", "repository": "app", "buildArgs": {}, "assetHash": "mine"},
    ),
    is_new=False,
)
@example(
    program=(
        {"directory": "app", "repository": "app"},
        {"directory": "app", "repository": "app", "invalidation": UNKNOWN, "assetHash": "mine"},
        {"directory": "app", "repository": "app", "invalidation": {"buildArgs": False}, "assetHash": "mine"},
    ),
    is_new=False,
)
@given(program=programs(), is_new=st.booleans())
def test_what_a_preview_tells_as_known_is_what_up_does(
    place: Place,
    program: tuple[Any, Any, Any],
    is_new: bool,  # noqa: FBT001
) -> None:
    check_truth(place, *program, is_new=is_new)


GOOD = {"directory": "app", "repository": "app"}


@pytest.mark.parametrize(
    ("foretold", "done"),
    [
        ({"buildSecrets": {"t": UNKNOWN}}, {"buildSecrets": {"t": {"value": "x"}}}),
        ({"buildSecrets": {"t": {"value": UNKNOWN}}}, {"buildSecrets": {"t": {"value": "x"}}}),
        (
            {"target": UNKNOWN, "invalidation": {"target": False}, "scope": "dockerfile"},
            {"target": "one", "invalidation": {"target": False}, "scope": "dockerfile"},
        ),
        (
            {"target": UNKNOWN, "invalidation": {"target": False}},
            {"target": "one", "invalidation": {"target": False}},
        ),
        ({"invalidation": {"ignoredBuildArgs": UNKNOWN}}, {"invalidation": {"ignoredBuildArgs": ["A"]}}),
        (
            {"registryAuth": {"username": "u", "password": UNKNOWN}},
            {"registryAuth": {"username": "u", "password": "p"}},
        ),
        ({"cacheFrom": [{"type": UNKNOWN}]}, {"cacheFrom": [{"type": "gha"}]}),
        ({"file": UNKNOWN}, {"file": "other.Dockerfile"}),
        ({"platform": UNKNOWN, "platforms": ["linux/arm64"]}, {"platforms": ["linux/arm64"]}),
        ({"cacheDisabled": Secret(False), "cacheFrom": [{"type": "gha"}]},) * 2,
        ({"platform": "linux/amd64", "platforms": Secret([])},) * 2,
    ],
)  # fmt: skip
@pytest.mark.parametrize("is_new", [True, False])
def test_a_known_case(place: Place, foretold: dict[str, Any], done: dict[str, Any], is_new: bool) -> None:  # noqa: FBT001
    assert told(place, {**GOOD, **done}, None) is not None
    check_truth(place, GOOD, {**GOOD, **foretold}, {**GOOD, **done}, is_new=is_new)


def test_what_is_not_known_is_not_built_in_a_preview(place: Place) -> None:
    """Neither with an empty secret nor with none; no builder is asked for (there is none of that name)."""
    heard: list[str] = []
    builder = {"executable": "no-such-program"}
    for unknown in ({"buildSecrets": {"t": {"value": UNKNOWN}}}, {"labels": {"a": UNKNOWN}}):
        made = image(place)
        job = Job(URN, Task(info=heard.append), preview=True)
        made.create(job, made.check(job, {}, {**GOOD, "buildOnPreview": True, "builder": builder, **unknown}))
    assert heard == [
        "not built in this preview, as it is not known yet: buildSecrets.t.value",
        "not built in this preview, as it is not known yet: labels.a",
    ]


LACKING = {"npm": {"env": "NO_SUCH_TOKEN"}, "pip": {"file": "no/pip.conf"}}


@pytest.mark.parametrize(
    ("secrets", "expected"),
    [
        (LACKING, ["NO_SUCH_TOKEN", "no/pip.conf"]),
        (Secret({**LACKING, "npm": {"env": Secret("NO_SUCH_TOKEN")}}), ["NO_SUCH_TOKEN", "no/pip.conf"]),
        ({**LACKING, "npm": {"env": UNKNOWN}, "t": {"value": UNKNOWN}}, ["no/pip.conf"]),
        ({"a.b": {"file": "app"}, "t": {"value": ""}}, ["app"]),
        ({"npm": UNKNOWN, "t": {"value": Secret("x")}}, []),
        (UNKNOWN, []),
        ({"npm": {"env": "PATH"}, "pip": {"file": "app/a.txt"}}, []),
        ({}, []),
    ],
)
def test_a_preview_of_a_build_warns_of_secrets_that_are_not_there(
    place: Place, secrets: Any, expected: list[str]
) -> None:
    """A preview may rightly run on a machine that has none, so it does not fail."""
    old = state_of(place, GOOD)
    assert old is not None
    heard: list[str] = []
    job = Job(URN, Task(warn=heard.append), preview=True)
    good = {**old.inputs, "buildSecrets": secrets}
    del good["fingerprint"], good["files"]
    for _ in range(2):
        made = image(place)
        made.create(job, made.check(job, {}, good))
        made.update(job, old, made.check(job, old.inputs, {**good, "target": "one"}))
        made.update(job, old, made.check(job, old.inputs, {**good, "target": UNKNOWN}))
    assert len(heard) == (6 if expected else 0)
    assert len(set(heard)) == len(heard[:1])
    text = "".join(heard[:1])
    assert [name for name in ("NO_SUCH_TOKEN", "no/pip.conf", "app") if f"{name}`" in text] == expected
    assert text.startswith("unless that changes, `pulumi up` fails to build the image: ") == bool(expected)


def test_a_preview_of_a_build_warns_of_a_stage_that_is_not_there(place: Place) -> None:
    heard: list[str] = []
    job = Job(URN, Task(warn=heard.append), preview=True)
    made = image(place)
    for target in ("one", "thre"):
        made.create(job, made.check(job, {}, {**GOOD, "target": target}))
    (warned,) = heard
    assert 'image: target: the Dockerfile has no stage "thre"; ' in warned


def test_no_preview_warns_of_secrets_where_nothing_is_built(place: Place) -> None:
    given = {**GOOD, "buildSecrets": LACKING}
    old = state_of(place, given)
    assert old is not None
    heard: list[str] = []
    job = Job(URN, Task(warn=heard.append), preview=True)
    made = image(place)
    more = {**old.inputs, "extraTags": ["more"]}
    del more["fingerprint"], more["files"]
    checked = made.check(job, old.inputs, more)
    assert made.diff(job, old, checked)
    made.update(job, old, checked)
    assert heard == []
    # Unless the registry has lost the image.
    lost = State(old.id, old.inputs, old.outputs)
    made = PublishedImage(
        Program(Settings(cache_directory=str(place.base / "cache"), check_published="always"), place.base)
    )
    path, tag = old.outputs["repositoryUrl"].partition("/")[2], old.outputs["imageTag"]
    del place.registry.store.tags[path][tag]
    checked = made.check(job, old.inputs, {name: more[name] for name in more if name != "extraTags"})
    assert made.diff(job, lost, checked)
    made.update(job, lost, checked)
    (warned,) = heard
    assert "image: buildSecrets.npm: " in warned
