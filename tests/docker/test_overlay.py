"""The configuration that the program sees (R30)."""

import base64
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from image_assets.docker.dialect import BUILDX, PODMAN
from image_assets.docker.overlay import overlay
from image_assets.errors import RegistryError
from image_assets.oci.keychain import Credential

OURS = Credential("we", "our:password")


def write_config(home: Path, content: dict[str, Any]) -> dict[str, str]:
    """Write the user's configuration and return the environment that points to it."""
    folder = home / ".docker"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(content))
    return {"HOME": str(home), "PATH": os.environ["PATH"]}


def basic(entry: dict[str, str]) -> str:
    return base64.b64decode(entry["auth"]).decode()


def test_our_login_wins_over_the_users_own_and_the_rest_stays(tmp_path: Path) -> None:
    environ = write_config(
        tmp_path,
        {
            "auths": {"ours.example": {"auth": "bWU6b2xk"}, "theirs.example": {"auth": "bWU6dGhlaXJz"}},
            "credHelpers": {"ours.example": "x", "helped.example": "y"},
            "currentContext": "far",
            "proxies": {"default": {"httpProxy": "http://proxy"}},
        },
    )
    with overlay(environ, {"ours.example": OURS}, BUILDX) as made:
        config = json.loads((made.directory / "config.json").read_text())
    assert basic(config["auths"]["ours.example"]) == "we:our:password"
    assert basic(config["auths"]["theirs.example"]) == "me:theirs"
    assert config["credHelpers"] == {"helped.example": "y"}
    assert config["currentContext"] == "far"
    assert config["proxies"] == {"default": {"httpProxy": "http://proxy"}}


@pytest.mark.parametrize("name", ["docker.io", "index.docker.io"])
def test_docker_hub_has_the_key_that_docker_gives_it(name: str, tmp_path: Path) -> None:
    with overlay({"HOME": str(tmp_path)}, {name: OURS}, BUILDX) as made:
        config = json.loads((made.directory / "config.json").read_text())
    assert list(config["auths"]) == ["https://index.docker.io/v1/"]


def test_the_variable_beats_the_files_and_not_our_logins_whoever_reads_it(tmp_path: Path) -> None:
    """N30: GitLab's runners set it."""
    theirs = {"theirs.example": {"auth": "bWU6dGhlaXJz"}}
    given = {**theirs, "https://Ours.example/v1/": {"auth": "bWU6b2xk"}}
    environ = write_config(tmp_path, {}) | {"DOCKER_AUTH_CONFIG": json.dumps({"auths": given})}
    with overlay(environ, {"ours.example": OURS}, BUILDX) as made:
        config = json.loads((made.directory / "config.json").read_text())
    assert made.environment["DOCKER_AUTH_CONFIG"] == ""
    logins = {host: basic(entry) for host, entry in config["auths"].items()}
    assert logins == {"ours.example": "we:our:password", "theirs.example": "me:theirs"}


def test_a_token_for_the_registry_itself_stays_where_the_user_has_it(tmp_path: Path) -> None:
    theirs = {"theirs.example": {"registrytoken": "token-1"}}
    environ = write_config(tmp_path, {"auths": theirs, "credsStore": "desktop"})
    with overlay(environ, {"theirs.example": Credential("", registry_token="token-1")}, BUILDX) as made:
        config = json.loads((made.directory / "config.json").read_text())
    assert (config["auths"], config["credHelpers"]) == (theirs, {})


def ask_helper(environment: dict[str, str], host: str) -> subprocess.CompletedProcess[str]:
    command = ("docker-credential-image-assets-overlay", "get")
    return subprocess.run(
        command, input=f"{host}\n", env=os.environ | environment, capture_output=True, text=True, check=False
    )


def test_with_a_credentials_store_a_helper_serves_our_logins_only(tmp_path: Path) -> None:
    environ = write_config(tmp_path, {"credsStore": "desktop", "credHelpers": {"theirs.example": "y"}})
    logins = {"ours.example:5000": OURS, "docker.io": Credential("", "", "token-1")}
    with overlay(environ, logins, BUILDX) as made:
        config = json.loads((made.directory / "config.json").read_text())
        answer = ask_helper(dict(made.environment), "ours.example:5000")
        hub = ask_helper(dict(made.environment), "https://index.docker.io/v1/")
        stranger = ask_helper(dict(made.environment), "theirs.example")
    assert config["credsStore"] == "desktop"
    assert config["credHelpers"] == {
        "theirs.example": "y",
        "ours.example:5000": "image-assets-overlay",
        "https://index.docker.io/v1/": "image-assets-overlay",
    }
    assert json.loads(answer.stdout)["Secret"] == "our:password"
    assert json.loads(hub.stdout) == {
        "ServerURL": "https://index.docker.io/v1/", "Username": "<token>", "Secret": "token-1"
    }  # fmt: skip
    assert (stranger.returncode, stranger.stdout.strip()) == (1, "credentials not found in native keychain")


def test_only_the_user_can_read_what_we_write(tmp_path: Path) -> None:
    environ = write_config(tmp_path, {"credsStore": "desktop"})
    with overlay(environ, {"ours.example": OURS}, BUILDX) as made:
        paths = [made.directory, *(path for path in made.directory.rglob("*") if not path.is_symlink())]
        assert [path for path in paths if path.stat().st_mode & 0o077] == []


def test_plugins_contexts_and_builders_are_the_users_own(tmp_path: Path) -> None:
    environ = write_config(tmp_path, {})
    for folder in ("cli-plugins", "contexts", "buildx"):
        (tmp_path / ".docker" / folder).mkdir()
    with overlay(environ, {}, BUILDX) as made:
        assert (made.directory / "cli-plugins").resolve() == tmp_path / ".docker" / "cli-plugins"
        assert (made.directory / "contexts").resolve() == tmp_path / ".docker" / "contexts"
        assert made.environment["BUILDX_CONFIG"] == str(tmp_path / ".docker" / "buildx")
    assert (tmp_path / ".docker" / "buildx").is_dir()


def test_the_overlay_is_gone_afterwards_even_if_the_build_fails(tmp_path: Path) -> None:
    environ = write_config(tmp_path, {})
    seen: list[Path] = []

    def fail_inside() -> None:
        with overlay(environ, {"x": OURS}, BUILDX) as made:
            seen.append(made.directory)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_inside()
    assert not seen[0].exists()


def test_a_configuration_that_is_not_json_is_named(tmp_path: Path) -> None:
    environ = write_config(tmp_path, {})
    (tmp_path / ".docker" / "config.json").write_text("{")
    with pytest.raises(RegistryError, match=r"\.docker/config\.json"), overlay(environ, {}, BUILDX):
        pass


def test_podman_gets_its_own_logins_those_of_docker_and_ours(tmp_path: Path) -> None:
    environ = write_config(tmp_path, {"auths": {"a.example": {"auth": "ZG9ja2Vy"}, "b.example": {"auth": "ZG9ja2Vy"}}})
    own = tmp_path / "run" / "containers"
    own.mkdir(parents=True)
    (own / "auth.json").write_text(json.dumps({"auths": {"b.example": {"auth": "cG9kbWFu"}}}))
    with overlay(environ | {"XDG_RUNTIME_DIR": str(tmp_path / "run")}, {"docker.io": OURS}, PODMAN) as made:
        auths = json.loads(Path(made.environment["REGISTRY_AUTH_FILE"]).read_text())["auths"]
    assert {host: basic(entry) for host, entry in auths.items()} == {
        "a.example": "docker", "b.example": "podman", "docker.io": "we:our:password"
    }  # fmt: skip


def test_podman_gets_the_logins_of_the_variable_that_it_does_not_read(tmp_path: Path) -> None:
    variable = json.dumps({"auths": {"a.example": {"auth": "bWU6dGhlaXJz"}}})
    environ = write_config(tmp_path, {"auths": {"a.example": {"auth": "ZG9ja2Vy"}}, "credHelpers": {"a.example": "x"}})
    with overlay(environ | {"DOCKER_AUTH_CONFIG": variable}, {}, PODMAN) as made:
        config = json.loads(Path(made.environment["REGISTRY_AUTH_FILE"]).read_text())
    assert (basic(config["auths"]["a.example"]), config["credHelpers"]) == ("me:theirs", {})
