"""What is left when the user cancels a build (R48)."""

import threading
import time
import uuid
from pathlib import Path

import pytest

from image_assets.errors import CancelledByUserError, RegistryError
from image_assets.publishing.build import StoredImage
from image_assets.reference import Repository
from image_assets.task import Task
from tests.publishing.conftest import BASE, NewFlavour, built, spec_for
from tests.support.builders import Flavour, slow_docker

BUILDERS_ANSWER = 3.0


def test_cancelling_a_build_ends_it_at_once_and_leaves_nothing(
    flavour: Flavour, context: Path, temporary: Path, destination: Repository
) -> None:
    before = flavour.held() if flavour.name != "remote" else set()
    # Other processes of these tests cancel such a step at the same time.
    sleeper = f"busybox sleep 4{uuid.uuid4().int % 10**6:06}"
    (context / "Dockerfile").write_text(f"{BASE}RUN {sleeper}\n")
    cancelled = threading.Event()
    ended: list[float] = []
    task = Task(status=lambda line: _cancel_later(sleeper, line, cancelled, ended), cancelled=cancelled)
    with pytest.raises(CancelledByUserError):
        built(flavour, spec_for(flavour, context, cache_disabled=True), destination, task)
    assert time.monotonic() - ended[0] < BUILDERS_ANSWER
    assert list(temporary.iterdir()) == []
    assert processes_about(str(context)) == []
    assert flavour.name == "remote" or flavour.held() == before
    assert is_gone(sleeper)


def _cancel_later(sleeper: str, line: str, cancelled: threading.Event, ended: list[float]) -> None:
    if sleeper in line and not ended:
        ended.append(time.monotonic() + 1)
        threading.Timer(1, cancelled.set).start()


def processes_about(text: str) -> list[str]:
    """Return the commands of running processes that have a text among their words."""
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = process.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if text in words:
            found.append(words)
    return found


def is_gone(step: str) -> bool:
    """Wait until the builder, too, has ended the step."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if not processes_about(step):
            return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize("name", ["embedded", "podman"])
def test_a_task_that_was_cancelled_before_builds_nothing(
    name: str, new_flavour: NewFlavour, context: Path, destination: Repository
) -> None:
    flavour = new_flavour(name)
    task = Task()
    task.cancelled.set()
    with pytest.raises(CancelledByUserError):
        built(flavour, spec_for(flavour, context), destination, task)


@pytest.mark.parametrize("name", ["embedded", "podman"])
def test_a_push_that_fails_leaves_no_tag(
    name: str, new_flavour: NewFlavour, context: Path, destination: Repository
) -> None:
    flavour = new_flavour(name)
    image = built(flavour, spec_for(flavour, context), destination, Task())
    assert isinstance(image, StoredImage)
    try:
        with pytest.raises(RegistryError, match="pushing localhost:1/x:y failed"):
            image.push("localhost:1/x:y")
        assert "localhost:1/x" not in flavour.docker("images", "--format", "{{.Repository}}:{{.Tag}}")
    finally:
        image.discard()


def test_an_image_is_let_go_even_if_that_takes_long(
    new_flavour: NewFlavour, context: Path, destination: Repository, tmp_path: Path
) -> None:
    flavour = new_flavour("embedded")
    slow = slow_docker(flavour, tmp_path, "rm", 5)
    cancelled = threading.Event()
    image = built(slow, spec_for(slow, context), destination, Task(cancelled=cancelled))
    assert flavour.held() != set()
    cancelled.set()
    started = time.monotonic()
    image.discard()
    assert time.monotonic() - started < BUILDERS_ANSWER
    deadline = started + 15
    while flavour.held():
        assert time.monotonic() < deadline, flavour.held()
        time.sleep(0.1)
