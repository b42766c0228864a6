"""Copying from registry to registry: whatever happens on the way, a tag is either not there or right."""

import json
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from image_assets.errors import CancelledByUserError, RegistryError
from image_assets.oci import BytesSource, NoKeychain, RegistryClient, digest_of
from image_assets.oci.media_types import OCI_INDEX, OCI_MANIFEST
from image_assets.task import Task
from image_assets.transfer import BlobMemory, Source, add_tags, chosen, copy, copy_referrers, move_tag, tree
from tests.fakes.registry import FakeRegistry, Fault, Rules, answer, cut, header, reset, reset_after, truncate
from tests.fakes.registry_store import RefusedError
from tests.oci.samples import CONFIG, manifest, noise
from tests.support.registry import Registry
from tests.transfer.killed import publishers
from tests.transfer.support import QUICK

LAYERS = tuple(noise(300_000, seed) for seed in "abc")
PLATFORMS = ("amd64", "arm64", "s390x")


def client(host: str, task: Task | None = None) -> RegistryClient:
    return RegistryClient(host, NoKeychain(), task or Task(), limits=QUICK)


def fill(host: str, path: str = "a/b", note: str = "") -> Source:
    """Push an index of three images that share a layer."""
    target, entries = client(host), []
    for number, architecture in enumerate(PLATFORMS):
        own = (LAYERS[0], LAYERS[number % 2 + 1] + note.encode())
        for blob in (CONFIG, *map(BytesSource, own)):
            target.upload_blob(path, blob)
        content = manifest(*own, note=architecture + note)
        named = target.put_manifest(path, digest_of(content), content, OCI_MANIFEST)
        platform = {"os": "linux", "architecture": architecture}
        entries.append({"mediaType": OCI_MANIFEST, "digest": named.digest, "size": len(content), "platform": platform})
    content = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}).encode()
    return Source(client(host), path, target.put_manifest(path, "1", content, OCI_INDEX).digest)


def replicate(source: Source, host: str, memory: Path, path: str = "c/d", task: Task | None = None) -> str:
    """Copy under the tag `t`, and return what it holds."""
    target, task = client(host, task), task or Task()
    sent = copy(source, target, path, task, BlobMemory(memory))
    return move_tag(target, path, "t", sent, task, lambda there: there.digest == source.digest).digest


def is_whole(registry: FakeRegistry, digest: str, path: str = "c/d") -> bool:
    """Say whether a fake registry has all that a manifest names, byte for byte."""
    document = json.loads(registry.store.manifests[path][digest][1])
    blobs = [*([document["config"]] if "config" in document else ()), *document.get("layers", ())]
    return all(digest_of(registry.store.blobs[path][blob["digest"]]) == blob["digest"] for blob in blobs) and all(
        is_whole(registry, child["digest"], path) for child in document.get("manifests", ())
    )


READING = [("GET", "/manifests/sha256"), ("GET", "/blobs/sha256")]
WRITING = [
    ("HEAD", "/blobs/"),
    ("POST", "/blobs/uploads/"),
    ("PUT", "/blobs/uploads/"),
    ("HEAD", "/manifests/sha256"),
    ("PUT", "/manifests/sha256"),
    ("HEAD", "/manifests/t"),
    ("PUT", "/manifests/t"),
]
FAULTS: dict[str, Fault] = {
    "reset": reset(),
    "reset in the body": reset_after(70_000),
    "502": answer(502),
    "truncated": truncate(20),
    "cut in the content": cut(5_000),
}


@pytest.mark.parametrize("stage", [*(("source", *one) for one in READING), *(("target", *one) for one in WRITING)])
@pytest.mark.parametrize("fault", FAULTS)
def test_one_fault_at_any_stage_on_either_side_is_overcome(
    tmp_path: Path, stage: tuple[str, str, str], fault: str
) -> None:
    with FakeRegistry() as theirs, FakeRegistry() as ours:
        source = fill(theirs.host)
        side = {"source": theirs, "target": ours}[stage[0]]
        side.fail(stage[1], stage[2], FAULTS[fault], skip=1 if stage[2] == "/blobs/sha256" else 0)
        assert replicate(source, ours.host, tmp_path / "memory") == source.digest
        assert is_whole(ours, source.digest)


@pytest.mark.parametrize("stage", [*(("source", *one) for one in READING), *(("target", *one) for one in WRITING)])
def test_a_registry_that_never_recovers_is_one_error_and_no_tag(tmp_path: Path, stage: tuple[str, str, str]) -> None:
    with FakeRegistry() as theirs, FakeRegistry() as ours:
        source = fill(theirs.host)
        {"source": theirs, "target": ours}[stage[0]].fail(stage[1], stage[2], answer(503), times=10_000)
        with pytest.raises(RegistryError):
            replicate(source, ours.host, tmp_path / "memory")
        ours.heal()
        theirs.heal()
        assert client(ours.host).list_tags("c/d") == []
        assert replicate(source, ours.host, tmp_path / "memory") == source.digest


def test_what_the_target_has_is_not_sent(tmp_path: Path) -> None:
    """Half of an image, from a run that ended; and all of it."""
    with FakeRegistry() as theirs, FakeRegistry() as ours:
        source = fill(theirs.host)
        for blob in (CONFIG, BytesSource(LAYERS[0])):
            client(ours.host).upload_blob("c/d", blob)
        ours.seen.clear()
        replicate(source, ours.host, tmp_path / "memory")
        assert len(ours.calls("POST", "/uploads/")) == 2
        ours.seen.clear()
        theirs.seen.clear()
        replicate(source, ours.host, tmp_path / "other")
        assert [call.method for call in ours.calls() if call.method not in {"HEAD", "GET"}] == []
        assert theirs.calls("GET", "/blobs/") == []


def test_within_a_registry_all_is_mounted(tmp_path: Path) -> None:
    with FakeRegistry() as ours:
        source = fill(ours.host)
        ours.seen.clear()
        replicate(source, ours.host, tmp_path / "memory")
        assert ours.calls("PUT", "/uploads/") == []
        assert ours.calls("GET", "/blobs/sha256") == []
        assert is_whole(ours, source.digest)


def test_an_index_with_a_missing_child_is_told_and_its_other_platforms_can_be_copied(tmp_path: Path) -> None:
    with FakeRegistry() as theirs, FakeRegistry() as ours:
        source = fill(theirs.host)
        children = json.loads(theirs.store.manifests["a/b"][source.digest][1])["manifests"]
        missing = children[2]["digest"]
        del theirs.store.manifests["a/b"][missing]
        with pytest.raises(RegistryError, match=f"names {missing}, which the registry has not got"):
            replicate(source, ours.host, tmp_path / "memory")
        assert client(ours.host).list_tags("c/d") == []
        top = chosen(source, ("linux/amd64", "linux/arm64"))
        copy(source, client(ours.host), "c/d", Task(), BlobMemory(tmp_path / "memory"), top)
        assert is_whole(ours, top.descriptor.digest)


def test_a_source_tag_that_moves_meanwhile_changes_nothing(tmp_path: Path) -> None:
    with FakeRegistry() as theirs, FakeRegistry() as ours:
        source = fill(theirs.host)

        def move(reply: Any) -> Any:
            fill(theirs.host, note="moved")
            return reply

        theirs.fail("GET", "/blobs/sha256", Fault(change=move))
        assert replicate(source, ours.host, tmp_path / "memory") == source.digest
        assert client(theirs.host).get_manifest("a/b", "1").descriptor.digest != source.digest
        assert is_whole(ours, source.digest)


def test_content_that_is_not_what_it_is_called_never_gets_a_tag(tmp_path: Path) -> None:
    with FakeRegistry() as theirs, FakeRegistry() as ours:
        source = fill(theirs.host)
        blobs = theirs.store.blobs["a/b"]
        wrong = digest_of(LAYERS[0])
        blobs[wrong] = b"x" * len(LAYERS[0])
        with pytest.raises(RegistryError):
            replicate(source, ours.host, tmp_path / "memory")
        assert client(ours.host).list_tags("c/d") == []
        assert wrong not in ours.store.blobs.get("c/d", {})


def at_once(*deeds: Callable[[], object]) -> list[BaseException]:
    """Do things side by side, and return what failed."""
    failures: list[BaseException] = []

    def guarded(deed: Callable[[], object]) -> None:
        try:
            deed()
        except RegistryError as error:
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(deed,)) for deed in deeds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failures


def test_two_copies_of_one_image_that_race_both_succeed(tmp_path: Path) -> None:
    with FakeRegistry() as theirs, FakeRegistry() as ours:
        source = fill(theirs.host)
        both = [lambda number=number: replicate(source, ours.host, tmp_path / f"{number}") for number in range(2)]
        assert at_once(*both) == []
        assert is_whole(ours, source.digest)
        assert client(ours.host).list_tags("c/d") == ["t"]


def test_of_two_images_that_race_for_a_tag_it_holds_one_that_is_whole(tmp_path: Path) -> None:
    with FakeRegistry() as theirs, FakeRegistry() as ours:
        sources = [fill(theirs.host, "a/b"), fill(theirs.host, "a/c", note="other")]
        both = [lambda one=one: replicate(one, ours.host, tmp_path / one.path.replace("/", "-")) for one in sources]
        failures = at_once(*both)
        held = client(ours.host).get_manifest("c/d", "t").descriptor.digest
        assert held in {one.digest for one in sources}
        assert is_whole(ours, held)
        assert all("somebody else writes it, too" in str(failure) for failure in failures)


def test_a_tag_that_may_not_move_says_so(tmp_path: Path) -> None:
    with FakeRegistry() as theirs, FakeRegistry(rules=Rules(immutable_tags=True)) as ours:
        first, second = fill(theirs.host), fill(theirs.host, note="other")
        replicate(first, ours.host, tmp_path / "memory")
        assert replicate(first, ours.host, tmp_path / "memory") == first.digest
        with pytest.raises(RegistryError, match="the registry does not let it be moved"):
            replicate(second, ours.host, tmp_path / "memory")
        assert client(ours.host).get_manifest("c/d", "t").descriptor.digest == first.digest


def test_a_registry_that_stored_another_tag_than_it_says_is_an_error(tmp_path: Path) -> None:
    with FakeRegistry() as theirs, FakeRegistry() as ours:
        source = fill(theirs.host)
        ours.fail("PUT", "/manifests/t", header("Docker-Content-Digest", f"sha256:{'0' * 64}"))
        with pytest.raises(RegistryError, match="the registry stored"):
            replicate(source, ours.host, tmp_path / "memory")


def test_a_cancelled_copy_ends_soon_without_a_tag(tmp_path: Path) -> None:
    with FakeRegistry() as theirs, FakeRegistry() as ours:
        source = fill(theirs.host)
        cancelled = threading.Event()

        def cancel(reply: Any) -> Any:
            cancelled.set()
            return reply

        theirs.fail("GET", "/blobs/sha256", Fault(change=cancel))
        started = time.monotonic()
        with pytest.raises(CancelledByUserError):
            replicate(source, ours.host, tmp_path / "memory", task=Task(cancelled=cancelled))
        assert time.monotonic() - started < 10
        assert client(ours.host).list_tags("c/d") == []


@pytest.mark.parametrize("from_list", [True, False], ids=["API", "tag"])
@pytest.mark.parametrize("to_list", [True, False], ids=["API", "tag"])
def test_what_refers_to_an_image_comes_along(tmp_path: Path, from_list: bool, to_list: bool) -> None:  # noqa: FBT001
    with (
        FakeRegistry(rules=Rules(referrers=from_list)) as theirs,
        FakeRegistry(rules=Rules(referrers=to_list)) as ours,
    ):
        source = fill(theirs.host)
        signature = refer(theirs.host, source.digest, "signature")
        about = refer(theirs.host, signature, "signature of the signature")
        replicate(source, ours.host, tmp_path / "memory")
        top = source.client.get_manifest("a/b", source.digest)
        digests = [one.descriptor.digest for one in tree(source, top)]
        for _ in range(2):
            copy_referrers(source, digests, client(ours.host), "c/d", Task(), BlobMemory(tmp_path / "memory"))
        listed = [client(ours.host).list_referrers("c/d", one) for one in (source.digest, signature)]
        assert listed == [[signature], [about]]
        assert is_whole(ours, about)


def test_signatures_that_cosign_names_by_tags_come_along(tmp_path: Path) -> None:
    with FakeRegistry() as theirs, FakeRegistry() as ours:
        source, signature = fill(theirs.host), manifest(note="signature")
        tag = f"{source.digest.replace(':', '-')}.sig"
        client(theirs.host).put_manifest("a/b", tag, signature, OCI_MANIFEST)
        replicate(source, ours.host, tmp_path / "memory")
        copy_referrers(source, [source.digest], client(ours.host), "c/d", Task(), BlobMemory(tmp_path / "memory"))
        assert client(ours.host).get_manifest("c/d", tag).content == signature


@pytest.mark.parametrize("status", [401, 403])
def test_registries_that_do_not_tell_what_is_not_there_are_copied_from_and_to(tmp_path: Path, status: int) -> None:
    """Artifactory's virtual repositories say 403 of everything that is not there, others 401 to who may push."""
    with FakeRegistry() as theirs, FakeRegistry() as ours:
        source = fill(theirs.host)
        signature = refer(theirs.host, source.digest, "signature")
        theirs.fail("*", HIDDEN, hiding(403), times=10_000)
        ours.fail("*", HIDDEN, hiding(status), times=10_000)
        replicate(source, ours.host, tmp_path / "memory")
        copy_referrers(source, [source.digest], client(ours.host), "c/d", Task(), BlobMemory(tmp_path / "memory"))
        assert add_tags(client(ours.host), "c/d", source.digest, ["latest"], Task()) == ("latest",)
        assert is_whole(ours, signature)
        listed = source.digest.replace(":", "-")
        assert ours.store.tags["c/d"].keys() == {"t", "latest", listed}


HIDDEN = "/(manifests|blobs|tags|referrers)/(?!uploads/)"


def hiding(status: int) -> Fault:
    """Answer with a status instead of 404."""
    return Fault(change=lambda reply: RefusedError(status, "DENIED").reply if reply.status == 404 else reply)


def refer(host: str, subject: str, note: str) -> str:
    """Push something about a manifest."""
    target, blob = client(host), BytesSource(note.encode())
    target.upload_blob("a/b", CONFIG)
    target.upload_blob("a/b", blob)
    named = {"mediaType": OCI_MANIFEST, "digest": subject, "size": 1}
    content = json.dumps({**json.loads(manifest(blob.content, note=note)), "subject": named}).encode()
    return target.put_manifest("a/b", digest_of(content), content, OCI_MANIFEST).digest


MOMENTS = 25
CHANCE = random.Random(11)


def test_killed_at_any_moment_the_next_run_finishes_and_no_tag_lies(
    registry: Registry, repository_name: str, tmp_path: Path
) -> None:
    with FakeRegistry() as theirs, publishers() as processes:
        source = fill(theirs.host)

        def run(moment: int, seconds: float | None = None) -> float:
            place, memory = f"{repository_name}/{moment}", str(tmp_path / f"{moment}.json")
            return processes.run(("replicate", theirs.host, source.digest, registry.address, place, memory), seconds)

        run(MOMENTS)
        whole = min(run(MOMENTS + at) for at in (1, 2))
        killed = 0
        for moment in range(MOMENTS):
            place = f"{repository_name}/{moment}"
            run(moment, CHANCE.uniform(0, whole * 1.05))
            if not registry.tags(place):
                killed += 1
                run(moment)
            assert registry.digest(place, "t") == source.digest
            for child in registry.manifest(place, "t")["manifests"]:
                layers = registry.manifest(place, child["digest"])["layers"]
                assert all(digest_of(registry.blob(place, one["digest"])) == one["digest"] for one in layers)
        assert killed > MOMENTS // 3
