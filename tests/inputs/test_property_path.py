"""Which property paths an option such as `ignoreChanges` covers."""

import pytest

from image_assets.inputs.property_path import at, covers, join, parts


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("buildArgs.V", ["buildArgs", "V"]),
        ('files["src/a.py"]', ["files", "src/a.py"]),
        ('["a.b"].c[0]', ["a.b", "c", "0"]),
        ("platforms[1]", ["platforms", "1"]),
    ],
)
def test_a_path_is_taken_apart(path: str, found: list[str]) -> None:
    assert parts(path) == found


@pytest.mark.parametrize(
    ("pattern", "path", "is_covered"),
    [
        ("*", "fingerprint", True),
        ("*", 'files["a"]', True),
        ("files", 'files["a"]', True),
        ('files["a"]', "files", False),
        ("buildArgs.V", "buildArgs.V", True),
        ('buildArgs["V"]', "buildArgs.V", True),
        ("buildArgs.V", "buildArgs.VERSION", False),
        ("build", "buildArgs", False),
        ("tags[*].name", "tags[3].name", True),
    ],
)
def test_a_pattern_covers_what_it_names_and_all_below(pattern: str, path: str, *, is_covered: bool) -> None:
    assert covers(pattern, path) is is_covered


@pytest.mark.parametrize("key", ["V", "a-b", "a.b", 'say "no"', "src/a.py", "0", "[0]"])
def test_a_path_that_was_made_leads_back_to_its_value(key: str) -> None:
    assert at(join("buildArgs", key), {"buildArgs": {key: "found", "other": "no"}}) == "found"
