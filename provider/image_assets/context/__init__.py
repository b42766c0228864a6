"""Build contexts: what of a directory reaches the builder, its fingerprint, and what the builder is given.

The way through: `spec` is what the user asked for, `selection` what decides on entries (`rules`, and `scope/` for what
the Dockerfile can take). `tree` walks; `reader` and `files` turn what it lists into `records`; `digests` remembers.
`whole` reads one context, large files in threads (`large_files`) and large trees with other processes (`workers`).
`fingerprint` is made of the records, `outline` says what changed, `staging` prepares what the builder gets.
"""

from image_assets.context.digests import DigestCache
from image_assets.context.fingerprint import Fingerprint, fingerprint
from image_assets.context.outline import ChangedPaths, describe_change
from image_assets.context.spec import ContextSpec
from image_assets.context.staging import Staged, staged
from image_assets.context.temporary import folder_outside

__all__ = [
    "ChangedPaths",
    "ContextSpec",
    "DigestCache",
    "Fingerprint",
    "Staged",
    "describe_change",
    "fingerprint",
    "folder_outside",
    "staged",
]
