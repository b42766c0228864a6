"""`image-assets gc` as its user runs it, on registries that speak the OCI distribution API."""

import json
import os
import signal
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from image_assets.errors import RegistryError
from image_assets.oci import Limits, NoKeychain, RegistryClient
from image_assets.retention.model import Deletions
from image_assets.retention.oci import OciRepository
from image_assets.retention.order import in_order
from image_assets.retention.rules import Rules, decide
from image_assets.task import Task
from tests.conftest import NewProject
from tests.fakes.images import an_image, docker_save, oci_index
from tests.fakes.registry import Fault, answer, silence
from tests.retention.conftest import Gc, Strict
from tests.retention.seeding import NOW, Seeds, days_ago
from tests.support.paths import VENV_BIN
from tests.support.project import Project
from tests.support.registry import Registry

NewStrict = Callable[..., Strict]


def test_a_dry_run_deletes_nothing_and_says_why(gc: Gc, seeds: Seeds) -> None:
    seeds.image("new", created=days_ago(1))
    seeds.image("old", created=days_ago(60))
    seeds.image("epoch", created="1970-01-01T00:00:00Z")
    ran = gc(seeds.name)
    assert ran.all_that("delete") == {"old"}
    assert (ran.report["dryRun"], ran.report["deletable"], ran.report["kept"]) == (True, 1, 2)
    assert (ran.why("old"), ran.why("epoch")) == ("named nowhere, older than 30d", "age unknown")
    assert ran.report["bytes"] == next(row["bytes"] for row in ran.report["images"] if row["tags"] == ["old"]) > 0
    assert all(map(seeds.has, ("new", "old", "epoch")))


def test_yes_deletes_what_nothing_keeps(gc: Gc, seeds: Seeds) -> None:
    for number in range(5):
        seeds.image(f"v{number}", created=days_ago(number))
    seeds.image("release-1", created=days_ago(300))
    seeds.image("cache-api", created=days_ago(300))
    seeds.image("named", created=days_ago(300))
    digest = seeds.image("by-digest", created=days_ago(300))
    text = f"{seeds.name}:named and elsewhere/x@{digest}"
    ran = gc(seeds.name, "--keep-last", "2", "--protect", "release-*", "--yes", text=text)
    assert ran.all_that("deleted") == {"v2", "v3", "v4"}
    assert set(seeds.registry.tags(seeds.path)) == {"v0", "v1", "release-1", "cache-api", "named", "by-digest"}
    assert gc(seeds.name, "--keep-last", "2", "--protect", "release-*", "--yes", text=text).all_that("deleted") == set()


def test_children_and_referrers_go_with_what_they_belong_to(gc: Gc, seeds: Seeds) -> None:
    shared, alone, tagged = (seeds.image(seed=seed, created=days_ago(9)) for seed in ("shared", "alone", "tagged"))
    seeds.put(seeds.registry.manifest(seeds.path, tagged), "child")
    kept = seeds.index({"amd64": shared}, "kept")
    gone = seeds.index({"amd64": shared, "arm64": alone, "s390x": tagged}, "gone")
    signatures = {}
    for subject in (kept, gone, shared, alone):
        signatures[subject] = seeds.image(seed=f"signature of {subject}", subject=seeds.descriptor(subject))
        seeds.index({"x": signatures[subject]}, subject.replace(":", "-"))
    seeds.image(alone.replace(":", "-") + ".sig")
    gc(seeds.name, "--keep-last", "0", "--protect", "kept", "--protect", "child", "--yes")
    there = {name: seeds.has(name) for name in (kept, shared, tagged, gone, alone)}
    assert there == {kept: True, shared: True, tagged: True, gone: False, alone: False}
    assert [seeds.has(signatures[one]) for one in (kept, shared, gone, alone)] == [True, True, False, False]
    about = {one.replace(":", "-") for one in (kept, shared)}
    assert set(seeds.registry.tags(seeds.path)) == {"kept", "child", *about}


def test_referrers_that_the_registry_lists_are_followed(gc: Gc, strict: NewStrict) -> None:
    there = strict(referrers=True, page=2)
    kept, gone = (there.seeds.image(tag, created=days_ago(9)) for tag in ("kept", "gone"))
    notes = [there.seeds.image(seed=f"note {number}", subject=there.seeds.descriptor(kept)) for number in range(5)]
    about_note = there.seeds.image(seed="signature", subject=there.seeds.descriptor(notes[0]))
    there.seeds.image(seed="note of gone", subject=there.seeds.descriptor(gone))
    gc(there.seeds.name, "--keep-last", "0", "--protect", "kept", "--yes")
    assert set(there.manifests) == {kept, *notes, about_note}


def test_what_a_digest_in_use_has_no_tag_for_stays_whole(gc: Gc, seeds: Seeds) -> None:
    child = seeds.image("child", created=days_ago(9))
    index = seeds.index({"amd64": child})
    gc(seeds.name, "--keep-last", "0", "--yes", text=f"{seeds.name}@{index}")
    assert seeds.has(child)
    assert seeds.has(index)


# --- states


PROGRAM = """
config: {{word: {{type: string, secret: true}}}}
resources:
  app:
    type: image-assets:TarballImageAsset
    properties: {{tarballFile: image.tar, repository: {repository}}}
outputs: {{tag: '${{app.imageTag}}', word: '${{word}}'}}
"""


@pytest.fixture
def deployed(new_project: NewProject, seeds: Seeds) -> Project:
    """A stack that is up, its image in the repository."""
    project = new_project(PROGRAM.format(repository=seeds.name))
    (project.folder / "image.tar").write_bytes(docker_save(an_image(seeds.path)))
    project.set_config("word", "swordfish", secret=True)
    project.set_config("image-assets:insecureRegistries[0]", seeds.registry.address)
    project.up()
    seeds.image("other", created=days_ago(1))
    return project


@pytest.mark.parametrize("by", ["--state", "--stack", "--backend"])
def test_what_a_real_stack_names_stays(gc: Gc, deployed: Project, seeds: Seeds, by: str) -> None:
    tag = deployed.stack_outputs()["tag"]
    state = deployed.private / "state.json"
    state.write_text(deployed.pulumi("stack", "export", "--show-secrets").stdout)
    value = {"--state": state, "--stack": "dev", "--backend": deployed.isolated_environ["PULUMI_BACKEND_URL"]}[by]
    arguments = ("--keep-last", "0", "--yes", by, str(value))
    ran = gc(seeds.name, *arguments, environ=deployed.isolated_environ, folder=deployed.folder)
    assert (ran.all_that("keep"), ran.all_that("deleted")) == ({tag}, {"other"})
    assert str(value) in ran.why(tag)
    assert [(one["tags"], one["digests"]) for one in ran.report["inUse"]] == [(1, 1)]
    assert seeds.registry.tags(seeds.path) == [tag]
    assert "swordfish" not in json.dumps(ran.report) + ran.errors


def test_states_that_cannot_be_read_stop_it_all_at_once(gc: Gc, deployed: Project, seeds: Seeds) -> None:
    before = seeds.registry.tags(seeds.path)
    (deployed.private / "encrypted.json").write_text(deployed.pulumi("stack", "export").stdout)
    (deployed.private / "cut.json").write_text(deployed.pulumi("stack", "export").stdout[:-40])
    files = [deployed.private / name for name in ("encrypted.json", "cut.json")]
    options = ["--keep-last", "0", "--yes", "--stack", "nobody/is/here", "--backend", "file:///nowhere"]
    states = [item for file in files for item in ("--state", file)]
    ran = gc(seeds.name, *options, *states, code=1, environ=deployed.isolated_environ, folder=deployed.folder)
    assert ran.report == {}
    for word in ("encrypted.json", "--show-secrets", "cut.json", "nobody/is/here", "file:///nowhere"):
        assert word in ran.errors
    wrong = {**deployed.isolated_environ, "PULUMI_CONFIG_PASSPHRASE": "wrong"}
    gc(seeds.name, "--keep-last", "0", "--yes", "--stack", "dev", code=1, environ=wrong, folder=deployed.folder)
    assert seeds.registry.tags(seeds.path) == before


def test_a_state_comes_on_standard_input_if_that_is_said(gc: Gc, seeds: Seeds) -> None:
    seeds.image("v1", created=days_ago(90))
    resource = {"urn": "u", "type": "t", "inputs": {"image": f"{seeds.name}:v1"}}
    text = json.dumps({"version": 3, "deployment": {"resources": [resource]}})
    assert gc(seeds.name, "--state", "-", text=text).all_that("keep") == {"v1"}


def test_an_empty_repository_is_noted(gc: Gc, seeds: Seeds) -> None:
    assert gc(seeds.name, "--yes").report["notes"] == [f"there is no {seeds.name}, or nothing is in it"]


def test_an_empty_pipe_stops_it(gc: Gc, seeds: Seeds) -> None:
    seeds.image("v1", created=days_ago(90))
    assert "standard input is empty" in gc(seeds.name, "--yes", text="", code=1).errors
    assert "nothing is deleted" in gc(seeds.name, "--yes", text='{"items": [', code=1).errors
    assert seeds.has("v1")


# --- what happens meanwhile


def meanwhile(do: Callable[[], object]) -> Fault:
    """Do something when a request arrives, and then answer it as ever."""

    def before(_handler: object) -> bool:
        do()
        return False

    return Fault(before=before)


@pytest.mark.parametrize("deletes", ["all", "digests"])
def test_what_got_a_tag_since_the_look_stays(gc: Gc, strict: NewStrict, deletes: str) -> None:
    there = strict(deletes=deletes)
    child = there.seeds.image(seed="child", created=days_ago(9))
    index = there.seeds.index({"amd64": child}, "index")
    retagged, gone = (there.seeds.image(tag, created=days_ago(9)) for tag in ("retagged", "gone"))
    moved = there.seeds.image("moved-to", created=days_ago(9))
    there.seeds.image("keep", created=days_ago(1))

    def publish() -> None:
        there.tags.update(
            {"new": retagged, "keep": moved, "index2": there.seeds.index({"amd64": child, "s": retagged})}
        )

    there.registry.fail("GET", "/tags/list", meanwhile(publish), skip=1)
    ran = gc(there.seeds.name, "--keep-last", "1", "--yes")
    assert gone not in there.manifests
    assert index not in there.manifests
    assert {retagged, moved, child} <= there.manifests.keys()
    assert "since the look" in ran.why("retagged")
    assert {there.tags["new"], there.tags["keep"]} == {retagged, moved}


@pytest.mark.parametrize("deletes", ["all", "digests"])
def test_a_tag_that_moved_since_the_look_keeps_both(gc: Gc, strict: NewStrict, deletes: str) -> None:
    there = strict(deletes=deletes)
    old = there.seeds.image("v1", created=days_ago(9))
    new = there.seeds.image(seed="new")
    there.registry.fail("HEAD", "/manifests/v1", meanwhile(lambda: there.tags.update(v1=new)))
    ran = gc(there.seeds.name, "--keep-last", "0", "--yes")
    assert there.manifests.keys() >= {old, new}
    assert there.tags == {"v1": new}
    assert ran.why("v1") == "its tag v1 has moved since the look"


def test_two_at_once_end_well(seeds: Seeds) -> None:
    for number in range(40):
        seeds.image(f"v{number}", created=days_ago(number))
    command = [str(VENV_BIN / "image-assets"), "gc", seeds.name, "--keep-last", "3", "--yes", "--json"]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) for _ in range(2)]
    reports = [json.loads(process.communicate(timeout=120)[0]) for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert set(seeds.registry.tags(seeds.path)) == {"v0", "v1", "v2"}
    assert all("error" not in report for report in reports)


# --- refusals and failures


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_in_the_middle_stops_and_tells_what_was_done(gc: Gc, strict: NewStrict, status: int) -> None:
    there = strict(deletes="digests")
    for number in range(5):
        there.seeds.image(f"v{number}", created=days_ago(number))
    there.registry.fail("DELETE", "sha256:", answer(status, "DENIED"), skip=2, times=99)
    ran = gc(there.seeds.name, "--keep-last", "0", "--yes", code=1)
    assert len(ran.all_that("deleted")) == ran.report["deleted"] == 2
    assert ran.all_that("delete") == set(there.tags)
    assert str(status) in ran.report["error"]


def test_parts_that_a_stop_leaves_without_a_tag_are_named(gc: Gc, strict: NewStrict) -> None:
    there = strict()
    children = {one: there.seeds.image(seed=one, created=days_ago(9)) for one in ("amd64", "arm64")}
    index = there.seeds.index(children, "index")
    there.registry.fail("DELETE", "sha256:", answer(403, "DENIED"), skip=1, times=99)
    ran = gc(there.seeds.name, "--keep-last", "0", "--yes", code=1)
    assert index not in there.manifests
    assert set(ran.report["notes"][0].split(": ", 1)[1].split(", ")) == set(children.values())


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_failure_that_lasts_stops_with_what_was_done_taken_down(strict: NewStrict, status: int) -> None:
    there = strict(deletes="digests")
    for number in range(4):
        there.seeds.image(f"v{number}", created=days_ago(number))
    limits = Limits(retrying=0.2, pace=0.01)
    client = RegistryClient(there.registry.host, NoKeychain(), Task(), limits=limits, environ={})
    repository = OciRepository(client, there.seeds.path, Task())
    held = repository.look(())
    there.registry.fail("DELETE", "sha256:", answer(status), skip=1, times=9999)
    deletions = Deletions()
    going = [one for _, one in in_order(decide(held, [], Rules(keep_last=0), NOW))]
    with pytest.raises(RegistryError, match=str(status)):
        repository.remove(held, going, deletions)
    assert len(deletions.done) == 1
    assert len(there.tags) == 3


@pytest.mark.parametrize("path", ["/tags/list", "/manifests/v1", "/blobs/", "/referrers/"])
def test_a_look_that_is_refused_deletes_nothing(gc: Gc, strict: NewStrict, path: str) -> None:
    there = strict(referrers=True)
    there.seeds.image("v1", created=days_ago(9))
    there.registry.fail("GET", path, answer(403, "DENIED"), times=99)
    assert "403" in gc(there.seeds.name, "--keep-last", "0", "--yes", code=1).errors
    assert there.tags.keys() == {"v1"}
    assert not there.registry.calls("DELETE")


@pytest.mark.parametrize("status", [400, 403, 404, 405, 501])
def test_a_registry_that_does_not_know_the_path_of_referrers_keeps_no_lists(
    gc: Gc, strict: NewStrict, status: int
) -> None:
    """As in copies: what refers to an image stands under the tag then, or has tags of its own."""
    there = strict()
    kept, gone = (there.seeds.image(tag, created=days_ago(9)) for tag in ("kept", "gone"))
    note = there.seeds.image("note", subject=there.seeds.descriptor(kept), created=days_ago(9))
    there.registry.fail("GET", "/referrers/", answer(status), times=99)
    gc(there.seeds.name, "--keep-last", "0", "--protect", "kept", "--yes")
    assert set(there.manifests) == {kept, note}
    assert gone not in there.manifests


def test_a_registry_that_does_not_delete_says_so(gc: Gc, strict: NewStrict) -> None:
    there = strict(deletes="none")
    there.seeds.image("v1", created=days_ago(9))
    ran = gc(there.seeds.name, "--keep-last", "0", "--yes", code=1)
    assert "deletes neither tags nor manifests" in ran.report["error"]
    assert ran.report["deleted"] == 0


def test_what_is_no_manifest_stays(gc: Gc, strict: NewStrict) -> None:
    there = strict()
    there.seeds.image("v1", created=days_ago(9))
    there.seeds.image("odd", created=days_ago(9))
    there.registry.fail(
        "GET", "/manifests/odd", Fault(change=lambda reply: type(reply)(200, {}, b'{"schemaVersion": 1}'))
    )
    ran = gc(there.seeds.name, "--keep-last", "0", "--yes")
    assert "cannot be read" in ran.why("odd")
    assert there.tags.keys() == {"odd"}


def test_ctrl_c_tells_what_was_done(strict: NewStrict) -> None:
    there = strict(deletes="digests")
    for number in range(5):
        there.seeds.image(f"v{number}", created=days_ago(number))
    command = [str(VENV_BIN / "image-assets"), "gc", there.seeds.name, "--keep-last", "0", "--yes", "--json"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
    ) as process:
        quiet = silence()
        interrupt = meanwhile(lambda: os.kill(process.pid, signal.SIGINT))
        there.registry.fail("DELETE", "sha256:", Fault(before=interrupt.before, write=quiet.write), skip=2)
        output, errors = process.communicate(timeout=60)
    report = json.loads(output)
    assert (process.returncode, errors.strip().splitlines()[-1]) == (130, "interrupted")
    assert (report["deleted"], report["error"]) == (2, "interrupted")


WRONG = {
    "no repository": (("UPPER",), "UPPER"),
    "a tag": (("localhost:5000/app:v1",), "has none"),
    "an age": (("localhost:5000/app", "--min-age", "30"), "30d"),
    "a number": (("localhost:5000/app", "--keep-last", "-1"), "keep-last"),
    "no file": (("localhost:5000/app", "--state", "/nowhere.json"), "nowhere"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_options_are_refused(gc: Gc, case: str) -> None:
    arguments, word = WRONG[case]
    assert word in gc(*arguments, code=2).errors


def test_people_get_lines_and_a_sum(registry: Registry, repository_name: str, tmp_path: Path) -> None:
    seeds = Seeds(registry, repository_name)
    seeds.image("old", created=days_ago(60))
    done = subprocess.run(
        [str(VENV_BIN / "image-assets"), "gc", seeds.name],
        capture_output=True,
        text=True,
        check=True,
        stdin=subprocess.DEVNULL,
    )
    action, _, tags, created, count, why = done.stdout.strip().split("\t")
    assert (action, tags, created, why) == ("delete", "old", days_ago(60)[:10], "named nowhere, older than 30d")
    assert count.endswith("kB")
    assert "add --yes" in done.stderr


@pytest.mark.slow
def test_what_another_process_publishes_meanwhile_is_whole(gc: Gc, seeds: Seeds, tmp_path: Path) -> None:
    """The old index goes while a new one with the same images is written: no tag is left with a part missing."""
    for at in range(4):
        created = {"created": days_ago(300)}
        images = {
            f"linux/{kind}": replace(an_image(f"{kind} {at}", architecture=kind), extra=created)
            for kind in ("amd64", "arm64", "s390x")
        }
        (tmp_path / "new.tar").write_bytes(oci_index(images))
        del images["linux/s390x"]
        (tmp_path / "old.tar").write_bytes(oci_index(images))
        publish = (str(VENV_BIN / "image-assets"), "publish")
        old, new = ((*publish, str(tmp_path / f"{name}.tar"), f"{seeds.name}:{name}-{at}") for name in ("old", "new"))
        subprocess.run(old, check=True, capture_output=True)
        started = subprocess.Popen(new, stderr=subprocess.PIPE, text=True)
        gc(seeds.name, "--keep-last", "0", "--protect", "new-*", "--yes")
        _, errors = started.communicate(timeout=100)
        if started.returncode:
            # Its images went before it could name them: nothing was written, and the next run sends them.
            assert "blob unknown" in errors
            subprocess.run(new, check=True, capture_output=True)
        for entry in seeds.registry.manifest(seeds.path, f"new-{at}")["manifests"]:
            child = seeds.registry.manifest(seeds.path, entry["digest"])
            assert all(seeds.registry.blob(seeds.path, one["digest"]) for one in (child["config"], *child["layers"]))
