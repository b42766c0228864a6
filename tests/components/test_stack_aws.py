"""What is handed on of the stack's `aws:` configuration."""

import json
from typing import Any

import pytest

from image_assets.components.stack_aws import handed_on
from image_assets.values import Secret


def _given(config: dict[str, Any]) -> dict[str, str]:
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
    return handed_on({f"aws:{key}": text for key, text in texts.items()})


@pytest.mark.parametrize(
    ("config", "handed"),
    [
        ({}, {}),
        ({"region": "eu-west-1", "profile": "ci"}, {"region": "eu-west-1", "profile": "ci"}),
        ({"assumeRoles": [{"roleArn": "arn:x", "externalId": "e"}]}, {"assumeRoleArn": "arn:x", "externalId": "e"}),
        ({"assumeRole": {"roleArn": "arn:y"}}, {"assumeRoleArn": "arn:y"}),
        ({"endpoints": [{"ecr": "http://localhost:4566"}]}, {"endpoint": "http://localhost:4566"}),
        ({"assumeRoles": "not json", "endpoints": []}, {}),
    ],
)
def test_profile_role_and_endpoint_are_handed_on(config: dict[str, Any], handed: dict[str, str]) -> None:
    assert _given(config) == handed


def test_keys_and_tokens_are_not_handed_on() -> None:
    """R36."""
    assert _given({"accessKey": "AKIA", "secretKey": "s", "token": "t"}) == {}


def test_what_comes_from_a_secret_is_secret() -> None:
    config = {"aws:assumeRoles": json.dumps([{"roleArn": "r", "externalId": "e"}]), "aws:region": "eu-west-1"}
    handed = handed_on(config, ["aws:assumeRoles", "aws:secretKey"])
    assert handed == {"region": "eu-west-1", "assumeRoleArn": Secret("r"), "externalId": Secret("e")}
