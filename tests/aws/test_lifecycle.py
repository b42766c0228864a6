"""Lifecycle policies of repositories."""

import json

import pytest

from image_assets.aws import lifecycle


def test_by_default_nothing_with_a_tag_ever_expires() -> None:
    """R6."""
    (rule,) = json.loads(lifecycle.policy())["rules"]
    assert rule["selection"]["tagStatus"] == "untagged"
    assert rule["selection"]["countNumber"] >= 1


def test_keeping_the_last_images_is_a_rule_on_tagged_ones() -> None:
    rule = json.loads(lifecycle.policy(keep_last=5))["rules"][2]
    assert rule["selection"] == {
        "tagStatus": "tagged",
        "tagPatternList": ["*"],
        "countType": "imageCountMoreThan",
        "countNumber": 5,
    }


def test_an_age_is_counted_from_the_push() -> None:
    rule = json.loads(lifecycle.policy(min_age_days=30))["rules"][2]
    assert rule["selection"]["countType"] == "sinceImagePushed"
    assert (rule["selection"]["countNumber"], rule["selection"]["countUnit"]) == (30, "days")


@pytest.mark.parametrize("limit", [{"keep_last": 1}, {"min_age_days": 1}])
def test_caches_of_layers_match_a_rule_before_the_one_that_expires_images(limit: dict[str, int]) -> None:
    """What matches a rule is never expired by one of a lower priority (ECR user guide)."""
    _, kept, expiring = json.loads(lifecycle.policy(**limit))["rules"]
    assert kept["rulePriority"] < expiring["rulePriority"]
    assert kept["selection"]["tagPatternList"] == ["cache-*"]
    assert kept["selection"]["countNumber"] > 1000
