"""What is handed on of the stack's `aws:` configuration."""

import json
from typing import Any

import pytest

from image_assets.aws.settings import Keys
from image_assets.components.stack_aws import handed_on, stack_keys
from image_assets.values import Secret

ROLE = {"roleArn": "arn:x", "externalId": "e"}


def _texts(config: dict[str, Any]) -> dict[str, str]:
    return {f"aws:{key}": value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}


@pytest.mark.parametrize(
    ("config", "handed"),
    [
        ({}, {}),
        ({"region": "eu-west-1", "profile": "ci"}, {"region": "eu-west-1", "profile": "ci"}),
        ({"assumeRoles": [ROLE, {"roleArn": "arn:y"}]}, {"assumeRoles": [ROLE, {"roleArn": "arn:y"}]}),
        ({"assumeRole": {"roleArn": "arn:y"}}, {"assumeRoles": [{"roleArn": "arn:y"}]}),
        ({"endpoints": [{"ecr": "http://localhost:4566"}]}, {"endpoint": "http://localhost:4566"}),
        ({"assumeRoles": "not json", "endpoints": []}, {}),
        ({"assumeRoles": [{"externalId": "e"}], "accessKey": "AKIA"}, {}),
    ],
)
def test_profile_roles_and_endpoint_are_handed_on(config: dict[str, Any], handed: dict[str, Any]) -> None:
    assert handed_on(_texts(config)) == handed


def test_of_an_access_key_only_the_stack_is_handed_on() -> None:
    """R36."""
    config = _texts({"accessKey": "AKIA", "secretKey": "s", "token": "t"})
    assert handed_on(config, stack="proj/dev") == {"keysOf": "proj/dev"}
    assert stack_keys(config) == Keys("AKIA", "s", "t")


def test_what_the_stack_keeps_secret_is_secret_to_its_resources() -> None:
    config = _texts({"assumeRoles": [ROLE], "region": "eu-west-1"})
    assert handed_on(config, {"aws:assumeRoles"}) == {"assumeRoles": Secret([ROLE]), "region": "eu-west-1"}
