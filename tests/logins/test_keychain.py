"""Logins from programs, from docker's and podman's files, and from credential helpers (R14, R17, R30)."""

import base64
import json
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from image_assets.errors import RegistryError
from image_assets.logins.keychain import DockerConfigKeychain, StaticKeychain
from image_assets.oci.keychain import Credential
from image_assets.programs.command import CommandFailedError, CommandMissingError, CommandTimeoutError
from image_assets.programs.runner import run_helper

HUB = "https://index.docker.io/v1/"
BOB = Credential("bob", "word")
LONG = Credential("bob", "word" * 20)


@dataclass
class Helpers:
    """Credential helpers: what they keep by program and server, or how they fail."""

    kept: dict[tuple[str, str], bytes | Exception] = field(default_factory=dict)
    calls: list[tuple[str, str]] = field(default_factory=list)

    def __call__(self, argv: Sequence[str], stdin: bytes) -> bytes:
        program, verb = argv
        assert verb == "get"
        self.calls.append((program, stdin.decode()))
        answer = self.kept.get((program, stdin.decode()))
        if isinstance(answer, bytes):
            return answer
        raise answer or CommandFailedError("exit 1", 1, b"credentials not found in native keychain\n", b"")


def packed(user: str, password: str) -> str:
    return base64.b64encode(f"{user}:{password}".encode()).decode()


def login(user: str = "bob", password: str = "word") -> dict[str, str]:
    return {"auth": packed(user, password)}


def kept(username: str, secret: str) -> bytes:
    return json.dumps({"ServerURL": "x", "Username": username, "Secret": secret}).encode()


@dataclass
class Home:
    """A user's directory with configs in it."""

    path: Path
    helpers: Helpers = field(default_factory=Helpers)
    environ: dict[str, str] = field(default_factory=dict)

    def docker(self, **config: object) -> Path:
        return self.write(".docker/config.json", config)

    def write(self, name: str, config: object) -> Path:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(config if isinstance(config, str) else json.dumps(config))
        return file

    @property
    def keychain(self) -> DockerConfigKeychain:
        return DockerConfigKeychain({"HOME": str(self.path), **self.environ}, self.helpers)

    def resolve(self, registry: str, repository: str = "app") -> Credential | None:
        return self.keychain.resolve(registry, repository)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


KEYS = {
    "ghcr.io": "ghcr.io",
    "https://ghcr.io": "ghcr.io",
    "https://ghcr.io/v1/": "ghcr.io",
    "https://ghcr.io/v2/": "ghcr.io",
    "GHCR.io": "ghcr.io",
    "localhost:5000": "localhost:5000",
    HUB: "docker.io",
    "docker.io": "docker.io",
    "index.docker.io": "docker.io",
    "https://registry-1.docker.io/v2/": "docker.io",
}


@pytest.mark.parametrize(("key", "registry"), KEYS.items())
def test_a_stored_login_is_found_however_its_registry_is_written(home: Home, key: str, registry: str) -> None:
    home.docker(auths={key: login()})
    assert home.resolve(registry) == BOB


@pytest.mark.parametrize("registry", ["hcr.io", "xghcr.io", "ghcr.io:5000", "docker.io"])
def test_a_login_is_for_its_registry_only(home: Home, registry: str) -> None:
    home.docker(auths={"ghcr.io": login()})
    assert home.resolve(registry) is None


def test_the_longest_address_that_holds_the_repository_counts(home: Home) -> None:
    """containers-auth.json(5)."""
    home.docker(auths={"r.io": login("all"), "r.io/team": login("team"), "r.io/team/app": login("app")})
    found = [home.resolve("r.io", path) for path in ("other", "team/other", "team/app", "team/app/deep", "teams")]
    assert [one.username for one in found if one] == ["all", "team", "app", "app", "all"]


ENTRIES: dict[str, tuple[dict[str, str], Credential | None]] = {
    "packed": (login(), BOB),
    "packed with a colon": (login("bob", "wo:rd"), Credential("bob", "wo:rd")),
    "packed in lines": (
        {"auth": packed("bob", "word" * 20)[:60] + "\n" + packed("bob", "word" * 20)[60:] + "\r\n"},
        LONG,
    ),
    "packed with zeros behind": ({"auth": packed("bob", "word\0\0")}, BOB),
    "plain": ({"username": "bob", "password": "word"}, BOB),
    "identity token": ({**login("bob", ""), "identitytoken": "it"}, Credential("bob", "", "it")),
    "token for the registry itself": ({"registrytoken": "rt"}, Credential("", "", "", "rt")),
    "empty": ({}, None),
    "no password": (login("bob", ""), None),
}


@pytest.mark.parametrize(("entry", "expected"), ENTRIES.values(), ids=ENTRIES)
def test_every_form_of_an_entry_is_read(home: Home, entry: dict[str, str], expected: Credential | None) -> None:
    """docker/cli, "AuthConfig"."""
    home.docker(auths={"r.io": entry})
    assert home.resolve("r.io") == expected


PLACES = {
    "DOCKER_CONFIG": ({"DOCKER_CONFIG": "{home}/elsewhere"}, "elsewhere/config.json"),
    "REGISTRY_AUTH_FILE": ({"REGISTRY_AUTH_FILE": "{home}/auth.json"}, "auth.json"),
    "podman": ({"XDG_RUNTIME_DIR": "{home}/run"}, "run/containers/auth.json"),
    "podman, kept": ({"XDG_CONFIG_HOME": "{home}/cfg"}, "cfg/containers/auth.json"),
    "podman, kept, usual place": ({}, ".config/containers/auth.json"),
    "docker": ({}, ".docker/config.json"),
}


@pytest.mark.parametrize(("environ", "file"), PLACES.values(), ids=PLACES)
def test_every_file_is_found(home: Home, environ: dict[str, str], file: str) -> None:
    home.environ = {name: value.format(home=home.path) for name, value in environ.items()}
    home.write(file, {"auths": {"r.io": login()}})
    assert home.resolve("r.io") == BOB


def test_a_config_in_the_environment_stands_above_the_files(home: Home) -> None:
    home.docker(auths={"r.io": login("file"), "other.io": login("file")})
    home.environ["DOCKER_AUTH_CONFIG"] = json.dumps({"auths": {"r.io": login("environment")}})
    assert home.resolve("r.io") == Credential("environment", "word")
    assert home.resolve("other.io") == Credential("file", "word")


def test_a_second_file_is_asked_where_the_first_knows_nothing(home: Home) -> None:
    home.environ["XDG_RUNTIME_DIR"] = str(home.path / "run")
    home.docker(auths={"one.io": login()})
    home.write("run/containers/auth.json", {"auths": {"two.io": login("podman")}})
    assert home.resolve("two.io") == Credential("podman", "word")


def test_a_helper_keeps_the_secret(home: Home) -> None:
    home.docker(auths={"r.io": {}}, credsStore="desktop")
    home.helpers.kept["docker-credential-desktop", "r.io"] = kept("bob", "word")
    assert home.resolve("r.io") == BOB


def test_a_registrys_own_helper_stands_above_the_general_one(home: Home) -> None:
    home.docker(credsStore="desktop", credHelpers={"gcr.io": "gcloud"})
    home.helpers.kept["docker-credential-gcloud", "gcr.io"] = kept("_token", "ya29")
    assert home.resolve("gcr.io") == Credential("_token", "ya29")
    assert home.helpers.calls == [("docker-credential-gcloud", "gcr.io")]


def test_a_registry_without_a_helper_of_its_own_may_be_taken_out_of_the_general_one(home: Home) -> None:
    home.docker(auths={"r.io": login()}, credsStore="desktop", credHelpers={"r.io": ""})
    assert home.resolve("r.io") == BOB
    assert home.helpers.calls == []


def test_a_helper_is_run_once_for_all_repositories_and_again_after_a_refusal(home: Home) -> None:
    home.docker(credsStore="desktop")
    home.helpers.kept["docker-credential-desktop", "r.io"] = kept("bob", "word")
    keychain = home.keychain
    assert {keychain.resolve("r.io", f"app{number}") for number in range(40)} == {BOB}
    keychain.forget("r.io", Credential("bob", "another"))
    keychain.resolve("r.io", "app")
    assert len(home.helpers.calls) == 1
    for _ in range(40):
        keychain.forget("r.io", BOB)
        keychain.resolve("r.io", "app")
    assert len(home.helpers.calls) == 2


def test_a_helper_knows_docker_hub_by_its_old_address(home: Home) -> None:
    home.docker(credsStore="desktop")
    home.helpers.kept["docker-credential-desktop", HUB] = kept("bob", "word")
    assert home.resolve("docker.io", "library/nginx") == BOB


def test_a_helper_may_keep_an_identity_token(home: Home) -> None:
    home.docker(credsStore="desktop")
    home.helpers.kept["docker-credential-desktop", "r.io"] = kept("<token>", "long")
    assert home.resolve("r.io") == Credential("<token>", "", "long")


def test_a_helper_that_knows_nothing_leaves_the_file_its_turn(home: Home) -> None:
    home.docker(credsStore="desktop", auths={"r.io": login()})
    assert home.resolve("r.io") == BOB
    assert home.resolve("other.io") is None


FAILURES: dict[str, tuple[bytes | Exception, str]] = {
    "missing": (CommandMissingError("no such file"), "docker-credential-desktop is not on PATH"),
    "slow": (CommandTimeoutError("30 s"), "docker-credential-desktop does not answer"),
    "failing": (CommandFailedError("exit 1", 1, b"keychain is locked", b""), "fails, saying: keychain is locked"),
    "failing on the other output": (CommandFailedError("exit 2", 2, b"", b"boom"), "fails, saying: boom"),
    "failing silently": (CommandFailedError("exit 3", 3, b"", b""), "fails, with code 3"),
    "nothing": (b"", "what docker-credential-desktop answers is not JSON"),
    "nonsense": (b"s3cret", "what docker-credential-desktop answers is not JSON"),
    "a list": (b'["s3cret"]', "what docker-credential-desktop answers is not an object"),
}


@pytest.mark.parametrize(("failure", "words"), FAILURES.values(), ids=FAILURES)
def test_a_helper_that_fails_is_no_error_but_told_where_a_login_is_missed(
    home: Home, failure: bytes | Exception, words: str
) -> None:
    """As docker has it (N29): the registry may need no login."""
    file = home.docker(credsStore="desktop")
    home.helpers.kept["docker-credential-desktop", "r.io"] = failure
    keychain = home.keychain
    assert keychain.resolve("r.io", "app") is None
    (told,) = keychain.looked_at("r.io")
    assert told.startswith(f"{file} (")
    assert words in told
    assert "s3cret" not in told


def test_a_real_helper_is_run(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    script = home.path / "docker-credential-here"
    script.write_text('#!/bin/sh\nread server\nprintf \'{"Username":"%s","Secret":"word"}\' "$server"\n')
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(home.path), prepend=":")
    home.docker(credsStore="here")
    keychain = DockerConfigKeychain({"HOME": str(home.path)}, run_helper)
    assert keychain.resolve("r.io", "app") == Credential("r.io", "word")


@pytest.mark.parametrize("text", ["{", "nonsense", "[" * 100_000])
def test_a_config_that_is_not_json_is_named(home: Home, text: str) -> None:
    file = home.write(".docker/config.json", text)
    with pytest.raises(RegistryError, match=f"{file}: the stored logins are not JSON"):
        home.resolve("r.io")


def test_a_config_that_cannot_be_read_says_why_and_what_to_do(home: Home) -> None:
    file = home.path / ".docker" / "config.json"
    file.mkdir(parents=True)
    with pytest.raises(RegistryError) as caught:
        home.resolve("r.io")
    reason = "Is a directory; let this user read the file, or name another folder in DOCKER_CONFIG"
    assert str(caught.value) == f"{file}: the stored logins cannot be read: {reason}"


@pytest.mark.parametrize("text", ["/builds/auth.json", "{", "[]"])
def test_a_variable_that_is_no_configuration_disturbs_nobody_and_is_told(home: Home, text: str) -> None:
    """As docker has it; variables of GitLab may hold the name of a file."""
    home.docker(auths={"r.io": login()})
    home.environ["DOCKER_AUTH_CONFIG"] = text
    assert home.resolve("r.io") == BOB
    assert next(iter(home.keychain.looked_at("other.io"))).startswith("DOCKER_AUTH_CONFIG")


@pytest.mark.parametrize(
    "config", ["", " \n", "[]", '"x"', '{"auths": []}', '{"auths": {"r.io": "x"}}', '{"credsStore": 5}']
)
def test_a_config_of_another_shape_holds_no_login(home: Home, config: str) -> None:
    home.write(".docker/config.json", config)
    assert home.resolve("r.io") is None


def test_a_login_that_is_not_base64_is_named_and_not_shown(home: Home) -> None:
    file = home.docker(auths={"r.io": {"auth": "s3cret!"}})
    with pytest.raises(RegistryError, match=f'{file}: the "auth" of "r.io" is not base64') as caught:
        home.resolve("r.io")
    assert "s3cret" not in str(caught.value)


def test_a_user_without_a_directory_has_no_login(home: Home) -> None:
    """In containers, HOME is often not set, or the user has no entry that tells it."""
    for environ in ({}, {"HOME": ""}, {"HOME": "/nonexistent"}):
        assert DockerConfigKeychain(environ, home.helpers).resolve("no.example", "app") is None


def test_no_file_is_touched(home: Home) -> None:
    """R30: the user's config is the same to the byte afterwards."""
    file = home.docker(auths={"r.io": login()}, credsStore="desktop", HttpHeaders={"x": "y"})
    before = (file.read_bytes(), file.stat().st_mtime_ns)
    home.resolve("r.io")
    assert (file.read_bytes(), file.stat().st_mtime_ns) == before
    assert [path.name for path in home.path.rglob("*")] == [".docker", "config.json"]


def test_what_the_program_gives_is_found_by_registry_and_path() -> None:
    keychain = StaticKeychain({HUB: BOB, "r.io/team": Credential("team", "x")})
    assert keychain.resolve("docker.io", "library/nginx") == BOB
    assert keychain.resolve("r.io", "team/app") == Credential("team", "x")
    assert keychain.resolve("r.io", "app") is None


def test_nothing_shows_a_secret() -> None:
    """R14."""
    credential = Credential("bob", "word-1", "token-1", "token-2")
    shown = f"{credential!r} {credential} {StaticKeychain({'r.io': credential})!r}"
    assert "bob" in shown
    assert "word-1" not in shown
    assert "token-" not in shown
