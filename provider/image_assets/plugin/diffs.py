"""Changes in the protocol's own form (provider.proto, `DiffResponse`)."""

import re
from typing import Final

from image_assets.custom_resource import Change, Kind
from image_assets.protocol.messages import provider_pb2 as pb

KINDS: Final = {
    (Kind.ADD, False): pb.PropertyDiff.ADD,
    (Kind.ADD, True): pb.PropertyDiff.ADD_REPLACE,
    (Kind.DELETE, False): pb.PropertyDiff.DELETE,
    (Kind.DELETE, True): pb.PropertyDiff.DELETE_REPLACE,
    (Kind.UPDATE, False): pb.PropertyDiff.UPDATE,
    (Kind.UPDATE, True): pb.PropertyDiff.UPDATE_REPLACE,
}


def diff_response(changes: tuple[Change, ...]) -> pb.DiffResponse:
    """Turn changes into Diff's own form; values are shown from the inputs, old and new."""
    detailed = {
        change.path: pb.PropertyDiff(kind=KINDS[change.kind, change.replace], inputDiff=True) for change in changes
    }
    return pb.DiffResponse(
        changes=pb.DiffResponse.DIFF_SOME if changes else pb.DiffResponse.DIFF_NONE,
        diffs=sorted({top_level(change.path) for change in changes}),
        replaces=sorted({top_level(change.path) for change in changes if change.replace}),
        detailedDiff=detailed,
        hasDetailedDiff=True,
    )


def top_level(path: str) -> str:
    """Return the property that a path begins with."""
    return re.split(r"[.\[]", path, maxsplit=1)[0]
