"""What a failed build tells, with each program that builds (R24)."""

import re
from pathlib import Path

import pytest

from image_assets.errors import BuildError
from image_assets.publishing.build import PushedByDigest, build, try_build
from image_assets.reference import Repository
from image_assets.task import Task
from tests.fakes.registry import FakeRegistry, answer
from tests.publishing.conftest import BASE, Heard, NewFlavour, built, spec_for
from tests.support.builders import Flavour


def log_of(message: str) -> Path:
    """Return the file that the message names."""
    found = re.search(r"^Full log: (.*)$", message, re.MULTILINE)
    assert found
    return Path(found[1])


def failure(flavour: Flavour, context: Path, destination: Repository, **more: object) -> str:
    """Build, and return what the error says."""
    with pytest.raises(BuildError) as caught:
        built(flavour, spec_for(flavour, context, **more), destination, Task())
    return str(caught.value)


def test_a_failing_step_is_told_with_its_output_place_command_and_log(
    flavour: Flavour, context: Path, destination: Repository
) -> None:
    (context / "Dockerfile").write_text(f"{BASE}\nRUN sh -c 'echo BOOM; exit 3'\n")
    message = failure(flavour, context, destination)
    log = log_of(message)
    assert "RUN sh -c 'echo BOOM; exit 3': exit code 3" in message
    assert f"{context}/Dockerfile:5" in message
    assert "  | BOOM" in message
    assert f"{context}" in message.split("To repeat it: ")[1]
    assert log.stat().st_mode & 0o777 == 0o600
    assert "BOOM" in log.read_text()


def test_the_line_is_found_behind_continuations_and_variables(
    either: Flavour, context: Path, destination: Repository
) -> None:
    lines = ("ARG WORD=zero", "# a comment", "RUN busybox echo $WORD \\", "    && \\", "    busybox false ${WORD}", "")
    (context / "Dockerfile").write_text(BASE + "\n".join(lines))
    message = failure(either, context, destination, build_args={"WORD": "one"})
    assert f"{context}/Dockerfile:6" in message


def test_only_the_end_of_a_long_output_is_shown(either: Flavour, context: Path, destination: Repository) -> None:
    (context / "Dockerfile").write_text(BASE + "RUN busybox seq 1000 3000 && busybox false\n")
    message = failure(either, context, destination)
    log = log_of(message)
    assert "  | 3000" in message
    assert "  | 1000" not in message
    assert len(message) < 12_000
    assert "2000" in log.read_text()


@pytest.mark.parametrize("name", ["embedded", "remote"])
def test_an_error_in_the_dockerfile_is_told_with_its_line(
    name: str, new_flavour: NewFlavour, context: Path, destination: Repository
) -> None:
    flavour = new_flavour(name)
    (context / "Dockerfile").write_text(f"{BASE}FOO bar\n")
    message = failure(flavour, context, destination)
    assert "unknown instruction: FOO" in message
    assert f"{context}/Dockerfile:4" in message


def test_a_flag_that_does_not_exist_is_named(either: Flavour, context: Path, destination: Repository) -> None:
    message = failure(either, context, destination, build_flags=("--no-such-flag",))
    assert "unknown flag: --no-such-flag" in message


def test_a_program_of_another_architecture_is_explained(
    either: Flavour, context: Path, destination: Repository
) -> None:
    """R20."""
    machine_of_nobody = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\xf3\xf0\x01\x00\x00\x00" + bytes(40)
    (context / "strange").write_bytes(machine_of_nobody)
    (context / "strange").chmod(0o755)
    (context / "Dockerfile").write_text(BASE + 'COPY strange /strange\nRUN ["/strange"]\n')
    message = failure(either, context, destination)
    assert "another architecture" in message


def test_the_users_own_paths_are_shown_instead_of_temporary_copies(
    new_flavour: NewFlavour, context: Path, destination: Repository
) -> None:
    flavour = new_flavour("embedded")
    (context / "Dockerfile").write_text(f"{BASE}RUN busybox false\n")
    own = Path("/home/me/app")
    message = failure(flavour, context, destination, shown_context=own, shown_dockerfile=own / "Dockerfile")
    assert "/home/me/app/Dockerfile:4" in message
    assert str(context) not in message


def test_a_success_leaves_no_file_and_no_permanent_line(
    either: Flavour, context: Path, temporary: Path, heard: Heard
) -> None:
    """R32, R48."""
    (context / "Dockerfile").write_text(f"{BASE}RUN busybox echo seen on the way\n")
    report = try_build(spec_for(either, context, cache_disabled=True), heard.task, either.environ)
    assert list(temporary.iterdir()) == []
    assert (heard.info, heard.warn) == ([], [])
    assert any("seen on the way" in line for line in heard.status)
    assert "seen on the way" in report.output


def unsettled(registry: FakeRegistry, times: int) -> None:
    missing = answer(400, "MANIFEST_BLOB_UNKNOWN", message="blob unknown to registry")
    registry.fail("PUT", "/manifests/", missing, times=times)


def test_a_blob_that_the_registry_does_not_see_yet_is_pushed_again(new_flavour: NewFlavour, context: Path) -> None:
    """Distribution's registry loses one of two that send it the same blob at once, as nodes of a fleet may."""
    flavour = new_flavour("remote")
    with FakeRegistry() as registry:
        unsettled(registry, times=1)
        image = build(spec_for(flavour, context), Repository.parse(f"{registry.host}/app"), Task(), flavour.environ)
        assert isinstance(image, PushedByDigest)
        assert image.digest in registry.store.manifests["app"]


def test_a_blob_that_the_registry_never_sees_is_named(new_flavour: NewFlavour, context: Path) -> None:
    flavour = new_flavour("remote")
    with FakeRegistry() as registry:
        unsettled(registry, times=9)
        with pytest.raises(BuildError, match=r"failed in step exporting to image: .*blob unknown to registry"):
            build(spec_for(flavour, context), Repository.parse(f"{registry.host}/app"), Task(), flavour.environ)
        tries = [one.at for one in registry.seen if one.method == "PUT" and "/manifests/" in one.path]
    # The pauses of a lost upload, a fifth shorter at most; a build from the cache alone takes a third of the last.
    assert len(tries) == 4
    assert tries[-1] - tries[-2] > 1.6
