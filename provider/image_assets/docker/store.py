"""A built image in the engine's own store: looking at it, saving it, pushing it, letting it go."""

import contextlib
import hashlib
import json
import os
import re
import shlex
import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import field, replace
from typing import Any, BinaryIO, Final

from image_assets.docker.dialect import Feature
from image_assets.docker.engine_api import EngineApi, EngineApiError, engine_api
from image_assets.docker.overlay import overlay
from image_assets.docker.probe import Engine
from image_assets.errors import BuildError, RegistryError
from image_assets.frozen import dataclass
from image_assets.logins.docker_config import may_hold_logins
from image_assets.oci.keychain import Credential
from image_assets.oci.media_types import INDEXES
from image_assets.programs import processes
from image_assets.programs.command import Command, CommandMissingError, CommandTimeoutError, Finished
from image_assets.programs.runner import LocalRunner, run_unattended
from image_assets.reference import Reference
from image_assets.task import Task

_HOLDER: Final = "image-assets.invalid/held"
"""The repository of the names that keep images from being pruned: no registry can have that host (RFC 2606)."""
_TIMEOUT: Final = 60.0
"""Seconds for the engine to answer about an image; it may be busy with other builds."""
_SECONDS_AFTER_CANCEL: Final = 2.0
"""Seconds to wait until an image is let go after the user cancelled; it is let go even if that takes longer."""
_HOLDER_TAG: Final = re.compile(r"(\d+)(-\d+-[0-9a-f]{12})?-[0-9a-f]{16}")
"""Who holds an image; up to 0.1.0 by the number of the process alone."""
_SWEPT: Final[set[tuple[str | None, ...]]] = set()
_SWEEPING: Final = threading.Lock()


@dataclass(frozen=True)
class ImageFacts:
    """What the engine says of an image.

    Attributes:
        image_id: The digest of its config; with the containerd store, of its manifest or index.
        platform: `os/arch[/variant]`.
        diff_ids: The digests of the uncompressed layers, the lowest first.
        size: Bytes of the uncompressed layers.
        is_index: Whether the ID names an index.
        repo_digests: `repository@digest` of the manifests or indexes that it was pulled from or pushed as.
        names: `repository:tag` each.
    """

    image_id: str
    platform: str
    diff_ids: tuple[str, ...]
    size: int
    is_index: bool = False
    repo_digests: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Store:
    """The image store of one engine.

    Attributes:
        engine: The engine.
        credentials: The logins for pushing.
        task: Stops what takes long.
        api: The engine's API, where it is known to be the same engine's (`over_api`).
    """

    engine: Engine
    credentials: Mapping[str, Credential] = field(repr=False)
    task: Task
    api: EngineApi | None = None

    def over_api(self, name: str) -> "Store":
        """Return the same store, asked by the engine's API if that knows an image that the program has just made."""
        api = engine_api(self.engine.program, self.engine.environment)
        with contextlib.suppress(EngineApiError):
            return replace(self, api=api) if api and api.inspect(name) else self
        return self

    def inspect(self, name: str) -> ImageFacts | None:
        """Return what the engine knows of an image, or None if there is none of that name.

        Raises:
            BuildError: The engine did not answer.
        """
        if self.api:
            with contextlib.suppress(EngineApiError):
                found = self.api.inspect(name)
                return _facts(found) if found else None
        finished = self._run("image", "inspect", name)
        if finished.code == 0:
            return _facts(json.loads(finished.output)[0])
        if "no such" in finished.text.lower() or "not known" in finished.text.lower():
            return None
        raise BuildError(f"cannot look at the built image `{name}`: {finished.text}")

    def save(self, name: str) -> AbstractContextManager[BinaryIO]:
        """Give the image as `docker save` writes it."""
        return LocalRunner().stream(self._command(None, "save", name), self.task.cancelled)

    def push(self, image: str, image_id: str, reference: str) -> None:
        """Push the image of that name and ID under a reference; the user's own image there is as before afterwards.

        Raises:
            RegistryError: The push failed.
            BuildError: The engine did not answer.
        """
        before = self.inspect(reference)
        if before and before.image_id == image_id:
            self._push(reference)
            return
        with self._noted(image, reference):
            self._tag(image, reference)
            try:
                self._push(reference)
            finally:
                # The tag is removed even if another image gets it back: with it goes the digest that the push noted.
                if before:
                    self._leave(("image", "rm", reference), ("tag", before.image_id, reference))
                else:
                    self.remove(reference)

    @contextlib.contextmanager
    def _noted(self, image: str, reference: str) -> Iterator[None]:
        """Tell whoever sweeps after a killed plugin that the reference is ours, where that starts no program."""
        if self.api is None:
            yield
            return
        holder = _holder_of(reference)
        self._tag(image, holder)
        try:
            yield
        finally:
            self.remove(holder)

    def _push(self, reference: str) -> None:
        self.task.status("pushing")
        said = self._push_by_api(reference)
        if said is None:
            said = self._push_by_program(reference)
        if said:
            raise RegistryError(f"pushing {reference} failed: {said}", method="PUT", url=reference)

    def _push_by_api(self, reference: str) -> str | None:
        """Return why the engine failed, nothing if it did not; None if the program has to be asked."""
        login = self.credentials.get(Reference.parse(reference).repository.registry)
        # Docker's own logins, and a token for the registry itself, are the program's to find and to use.
        if self.api is None or (may_hold_logins(self.engine.environment) if login is None else login.registry_token):
            return None
        with contextlib.suppress(EngineApiError):
            return self.api.push(reference, login, self.task.cancelled, self.task.live)
        return None

    def _push_by_program(self, reference: str) -> str:
        plain = self.engine.program.dialect.can(Feature.TLS_FLAG) and _is_loopback(reference)
        flags = ("--tls-verify=false",) if plain else ()
        with overlay(self.engine.environment, self.credentials, self.engine.program.dialect) as config:
            command = self._command(config.environment, "push", *flags, reference)
            finished = LocalRunner().run(command, self.task.cancelled, self.task.live)
        return _last_line(finished) if finished.code != 0 else ""

    def remove(self, name: str) -> None:
        """Take a name from an image, and the image with it if that was its last; never fails."""
        if self.api:
            seconds = _SECONDS_AFTER_CANCEL if self.task.cancelled.is_set() else self.api.seconds
            with contextlib.suppress(EngineApiError):
                replace(self.api, seconds=seconds).remove(name)
                return
        self._leave(("image", "rm", name))

    def _leave(self, *steps: tuple[str, ...]) -> None:
        """Do the steps one after the other, after the user cancelled too, and even if this process ends meanwhile."""
        script = "; ".join(shlex.join((self.engine.program.path, *words)) for words in steps)
        command = Command(("/bin/sh", "-c", script), environment=self.engine.environment)
        seconds = _SECONDS_AFTER_CANCEL if self.task.cancelled.is_set() else _TIMEOUT
        with contextlib.suppress(CommandMissingError):
            run_unattended(command, seconds)

    def sweep(self) -> None:
        """Take away the names that killed plugins left, once for each engine; never fails."""
        key = (self.engine.program.path, *map(self.engine.environment.get, ("DOCKER_HOST", "DOCKER_CONTEXT")))
        with _SWEEPING:
            if key in _SWEPT:
                return
            _SWEPT.add(key)
        try:
            listed = self._run("images", "--filter", f"reference={_HOLDER}:*", "--format", "{{.Repository}}:{{.Tag}}")
        except BuildError:
            return
        for name in listed.text.split():
            if name.startswith(f"{_HOLDER}:") and _is_abandoned(name.rpartition(":")[2]):
                self._forget_pushed(name)
                self.remove(name)

    def _forget_pushed(self, holder: str) -> None:
        """Take away the reference that a killed plugin was pushing, if the holder is that push's."""
        with contextlib.suppress(BuildError):
            facts = self.inspect(holder)
            for name in facts.names if facts else ():
                if holder.endswith(_mark(name)):
                    self.remove(name)

    def _tag(self, image: str, reference: str) -> None:
        if self.api:
            with contextlib.suppress(EngineApiError):
                self.api.tag(image, reference)
                return
        words = ("tag", image, reference)
        finished = self._run(*words)
        if finished.code != 0:
            raise BuildError(f"`{self.engine.program.path} {' '.join(words)}` failed: {_last_line(finished)}")

    def _run(self, *words: str) -> Finished:
        try:
            return LocalRunner().run(self._command(None, *words, timeout=_TIMEOUT), self.task.cancelled)
        except (CommandMissingError, CommandTimeoutError) as error:
            raise BuildError(str(error)) from error

    def _command(self, more: Mapping[str, str] | None, *words: str, timeout: float | None = None) -> Command:
        environment = {**self.engine.environment, **(more or {})}
        return Command((self.engine.program.path, *words), environment=environment, timeout=timeout)


def new_holder() -> str:
    """Return a name, used once, that holds a built image and tells who does."""
    return f"{_HOLDER}:{processes.own_name()}-{os.urandom(8).hex()}"


def _holder_of(reference: str) -> str:
    """Return a name that holds an image while it is pushed under a reference, and tells which that is."""
    return f"{_HOLDER}:{processes.own_name()}-{_mark(reference)}"


def _mark(name: str) -> str:
    """Return what stands for a reference in a holder's name; engines write those of Docker Hub in short."""
    with contextlib.suppress(ValueError):
        name = str(Reference.parse(name))
    return hashlib.sha256(name.encode()).hexdigest()[:16]


def _is_abandoned(tag: str) -> bool:
    """Say whether a holder's process was killed; it lets go of all images before it ends."""
    found = _HOLDER_TAG.fullmatch(tag)
    if found is None:
        return False
    return processes.is_over(found[1] + found[2]) if found[2] else not processes.is_there(int(found[1]))


def _facts(image: Mapping[str, Any]) -> ImageFacts:
    image_id = str(image["Id"])
    variant = f"/{image['Variant']}" if image.get("Variant") else ""
    return ImageFacts(
        image_id=image_id if ":" in image_id else f"sha256:{image_id}",
        platform=f"{image.get('Os', '')}/{image.get('Architecture', '')}{variant}",
        diff_ids=tuple((image.get("RootFS") or {}).get("Layers") or ()),
        size=int(image.get("Size") or 0),
        repo_digests=tuple(image.get("RepoDigests") or ()),
        names=tuple(image.get("RepoTags") or ()),
        is_index=(image.get("Descriptor") or {}).get("mediaType") in INDEXES,
    )


def _last_line(finished: Finished) -> str:
    return (
        finished.errors.decode(errors="replace").strip().splitlines()[-1:][0]
        if finished.errors.strip()
        else "it said nothing"
    )


def _is_loopback(reference: str) -> bool:
    host = reference.split("/", 1)[0]
    return host.startswith(("localhost", "127.", "[::1]"))
