"""Where things are, and which of several installed tools the tests use."""

import os
import sys
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
VENV_BIN = Path(sys.executable).parent
TOOLS_BIN = REPO / ".tools" / "bin"
STAND_INS = REPO / "tests" / "support" / "bin"


def search_path() -> str:
    """Return a PATH with this checkout's provider and tools first and the stand-ins for missing tools last."""
    parts = [
        os.environ.get("IMAGE_ASSETS_PLUGIN_DIR", ""),
        str(VENV_BIN),
        str(TOOLS_BIN),
        os.environ["PATH"],
        str(STAND_INS),
    ]
    return os.pathsep.join(filter(None, parts))
