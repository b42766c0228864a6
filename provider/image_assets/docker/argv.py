"""From a spec to an argument list: no I/O, no secrets.

The flags are those of `docker buildx build` (Docker's CLI reference); the other programs understand the same ones,
apart from what `Dialect.features` says.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from image_assets.docker.dialect import Dialect, Feature
from image_assets.docker.spec import BuildSpec
from image_assets.errors import BuildError
from image_assets.frozen import dataclass
from image_assets.inputs.options import CacheOption


@dataclass(frozen=True)
class ToStore:
    """Leave the image in the engine's own store, under a name that keeps it from being pruned."""

    tag: str


@dataclass(frozen=True)
class ToRegistry:
    """Push blobs and manifest, without any tag, and write what was pushed."""

    repository: str
    metadata_file: Path


@dataclass(frozen=True)
class ToNowhere:
    """Build, and keep only the builder's cache, or an image without a name where the program knows no other way."""


Output = ToStore | ToRegistry | ToNowhere


@dataclass(frozen=True)
class Arguments:
    """What the spec became on its way to the argument list.

    Attributes:
        secrets: The values of `--secret`.
        by_environment: Names of the build args whose values the program finds in its environment.
        builder: The builder to name, or None.
        ignore_file: The ignore file that counts; named to a program that would choose another one.
    """

    secrets: tuple[str, ...] = ()
    by_environment: frozenset[str] = frozenset()
    builder: str | None = None
    ignore_file: Path | None = None


def build_argv(
    start: tuple[str, ...], dialect: Dialect, spec: BuildSpec, arguments: Arguments, output: Output
) -> tuple[str, ...]:
    """Return the whole command, which begins with `start`.

    Raises:
        BuildError: The spec needs what the program cannot do; says which input and how to get a program that can.
    """
    _refuse(spec, dialect)
    return (
        *start,
        *_builder_flags(dialect, arguments),
        *(("--progress", "plain") if dialect.can(Feature.PROGRESS) else ()),
        "--file",
        str(spec.dockerfile),
        *_spec_flags(spec, arguments),
        *_cache_flags(spec, dialect),
        *_output_flags(output, dialect, spec),
        *spec.build_flags,
        str(spec.context),
    )


def csv_field(pairs: Iterable[tuple[str, str]]) -> str:
    """Write `key=value` pairs as docker reads them: one CSV record (RFC 4180)."""
    return ",".join(map(_quoted, (f"{key}={value}" for key, value in pairs)))


def _quoted(text: str) -> str:
    if not any(character in text for character in ',"\r\n'):
        return text
    doubled = text.replace('"', '""')
    return f'"{doubled}"'


_IN_THE_IMAGE: Final = "inline"
_IGNORE_ERROR: Final = "ignore-error"
OFF: Final = "false"
ON: Final = "true"
"""A switch among the options that take other words, too."""

_NEEDS: Final[tuple[tuple[Callable[[BuildSpec], bool], Feature, str], ...]] = (
    (
        lambda spec: bool(spec.pinned),
        Feature.BUILD_CONTEXTS,
        "`pinBaseImages` where the name of a base depends on the platform",
    ),
    (lambda spec: bool(spec.build_contexts), Feature.BUILD_CONTEXTS, "`buildContexts`"),
    (lambda spec: spec.provenance != OFF, Feature.ATTESTATIONS, "`provenance`"),
    (lambda spec: spec.sbom != OFF, Feature.ATTESTATIONS, "`sbom`"),
    (lambda spec: len(spec.platforms) > 1, Feature.BUILDERS, "several `platforms`"),
)
"""What some inputs need of the program."""


def _refuse(spec: BuildSpec, dialect: Dialect) -> None:
    missing = [
        *(what for needed, feature, what in _NEEDS if needed(spec) and not dialect.can(feature)),
        *(f"`cacheFrom` of type `{option.type}`" for option in _unknown(spec.cache_from, dialect.cache_from)),
        *(f"`cacheTo` of type `{option.type}`" for option in _unknown(spec.cache_to, dialect.cache_to)),
    ]
    if missing:
        raise BuildError(f"{dialect.title} does not know {', '.join(missing)}: {dialect.remedy}, or leave that out")


def _unknown(options: tuple[CacheOption, ...], known: frozenset[str] | None) -> list[CacheOption]:
    return [] if known is None else [option for option in options if option.type not in known]


def _builder_flags(dialect: Dialect, arguments: Arguments) -> Iterator[str]:
    if dialect.can(Feature.BUILDERS) and arguments.builder:
        yield from ("--builder", arguments.builder)
    if arguments.ignore_file and dialect.can(Feature.IGNORE_FILE_FLAG):
        yield from ("--ignorefile", str(arguments.ignore_file))


def _spec_flags(spec: BuildSpec, arguments: Arguments) -> Iterator[str]:
    for flag, values in _FLAGS:
        yield from _repeated(flag, values(spec, arguments))
    yield from (flag for flag, is_set in _SWITCHES if is_set(spec))


def _repeated(flag: str, values: Iterable[str]) -> Iterator[str]:
    for value in values:
        yield from (flag, value)


def _present(value: str | None) -> tuple[str, ...]:
    return (value,) if value else ()


def _assignments(values: Mapping[str, str]) -> list[str]:
    return [f"{name}={value}" for name, value in values.items()]


def _build_args(values: Mapping[str, str], by_environment: frozenset[str]) -> list[str]:
    # A name without a value makes the program take it from its environment.
    return [name if name in by_environment else f"{name}={value}" for name, value in values.items()]


def _sbom(value: str) -> str:
    return value if value == ON else csv_field([("generator", value)])


_FLAGS: Final[tuple[tuple[str, Callable[[BuildSpec, Arguments], Iterable[str]]], ...]] = (
    ("--build-arg", lambda spec, arguments: _build_args(spec.build_args, arguments.by_environment)),
    ("--build-arg", lambda spec, _: [f"SOURCE_DATE_EPOCH={it}" for it in _present(spec.source_date_epoch)]),
    ("--secret", lambda _spec, arguments: arguments.secrets),
    ("--ssh", lambda spec, _arguments: spec.build_ssh),
    ("--target", lambda spec, _arguments: _present(spec.target)),
    ("--network", lambda spec, _arguments: _present(spec.network_mode)),
    ("--platform", lambda spec, _arguments: _present(",".join(spec.platforms))),
    ("--label", lambda spec, _arguments: _assignments(spec.labels)),
    ("--build-context", lambda spec, _arguments: _assignments(spec.build_contexts)),
    ("--build-context", lambda spec, _arguments: _assignments(spec.pinned)),
    ("--provenance", lambda spec, _arguments: () if spec.provenance == OFF else (f"mode={spec.provenance}",)),
    ("--sbom", lambda spec, _arguments: () if spec.sbom == OFF else (_sbom(spec.sbom),)),
)
"""Each flag and its values: once for each value."""

_SWITCHES: Final[tuple[tuple[str, Callable[[BuildSpec], bool]], ...]] = (
    ("--no-cache", lambda spec: spec.cache_disabled),
)
"""Each flag that takes no value."""


def _cache_flags(spec: BuildSpec, dialect: Dialect) -> Iterator[str]:
    for flag, options, known in (
        ("--cache-from", spec.cache_from, dialect.cache_from),
        ("--cache-to", tuple(map(_forgiving, spec.cache_to)), dialect.cache_to),
    ):
        for option in options:
            yield from _cache_flag(flag, option) if known is not None else (flag, _backend(option))


def _cache_flag(flag: str, option: CacheOption) -> tuple[str, str]:
    """Write a cache for a program that takes no `type=`."""
    if option.type == _IN_THE_IMAGE:
        # Docker's "Inline cache", in the way that the engine's own BuildKit knows.
        return ("--build-arg", "BUILDKIT_INLINE_CACHE=1")
    return (flag, option.params.get("ref", ""))


def _forgiving(option: CacheOption) -> CacheOption:
    """Return a cache that takes no image with it if it cannot be written, unless the program says so itself."""
    if option.type == _IN_THE_IMAGE or _IGNORE_ERROR in option.params:
        return option
    return replace(option, params={**option.params, _IGNORE_ERROR: ON})


def _backend(option: CacheOption) -> str:
    return csv_field([("type", option.type), *option.params.items()])


def _output_flags(output: Output, dialect: Dialect, spec: BuildSpec) -> tuple[str, ...]:
    match output:
        case ToStore(tag):
            return ("--tag", tag)
        case ToRegistry(repository, metadata_file):
            return ("--metadata-file", str(metadata_file), "--output", _push_by_digest(repository, spec))
        case ToNowhere():
            return ("--output", "type=cacheonly") if dialect.can(Feature.BUILD_ONLY) else ()


def _push_by_digest(repository: str, spec: BuildSpec) -> str:
    """Write the image exporter's attributes (BuildKit's README, "Image/Registry")."""
    attributes = {"type": "image", "name": repository, "push-by-digest": "true", "name-canonical": "true"}
    rewritten = [] if spec.source_date_epoch is None else [("rewrite-timestamp", "true")]
    return csv_field([*attributes.items(), ("push", "true"), *rewritten])
