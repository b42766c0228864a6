"""Build contexts: what of a directory reaches the builder, its fingerprint, and what the builder is given."""

from image_assets.context.digests import DigestCache
from image_assets.context.fingerprint import Fingerprint, fingerprint
from image_assets.context.outline import Change, describe_change
from image_assets.context.spec import ContextSpec
from image_assets.context.staging import Staged, staged

__all__ = [
    "Change",
    "ContextSpec",
    "DigestCache",
    "Fingerprint",
    "Staged",
    "describe_change",
    "fingerprint",
    "staged",
]
