"""What is refused of a repository before it is made, and the host it gets."""

from typing import Any

import pytest

from image_assets.components.repository import refuse_bad
from image_assets.errors import InputError


def _paths(**inputs: Any) -> set[str]:
    with pytest.raises(InputError) as caught:
        refuse_bad(inputs)
    return {problem.path for problem in caught.value.problems}


def test_good_inputs_are_taken() -> None:
    refuse_bad({})
    refuse_bad({"repositoryName": "team/api", "retention": {"keepLast": 3}, "forceDelete": True, "tags": {"a": ""}})
    refuse_bad({"encryption": {"type": "KMS", "kmsKey": "arn:aws:kms:::key/1"}, "scanOnPush": False})


def test_all_bad_inputs_are_told_at_once() -> None:
    found = _paths(repositoryName="Api", retention={}, encryption={"type": "AES256", "kmsKey": "k"}, tag={}, tags=1)
    assert found == {"repositoryName", "retention", "encryption.kmsKey", "tag", "tags"}


def test_of_number_and_age_only_one_is_kept_by() -> None:
    assert _paths(retention={"keepLast": 3, "minAgeDays": 4}) == {"retention"}


def test_numbers_below_one_are_refused() -> None:
    assert _paths(retention={"keepLast": 0}) == {"retention.keepLast"}
