"""What the engine is told of a failure."""

import errno
import os

import grpc
import pytest

from image_assets.plugin.rpc_errors import OF_THE_MACHINE, status_of
from image_assets.secrets import Secrets


@pytest.mark.parametrize("number", OF_THE_MACHINE)
def test_what_the_machine_lacks_is_no_fault_of_the_provider(number: int) -> None:
    code, text = status_of(OSError(number, os.strerror(number), "/tmp/some/file"), Secrets())
    assert code is grpc.StatusCode.FAILED_PRECONDITION
    assert text == f"/tmp/some/file: {os.strerror(number)}; {OF_THE_MACHINE[number]}"
    assert "fault of" not in text


def test_nor_is_what_it_does_not_say_where() -> None:
    _, text = status_of(OSError(errno.EMFILE, os.strerror(errno.EMFILE)), Secrets())
    assert text.startswith("Too many open files; allow more open files")


def test_any_other_is_told_with_its_place() -> None:
    _, text = status_of(ZeroDivisionError("division by zero"), Secrets())
    assert text == "a fault of the image-assets provider: ZeroDivisionError: division by zero"
