"""Fingerprints on demand: begun early, each used for one decision only."""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import field, replace
from pathlib import Path
from typing import Any, Protocol

from image_assets.context import DigestCache, Fingerprint, fingerprint
from image_assets.errors import ArchiveError, AssetError, InputError
from image_assets.frozen import dataclass
from image_assets.inputs.image import BASE_IMAGES, BASE_TRIGGERS, GIT_COMMIT, Inputs
from image_assets.inputs.settings import Settings
from image_assets.plan.bases import (
    Base,
    BaseNotThereYetError,
    Triggers,
    all_bases,
    bases_are_known,
    bases_of,
    is_pinned,
    platforms_of_bases,
    triggers_count,
)
from image_assets.plan.git_login import may_be_login
from image_assets.plan.git_source import Commits, GitSource, GitUnreadableError
from image_assets.plan.local_image import PROPERTY as LOCAL_IMAGE
from image_assets.plan.local_image import inspect
from image_assets.plan.plan import Plan, fingerprint_is_known, make_plan, source_in_git
from image_assets.plan.rows import as_stored, kept_rows
from image_assets.task import Task
from image_assets.values import plain

_TICK = 0.1
"""Seconds between two looks at the user's wish to cancel."""
_SHORT = 12
"""How many digits of a base image's digest are shown, as docker shows them."""


class BaseLookup(Protocol):
    """Asks registries what base images are now."""

    def begin(self, inputs: Inputs, bases: Sequence[Base], task: Task) -> None:
        """Begin to ask, and do not wait."""

    def resolve(self, inputs: Inputs, bases: Sequence[Base], task: Task, last: Mapping[str, str]) -> Mapping[str, str]:
        """Return the digests by image, given those that were last known."""

    def triggers(
        self, inputs: Inputs, bases: Sequence[Base], platforms: Sequence[str], task: Task, last: Inputs
    ) -> Triggers:
        """Return the ONBUILD triggers by image, given the inputs with the digests, and those that were last known."""


@dataclass(frozen=True)
class SourceFacts:
    """What reading a source told.

    Attributes:
        fingerprint: The fingerprint and how it came about.
        rows: Those of the outline that are of no file.
        platforms: An archive's platforms; None for a directory.
        bases: The digests of the pinned base images, by image.
        triggers: The ONBUILD triggers of the pinned base images, by image and platform.
        commit: The commit of the git repository.
    """

    fingerprint: Fingerprint
    rows: Mapping[str, str] = field(default_factory=dict)
    platforms: tuple[str, ...] | None = None
    bases: Mapping[str, str] = field(default_factory=dict)
    triggers: Triggers = field(default_factory=dict)
    commit: str | None = None

    @property
    def outline(self) -> Mapping[str, str]:
        """The rows that say what changed."""
        return {**self.rows, **self.fingerprint.outline}

    def as_inputs(self, olds: Mapping[str, Any]) -> dict[str, Any]:
        """Return what Check stores of it, given what it stored before."""
        digest = self.fingerprint.digest
        kept = kept_rows(olds) if plain(olds.get("fingerprint")) == digest else None
        bases: dict[str, Any] = {BASE_IMAGES: dict(self.bases)} if self.bases else {}
        if self.triggers:
            bases[BASE_TRIGGERS] = {
                image: {platform: list(texts) for platform, texts in found.items()}
                for image, found in self.triggers.items()
            }
        commit = {GIT_COMMIT: self.commit} if self.commit else {}
        archive = {} if self.platforms is None else {"archivePlatforms": list(self.platforms)}
        return {"fingerprint": digest, "files": kept or as_stored(self.outline), **archive, **bases, **commit}

    def report(self, task: Task, olds: Mapping[str, Any]) -> None:
        """Tell what was read, if it is not what it was, and warn of what the user may not have meant to include."""
        read = self.fingerprint
        if plain(olds.get("fingerprint")) != read.digest:
            # Each line is a message to the engine, which takes as long as all else about an image that is the same.
            task.debug(f"fingerprint {read.digest}: {read.files:,} files, {read.bytes:,} bytes, {read.seconds:.2f} s")
        for notice in read.notices:
            task.warn(notice)
        for remark in read.remarks:
            task.info(remark)


@dataclass(frozen=True)
class Begun:
    """A fingerprint that is being taken.

    Attributes:
        plan: What it is of; who comes with another one must not use it.
        facts: What reading the source tells.
    """

    plan: Plan
    facts: Future[SourceFacts]


class Fingerprints:
    """Takes fingerprints, each for one decision only.

    Check runs inside the engine's single loop, one resource after the other, while Constructs run side by side: what a
    Construct begins, the Check that follows only waits for.
    """

    def __init__(self, settings: Settings, bases: BaseLookup) -> None:
        self.settings = settings
        self.bases = bases
        self.cache = digest_cache(settings)
        self.pool = ThreadPoolExecutor(os.cpu_count() or 1, "fingerprint")
        self.commits = Commits()

    def begin(self, inputs: Inputs, task: Task) -> Begun | None:
        """Start taking the fingerprint of checked inputs, for which a Check will ask soon; None if it is unknown."""
        if not self.is_known(inputs):
            return None
        plan = make_plan(inputs, self.settings)
        if is_pinned(inputs, self.settings):
            # All that a program builds on is asked for at once; what is wrong is told by who needs the answer.
            with suppress(AssetError):
                self.bases.begin(inputs, bases_of(inputs, self.settings), task)
        if triggers_count(inputs, self.settings):
            # Check knows what the bases were, and need not ask what triggers they have.
            return None
        return Begun(plan, self.pool.submit(self.take, inputs, task))

    def is_known(self, inputs: Inputs) -> bool:
        """Say whether everything that counts is known."""
        return fingerprint_is_known(inputs) and bases_are_known(inputs, self.settings) and not login_is_unknown(inputs)

    def take(self, inputs: Inputs, task: Task, last: Inputs | None = None) -> SourceFacts:
        """Find out what the base images are now, where that counts, and take the fingerprint."""
        last = last or Inputs()
        source = source_in_git(inputs)
        commit = self.commit_now(source, inputs, last, task) if source and inputs.asset_hash is None else None
        inputs = with_bases(replace(inputs, git_commit=commit), self.settings, self.bases, task, last)
        taken = take(make_plan(inputs, self.settings), task, self.cache)
        rows = {"directory": commit[:_SHORT], **taken.rows} if commit else taken.rows
        bases, triggers = inputs.base_images, inputs.base_triggers
        return replace(taken, bases=bases, triggers=triggers, commit=commit, rows=rows)

    def commit_now(self, source: GitSource, inputs: Inputs, last: Inputs, task: Task) -> str:
        """Return the commit that a place in a git repository means; the last one, with a warning, if nobody answers.

        Raises:
            InputError: There is none, or it cannot be asked for and was never known.
        """
        try:
            return self.commits.of(source, inputs.build_secrets, task)
        except GitUnreadableError as error:
            if last.git_commit is None or source_in_git(last) != source:
                raise
            task.warn(f"{source.url} is taken as it last was, {last.git_commit[:_SHORT]}: {error}")
            return last.git_commit

    def of(
        self, inputs: Inputs, task: Task, last: Inputs | None = None, begun: Begun | None = None
    ) -> SourceFacts | None:
        """Return the fingerprint of inputs, None while something that counts is unknown, or not there yet.

        Args:
            inputs: The inputs.
            task: Can cancel.
            last: The inputs as they were last stored, with what was then known of base images.
            begun: What was begun for this decision.

        Raises:
            AssetError: Something that counts cannot be read.
        """
        if not self.is_known(inputs):
            return None
        if begun is not None and begun.plan == make_plan(inputs, self.settings):
            while not begun.facts.done():
                task.check()
                wait((begun.facts,), _TICK)
            if begun.facts.exception() is None:
                return begun.facts.result()
        # What could not be read ahead of time may be repaired by now.
        try:
            return self.take(inputs, task, last)
        except BaseNotThereYetError:
            return None

    def taken(self, inputs: Inputs, begun: Begun) -> SourceFacts | None:
        """Return a fingerprint that was begun, if it is there, is that of the inputs, and has nothing to tell."""
        if not begun.facts.done() or begun.facts.exception() is not None or not self.is_known(inputs):
            return None
        taken = begun.facts.result()
        is_silent = not taken.fingerprint.notices and not taken.fingerprint.remarks
        return taken if is_silent and begun.plan == make_plan(inputs, self.settings) else None

    def again(self, inputs: Inputs, task: Task) -> SourceFacts:
        """Take the fingerprint anew, whatever was read before; the base images stay what they were."""
        return take(make_plan(inputs, self.settings), task, self.cache)


def login_is_unknown(inputs: Inputs) -> bool:
    """Say whether the commit of a git repository cannot be asked for yet."""
    is_asked = inputs.asset_hash is None and source_in_git(inputs) is not None
    return is_asked and any(map(may_be_login, inputs.unknown))


def with_bases(inputs: Inputs, settings: Settings, lookup: BaseLookup, task: Task, last: Inputs) -> Inputs:
    """Return located inputs with what their base images are now, where that counts, given the inputs as last stored.

    Raises:
        InputError: One cannot be told, or its registry does not have it or does not answer.
    """
    if not is_pinned(inputs, settings):
        return replace(inputs, base_images={}, base_triggers={})
    digests = lookup.resolve(inputs, bases_of(inputs, settings), task, last.base_images)
    inputs = replace(inputs, base_images=digests, base_triggers={})
    if not triggers_count(inputs, settings):
        return inputs
    bases, platforms = all_bases(inputs, settings), platforms_of_bases(inputs, settings)
    return replace(inputs, base_triggers=lookup.triggers(inputs, bases, platforms, task, last))


def _short(digest: str) -> str:
    return digest.partition(":")[2][:_SHORT]


def digest_cache(settings: Settings) -> DigestCache | None:
    """Return where digests are remembered: the user's own cache, or one in a directory of its own."""
    if settings.cache_directory:
        return DigestCache(Path(settings.cache_directory) / "digests")
    return DigestCache.of_user()


def take(plan: Plan, task: Task, cache: DigestCache | None) -> SourceFacts:
    """Take the fingerprint of a plan's contexts, or of its archive's image."""
    if plan.local_image is not None:
        image = inspect(*plan.local_image, task)
        read = fingerprint(((LOCAL_IMAGE, image.identity),), {}, task, None)
        return SourceFacts(read, {LOCAL_IMAGE: _short(image.identity)}, (image.platform,) if image.platform else None)
    if plan.archive is None:
        read = fingerprint(plan.options, plan.contexts, task, cache)
        return SourceFacts(read, {name: _short(digest) for name, digest in plan.bases.items()})
    from image_assets.archive import open_archive  # noqa: PLC0415 - most programs have no archive

    try:
        with open_archive(*plan.archive) as archive:
            return SourceFacts(
                fingerprint((("archive", archive.identity),), {}, task, None), archive.outline, archive.platforms
            )
    except ArchiveError as error:
        raise InputError.single("tarballFile", str(error)) from error
