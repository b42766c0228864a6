"""The output of a build, kept and shown."""

from pathlib import Path

from image_assets.docker.log import BuildLog
from image_assets.secrets import Secrets


def test_what_is_shown_cannot_steer_a_terminal_and_the_file_has_it_all() -> None:
    log = BuildLog(Secrets(["hunter2"]).mask)
    shown = log.add("#1 0.1 10%\r20%\r\x1b[31mred\x1b[0m\x1b]0;title\x07 hunter2\x07\r")
    log.close(keep=True)
    kept = log.path.read_bytes()
    log.path.unlink()
    assert shown == "red [secret]"
    assert log.text() == "red [secret]"
    assert b"20%\r\x1b[31mred" in kept
    assert b"hunter2" not in kept


def test_only_the_user_can_read_the_file_and_it_goes_unless_kept() -> None:
    log = BuildLog(Secrets([]).mask)
    assert log.path.stat().st_mode & 0o777 == 0o600
    log.close(keep=False)
    assert not Path(log.path).exists()
