"""Flags of the build command: those that contradict what this provider does itself, and lines of them that are broken.

A flag that no program here is known to have is passed on: the builders learn new ones. One that is nearly the name of a
known one is a mistake.
"""

from collections.abc import Iterator, Mapping
from enum import Enum, auto
from typing import Any, Final

from image_assets.errors import Problem
from image_assets.values import Secret, plain

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
    "--builder": _INPUT.format("builder", "what it can do is asked for before the build"),
    "--progress": "the provider reads the builder's own words; the setting `buildOutput` says how much is shown",
    "--manifest": "several platforms are the input `platforms`",
    "--iidfile": _DIGEST_IS_OUTPUT,
    "--metadata-file": _DIGEST_IS_OUTPUT,
    "--check": _BUILDS_NOTHING,
    "--call": _BUILDS_NOTHING,
    "--print": _BUILDS_NOTHING,
    "--help": _BUILDS_NOTHING,
    "-h": _BUILDS_NOTHING,
}


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Flags without a value of `docker build`, `docker buildx build`, `nerdctl build` and `podman build`.
_SWITCHES: Final = _words(
    """
        --all-platforms --check --compat-volumes --compress --created-annotation --debug --disable-compression
        --disable-content-trust --force-rm --help --http-proxy --identity-label --inherit-annotations
        --inherit-labels --layers --load --logsplit --no-cache --no-hosts --omit-history --pull --push --quiet
        --rewrite-timestamp --rm --save-stages --skip-unused-stages --squash --squash-all --stdin --stream
        --tls-verify
    """
)
#: Those with one.
_WITH_VALUE: Final = _words(
    """
        --add-host --allow --annotation --arch --attest --authfile --build-arg --build-context --builder
        --buildkit-host --cache-from --cache-to --cache-ttl --call --cap-add --cap-drop --cert-dir --cgroup-parent
        --cgroupns --cpp-flag --cpu-period --cpu-quota --cpu-rt-period --cpu-rt-runtime --cpu-shares --cpuset-cpus
        --cpuset-mems --creds --decryption-key --device --dns --dns-option --dns-search --env --file --format --from
        --hooks-dir --ignorefile --iidfile --ipc --isolation --jobs --label --layer-label --logfile --manifest
        --memory --memory-swap --metadata-file --network --no-cache-filter --os --os-feature --os-version --output
        --pid --platform --policy --print --progress --provenance --retry --retry-delay --runtime-flag --sbom
        --secret --security-opt --shm-size --sign-by --source-date-epoch --source-policy-file --ssh --tag --target
        --timestamp --ulimit --unsetenv --unsetlabel --userns --userns-gid-map --userns-gid-map-group
        --userns-uid-map --userns-uid-map-user --uts --variant --volume
    """
)
#: Short flags without a value: others may follow in the same word.
_SHORT_SWITCHES = frozenset("qDh")
_SHORT_WITH_VALUE: Final = frozenset("cfmotv")
#: How near a flag must be to a known one to be that one misspelt.
_MISSPELT: Final = 0.8


class _Next(Enum):
    """What the word behind a word may be: its value, certainly or perhaps, or a flag."""

    VALUE = auto()
    VALUE_OR_FLAG = auto()
    FLAG = auto()


def check_build_flag(flag: str) -> str | None:
    """Return why a word of `buildFlags` is refused, or None."""
    name = _name(flag)
    return f"`{name}` is not possible here: {_REFUSED[name]}" if name in _REFUSED else None


def broken_line(words: list[Any]) -> Iterator[Problem]:
    """Yield what would make the build command misread the words of `buildFlags`, as far as they are known."""
    bare = [plain(word) if isinstance(plain(word), str) else None for word in words]
    following = _Next.FLAG
    for index, word in enumerate(bare):
        is_value = following is not _Next.FLAG and not (
            following is _Next.VALUE_OR_FLAG and (word or "").startswith("-")
        )
        if word is None:
            # It may be a flag, or the value of one.
            following = _Next.VALUE_OR_FLAG
        elif is_value:
            following = _Next.FLAG
        elif not word.startswith("-"):
            yield Problem(
                f"[{index}]", "belongs to no flag: the build command would take it for the directory to build"
            )
        else:
            following = _after(word)
            if known := _meant(word):
                shown = not isinstance(words[index], Secret)
                yield Problem(f"[{index}]", f"there is no such flag; did you mean {known}?", is_shown=shown)
    # A flag that is refused has its reason already.
    if following is _Next.VALUE and not check_build_flag(bare[-1] or ""):
        yield Problem(f"[{len(words) - 1}]", "wants a value, which would be the directory to build: write it behind")


def _after(word: str) -> _Next:
    """Say what follows a flag."""
    if word.startswith("--"):
        name, equals, _ = word.partition("=")
        if equals or name in _SWITCHES:
            return _Next.FLAG
        return _Next.VALUE if name in _WITH_VALUE else _Next.VALUE_OR_FLAG
    letter, rest = next(((one, rest) for one, rest in _letters(word) if one not in _SHORT_SWITCHES), ("", ""))
    if not letter or rest:
        return _Next.FLAG
    return _Next.VALUE if letter in _SHORT_WITH_VALUE else _Next.VALUE_OR_FLAG


def _letters(word: str) -> Iterator[tuple[str, str]]:
    """Yield each letter of a word of short flags with what stands behind it."""
    yield from ((letter, word[index + 1 :]) for index, letter in enumerate(word) if index)


def _meant(word: str) -> str | None:
    """Return the flag that a word is misspelt, None if it is one, or none that is known."""
    from difflib import get_close_matches  # noqa: PLC0415 - only a mistake needs it, every start would pay for it

    name = word.partition("=")[0]
    known = _SWITCHES | _WITH_VALUE
    if not name.startswith("--") or name in known:
        return None
    spelled = name.lower().replace("_", "-")
    close = get_close_matches(spelled, sorted(known), 1, _MISSPELT)
    # What has something added to it may be a new flag.
    return close[0] if close and (spelled == close[0] or close[0] not in spelled) else None


def _name(word: str) -> str:
    """Return the name of the flag that a word gives, as pflag reads it: `--name=value`, `-nvalue`, `-qn value`."""
    if word.startswith("--"):
        return word.partition("=")[0]
    if not word.startswith("-"):
        return ""
    letter = next((letter for letter in word[1:] if letter not in _SHORT_SWITCHES), "")
    return f"-{letter}"
