"""Where secrets do not turn up, on the real engine (R14, R18)."""

import json
from typing import Any

import pytest

from tests.conftest import NewProject
from tests.support.contexts import write_files
from tests.support.project import Project

SECRET = "sup3r-s3cr3t-text"
SEALED = {"fn::secret": SECRET}
DOCKERFILE = "FROM scratch\nCOPY . /\n"


ANY_COMPONENT = """
import json, pulumi

def sealed(value):
    if isinstance(value, list):
        return [sealed(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "fn::secret" in value:
        return pulumi.Output.secret(value["fn::secret"])
    return {key: sealed(item) for key, item in value.items()}

class Asset(pulumi.ComponentResource):
    def __init__(self, properties):
        super().__init__("image-assets:index:DockerImageAsset", "app", properties, None, remote=True)

Asset(sealed(json.loads(PROPERTIES)))
"""
"""A program that is not held to the schema, as one without an SDK's types is."""


def asset(name: str = "app", **properties: Any) -> str:
    given = {"directory": "app", "repository": "localhost:1/app", **properties}
    return f"  {name}: {{type: 'image-assets:DockerImageAsset', properties: {json.dumps(given)}}}\n"


def project_of(new_project: NewProject, **properties: Any) -> Project:
    project = new_project("resources:\n" + asset(**properties))
    write_files(project.folder / "app", {"Dockerfile": DOCKERFILE})
    return project


@pytest.mark.parametrize(
    ("properties", "said"),
    [
        ({"registryAuth": {"username": "", "password": SEALED}}, "registryAuth.username: must not be empty"),
        ({"registryAuth": {"fn::secret": {"username": "", "password": SECRET}}}, "registryAuth.username: must not"),
        ({"registryAuth": {"username": "", "password": SECRET}}, "registryAuth.username: must not be empty"),
        ({"registryAuth": {"username": "u", "pasword": SECRET}}, "registryAuth.password: is missing"),
        ({"registryAuth": SEALED}, "registryAuth: must be an object, not a string"),
        ({"registryauth": {"username": "u", "password": SECRET}}, "did you mean registryAuth?"),
        ({"buildSecrets": {"t": {"value": SECRET, "env": "X"}}}, "buildSecrets.t: give exactly one of value"),
        ({"buildSecrets": {"t": {"value": SEALED, "env": "X"}}}, "buildSecrets.t: give exactly one of value"),
        ({"buildSecrets": {"t": {"valeu": SECRET}}}, "did you mean value?"),
        ({"buildSecrets": [SECRET]}, "buildSecrets: must be a map, not a list"),
        ({"repository": {"fn::secret": f"https://u:{SECRET}@r.example/x"}}, "repository: "),
        ({"platform": SEALED}, "platform: "),
        ({"buildArgs": {"A": {"fn::secret": {"x": SECRET}}}}, "buildArgs.A: must be a string, not an object"),
        ({"buildArgs": {"A": SEALED, "B": 5}, "target": ""}, "must not be empty"),
        ({"directory": {"fn::secret": f"no/{SECRET}"}}, "directory: there is no directory at "),
        ({"platform": SEALED, "platforms": ["linux/amd64"], "labels": {"x": SEALED}}, "contradicts `platform`"),
    ],
    ids=map(str, range(16)),
)
def test_a_wrong_input_beside_a_secret_is_named_and_the_secret_is_not_printed(
    new_project: NewProject, properties: dict[str, Any], said: str
) -> None:
    given = {"directory": "app", "repository": "localhost:1/app", **properties}
    project = new_project(f"PROPERTIES = {json.dumps(given)!r}\n{ANY_COMPONENT}", runtime="python")
    write_files(project.folder / "app", {"Dockerfile": DOCKERFILE})
    failed = project.preview(check=False)
    assert failed.code != 0
    # A path is told in front of the value that it leads to, where there is one to be shown.
    for words in said.split(": "):
        assert words in failed.text
    assert SECRET not in failed.text
