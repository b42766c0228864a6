"""The provider's configuration: what is wrong in it, and how it is set instead."""

from typing import Any

import pytest

from image_assets.errors import InputError
from image_assets.inputs.settings import parse_settings

LOGIN = {"username": "u", "password": "p"}


@pytest.mark.parametrize(
    ("args", "path", "part"),
    [
        ({"maxConcurrentBuilds": float("inf")}, "maxConcurrentBuilds", "must be a whole number from 1 up"),
        ({"maxConcurrentBuilds": float("nan")}, "maxConcurrentBuilds", "must be a whole number from 1 up"),
        ({"maxConcurrentBuilds": "0"}, "maxConcurrentBuilds", "must be a whole number from 1 up"),
        ({"maxConcurrentBuilds": "eight"}, "maxConcurrentBuilds", "must be a whole number"),
        ({"pinBaseImages": "yes"}, "pinBaseImages", "must be true or false"),
        ({"builder": "docker"}, "builder", "config set --path 'image-assets:builder.NAME' VALUE"),
        ({"registries": "ghcr.io"}, "registries", "config set --path 'image-assets:registries[0]' VALUE"),
        ({"defaultPlatfrom": "x"}, "defaultPlatfrom", "did you mean defaultPlatform?"),
        ({"buildOutput": "ful"}, "buildOutput", "did you mean full?"),
        ({"registries": [{"address": "ghcr.io:abc", **LOGIN}]}, "registries[0].address", "is not a host name"),
        ({"registries": [{"address": "gh cr.io", **LOGIN}]}, "registries[0].address", "is not a host name"),
        ({"registries": [{"address": "ghcr.io/a:1", **LOGIN}]}, "registries[0].address", "without tag"),
        ({"registries": [{"address": "a.io", **LOGIN}] * 2}, "registries[1].address", "is that of registries[0] again"),
        (
            {"registries": [{"address": "A.io", **LOGIN}, {"address": "https://a.io/v2/", **LOGIN}]},
            "registries[1].address",
            "is that of registries[0] again",
        ),
        ({"aws": {"externalId": "x"}}, "aws.externalId", "give `assumeRoleArn`, too"),
        ({"aws": {"region": "eu west"}}, "aws.region", "the code of a region"),
        ({"aws": {"endpoint": "localhost"}}, "aws.endpoint", "must be a URL"),
        ({"aws": {"assumeRoleArn": "deploy"}}, "aws.assumeRoleArn", "must be the ARN of a role"),
    ],
)
def test_each_bad_setting_says_where_and_what_to_write(args: dict[str, Any], path: str, part: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_settings(args)
    assert [problem.path for problem in caught.value.problems] == [path]
    assert part in caught.value.problems[0].reason


@pytest.mark.parametrize("quote", ["{}", '"{}"'])
def test_a_text_with_an_enum_may_come_as_json(quote: str) -> None:
    """SDKs write it so for a provider that the program makes; the stack's configuration does not."""
    words = {"defaultPlatform": "linux/arm64", "buildOutput": "quiet", "checkPublished": "always"}
    given = parse_settings({name: quote.format(word) for name, word in words.items()})
    assert (given.default_platform, given.build_output, given.check_published) == tuple(words.values())


def test_members_may_be_called_as_in_python() -> None:
    """Its SDK writes the keys of a dict as they are, and its types want them so."""
    role = "arn:aws:iam::123456789012:role/x"
    given = parse_settings({"aws": f'{{"assume_role_arn": "{role}", "externalId": "e"}}'})
    assert dict(given.aws) == {"assumeRoleArn": role, "externalId": "e"}
    with pytest.raises(InputError, match="assume_rol_arn"):
        parse_settings({"aws": '{"assume_rol_arn": "x"}'})


def test_a_text_that_is_no_json_is_told() -> None:
    with pytest.raises(InputError, match="is not a platform"):
        parse_settings({"defaultPlatform": '"linux/arm64'})


@pytest.mark.parametrize("address", ["ghcr.io", "https://index.docker.io/v1/", "localhost:5000/team", "[::1]:5000"])
def test_an_address_may_be_written_as_docker_writes_it(address: str) -> None:
    assert parse_settings({"registries": [{"address": address, **LOGIN}]}).registries[0]["address"] == address
