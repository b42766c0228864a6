"""Which tags may go when a resource is deleted."""

import pytest

from image_assets.publishing.ledger import Ledger, TagKey
from image_assets.reference import Repository
from image_assets.repository_policy.ledger import Ledger as Statements

APP = Repository.parse("registry.example.com/app")
WRITTEN = {"v1": "sha256:1"}


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


def test_what_nobody_uses_may_go(ledger: Ledger) -> None:
    assert ledger.release("a", APP, WRITTEN) == WRITTEN


def test_what_a_resource_itself_was_read_with_may_go(ledger: Ledger) -> None:
    """`pulumi destroy --refresh`."""
    ledger.need("a", APP, ["v1"])
    assert ledger.release("a", APP, WRITTEN) == WRITTEN


def test_what_the_successor_of_the_same_name_has_stays(ledger: Ledger) -> None:
    """`pulumi up --replace`: the engine deletes the former self last."""
    ledger.need("a", APP, ["v1"])
    ledger.leave_with("a", APP, ["v1"])
    assert ledger.release("a", APP, WRITTEN) == {}


def test_what_another_resource_has_or_had_or_will_have_stays(ledger: Ledger) -> None:
    ledger.need("b", APP, ["v1"])
    assert ledger.release("a", APP, {**WRITTEN, "v2": "sha256:2"}) == {"v2": "sha256:2"}


def test_what_an_update_has_left_behind_may_go(ledger: Ledger) -> None:
    ledger.need("b", APP, ["v1"])
    ledger.leave_with("b", APP, ["v2"])
    assert ledger.release("a", APP, WRITTEN) == WRITTEN


@pytest.mark.parametrize("order", ["ab", "ba"])
def test_the_last_of_those_that_used_a_tag_removes_it(ledger: Ledger, order: str) -> None:
    """`pulumi destroy --refresh`: one has written the tag and the other found it; they are deleted in any order."""
    for urn in "ab":
        ledger.need(urn, APP, ["v1"])
    removed: dict[str, str] = {}
    for urn in order:
        removed |= ledger.release(urn, APP, WRITTEN if urn == "a" else {})
    assert removed == WRITTEN


def test_other_repositories_and_tags_do_not_count(ledger: Ledger) -> None:
    ledger.need("b", APP, ["v2"])
    ledger.need("c", Repository.parse("registry.example.com/other"), ["v1"])
    ledger.need("d", Repository.parse("other.example.com/app"), ["v1"])
    assert ledger.release("a", APP, WRITTEN) == WRITTEN


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("localhost:5000/app", "127.0.0.1:5000/app"),
        ("localhost:5000/app", "[::1]:5000/app"),
        ("Registry.Example.com/app", "registry.example.com:443/app"),
        ("docker.io/library/app", "app"),
        ("index.docker.io/me/app", "registry-1.docker.io/me/app"),
        ("123456789012.dkr.ecr.eu-west-1.amazonaws.com/app", "123456789012.dkr-ecr.eu-west-1.on.aws/app"),
    ],
)
def test_a_repository_is_the_same_whatever_the_spelling_of_its_host(one: str, other: str) -> None:
    assert TagKey.of(Repository.parse(one), "v1") == TagKey.of(Repository.parse(other), "v1")


@pytest.mark.parametrize("other", ["localhost:5001/app", "localhost.example.com:5000/app", "localhost:5000/app/app"])
def test_other_repositories_are_others(other: str) -> None:
    assert TagKey.of(Repository.parse("localhost:5000/app"), "v1") != TagKey.of(Repository.parse(other), "v1")


def test_a_policy_statement_has_a_repository_of_as_many_spellings() -> None:
    """An emulator's registry is called by any of this machine's names."""
    statements = Statements()
    statements.claim("localhost:4566/app", "Sid1")
    assert statements.claimed("127.0.0.1:4566/app") == {"Sid1"}
    assert statements.claimed("localhost:4567/app") == frozenset()
