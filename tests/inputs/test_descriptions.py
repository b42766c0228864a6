"""Descriptions stand alone: whoever reads one in an editor sees nothing around it."""

import re

import pytest

from image_assets.inputs.schema import package_schema

SCHEMA = package_schema()
INPUTS = [
    pytest.param(made, name, id=f"{token}.{name}")
    for token, resource in SCHEMA["resources"].items()
    for name in resource["inputProperties"]
    for made in (resource,)
]
#: What only components hand on, or a program never leaves out.
WITHOUT_DEFAULT = {
    "directory",
    "tarballFile",
    "command",
    "localImage",
    "ownRepository",
    "namesContent",
    "aws",
    "stackAws",
}
DESCRIPTIONS = re.findall(r'"description": "([^"]*)"', str(SCHEMA).replace("'", '"'))


@pytest.mark.parametrize(("resource", "name"), INPUTS)
def test_an_input_says_what_holds_without_it(resource: dict[str, dict[str, dict[str, str]]], name: str) -> None:
    text = resource["inputProperties"][name]["description"]
    is_left_out = name not in resource["requiredInputs"] and name not in WITHOUT_DEFAULT
    assert not is_left_out or re.search(r"Default: |\(default\)", text), text


@pytest.mark.parametrize("asset", ["DockerImageAsset", "TarballImageAsset"])
def test_an_input_of_an_asset_says_whether_it_counts(asset: str) -> None:
    inputs = SCHEMA["resources"][f"image-assets:index:{asset}"]["inputProperties"]
    silent = [
        name
        for name, made in inputs.items()
        if "count for the fingerprint" not in made["description"].replace("counts", "count")
    ]
    assert silent == []


def test_no_sentence_leaves_out_what_it_is_about() -> None:
    assert [text for text in DESCRIPTIONS if re.search(r"(^|\. )Does not count", text)] == []
