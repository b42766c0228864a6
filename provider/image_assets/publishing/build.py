"""From a spec to an image: the seam between the provider and whatever program builds.

A builder that can push sends blobs and manifest itself, without a tag. Any other leaves the image in its engine's
store, from where it is saved or pushed.
"""

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import field, replace
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from image_assets import platforms
from image_assets.docker.abilities import check_attestations, check_timestamps, with_kept_cache
from image_assets.docker.argv import ToNowhere, ToRegistry, ToStore
from image_assets.docker.definition import TARGET
from image_assets.docker.dialect import Feature
from image_assets.docker.failure import UnsettledPushError
from image_assets.docker.log import BuildReport
from image_assets.docker.nodes import Slots, is_fleet, on_a_node, side_by_side
from image_assets.docker.probe import Engine, probe
from image_assets.docker.run import BuildRun
from image_assets.docker.spec import BuildSpec
from image_assets.docker.store import ImageFacts, Store, new_holder
from image_assets.errors import BuildError
from image_assets.frozen import dataclass
from image_assets.oci.faults import Fault
from image_assets.oci.retries import pauses_after
from image_assets.publishing.emulation import check_platforms
from image_assets.publishing.part_caches import of_platform
from image_assets.reference import HUB, Reference, Repository, is_digest
from image_assets.task import Task
from image_assets.transfer import PulledImage


@dataclass(frozen=True)
class PushedByDigest:
    """An image that the builder pushed: the registry has its blobs and its manifest, and no tag for it.

    Attributes:
        digest: Of the manifest, or of the index of several platforms.
        size: Bytes of the manifest; 0 if the builder did not tell.
        media_type: Of the manifest; empty if the builder did not tell.
        report: What to tell of the build.
    """

    digest: str
    size: int
    media_type: str
    report: BuildReport = field(repr=False)

    def discard(self) -> None:
        """Let go of what only the publishing needed: nothing."""


@dataclass(frozen=True)
class StoredImage:
    """An image in the engine's own store.

    A name that nobody else uses keeps it there until `discard`, which has to be called in the end.

    Attributes:
        image_id: The digest of its config; with the containerd store, of its manifest or index.
        diff_ids: The digests of the uncompressed layers, the lowest first.
        size: Bytes of the uncompressed layers.
        is_index: Whether the ID names an index.
        report: What to tell of the build.
    """

    image_id: str
    diff_ids: tuple[str, ...]
    size: int
    is_index: bool
    report: BuildReport = field(repr=False)
    _holder: str = field(repr=False)
    _store: Store = field(repr=False)

    def save(self) -> AbstractContextManager[BinaryIO]:
        """Give the image as `docker save` writes it: a tar, as a stream.

        Raises:
            CommandFailedError: The whole stream was read, and it is not whole.
            CancelledByUserError: The user cancelled.
        """
        return self._store.save(self._holder)

    def pulled(self, base: Reference) -> PulledImage | None:
        """Return what the engine knows of an image that it has from that repository; None if it has none.

        Raises:
            BuildError: The engine did not answer.
        """
        facts = self._store.inspect(str(base))
        digests = _digests_in(base.repository, facts.repo_digests) if facts else ()
        return PulledImage(facts.image_id, facts.diff_ids, digests) if facts and digests else None

    def push(self, reference: str) -> None:
        """Let the engine push the image under that reference, and forget the reference afterwards.

        Raises:
            RegistryError: The push failed.
            CancelledByUserError: The user cancelled.
        """
        self._store.push(self._holder, self.image_id, reference)

    def discard(self) -> None:
        """Take our name from the image; the layers stay in the engine's build cache."""
        self._store.remove(self._holder)


@dataclass(frozen=True)
class PushedParts:
    """An image of several platforms, each of which another node built and pushed; what is missing is their index.

    Buildx itself would write that index under the tag `latest`.

    Attributes:
        parts: The image of each platform.
        report: What to tell of the builds.
    """

    parts: Mapping[str, PushedByDigest]
    report: BuildReport = field(repr=False)

    def discard(self) -> None:
        """Let go of what only the publishing needed: nothing."""


Built = PushedByDigest | PushedParts | StoredImage


def _digests_in(repository: Repository, repo_digests: Iterable[str]) -> tuple[str, ...]:
    """Return the digests by which an engine knows an image in one repository."""
    names = {str(repository), repository.path} if repository.registry == HUB else {str(repository)}
    pairs = (one.partition("@") for one in repo_digests)
    return tuple(digest for name, _, digest in pairs if name in names and is_digest(digest))


def build(
    spec: BuildSpec,
    repository: Repository,
    task: Task,
    environ: Mapping[str, str] = os.environ,
    slots: Slots | None = None,
) -> Built:
    """Build an image and bring it as near to the repository as the builder can.

    Args:
        spec: What to build.
        repository: Where it is to be.
        task: Stops it, and is told how it goes.
        environ: The provider's environment.
        slots: Counts the builds of each node.

    Raises:
        BuildError: The builder cannot be used, or the build failed: the failing step with its output, the
            Dockerfile's line, the command to repeat it, and the path of the full log.
        CancelledByUserError: The user cancelled; the build has ended.
    """
    engine = _engine_for(spec, task, environ)
    name, slots = f"{repository.registry}/{repository.full_path}", slots or Slots(sys.maxsize)

    def of_platforms(platforms: tuple[str, ...], own: Task) -> PushedByDigest:
        part = with_kept_cache(_part(spec, platforms), engine, own)
        return on_a_node(engine, platforms, slots, own, lambda chosen: _build_and_push(part, name, chosen, own))

    if not engine.pushes:
        whole = with_kept_cache(spec, engine, task)
        return on_a_node(engine, spec.platforms, slots, task, lambda chosen: _build_here(whole, chosen, task))
    if not is_fleet(engine) or len(spec.platforms) == 1:
        return of_platforms(spec.platforms, task)
    parts = side_by_side([partial(of_platforms, (one,)) for one in spec.platforms], task)
    return PushedParts(dict(zip(spec.platforms, parts, strict=True)), _joined([part.report for part in parts]))


def _joined(reports: Sequence[BuildReport]) -> BuildReport:
    summary = "; ".join(report.summary for report in reports)
    return BuildReport(summary, "\n".join(report.output for report in reports))


def try_build(
    spec: BuildSpec, task: Task, environ: Mapping[str, str] = os.environ, slots: Slots | None = None
) -> BuildReport:
    """Build to see whether it builds: nothing leaves the builder, neither image nor cache.

    Raises:
        BuildError: As `build`.
        CancelledByUserError: The user cancelled; the build has ended.
    """
    engine = _engine_for(spec, task, environ)
    tried = _without_push(spec)
    run = _build_to_nowhere if engine.program.dialect.can(Feature.BUILD_ONLY) else _build_and_discard
    slots = slots or Slots(sys.maxsize)

    def of_platforms(platforms: tuple[str, ...], own: Task) -> BuildReport:
        part = replace(with_kept_cache(_part(tried, platforms), engine, own), cache_to=())
        return on_a_node(engine, platforms, slots, own, lambda chosen: run(part, chosen, own))

    if not is_fleet(engine) or len(tried.platforms) == 1:
        return of_platforms(tried.platforms, task)
    return _joined(side_by_side([partial(of_platforms, (one,)) for one in tried.platforms], task))


def _build_to_nowhere(spec: BuildSpec, engine: Engine, task: Task) -> BuildReport:
    with BuildRun(spec, engine, task) as job:
        return job.run(ToNowhere())


def _build_and_discard(spec: BuildSpec, engine: Engine, task: Task) -> BuildReport:
    image = _build_here(spec, engine, task)
    image.discard()
    return image.report


def _part(spec: BuildSpec, platforms: tuple[str, ...]) -> BuildSpec:
    """Return the build of one of several platforms, or of all: what builds a single one has caches of its own."""
    if platforms == spec.platforms:
        return spec
    (platform,) = platforms
    sources, targets = of_platform(spec.cache_from, spec.cache_to, platform)
    kept = spec.kept_cache.parts[platform] if spec.kept_cache else None
    return replace(spec, platforms=platforms, kept_cache=kept, cache_from=sources, cache_to=targets)


def _engine_for(spec: BuildSpec, task: Task, environ: Mapping[str, str]) -> Engine:
    """Find what builds, and see that it can do what the spec asks for."""
    engine = probe(spec.executable, spec.builder, task, environ)
    check_attestations(spec, engine, task)
    check_timestamps(spec, engine)
    check_platforms(spec, engine, task)
    return engine


def _without_push(spec: BuildSpec) -> BuildSpec:
    """Return what a builder is asked for that pushes nothing."""
    return replace(spec, credentials=spec.base_credentials or spec.credentials)


def _build_and_push(spec: BuildSpec, name: str, engine: Engine, task: Task) -> PushedByDigest:
    for pause in pauses_after(Fault.LOST):
        try:
            return _push_once(spec, name, engine, task)
        except UnsettledPushError as error:
            # The steps are in the builder's cache.
            task.debug(f"pushing once more in {pause:.1f} s: {error}")
            task.sleep(pause)
    return _push_once(spec, name, engine, task)


def _push_once(spec: BuildSpec, name: str, engine: Engine, task: Task) -> PushedByDigest:
    with BuildRun(spec, engine, task) as job:
        metadata_file = job.directory / "metadata.json"
        report = job.run(ToRegistry(name, metadata_file))
        metadata = _metadata(metadata_file, engine)
    descriptor = metadata.get("containerimage.descriptor") or {}
    _check_platform(spec, _written(descriptor.get("platform")))
    return PushedByDigest(
        digest=metadata["containerimage.digest"],
        size=int(descriptor.get("size") or 0),
        media_type=str(descriptor.get("mediaType") or ""),
        report=report,
    )


def _metadata(file: Path, engine: Engine) -> dict[str, Any]:
    """Read what the builder told of the image (`docker buildx build --metadata-file`)."""
    try:
        written = json.loads(file.read_text(encoding="utf-8"))
        metadata = written.get(TARGET, written)
        digest = metadata["containerimage.digest"]
    except (OSError, ValueError, KeyError, TypeError):
        digest = ""
    if not digest:
        raise BuildError(
            f"{engine.title} did not tell the digest of what it pushed: take `--output`, `--load`, `--tag` and "
            "`--metadata-file` out of `buildFlags`, as they change where the image goes"
        )
    return dict(metadata)


def _written(platform: Mapping[str, str] | None) -> str:
    """Write a platform of the OCI image spec as docker does; nothing for an index, which has none."""
    names = ("os", "architecture", "variant")
    return "/".join(platform[name] for name in names if platform.get(name)) if platform else ""


def _build_here(spec: BuildSpec, engine: Engine, task: Task) -> StoredImage:
    store = Store(engine, spec.credentials, task)
    store.sweep()
    holder = new_holder()
    try:
        with BuildRun(_without_push(spec), engine, task) as job:
            report = job.run(ToStore(holder))
        store = store.over_api(holder)
        facts = _inspect(store, holder)
        _check_platform(spec, facts.platform)
    except BaseException:
        store.remove(holder)
        raise
    is_index = facts.is_index or len(spec.platforms) > 1
    return StoredImage(facts.image_id, facts.diff_ids, facts.size, is_index, report, holder, store)


def _inspect(store: Store, name: str) -> ImageFacts:
    facts = store.inspect(name)
    if facts is None:
        raise BuildError(f"{store.engine.title} built an image that its engine's store does not hold: run it again")
    return facts


def _check_platform(spec: BuildSpec, built: str) -> None:
    """Refuse an image of another platform than was asked for; an index holds what its builder was asked for."""
    if not built or len(spec.platforms) != 1:
        return
    asked = spec.platforms[0]
    # A variant that one of the two does not name is the usual one.
    parts = (platforms.normal(platform).split("/") for platform in (asked, built))
    if any(ours != theirs for ours, theirs in zip(*parts, strict=False)):
        raise BuildError(
            f"the image is for {built}, not for {asked} as asked: its last `FROM` is of another platform, "
            "or the builder does not heed `--platform`; take a base image of that platform, or change `platform`"
        )
