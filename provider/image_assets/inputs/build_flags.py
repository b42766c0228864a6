"""Flags of the build command that contradict what this provider does itself: where the image goes, and its name."""

from collections.abc import Mapping

_GOES_TO_REPOSITORY = "the image goes to `repository`, from where every machine has it"
_NAMED_BY_CONTENT = "the tag names the content; use `tagPrefix` and `extraTags` for others"
_DIGEST_IS_OUTPUT = "the digest is the output `imageDigest`"
_INPUT = "use the input `{}`: {}"
_BUILDS_NOTHING = "nothing would be built; run it by hand"

#: Flags of `docker buildx build` and `podman build`, with the reason against each.
_REFUSED: Mapping[str, str] = {
    "--push": "the image is pushed by itself, its tag last",
    "--load": _GOES_TO_REPOSITORY,
    "--output": _GOES_TO_REPOSITORY,
    "-o": _GOES_TO_REPOSITORY,
    "--tag": _NAMED_BY_CONTENT,
    "-t": _NAMED_BY_CONTENT,
    "--file": _INPUT.format("file", "the Dockerfile's content counts there"),
    "-f": _INPUT.format("file", "the Dockerfile's content counts there"),
    "--platform": _INPUT.format("platform", "it would come on top of that"),
    "--build-context": _INPUT.format("buildContexts", "a directory's content counts there"),
    "--manifest": "several platforms are the input `platforms`",
    "--iidfile": _DIGEST_IS_OUTPUT,
    "--metadata-file": _DIGEST_IS_OUTPUT,
    "--check": _BUILDS_NOTHING,
    "--call": _BUILDS_NOTHING,
    "--print": _BUILDS_NOTHING,
    "--help": _BUILDS_NOTHING,
    "-h": _BUILDS_NOTHING,
}
#: Short flags without a value: others may follow in the same word.
_SHORT_SWITCHES = frozenset("qD")


def check_build_flag(flag: str) -> str | None:
    """Return why a word of `buildFlags` is refused, or None."""
    name = _name(flag)
    return f"`{name}` is not possible here: {_REFUSED[name]}" if name in _REFUSED else None


def _name(word: str) -> str:
    """Return the name of the flag that a word gives, as pflag reads it: `--name=value`, `-nvalue`, `-qn value`."""
    if word.startswith("--"):
        return word.partition("=")[0]
    if not word.startswith("-"):
        return ""
    letter = next((letter for letter in word[1:] if letter not in _SHORT_SWITCHES), "")
    return f"-{letter}"
