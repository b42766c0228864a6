"""Names of repositories and images, and what is said about wrong ones."""

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from image_assets.reference import Reference, Repository, api_host, check_digest, check_tag, is_digest

DIGEST = "sha256:" + "0123456789abcdef" * 4
GOOD = {
    "ghcr.io/me/app": ("ghcr.io", "me/app", "ghcr.io", "me/app"),
    "123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/api": (
        "123456789012.dkr.ecr.eu-west-1.amazonaws.com",
        "team/api",
        "123456789012.dkr.ecr.eu-west-1.amazonaws.com",
        "team/api",
    ),
    "localhost:5000/a": ("localhost:5000", "a", "localhost:5000", "a"),
    "localhost/a": ("localhost", "a", "localhost", "a"),
    "127.0.0.1:5000/a/b/c": ("127.0.0.1:5000", "a/b/c", "127.0.0.1:5000", "a/b/c"),
    "[::1]:5000/a": ("[::1]:5000", "a", "[::1]:5000", "a"),
    "nginx": ("docker.io", "nginx", "registry-1.docker.io", "library/nginx"),
    "me/app": ("docker.io", "me/app", "registry-1.docker.io", "me/app"),
    "docker.io/nginx": ("docker.io", "nginx", "registry-1.docker.io", "library/nginx"),
    "index.docker.io/me/app": ("docker.io", "me/app", "registry-1.docker.io", "me/app"),
    "GHCR.io/me/app": ("ghcr.io", "me/app", "ghcr.io", "me/app"),
    "r.io/a__b/c--d/e.f_g": ("r.io", "a__b/c--d/e.f_g", "r.io", "a__b/c--d/e.f_g"),
}


@pytest.mark.parametrize(("text", "parts"), GOOD.items())
def test_a_repository_is_read_as_docker_reads_it(text: str, parts: tuple[str, str, str, str]) -> None:
    repository = Repository.parse(text)
    assert (repository.registry, repository.path, repository.api_host, repository.full_path) == parts
    assert Repository.parse(str(repository)) == repository


BAD = {
    "": 'is empty: write, for instance, "ghcr.io/me/app"',
    "  ": "is empty",
    " ghcr.io/a": 'write "ghcr.io/a"',
    "https://ghcr.io/me/app/": 'is a URL, not a repository: write "ghcr.io/me/app"',
    "docker://ghcr.io/me/app": 'write "ghcr.io/me/app"',
    "ghcr.io/me/app:v1": 'holds a tag, and a repository has none: write "ghcr.io/me/app"',
    "app:v1": 'holds a tag, and a repository has none: write "app"',
    "localhost:5000/app:v1": 'write "localhost:5000/app"',
    f"ghcr.io/me/app@{DIGEST}": 'holds a digest, and a repository has none: write "ghcr.io/me/app"',
    f"ghcr.io/me/app:v1@{DIGEST}": 'holds a digest, and a repository has none: write "ghcr.io/me/app"',
    "ghcr.io": 'names only a registry: write "ghcr.io/NAME"',
    "ghcr.io/": "names only a registry",
    "localhost:5000": 'write "localhost:5000/NAME"',
    "ghcr.io/Me/App": 'has capital letters: write "ghcr.io/me/app"',
    "Me/app": 'has capital letters: write "me/app"',
    "ghcr.io/me//app": 'because of ""',
    "ghcr.io/me/app/": 'because of ""',
    "/me/app": 'because of ""',
    "ghcr.io/me/-app": 'because of "-app"',
    "ghcr.io/me/a..b": 'because of "a..b"',
    "ghcr.io/me/a___b": 'because of "a___b"',
    "ghcr.io/me/a b": 'because of "a b"',
    "ghcr.io/me/ä": 'because of "ä"',
    "ghcr.io/me/app\n": "has blanks around it",
    "ghcr.io:port/app": "is not a host name",
    "ghcr.io:99999/app": "is not a host name",
    "ghcr_io.x/app": "is not a host name",
    "user@ghcr.io/app": "holds a digest",
    "ghcr.io/" + "a" * 300: "is too long: 255 characters",
}


@pytest.mark.parametrize(("text", "words"), BAD.items())
def test_a_wrong_repository_is_refused_with_what_to_write(text: str, words: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the words are compared below
        Repository.parse(text)
    assert words in str(caught.value)


@given(
    st.one_of(
        st.text(alphabet=string.printable, max_size=60),
        st.text(alphabet="aZ9._-/:@ ü", max_size=20).map("https://Ghcr.io/Me/{0}:v1@x".format),
        st.text(alphabet="aZ9._-/:@ ü", max_size=20),
        st.from_regex(r"(localhost|ghcr\.io|r)(:5000)?(/[A-Za-z._-]*){0,3}(:v1)?", fullmatch=True),
    )
)
def test_what_is_to_be_written_instead_is_a_repository(text: str) -> None:
    try:
        Repository.parse(text)
    except ValueError as error:
        found = re.search(r'(?:write|for instance),? "([^"]*)"$', str(error))
        if found and not found[1].endswith("/NAME"):
            Repository.parse(found[1])


@pytest.mark.parametrize("text", ["user:pw-1@host.example:5000/a/b", "https://user:pw-1@host.example:5000/a/b"])
@pytest.mark.parametrize("kind", [Repository, Reference])
def test_a_login_in_a_name_is_refused_and_not_shown(kind: type[Repository | Reference], text: str) -> None:
    with pytest.raises(ValueError, match=r'no login.* write "host\.example:5000/a/b"') as caught:
        kind.parse(text)
    assert "pw-1" not in str(caught.value)


def test_a_port_alone_is_no_tag() -> None:
    with pytest.raises(ValueError, match='names only a registry: write "localhost:5000/NAME"'):
        Repository.parse("localhost:5000")


@given(st.text(alphabet=string.printable, max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        repository = Repository.parse(text)
    except ValueError:
        return
    assert Repository.parse(str(repository)) == repository


IMAGES = {
    "nginx": ("docker.io/nginx:latest", "latest"),
    "localhost:5000/a:v1": ("localhost:5000/a:v1", "v1"),
    f"ghcr.io/a@{DIGEST}": (f"ghcr.io/a@{DIGEST}", DIGEST),
    f"ghcr.io/a:v1@{DIGEST}": (f"ghcr.io/a:v1@{DIGEST}", DIGEST),
}


@pytest.mark.parametrize(("text", "expected"), IMAGES.items())
def test_an_image_has_a_tag_or_a_digest_or_both(text: str, expected: tuple[str, str]) -> None:
    reference = Reference.parse(text)
    assert (str(reference), reference.identifier) == expected


@pytest.mark.parametrize(
    "text", ["a:", "a@", "a@sha256:12", "a:b:c", f"a@{DIGEST.upper()}", "a:-x", "https://r.io/a:b"]
)
def test_a_wrong_image_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write"):
        Reference.parse(text)


@pytest.mark.parametrize("tag", ["v1", "_", "1.2.3-rc_1", "A" * 128])
def test_a_tag_is_taken(tag: str) -> None:
    check_tag(tag)


@pytest.mark.parametrize("tag", ["", ".a", "-a", "a b", "a/b", "a:b", "A" * 129, "ä", "a\n"])
def test_a_wrong_tag_is_refused(tag: str) -> None:
    with pytest.raises(ValueError, match="is not a tag: write"):
        check_tag(tag)


def test_digests_are_told_from_tags() -> None:
    assert is_digest(DIGEST)
    assert is_digest("sha512:" + "0" * 128)
    assert not is_digest("sha256:xyz")
    assert not is_digest(f"{DIGEST}\n")
    with pytest.raises(ValueError, match="is not a digest: write"):
        check_digest("v1")


def test_only_docker_hub_has_its_api_elsewhere() -> None:
    assert (api_host("docker.io"), api_host("ghcr.io")) == ("registry-1.docker.io", "ghcr.io")
