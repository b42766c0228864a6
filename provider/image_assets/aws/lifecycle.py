"""Lifecycle policy documents of ECR repositories (ECR user guide, "Lifecycle policy parameters")."""

import json
from typing import Any

from image_assets.inputs.build_fields import CACHE_TAGS

#: Long enough for the slowest push to get its tag: manifests are pushed first, the tag is written last.
UNTAGGED_DAYS = 7
_MORE_THAN_THERE_ARE = 10_000

RETENTION_WARNING = (
    "retention lets ECR delete published images by {rule}, and ECR does not know which of them are in use: a running "
    "function, task or pod whose image expired cannot start again. Leave `retention` out to keep every published image."
)


def policy(*, keep_last: int | None = None, min_age_days: int | None = None) -> str:
    """Return the policy that removes untagged leftovers, and tagged images only where asked to.

    Args:
        keep_last: Remove tagged images beyond this number, oldest first.
        min_age_days: Remove tagged images older than this many days.
    """
    rules = [_rule(1, "untagged leftovers of interrupted pushes", "untagged", _older_than(UNTAGGED_DAYS))]
    if keep_last is not None or min_age_days is not None:
        # What matches a rule is not expired by those after it, and this one has nothing to expire.
        never = {"countType": "imageCountMoreThan", "countNumber": _MORE_THAN_THERE_ARE}
        rules.append(_rule(2, "no cache of layers", "tagged", never, CACHE_TAGS))
    if keep_last is not None:
        count = {"countType": "imageCountMoreThan", "countNumber": keep_last}
        rules.append(_rule(3, f"all but the last {keep_last} images", "tagged", count))
    if min_age_days is not None:
        rules.append(_rule(3, f"images older than {min_age_days} days", "tagged", _older_than(min_age_days)))
    return json.dumps({"rules": rules}, separators=(",", ":"))


def _older_than(days: int) -> dict[str, Any]:
    return {"countType": "sinceImagePushed", "countUnit": "days", "countNumber": days}


def _rule(priority: int, description: str, status: str, count: dict[str, Any], tags: str = "*") -> dict[str, Any]:
    patterns = {"tagPatternList": [tags]} if status == "tagged" else {}
    selection = {"tagStatus": status, **patterns, **count}
    return {
        "rulePriority": priority,
        "description": f"Expire {description}",
        "selection": selection,
        "action": {"type": "expire"},
    }
