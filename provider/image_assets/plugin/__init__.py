"""Everything that knows Pulumi's protocol."""

import sys

if sys.platform == "win32":
    sys.exit(
        "image-assets does not run on Windows itself: run pulumi in the Windows Subsystem for Linux (`wsl --install`), "
        "where Docker Desktop offers its engine too"
    )
