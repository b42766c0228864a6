"""From inputs to the options that count, and to places on this machine."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from image_assets.errors import InputError
from image_assets.inputs.image import parse
from image_assets.inputs.settings import Settings
from image_assets.plan.bases import Pins, bases_are_known, bases_of, is_pinned, pins_of
from image_assets.plan.fingerprints import take
from image_assets.plan.git_source import GitSource, git_source
from image_assets.plan.locations import location_problems
from image_assets.plan.plan import counted_options, fingerprint_is_known, locate, make_plan, platforms_of
from image_assets.task import Task
from image_assets.values import UNKNOWN
from tests.support.contexts import write_files

BASE = Path("/program")
SETTINGS = Settings()


def options(**more: Any) -> list[tuple[str, str]]:
    values = {"directory": "app", "repository": "localhost:5000/app", **more}
    return sorted(counted_options(parse(values), SETTINGS))


def known(**more: Any) -> bool:
    return fingerprint_is_known(parse({"directory": "app", "repository": "localhost:5000/app", **more}))


def test_the_platform_counts_even_if_it_is_the_default() -> None:
    assert options() == options(platform="linux/amd64") == [("platform", "linux/amd64")]


def test_the_order_of_platforms_and_arguments_does_not_count() -> None:
    assert options(platforms=["linux/arm64", "linux/amd64"]) == options(platforms=["linux/amd64", "linux/arm64/v8"])
    assert options(buildArgs={"A": "1", "B": "2"}) == options(buildArgs={"B": "2", "A": "1"})


@pytest.mark.parametrize(
    ("name", "value", "switch"),
    [
        ("buildArgs", {"A": "1"}, "buildArgs"),
        ("buildContexts", {"base": "docker-image://alpine"}, "buildContexts"),
        ("buildSecrets", {"token": {"env": "T"}}, "buildSecrets"),
        ("target", "prod", "target"),
        ("networkMode", "host", "networkMode"),
        ("platform", "linux/arm64", "platform"),
        ("platforms", ["linux/arm64"], "platform"),
        ("extraHash", "x", "extraHash"),
        ("buildFlags", ["--pull"], "buildFlags"),
    ],
)
def test_each_option_counts_unless_its_switch_is_off(name: str, value: Any, switch: str) -> None:
    off = {switch: False}
    assert options(**{name: value}) != options()
    assert options(**{name: value}, invalidation=off) == options(invalidation=off)


@pytest.mark.parametrize(
    "more",
    [
        {"labels": {"a": "b"}},
        {"tagPrefix": "v-"},
        {"extraTags": ["latest"]},
        {"cacheFrom": [{"type": "local", "params": {"src": "c"}}]},
        {"builder": {"name": "x"}},
        {"buildSsh": ["default"]},
        {"registryAuth": {"username": "u", "password": "p"}},
        {"buildArgs": {"TOKEN": "1"}, "invalidation": {"ignoredBuildArgs": ["TOKEN"]}},
        {"networkMode": "default"},
        {"buildArgs": {}, "buildFlags": [], "buildContexts": {}, "buildSecrets": {}},
        {"sbom": False, "provenance": "false"},
        {"platforms": ["linux/amd64", "linux/x86_64", "linux/amd64"]},
    ],
)
def test_what_does_not_count_leaves_the_options_alone(more: dict[str, Any]) -> None:
    assert options(**more) == options()


def test_only_the_ids_of_secrets_count() -> None:
    assert options(buildSecrets={"t": {"value": "1"}}) == options(buildSecrets={"t": {"env": "T"}})
    assert options(buildSecrets={"t": {"value": "1"}}) != options(buildSecrets={"u": {"value": "1"}})


def test_the_users_own_hash_replaces_everything() -> None:
    plan = make_plan(parse({"directory": "app", "repository": "r.io/x", "assetHash": "h", "target": "t"}), SETTINGS)
    assert (plan.options, dict(plan.contexts)) == ((("assetHash", "h"),), {})


def test_named_contexts_that_are_directories_count_by_content() -> None:
    contexts = {"lib": "../lib", "base": "docker-image://alpine"}
    inputs = parse({"directory": "app", "repository": "r.io/x", "buildContexts": contexts})
    plan = make_plan(locate(inputs, BASE), SETTINGS)
    assert {name: spec.root for name, spec in plan.contexts.items()} == {"": BASE / "app", "lib": BASE / "../lib"}


@pytest.mark.parametrize(
    "more",
    [
        {"directory": UNKNOWN},
        {"exclude": ["a", UNKNOWN]},
        {"buildArgs": {"A": UNKNOWN}},
        {"buildArgs": UNKNOWN},
        {"target": UNKNOWN},
        {"assetHash": UNKNOWN},
        {"invalidation": {"file": UNKNOWN}},
        {"buildSecrets": UNKNOWN},
        {"buildContexts": {"base": UNKNOWN}},
    ],
)
def test_an_unknown_input_that_counts_makes_the_fingerprint_unknown(more: dict[str, Any]) -> None:
    assert not known(**more)


@pytest.mark.parametrize(
    "more",
    [
        {"labels": {"a": UNKNOWN}},
        {"repository": UNKNOWN},
        {"extraTags": [UNKNOWN]},
        {"tagPrefix": UNKNOWN},
        {"registryAuth": UNKNOWN},
        {"buildSecrets": {"t": {"value": UNKNOWN}}},
        {"buildArgs": {"TOKEN": UNKNOWN}, "invalidation": {"ignoredBuildArgs": ["TOKEN"]}},
        {"target": UNKNOWN, "invalidation": {"target": False}},
        {"target": UNKNOWN, "assetHash": "mine"},
    ],
)
def test_an_unknown_input_that_does_not_count_leaves_it_known(more: dict[str, Any]) -> None:
    assert known(**more)


def test_the_default_platform_comes_from_the_provider() -> None:
    inputs = parse({"directory": "app", "repository": "r.io/x"})
    assert platforms_of(inputs, Settings(default_platform="linux/arm64/v8")) == ("linux/arm64",)


def test_places_that_do_not_exist_are_named(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "file").touch()
    found = [
        (problem.path, problem.reason.split(str(tmp_path))[0])
        for values in ({"directory": "no"}, {"directory": "file"}, {"directory": "app"}, {"tarballFile": "app"})
        for problem in location_problems(values, SETTINGS, tmp_path)
    ]
    assert found == [
        ("directory", "there is no directory at "),
        ("directory", ""),
        ("file", "there is no Dockerfile at "),
        ("tarballFile", ""),
    ]


def test_an_archive_that_is_none_is_told_of_the_property_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "bad.tar").write_text("no tar")
    inputs = parse({"tarballFile": str(tmp_path / "bad.tar"), "repository": "r.io/x"})
    with pytest.raises(InputError, match=r"^tarballFile: .*not a tar archive"):
        take(make_plan(locate(inputs, tmp_path), SETTINGS), Task(), None)


@pytest.mark.parametrize(
    ("builder", "told"),
    [
        ({}, ["networkMode"]),
        ({"builder": {"executable": "/opt/nerdctl"}}, ["networkMode"]),
        ({"builder": {"executable": "podman"}}, []),
        ({"builder": UNKNOWN}, []),
    ],
)
def test_a_network_that_only_the_build_would_refuse(tmp_path: Path, builder: dict[str, Any], told: list[str]) -> None:
    values = {"networkMode": "bridge", **builder}
    assert [problem.path for problem in location_problems(values, SETTINGS, tmp_path)] == told
    assert list(location_problems({**values, "networkMode": "none"}, SETTINGS, tmp_path)) == []


@pytest.mark.parametrize(
    ("values", "part"),
    [
        ({"directory": "github.com/a/b"}, "is a git repository, not a path"),
        ({"directory": "https://me:word@host/b.git"}, "a login in a URL"),
        ({"directory": "https://word@host/b.git#main"}, "a login in a URL"),
        ({"directory": "git+https://me:word@host/b"}, "a login in a URL"),
        ({"directory": "ssh://me:word@host/b.git"}, "a login in a URL"),
        ({"directory": "https://host/b.git#--upload-pack=x"}, "a branch, tag or commit"),
        ({"directory": "https://host/b.git#main:a/../.."}, "must not lead out"),
        ({"directory": "https://host/b.git", "sourceDateEpoch": "commit"}, "write seconds since 1970"),
        ({"directory": "https://host/b.git", "pinBaseImages": True}, "set it to false"),
        ({"directory": "https://example.com/context.tar.gz"}, "is a URL, not a path: download it first"),
        ({"tarballFile": "s3://bucket/image.tar"}, "is a URL, not a path"),
        ({"tarballFile": "https://host/b.git"}, "is a git repository, not a path: give the path of an archive"),
        ({"tarballFile": "git@host:b"}, "is a git repository, not a path: give the path of an archive"),
        ({"directory": "https://host/b.git?ref=x"}, "is a git repository, not a path: write its URL"),
        ({"tarballFile": "empty"}, "is a directory without index.json"),
        ({"directory": "a@b"}, "there is no directory at"),
        ({"directory": "podman"}, "holds Containerfile: write `file: Containerfile`"),
        ({"directory": "other"}, "holds api.Dockerfile: write `file: api.Dockerfile`"),
        ({"directory": "empty"}, "name yours in `file`"),
        ({"directory": "lower", "builder": {"executable": "podman"}}, "holds dockerfile"),
    ],
)
def test_a_place_that_is_something_else_says_what_to_write(tmp_path: Path, values: dict[str, Any], part: str) -> None:
    files = ("podman/Containerfile", "other/api.Dockerfile", "other/api.Dockerfile.dockerignore", "lower/dockerfile")
    write_files(tmp_path, dict.fromkeys(files, "FROM scratch\n"))
    (tmp_path / "empty").mkdir()
    (problem,) = location_problems(values, SETTINGS, tmp_path)
    assert part in problem.reason


@pytest.mark.parametrize(
    ("directory", "source"),
    [
        ("https://github.com/a/b.git#main:docker/x", GitSource("https://github.com/a/b.git", "main", "docker/x")),
        ("https://github.com/a/b.git", GitSource("https://github.com/a/b.git", "", "")),
        ("git@github.com:a/b", GitSource("git@github.com:a/b", "", "")),
        ("ssh://git@host/a/b.git#:x", GitSource("ssh://git@host/a/b.git", "", "x")),
        ("git+https://host/a#v1.2", GitSource("https://host/a", "v1.2", "")),
        ("app", None),
        ("a@b", None),
    ],
)
def test_a_directory_may_be_a_place_in_a_git_repository(
    tmp_path: Path, directory: str, source: GitSource | None
) -> None:
    assert git_source(directory) == source
    assert source is None or list(location_problems({"directory": directory}, SETTINGS, tmp_path)) == []


@pytest.mark.parametrize(
    ("there", "executable", "file", "found"),
    [
        (("dockerfile",), "docker", None, "dockerfile"),
        (("Dockerfile", "dockerfile"), "docker", None, "Dockerfile"),
        (("dockerfile",), "docker", "Dockerfile", "dockerfile"),
        (("Containerfile", "Dockerfile"), "docker", None, "Dockerfile"),
        (("Containerfile", "Dockerfile"), "/usr/bin/podman", None, "Containerfile"),
        (("Containerfile", "Dockerfile"), "podman-remote", "Dockerfile", "Dockerfile"),
        (("Dockerfile",), "podman", None, "Dockerfile"),
        (("Containerfile", "Dockerfile"), "nerdctl", None, "Dockerfile"),
        (("Containerfile",), "finch", None, "Containerfile"),
    ],
)
def test_the_dockerfile_is_found_as_the_builder_finds_it(
    tmp_path: Path, there: tuple[str, ...], executable: str, file: str | None, found: str
) -> None:
    write_files(tmp_path, dict.fromkeys((f"app/{name}" for name in there), "FROM scratch\n"))
    values = {"directory": "app", **({"file": file} if file else {})}
    settings = Settings(builder={"executable": executable})
    assert list(location_problems(values, settings, tmp_path)) == []
    inputs = parse({**values, "repository": "r.io/x"})
    assert make_plan(locate(inputs, tmp_path), settings).contexts[""].dockerfile == tmp_path / "app" / found


def test_an_unknown_builder_makes_the_fingerprint_unknown() -> None:
    """What it takes for the ignore file counts; where it builds does not."""
    values = {"directory": "app", "repository": "r.io/x"}
    assert not fingerprint_is_known(parse({**values, "builder": {"executable": UNKNOWN}}))
    assert fingerprint_is_known(parse({**values, "builder": {"name": UNKNOWN}}))


@pytest.mark.parametrize(
    ("platform", "name"),
    [
        ("linux/aarch64", "linux/arm64"),
        ("linux/x86_64", "linux/amd64"),
        ("linux/x86-64", "linux/amd64"),
        ("linux/amd64/v1", "linux/amd64"),
        ("Linux/ARM64/V8", "linux/arm64"),
        ("linux/armhf", "linux/arm/v7"),
        ("linux/arm", "linux/arm/v7"),
        ("linux/armel", "linux/arm/v6"),
        ("linux/arm/6", "linux/arm/v6"),
        ("linux/i386", "linux/386"),
        ("macos/arm64", "darwin/arm64"),
    ],
)
def test_another_spelling_is_the_same_platform(platform: str, name: str) -> None:
    values = {"directory": "app", "repository": "r.io/x"}
    one, named = parse({**values, "platform": platform}), parse({**values, "platforms": [name]})
    both = parse({**values, "platforms": [platform, name]})
    by_default = platforms_of(parse(values), Settings(default_platform=platform))
    assert platforms_of(one, SETTINGS) == platforms_of(both, SETTINGS) == by_default == (name,)
    assert make_plan(one, SETTINGS) == make_plan(named, SETTINGS)


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, True),
        ({"buildArgs": {"A": UNKNOWN}, "invalidation": {"buildArgs": False}}, True),
        ({"pinBaseImages": True}, True),
        ({"pinBaseImages": UNKNOWN}, False),
        ({"pinBaseImages": True, "buildArgs": {"A": UNKNOWN}, "invalidation": {"buildArgs": False}}, False),
        ({"pinBaseImages": True, "target": UNKNOWN}, False),
        ({"pinBaseImages": True, "labels": {"A": UNKNOWN}}, True),
        ({"pinBaseImages": False, "target": UNKNOWN}, True),
    ],
)
def test_pinned_bases_are_known_once_all_is_that_decides_on_them(more: dict[str, Any], expected: bool) -> None:  # noqa: FBT001 - a case
    inputs = parse({"directory": "app", "repository": "localhost:5000/app", **more})
    assert bases_are_known(inputs, SETTINGS) == expected


@pytest.mark.parametrize(
    ("own", "setting", "expected"),
    [(None, False, False), (None, True, True), (False, True, False), (True, False, True)],
)
def test_an_asset_may_say_otherwise_than_the_provider(own: bool | None, setting: bool, expected: bool) -> None:  # noqa: FBT001 - a case
    inputs = parse({"directory": "app", "repository": "localhost:5000/app", "pinBaseImages": own})
    assert is_pinned(inputs, Settings(pin_base_images=setting)) == expected


def test_the_bases_are_those_that_named_contexts_leave(tmp_path: Path) -> None:
    dockerfile = "ARG V\nFROM python:$V\nCOPY --from=docker.io/library/tool:latest / /\nCOPY --from=a@sha256:{} / /\n"
    (tmp_path / "Dockerfile").write_text(dockerfile.format("0" * 64))
    values: dict[str, Any] = {"directory": str(tmp_path), "repository": "localhost:5000/app", "buildArgs": {"V": "3"}}
    assert [base.name for base in bases_of(parse(values), SETTINGS)] == ["docker.io/library/tool:latest", "python:3"]
    for contexts, left in (({"tool": "lib"}, ["python:3"]), ({"python:3": "docker-image://b:1"}, ["b:1"])):
        found = bases_of(parse({**values, "buildContexts": contexts}), SETTINGS)
        assert set(left) <= {base.image for base in found}
        assert len(found) == len(left) + ("tool" not in contexts)
    with pytest.raises(InputError, match="--target among the `buildFlags`"):
        bases_of(parse({**values, "buildFlags": ["--target", "x"]}), SETTINGS)


def test_digests_stand_in_the_dockerfile_and_in_the_contexts_that_are_images(tmp_path: Path) -> None:
    dockerfile = "FROM tool\nFROM x AS a\nFROM base\nFROM b-$TARGETARCH\nCOPY --from=tool:latest --link / /\nFROM a\n"
    (tmp_path / "Dockerfile").write_text(dockerfile)
    contexts = {"base": "docker-image://y:1", "lib": "lib", "fixed": f"docker-image://z@sha256:{'1' * 64}"}
    given = {"directory": str(tmp_path), "repository": "r.io/app", "buildContexts": contexts, "target": "3"}
    inputs = parse({**given, "platforms": ["linux/amd64", "linux/arm64"]})
    assert pins_of(inputs, SETTINGS) == Pins()
    digest = f"sha256:{'0' * 64}"
    pinned = replace(inputs, base_images=dict.fromkeys(("x", "y:1", "tool:latest", "b-amd64", "b-arm64"), digest))
    assert pins_of(pinned, Settings(pin_base_images=True)) == Pins(
        dockerfile.replace("=tool:latest", f"=docker.io/tool:latest@{digest}").encode(),
        contexts={f"b-{word}": f"docker-image://docker.io/b-{word}:latest@{digest}" for word in ("amd64", "arm64")},
        given={"base": f"docker-image://docker.io/y:1@{digest}"},
    )
