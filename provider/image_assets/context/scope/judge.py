"""Finding the files and directories that a Dockerfile can take."""

import os
import posixpath
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from itertools import product

from image_assets.context.dockerfile_content import dockerfile_content
from image_assets.context.habits import PODMAN
from image_assets.context.scope.instructions import Instruction, parse
from image_assets.context.scope.level import Scope
from image_assets.context.scope.stages import Invocation, Source, TakenPaths, taken_paths
from image_assets.context.scope.words import UnjudgeableError, refuse_other_syntax
from image_assets.context.spec import ContextSpec
from image_assets.platforms import all_platforms

_WILD = frozenset("*?[")
_PLAIN_CLASS = re.compile(r"\[\w+(?:-\w+)*\]", re.ASCII)
_DECISIVE_FLAG = re.compile("--(target|build-arg|build-context|file)(=|$)|-[A-Za-z]*f")
_PLATFORM_FLAG = re.compile("--platform(=|$)")
_OF_BUILDER = re.compile(r"\$\{?BUILD")
_PLATFORM_OF_FROM = re.compile(r"--platform=\S*")


def judge_scope(spec: ContextSpec, root: str) -> Scope:
    """Find out what the Dockerfile can take.

    Raises:
        InputError: The Dockerfile cannot be read.
    """
    try:
        _check_options(spec)
        instructions = list(parse(dockerfile_content(spec)))
        taken = [taken_paths(instructions, invocation) for invocation in _invocations(spec, instructions)]
        return _scope(taken, root)
    except UnjudgeableError as fault:
        name = spec.dockerfile.name if spec.dockerfile else "the Dockerfile"
        return Scope(notices=(f"`scope: dockerfile` does not work for {name}, all counts: {fault}",))


def _scope(taken: Sequence[TakenPaths], root: str) -> Scope:
    """Join what builds for several platforms take.

    Raises:
        UnjudgeableError: It may be more than is known.
    """
    sources = dict.fromkeys(source for one in taken for source in one.sources)
    whole = min((source for source in sources if not _cleaned(source.path)), key=_place, default=None)
    if whole:
        of = f", by ONBUILD of {whole.image}" if whole.image else ""
        where = f"line {whole.line} {whole.verb} the whole context{of}"
        return Scope(remarks=(f"`scope: dockerfile` narrows nothing: {where}",))
    if fault := next((fault for one in taken for fault in one.faults), None):
        raise UnjudgeableError(fault)
    return Scope(frozenset(path for source in sources for path in _found(root, source)))


def _place(source: Source) -> tuple[int, str]:
    return source.line, source.verb


def _check_options(spec: ContextSpec) -> None:
    """Refuse options that are not looked into, and can change what is copied."""
    refuse_other_syntax(spec.build_args)
    flag = next(filter(_DECISIVE_FLAG.match, spec.build_flags), None)
    if flag is not None:
        raise UnjudgeableError(f"{flag.partition('=')[0]} among the `buildFlags` can change what is copied")


def _invocations(spec: ContextSpec, instructions: Iterable[Instruction]) -> Iterator[Invocation]:
    """Yield what each build gives to the Dockerfile: one for a platform, and for each that the builder may have."""
    is_buildkit = spec.habits != PODMAN
    is_told = is_buildkit and not any(map(_PLATFORM_FLAG.match, spec.build_flags))
    targets = (spec.platforms if is_told else ()) or (None,)
    builders = all_platforms() if is_buildkit and any(map(_asks_for_builder, instructions)) else (None,)
    for platform, builder in product(targets, builders):
        yield Invocation(
            target=spec.target,
            build_args=spec.build_args,
            platform=platform,
            build_platform=builder,
            contexts=frozenset(name.lower() for name in spec.named_contexts),
            onbuild=spec.onbuild,
            follows_variables=is_buildkit,
        )


def _asks_for_builder(instruction: Instruction) -> bool:
    """Say whether what an instruction takes may depend on the builder's own platform."""
    text = _PLATFORM_OF_FROM.sub("", instruction.rest) if instruction.name == "FROM" else instruction.rest
    return bool(_OF_BUILDER.search(text))


def _cleaned(source: str) -> str:
    """Return a source's path from the root; empty for the root itself."""
    return posixpath.normpath("/" + source).strip("/")


def _found(root: str, source: Source) -> Iterable[str]:
    """Return the paths that a source leads to; none if there is no such file, which is the builder's to say."""
    found = [""]
    try:
        for part in _parts(source.path):
            found = [path for parent in found for path in _children(root, parent, part)]
    except UnjudgeableError as fault:
        raise UnjudgeableError(f"line {source.line}: {fault}") from fault
    return found


def _parts(path: str) -> Sequence[str]:
    cleaned = _cleaned(path)
    if "**" in cleaned:
        raise UnjudgeableError(f"** in {path} is not followed")
    return cleaned.split("/")


def _children(root: str, parent: str, part: str) -> Iterator[str]:
    """Return the entries of one directory that a source's component can mean."""
    for name in _names(os.path.join(root, parent), part):  # noqa: PTH118 - names may be any bytes
        path = posixpath.join(parent, name)
        try:
            mode = os.lstat(os.path.join(root, path)).st_mode  # noqa: PTH118 - see above
        except OSError:
            continue
        if stat.S_ISLNK(mode):
            raise UnjudgeableError(f"{path} is a symbolic link, and what a link leads to is not followed")
        yield path


def _names(directory: str, part: str) -> Iterable[str]:
    """Return the names that one component of a source can mean, and perhaps more."""
    if not _WILD & set(part):
        return [part]
    plain = _PLAIN_CLASS.sub("?", part)
    if "[" in plain:
        raise UnjudgeableError(f"the class in {part} may match a slash, too")
    texts = {"*": ".*", "?": "."}
    pattern = re.compile("(?s:" + "".join(texts.get(character) or re.escape(character) for character in plain) + ")")
    try:
        return filter(pattern.fullmatch, os.listdir(directory))  # noqa: PTH208 - names are all that is needed
    except OSError:
        return ()
