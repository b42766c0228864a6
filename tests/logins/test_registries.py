"""One client for each registry and login, whoever asks for it (R30)."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from image_assets.inputs.settings import parse_settings
from image_assets.logins.given import GivenLogins, Login
from image_assets.logins.registries import Registries
from image_assets.reference import Repository
from image_assets.task import Task
from tests.fakes.registry import Auth, FakeRegistry

USERS = {"ann": "secret of ann", "bob": "secret of bob"}


@pytest.fixture(autouse=True)
def no_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the logins of whoever runs the tests out of them."""
    for name in ("DOCKER_CONFIG", "HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path))


def ask(registry: FakeRegistry, users: list[str]) -> None:
    """Let an image of each of these users ask for a tag in one repository, all at once."""
    given = GivenLogins()
    repository = Repository.parse(f"{registry.host}/app")
    auths = [{"username": user, "password": USERS[user]} for user in users]
    for number, auth in enumerate(auths):
        given.enter(f"urn {number}", repository, auth)
    registries = Registries(parse_settings({}), given)
    clients = [registries.client(repository, Task(), Login(auth)) for auth in auths]
    with ThreadPoolExecutor(len(users)) as pool:
        list(pool.map(lambda client: client.head_manifest("app", "v1"), clients))


def paths(registry: FakeRegistry) -> Counter[str]:
    return Counter(seen.path for seen in registry.seen if seen.method == "GET")


def test_forty_images_of_one_login_cost_one_ping_and_one_token() -> None:
    with FakeRegistry(auth=Auth("bearer", users=USERS)) as registry:
        ask(registry, ["ann"] * 40)
        assert (paths(registry)["/v2/"], paths(registry)["/token"]) == (1, 1)


def test_two_logins_for_one_repository_are_two_clients_each_with_its_own() -> None:
    with FakeRegistry(auth=Auth("bearer", users=USERS)) as registry:
        ask(registry, ["ann", "bob"] * 20)
        assert (paths(registry)["/v2/"], paths(registry)["/token"]) == (2, 2)
        headers = {seen.headers.get("authorization") for seen in registry.seen if seen.path == "/token"}
        assert len(headers) == 2
