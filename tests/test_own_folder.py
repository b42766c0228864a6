"""Temporary folders of plugins that live, that ended, and that were killed."""

import subprocess
import sys
from pathlib import Path

from image_assets.own_folder import own_folder, sweep_folders

HOLD = """
import sys, time
from image_assets.own_folder import own_folder
with own_folder(sys.argv[1]) as folder:
    (folder / "login").write_text("x")
    print(folder, flush=True)
    time.sleep(600)
"""


def test_a_folder_is_private_and_gone_at_the_end(tmp_path: Path) -> None:
    with own_folder(str(tmp_path)) as folder:
        assert folder.stat().st_mode & 0o777 == 0o700
        assert sweep_folders(str(tmp_path)) == []
        assert folder.exists()
    assert list(tmp_path.iterdir()) == []


def test_only_the_folder_of_a_killed_process_is_swept(tmp_path: Path) -> None:
    (tmp_path / "image-assets-demo-1").mkdir()
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        folder = Path(process.stdout.readline().strip())
        assert sweep_folders(str(tmp_path)) == []
        process.kill()
    assert (folder / "login").exists()
    assert sweep_folders(str(tmp_path)) == [folder]
    assert [path.name for path in tmp_path.iterdir()] == ["image-assets-demo-1"]


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "image-assets-run-x").symlink_to(tmp_path / "kept")
    assert sweep_folders(str(tmp_path)) == []
    assert (tmp_path / "kept").exists()
