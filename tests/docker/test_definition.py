"""A build's options in a definition instead of the argument list."""

import json

import pytest

from image_assets.docker.definition import TARGET, UndefinableError, defined


def definition_of(*words: str) -> dict[str, object]:
    return dict(json.loads(defined((*words, "/context"))[1])["target"][TARGET])


def test_every_flag_has_its_place() -> None:
    words = (
        *("--builder", "b", "--progress", "plain", "--file", "/Dockerfile", "--build-arg", "A=1=2", "--build-arg", "B"),
        *("--label", "l=x", "--platform", "linux/amd64,linux/arm64", "--cache-to", "type=local,dest=/d", "--no-cache"),
        *("--network=host", "--provenance=false", "--sbom", "true", "--add-host", "h:::1", "--metadata-file", "/m"),
    )
    kept, _ = defined((*words, "/context"))
    assert " ".join(kept) == (
        "--builder b --progress plain --metadata-file /m --allow network.host image --file"
    )  # fmt: skip
    assert definition_of(*words) == {
        "context": "/context",
        "dockerfile": "/Dockerfile",
        "args": {"A": "1=2", "B": None},
        "labels": {"l": "x"},
        "platforms": ["linux/amd64", "linux/arm64"],
        "cache-to": ["type=local,dest=/d"],
        "no-cache": True,
        "network": "host",
        "attest": ["type=provenance,disabled=true", "type=sbom"],
        "extra-hosts": {"h": "::1"},
    }


def test_texts_are_no_templates() -> None:
    assert definition_of("--label", "a=${b} %{c}")["labels"] == {"a": "$${b} %%{c}"}


@pytest.mark.parametrize("words", [("--isolation", "x"), ("--pull", "x")])
def test_what_has_no_place_is_named(words: tuple[str, ...]) -> None:
    with pytest.raises(UndefinableError):
        defined((*words, "/context"))
