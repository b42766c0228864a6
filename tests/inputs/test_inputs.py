"""Inputs are checked all at once, and parsed into frozen values."""

import re
from typing import Any

import pytest

from image_assets.errors import InputError, Problem
from image_assets.inputs.image import asset_problems, parse, parse_stored
from image_assets.inputs.in_memory import IN_MEMORY
from image_assets.values import UNKNOWN, Secret

GOOD: dict[str, Any] = {"directory": "app", "repository": "localhost:5000/app"}


def problems_of(values: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(InputError) as caught:
        parse(values)
    return {problem.path: problem.reason for problem in caught.value.problems}


def test_defaults_stand_where_nothing_is_given() -> None:
    parsed = parse(GOOD)
    assert (parsed.file, parsed.ignore_mode, parsed.retain_on_delete, parsed.unknown) == (
        None,
        "docker",
        True,
        frozenset(),
    )


@pytest.mark.parametrize(
    ("name", "value", "path", "part"),
    [
        ("directory", "", "directory", "must not be empty"),
        ("directory", 7, "directory", "must be a string, not a number"),
        ("buildArgs", {"A": 1}, "buildArgs.A", "must be a string, not a number"),
        ("buildArgs", ["A=1"], "buildArgs", "must be a map, not a list"),
        ("buildArgs", {"A=B": "1"}, 'buildArgs["A=B"]', "must not be empty or hold ="),
        ("platform", "amd64", "platform", "did you mean linux/amd64?"),
        ("platform", "linux/amd46", "platform", "did you mean linux/amd64?"),
        ("platform", "linux/armv7", "platform", "did you mean linux/arm/v7?"),
        ("platform", "linux", "platform", "did you mean linux/amd64?"),
        ("platform", "linux/amd64,linux/arm64", "platform", "write several as a list, in `platforms`"),
        ("platform", "somewhere", "platform", "write os/architecture as in linux/amd64"),
        ("platforms", ["linux/amd64/v9"], "platforms[0]", "did you mean linux/amd64"),
        ("buildFlags", ["--push"], "buildFlags[0]", "`--push` is not possible here: the image is pushed by itself"),
        ("buildFlags", ["--add-host", "a:1", "--output=type=local"], "buildFlags[2]", "goes to `repository`"),
        ("buildFlags", ["-o", "out"], "buildFlags[0]", "`-o` is not possible"),
        ("buildFlags", ["-oout"], "buildFlags[0]", "`-o` is not possible"),
        ("buildFlags", ["--load"], "buildFlags[0]", "goes to `repository`"),
        ("buildFlags", ["--tag", "a:1"], "buildFlags[0]", "use `tagPrefix` and `extraTags`"),
        ("buildFlags", ["-qt=a:1"], "buildFlags[0]", "`-t` is not possible"),
        ("buildFlags", ["--iidfile=id"], "buildFlags[0]", "output `imageDigest`"),
        ("buildFlags", ["--metadata-file", "m.json"], "buildFlags[0]", "output `imageDigest`"),
        ("buildContexts", {'a"b': None}, 'buildContexts["a\\"b"]', "must be a string, not null"),
        ("buildArgs", {"a\\b c": 1}, 'buildArgs["a\\b c"]', "must be a string, not a number"),
        ("cacheFrom", [None], "cacheFrom[0]", "must be an object, not null"),
        ("extraTags", [None], "extraTags[0]", "must be a string, not null"),
        ("provenance", "most", "provenance", 'must be false, true, min or max, not "most"'),
        ("provenance", 1.0, "provenance", 'must be false, true, min or max, not "1"'),
        ("provenance", ["min"], "provenance", "must be false, true, min or max, not a list"),
        ("sourceDateEpoch", "comit", "sourceDateEpoch", "must be commit, or seconds since 1970 that have passed"),
        ("sourceDateEpoch", True, "sourceDateEpoch", 'not "true"'),
        ("sourceDateEpoch", -1, "sourceDateEpoch", 'not "-1"'),
        ("sourceDateEpoch", 1.5, "sourceDateEpoch", 'not "1.5"'),
        ("sourceDateEpoch", 99_999_999_999, "sourceDateEpoch", "that have passed"),
        ("sbom", "", "sbom", "must be true, false or the image of a generator"),
        ("sbom", "a b", "sbom", 'not "a b"'),
        ("platforms", ["linux/amd64", "x"], "platforms[1]", "is not a platform"),
        ("platforms", "linux/amd64", "platforms", "must be a list, not a string"),
        ("ignoreMode", "gti", "ignoreMode", "must be one of docker, git, glob; did you mean git?"),
        ("retainOnDelete", "yes", "retainOnDelete", "must be true or false, not a string"),
        ("buildarg", {}, "buildarg", "did you mean buildArgs?"),
        ("directry", "x", "directry", "did you mean directory?"),
        ("invalidation", {"ignoredBuildArg": []}, "invalidation.ignoredBuildArg", "did you mean ignoredBuildArgs?"),
        ("buildSecrets", {"t": {"value": "x", "env": "Y"}}, "buildSecrets.t", "exactly one of value, env and file"),
        ("cacheFrom", [{"params": {}}], "cacheFrom[0].type", "is missing"),
        ("cacheFrom", [{"type": "registr"}], "cacheFrom[0].type", "did you mean registry?"),
        ("cacheTo", [{"type": "redis"}], "cacheTo[0].type", "must be one of registry, inline, local, gha, s3, azblob"),
        ("cacheFrom", [{"type": "inline"}], "cacheFrom[0].type", "take it by `registry`"),
        ("cacheFrom", [{"type": "registry"}], "cacheFrom[0].params.ref", "is missing: write the image"),
        ("cacheTo", [{"type": "local", "params": {"src": "c"}}], "cacheTo[0].params.dest", "is missing"),
        ("cacheFrom", [{"type": "gha", "params": {"scop": "x"}}], "cacheFrom[0].params.scop", "did you mean scope?"),
        ("cacheTo", [{"type": "gha", "params": {"x/y": "1"}}], 'cacheTo[0].params["x/y"]', "there are scope, url"),
        ("cacheTo", [{"type": "gha", "params": {"mode": "maxx"}}], "cacheTo[0].params.mode", "did you mean max?"),
        (
            "cacheTo",
            [{"type": "gha", "params": {"ignore-error": "yes"}}],
            "cacheTo[0].params.ignore-error",
            '"true" or',
        ),
        ("cacheTo", [{"type": "registry", "params": {"ref": "https://r.io/c"}}], "cacheTo[0].params.ref", "https://"),
        ("buildSsh", ["defualt"], "buildSsh[0]", "did you mean default?"),
        ("buildSsh", ["default", "=/key"], "buildSsh[1]", "must be `default`, or `id=path`"),
        ("buildSsh", ["git="], "buildSsh[0]", "must be `default`, or `id=path`"),
        ("buildSecrets", {"": {"env": "A"}}, 'buildSecrets[""]', "must be the id in"),
        ("buildSecrets", {"a,b": {"env": "A"}}, 'buildSecrets["a,b"]', "must be the id in"),
        ("buildSecrets", {"t": {"vlaue": "x"}}, "buildSecrets.t.vlaue", "did you mean value?"),
        ("buildContexts", {"a b": "x"}, 'buildContexts["a b"]', "is no name for a context"),
        ("buildContexts", {"a": "doker-image://x"}, "buildContexts.a", "did you mean docker-image://?"),
        ("buildContexts", {"a": "bucket://x"}, "buildContexts.a", "there are docker-image://, oci-layout://, http://"),
        ("buildContexts", {"a": "docker-image:x"}, "buildContexts.a", 'must begin with "docker-image://"'),
        ("buildContexts", {"a": "docker-image://"}, "buildContexts.a", "names nothing"),
        ("buildContexts", {"a": "docker-image://r.io/A"}, "buildContexts.a", "capital letters"),
        ("buildSsh", ["default", "default=/agent"], "buildSsh[1]", "has the id of item 0 again"),
        ("buildSsh", ["git=/a", "default", Secret("git=/b")], "buildSsh[2]", "has the id of item 0 again"),
        ("networkMode", "hots", "networkMode", "did you mean host?"),
        ("networkMode", "Host", "networkMode", "did you mean host?"),
        ("sbom", "ture", "sbom", 'not "ture"'),
        ("sbom", "yes", "sbom", 'not "yes"'),
        ("labels", {"a=b": "x"}, 'labels["a=b"]', "must not be empty or hold ="),
        ("buildFlags", ["--file=other/Dockerfile"], "buildFlags[0]", "use the input `file`"),
        ("buildFlags", ["-fother"], "buildFlags[0]", "use the input `file`"),
        ("buildFlags", ["--platform", "linux/arm64"], "buildFlags[0]", "use the input `platform`"),
        ("buildFlags", ["--build-context=a=b"], "buildFlags[0]", "use the input `buildContexts`"),
        ("tagPrefix", "-x", "tagPrefix", "is not a tag"),
        ("tagPrefix", "x" * 97, "tagPrefix", "longer than 96"),
        ("extraTags", ["a b"], "extraTags[0]", "is not a tag"),
        ("repository", "https://r.example/x", "repository", "https://"),
        ("repository", "r.example/X", "repository", "X"),
        ("repository", "r.example/x:tag", "repository", "tag"),
        ("target", "", "target", "must not be empty"),
    ],
)
def test_each_bad_input_says_where_and_what_to_write(name: str, value: Any, path: str, part: str) -> None:
    found = problems_of({**GOOD, name: value})
    assert list(found) == [path]
    assert part in found[path]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"platform": "linux/amd64"}, {"platforms": ["linux/arm64"]}),
        ({"assetHash": "a"}, {"extraHash": "b"}),
        ({"file": "a"}, {"dockerfileInline": "FROM scratch"}),
        ({"cacheDisabled": True}, {"cacheFrom": [{"type": "gha"}]}),
    ],
)
def test_contradicting_options_are_refused(first: dict[str, Any], second: dict[str, Any]) -> None:
    assert list(problems_of({**GOOD, **first, **second})) == list(second)


@pytest.mark.parametrize(
    ("given", "parsed"), [(False, "false"), (True, "min"), ("true", "min"), ("min", "min"), (None, "false")]
)
def test_a_word_may_be_a_boolean_of_json(given: Any, parsed: str) -> None:
    assert parse({**GOOD, "provenance": given}).provenance == parsed
    assert parse({**GOOD, "provenance": Secret(given)}).provenance == parsed
    assert parse({**GOOD, "provenance": UNKNOWN}).unknown == {"provenance"}


@pytest.mark.parametrize(
    "values",
    [
        {"cacheFrom": [{"type": "registry", "params": {"ref": "r.io/c", "mode": "max"}}]},
        {"cacheTo": [{"type": "local", "params": {"dest": "/c", "mode": "max", "compression": "zstd"}}]},
        {
            "cacheTo": [
                {"type": "inline"},
                {"type": "s3", "params": {"bucket": "b", "region": "r", "use_path_style": "1"}},
            ]
        },
        {"cacheFrom": [{"type": "registry", "params": {"ref": UNKNOWN, "mode": UNKNOWN}}]},
        {"cacheFrom": [{"type": "registry", "params": UNKNOWN}], "cacheTo": [{"type": UNKNOWN, "params": {"x": "y"}}]},
        {"buildSsh": ["default", "default2", "git=/keys/a,/keys/b", "deploy"]},
        {
            "buildContexts": {
                "base": "target:x",
                "r.io/a:1": "docker-image://r.io/b@sha256:" + "a" * 64,
                "src": "../src",
            }
        },
        {"networkMode": "bridge"},
        {"sbom": "docker/scout-sbom-indexer:1"},
        {"labels": {"org.opencontainers.image.title": "", "a b": "=x"}},
    ],
)
def test_what_builders_know_is_taken(values: dict[str, Any]) -> None:
    parse({**GOOD, **values})


def test_no_part_of_a_secret_parameter_is_told() -> None:
    options = [{"type": "registry", "params": {"ref": Secret("https://word")}}]
    with pytest.raises(InputError) as caught:
        parse({**GOOD, "cacheTo": options})
    assert [(problem.path, problem.is_shown) for problem in caught.value.problems] == [("cacheTo[0].params.ref", False)]


def test_what_was_meant_by_a_secret_is_not_told_either() -> None:
    with pytest.raises(InputError) as caught:
        parse({**GOOD, "repository": Secret("r.example/Hush Word")})
    assert "capital letters" in str(caught.value)
    assert not {"hush", "word"} & set(re.findall("[a-z]+", str(caught.value).lower()))


def test_all_problems_come_together() -> None:
    found = problems_of({"directory": "", "platform": "x", "buildArgs": {"A": 1}, "colour": "red"})
    assert set(found) == {"directory", "platform", "buildArgs.A", "colour", "repository"}


def test_a_secret_value_with_a_problem_is_not_pointed_at() -> None:
    with pytest.raises(InputError) as caught:
        parse({**GOOD, "buildArgs": {"A": Secret(5)}})
    assert caught.value.problems == (Problem("buildArgs.A", "must be a string, not a number", is_shown=False),)


def test_what_is_repeated_in_a_set_is_there_once() -> None:
    parsed = parse({**GOOD, "extraTags": ["b", "a", "b"], "platforms": ["linux/aarch64", "linux/arm64/v8"]})
    assert (parsed.extra_tags, parsed.platforms) == (("b", "a"), ("linux/arm64",))


def test_the_default_network_is_none_at_all() -> None:
    assert parse({**GOOD, "networkMode": "default"}).network_mode is None


def test_unknown_values_are_no_problem_and_are_named() -> None:
    parsed = parse({**GOOD, "buildArgs": {"A": UNKNOWN, "B": "1"}, "target": Secret(UNKNOWN), "extraTags": [UNKNOWN]})
    assert parsed.unknown == {"buildArgs.A", "target", "extraTags[0]"}
    assert (dict(parsed.build_args), parsed.target, parsed.extra_tags) == ({"B": "1"}, None, ())


def test_secret_marks_are_taken_off() -> None:
    assert parse({**GOOD, "buildArgs": Secret({"A": Secret("x")})}).build_args["A"] == "x"


def test_the_states_marker_stands_for_nothing() -> None:
    stored = {**GOOD, "registryAuth": IN_MEMORY, "fingerprint": "f", "files": {}}
    assert dict(parse_stored(stored).registry_auth) == {}


def test_an_archive_has_no_build_options() -> None:
    found = problems_of({"tarballFile": "a.tar", "repository": "r.example/x", "buildArgs": {}})
    assert list(found) == ["buildArgs"]


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({}, ("directory", "is missing: write ")),
        ({"directory": ""}, ("directory", "must not be empty: write ")),
        ({"directory": None}, ("directory", "is missing: write ")),
        (
            {"directory": "a", "registryAuth": {"username": "u"}},
            ("registryAuth.password", "write the password or token"),
        ),
        (
            {"directory": "a", "registryAuth": {"username": "", "password": "p"}},
            ("registryAuth.username", "not be empty"),
        ),
    ],
)
def test_what_must_be_there_is_named_with_what_to_write(given: dict[str, Any], problem: tuple[str, str]) -> None:
    found = list(asset_problems("image-assets:index:DockerImageAsset", given))
    assert [one.path for one in found] == [problem[0]]
    assert problem[1] in found[0].reason
    assert "leave it out" not in found[0].reason
