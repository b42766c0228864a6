"""How an image is built from a directory, one row an input."""

import re
import time
from collections.abc import Iterator, Mapping
from typing import Any

from image_assets.errors import Problem
from image_assets.inputs.build_checks import (
    check_context,
    check_context_name,
    check_label,
    check_network,
    check_pattern,
    check_secret_id,
    check_ssh,
    is_sbom,
    repeated_ssh,
    spelled_network,
)
from image_assets.inputs.build_flags import broken_line, check_build_flag
from image_assets.inputs.cache_options import CACHE_SOURCE, CACHE_TARGET
from image_assets.inputs.choices import CACHE, FOLLOW_MODE, IGNORE_MODE, NETWORK_MODE, ONE_PLATFORM, PLATFORMS, SCOPE
from image_assets.inputs.field import Counts, Field, OnChange, Parts
from image_assets.inputs.types import Flag, Listing, Mapped, Number, Property, Record, Text, Word
from image_assets.values import UNKNOWN

#: The value of `cache` that keeps layers beside the image, and what the tags of all such caches match.
IN_REGISTRY = "registry"
CACHE_TAGS = "cache-*"
#: The value of `sourceDateEpoch` that is the time of the commit.
COMMIT = "commit"
DEFAULT_PLATFORM = "linux/amd64"


def _check_arg_name(key: str) -> str | None:
    return None if key and "=" not in key and "\0" not in key else "a build argument's name must not be empty or hold ="


def _one_source(secret: Mapping[str, Any]) -> Iterator[Problem]:
    kinds = ("value", "env", "file")
    if not secret.keys() <= set(kinds):
        # A name that does not exist is told already, and may be one of them.
        return
    given = [key for key in kinds if key in secret]
    # What is not known yet may turn out to be nothing.
    known = [key for key in given if secret[key] is not UNKNOWN]
    if len(known) > 1 or not given:
        yield Problem("", f"give exactly one of value, env and file, not {' and '.join(given) or 'none'}")


BUILD_SECRET = Record(
    "BuildSecret",
    "A secret for `RUN --mount=type=secret`. Give exactly one member. The value is never stored.",
    (
        Property("value", Text(allow_empty=True), "The secret itself.", secret=True),
        Property("env", Text(), "The name of an environment variable of the machine that builds."),
        Property("file", Text(), "The path of a file on the machine that builds."),
    ),
    _one_source,
)

BUILDER = Record(
    "Builder",
    "Which program builds, and where.",
    (
        Property("executable", Text(), "`docker` (default) or a program with the same flags: podman, nerdctl, finch."),
        Property("name", Text(), "The buildx builder to use. Default: the current one."),
    ),
)


def is_local(value: str) -> bool:
    """Say whether a named context is a directory here (buildx: everything without a scheme is a path)."""
    return "://" not in value and not value.startswith(("target:", "git@"))


def _is_epoch(value: str) -> bool:
    # What is later than now would leave the times of the build as they are.
    return value == COMMIT or (bool(re.fullmatch("[0-9]{1,12}", value)) and int(value) <= time.time())


def _ids(secrets: Mapping[str, Any]) -> Parts:
    return ((name, "") for name in secrets)


def _contexts(contexts: Mapping[str, str]) -> Parts:
    # A directory counts by its content.
    return ((name, "" if is_local(text) else text) for name, text in contexts.items())


def _in_the_plan(_value: Any) -> Parts:
    # The plan makes one option of `platform`, `platforms` and the default; `assetHash` replaces all others.
    return ()


_ROWS = (
    Field(
        "directory",
        Text(),
        "The build context: a directory with a Dockerfile, relative to the program. What reaches the builder counts, "
        "the path does not. Or a git repository, as `https://host/it.git#branch:subdirectory`: the commit counts that "
        "the preview finds there, and is built. A private one wants a login that git has, or the build secret "
        "`GIT_AUTH_TOKEN` (or `GIT_AUTH_TOKEN.HOST`).",
        Counts.CONTENT,
        change=OnChange.FINGERPRINT,
        required=True,
    ),
    Field(
        "file",
        Text(),
        "The Dockerfile, relative to `directory`; it may lie outside it. Default: what the builder finds, "
        "`Dockerfile` (docker: else `dockerfile`; podman: `Containerfile` first).",
        Counts.CONTENT,
        "file",
        OnChange.FINGERPRINT,
    ),
    Field(
        "dockerfileInline",
        Text(),
        "The Dockerfile's content itself, in place of a file. Default: the Dockerfile is a file. The ignore file is "
        "the context's own.",
        Counts.CONTENT,
        "file",
        OnChange.FINGERPRINT,
    ),
    Field(
        "exclude",
        Listing(Text(check=check_pattern)),
        "Patterns of what must not reach the builder, in the language that `ignoreMode` says; they come after those of "
        "the ignore file. Default: none.",
        Counts.CONTENT,
        change=OnChange.FINGERPRINT,
    ),
    Field(
        "ignoreMode",
        Text(IGNORE_MODE),
        "The language of the ignore patterns: `docker` (default), `git` or `glob`.",
        Counts.CONTENT,
        change=OnChange.FINGERPRINT,
    ),
    Field(
        "followSymlinks",
        Text(FOLLOW_MODE),
        "Which symbolic links are replaced by what they lead to: `never` (default), `external`, `always`, or "
        "`internal-only`, which follows none and refuses links that lead out of the context.",
        Counts.CONTENT,
        change=OnChange.FINGERPRINT,
    ),
    Field(
        "scope",
        Text(SCOPE),
        "`context` (default): everything that reaches the builder counts. `dockerfile`: only what the Dockerfile's "
        "COPY, ADD and bind mounts can take, so that in a monorepo an unrelated file changes nothing; arguments and "
        "the variables of `platforms` are put in. Where that cannot be told (a path by a variable of the base image), "
        "everything counts and a warning says why. An ONBUILD of a base image is seen only with `pinBaseImages`.",
        Counts.CONTENT,
        change=OnChange.FINGERPRINT,
    ),
    Field(
        "pinBaseImages",
        Flag(),
        "Whether the images that this one is built on count by their digests: the preview asks their registries, a "
        "base that moved makes another tag, and the build uses exactly what the preview has seen. The image of a "
        "`# syntax=` line is none of them: name it by its digest. Default: the provider's `pinBaseImages`, else false.",
        Counts.CONTENT,
        change=OnChange.FINGERPRINT,
    ),
    Field(
        "buildArgs",
        Mapped(Text(allow_empty=True), _check_arg_name),
        "Values of the Dockerfile's ARG instructions, by name. Default: none.",
        Counts.OPTION,
        "buildArgs",
        OnChange.FINGERPRINT,
    ),
    Field(
        "buildContexts",
        Mapped(Text(check=check_context), check_context_name),
        "Further contexts by name, for `FROM` and `COPY --from`: a directory counts by its content, an image "
        "(`docker-image://...`) or a URL as text. Default: none.",
        Counts.CONTENT,
        "buildContexts",
        OnChange.FINGERPRINT,
        parts=_contexts,
    ),
    Field(
        "buildSecrets",
        Mapped(BUILD_SECRET, check_secret_id),
        "Secrets by id, for `RUN --mount=type=secret`. The ids count, the values do not: a new value builds nothing. "
        "Default: none.",
        Counts.OPTION,
        "buildSecrets",
        OnChange.FINGERPRINT,
        in_memory=True,
        parts=_ids,
    ),
    Field(
        "buildSsh",
        Listing(Text(check=check_ssh), check=repeated_ssh),
        "SSH agents for `RUN --mount=type=ssh`, each `default` or `id=path`. Default: none.",
    ),
    Field(
        "target",
        Text(),
        "The stage of the Dockerfile to build. Default: the last.",
        Counts.OPTION,
        "target",
        OnChange.FINGERPRINT,
    ),
    Field(
        "networkMode",
        Text(NETWORK_MODE, check=check_network, spell=spelled_network),
        "The network of RUN steps: `default`, `host` or `none`, or one that the builder knows. Default: `default`.",
        Counts.OPTION,
        "networkMode",
        OnChange.FINGERPRINT,
    ),
    Field(
        "platform",
        ONE_PLATFORM,
        f"The platform to build for, as `os/architecture`. Other spellings (`linux/aarch64`) are the same platform. "
        f"Default: `{DEFAULT_PLATFORM}` on every host.",
        Counts.OPTION,
        "platform",
        OnChange.FINGERPRINT,
        parts=_in_the_plan,
    ),
    Field(
        "platforms",
        PLATFORMS,
        "Several platforms, as `os/architecture`, published as one index; their order is no matter. Default: the one "
        "that `platform` names.",
        Counts.OPTION,
        "platform",
        OnChange.FINGERPRINT,
        parts=_in_the_plan,
    ),
    Field(
        "extraHash",
        Text(allow_empty=True),
        "Any text: change it to build anew. Default: none.",
        Counts.OPTION,
        "extraHash",
        OnChange.FINGERPRINT,
    ),
    Field(
        "assetHash",
        Text(),
        "A text of your own whose hash is the fingerprint, in place of everything else that counts. Default: none.",
        Counts.OPTION,
        change=OnChange.FINGERPRINT,
        parts=_in_the_plan,
    ),
    Field(
        "provenance",
        Word(Flag(), "false, true, min or max", ("false", "min", "max").__contains__, {"true": "min"}),
        "Whether the image tells how it was built (BuildKit's provenance attestation): `false` (default), `true` or "
        "`min`, which are the same, or `max`. The image becomes an index, which AWS Lambda does not take. It needs a "
        "builder of its own, such as one of the driver `docker-container`, or the containerd image store.",
        Counts.OPTION,
        "provenance",
        OnChange.FINGERPRINT,
    ),
    Field(
        "sbom",
        Word(Flag(), "true, false or the image of a generator", is_sbom),
        "Whether the image tells what it holds (BuildKit's SBOM attestation): `false` (default), `true`, or the image "
        "of another generator. For the rest it is like `provenance`.",
        Counts.OPTION,
        "sbom",
        OnChange.FINGERPRINT,
    ),
    Field(
        "sourceDateEpoch",
        Word(Number(), "commit, or seconds since 1970 that have passed", _is_epoch),
        "The time, in seconds since 1970, that replaces every later one in the image's layers and config (BuildKit's "
        "SOURCE_DATE_EPOCH), so that two machines with the same builder make the same digest; `commit` is that of the "
        "commit that is checked out. Default: the times stay. It needs a builder of its own, such as one of the driver "
        "`docker-container`.",
        Counts.OPTION,
        "sourceDateEpoch",
        OnChange.FINGERPRINT,
    ),
    Field(
        "cache",
        Text(CACHE),
        "Where every layer of the build is kept, so that a builder that has none builds what changed only: `registry` "
        "beside the image, under the tag `cache-<asset>`, `gha` in GitHub's cache (within GitHub Actions), or `local` "
        "in the user's cache directory. It needs a builder that can export caches. "
        "Default: nowhere.",
    ),
    Field(
        "cacheFrom", Listing(CACHE_SOURCE), "Where the builder may take layers from. Default: from its own cache only."
    ),
    Field("cacheTo", Listing(CACHE_TARGET), "Where the builder leaves layers for others. Default: nowhere."),
    Field("cacheDisabled", Flag(), "Whether every step is built anew. Default: false."),
    Field("builder", BUILDER, f"{BUILDER.doc} Default: the provider's `builder`."),
    Field(
        "buildFlags",
        Listing(Text(check=check_build_flag), check=broken_line),
        "More flags for the build command, one word an item, passed on as they are. Default: none. Those that decide "
        "where the image goes or what it is called (`--push`, `--output`, `--load`, `--tag`, ...) are refused: the "
        "repository and the tag are inputs, as `--file`, `--platform`, `--build-context` and `--builder` are.",
        Counts.OPTION,
        "buildFlags",
        OnChange.FINGERPRINT,
    ),
    Field(
        "labels",
        Mapped(Text(allow_empty=True), check_label),
        "Labels of the image, by name. Default: none. A change takes effect with the next build. `io.pulumi.project`, "
        "`io.pulumi.stack` and `io.pulumi.resource` are added; on a copy, too, they tell the asset that was built.",
    ),
    Field("buildOnPreview", Flag(), "Whether previews build, too; they push nothing. Default: false."),
)

INVALIDATION = Record(
    "Invalidation",
    "Which inputs count for the fingerprint: each that is set to false here is left out. Default: all count.",
    (
        *(
            Property(switch, Flag(), f"Whether `{switch}` counts for the fingerprint. Default: true.")
            for switch in dict.fromkeys(row.switch for row in _ROWS if row.switch)
        ),
        Property(
            "ignoredBuildArgs",
            Listing(Text(), is_set=True),
            "Names of build arguments that do not count for the fingerprint. Default: none.",
        ),
    ),
)

BUILD_FIELDS = (
    *_ROWS,
    Field("invalidation", INVALIDATION, INVALIDATION.doc, Counts.CONTENT, change=OnChange.FINGERPRINT),
)
