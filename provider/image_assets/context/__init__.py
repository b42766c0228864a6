"""Build contexts: what of a directory reaches the builder, its fingerprint, and what the builder is given.

The way through: `spec` is what the user asked for, `selection` what decides on entries (`rules`, and `scope/` for what
the Dockerfile can take). `tree` walks; `reader` and `files` turn what it lists into `records`, which say what of an
entry counts; `digests` remembers.
`whole` reads one context, large files in threads (`large_files`) and large trees with other processes (`workers`).
`fingerprint` is made of the records, `outline` says what changed, `staging` prepares what the builder gets.

habits · dockerfile_content   where each builder looks for the Dockerfile and the ignore file; the Dockerfile as a file
bases · shell_words           the images that a Dockerfile builds on, with all variables put in
with_digests                  a Dockerfile with the digests of those images put in
content · links · place       reading one file; links that stand for what they lead to; paths of any depth
contents · canonical          for people: what reaches the builder and why not, and the fingerprint's lines
part · worker                 one process's part of a walk, and that process
stage · temporary             a copy of the entries that count; where temporary files may lie
faults · warnings             the errors of entries; what a user should know of a context that is right
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
