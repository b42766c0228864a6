"""Secret texts do not show, in whatever spelling they turn up."""

import base64
import csv
import io
import json
import shlex
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from image_assets.secrets import MASK, PUBLIC_NAMES, Secrets, login_texts, marked_texts
from image_assets.values import Secret

SPELLINGS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "in a name without capitals": str.lower,
    "in a shell": shlex.quote,
    "in a shell command": lambda text: shlex.join(("docker", f"--build-arg=T={text}")),
    "in JSON": json.dumps,
    "in JSON with other letters": lambda text: json.dumps(text, ensure_ascii=False),
    "in JSON in JSON": lambda text: json.dumps(json.dumps({"a": text})),
    "in a URL": quote,
    "in a URL's query": quote_plus,
    "in a URL's user": lambda text: f"https://me:{quote(text, safe='')}@host",
    "in Python": repr,
    "in CSV": lambda text: _csv(f"secret={text}"),
    "in Base64": lambda text: base64.b64encode(text.encode()).decode(),
    "in Basic authentication": lambda text: base64.b64encode(f"user:{text}".encode()).decode(),
    "in Base64 for URLs": lambda text: base64.urlsafe_b64encode(f"u:{text}:x".encode()).decode(),
}
AWKWARD = 'it\'s "50%" & <more> \\ /ü+'


def _csv(text: str) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerow([text])
    return buffer.getvalue()


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("secret", ["hunter2", "Hunter2", AWKWARD, "pa ss'word", "x" * 300])
def test_a_secret_is_hidden_in_every_spelling(spelling: str, secret: str) -> None:
    shown = SPELLINGS[spelling](secret)
    masked = Secrets([secret]).mask(f"before {shown} after")
    assert MASK in masked
    assert masked.startswith("before ")
    assert masked.endswith(" after")
    kept = masked.replace(MASK, "").removeprefix("before ").removesuffix(" after")
    # What is left is of the spelling: quotes, the user's name, a letter of Base64 that neighbours share.
    assert max((len(run) for run in _common(kept, shown)), default=0) < 24
    assert secret not in masked


def _common(kept: str, shown: str) -> list[str]:
    return [part for part in kept.split() if part in shown]


@given(st.text(st.characters(codec="utf-8"), min_size=3, max_size=20), st.sampled_from(sorted(SPELLINGS)))
def test_no_text_escapes_by_its_letters(secret: str, spelling: str) -> None:
    assume(len(secret.strip()) >= 6 and secret not in PUBLIC_NAMES)
    assert MASK in Secrets([secret]).mask(SPELLINGS[spelling](secret).strip())


def test_secrets_that_overlap_or_contain_each_other_are_hidden_whole() -> None:
    secrets = Secrets(["hunter2", "hunter2-and-more", "abcdef", "defghi", "a.b*c"])
    assert secrets.mask("x=hunter2, y=hunter2-and-more z=a.b*c axbbc") == f"x={MASK}, y={MASK} z={MASK} axbbc"
    assert secrets.mask("xabcdefghix") == f"x{MASK}x"


def test_a_key_file_is_hidden_line_by_line() -> None:
    secrets = Secrets(["-----BEGIN KEY-----\nMIIEvQIBADANBg\n}\n-----END KEY-----\n"])
    assert secrets.mask("MIIEvQIBADANBg }") == f"{MASK} }}"


def test_a_tiny_secret_is_hidden_where_it_is_a_value_and_does_not_hide_the_rest() -> None:
    secrets = Secrets(["", " ", "q", "1"])
    assert secrets.mask("quick q --build-arg PIN=q x=1, y=10") == f"quick q --build-arg PIN={MASK} x={MASK}, y=10"
    assert secrets.mask("q") == MASK


def test_user_names_that_everybody_knows_hide_nothing() -> None:
    secrets = Secrets(login_texts("AWS", "token-1"))
    secrets.add(["AWS"])
    assert secrets.mask("AWS said token-1") == f"AWS said {MASK}"


def test_the_basic_authentication_of_a_short_password_is_hidden() -> None:
    shown = base64.b64encode(b"me:abc").decode()
    assert Secrets(login_texts("me", "abc")).mask(f"Authorization: Basic {shown}") == f"Authorization: Basic {MASK}"


def test_texts_under_marks_are_found_at_any_depth() -> None:
    value = {"a": Secret({"b": ["x", {"c": "y"}]}), "d": ["z", Secret(5)], "e": Secret(True)}
    assert sorted(marked_texts(value)) == ["5", "x", "y"]


def test_without_secrets_nothing_changes() -> None:
    assert Secrets().mask("text") == "text"


def test_a_login_in_a_url_is_hidden_even_without_a_mark() -> None:
    names = "h:5000/a:1@sha256:abc me@host/x 10:20 a@b"
    assert Secrets().mask(f'value {{u:p4ss@h.example:1/a}}. "u:p4ss@h/a" {names}') == (
        f'value {{{MASK}@h.example:1/a}}. "{MASK}@h/a" {names}'
    )
    shown = "https://u:p4ss@git.example/r.git#main https://tok3n@git.example ssh://git@git.example http://h/a@b"
    assert Secrets().mask(shown) == (
        f"https://{MASK}@git.example/r.git#main https://{MASK}@git.example ssh://git@git.example http://h/a@b"
    )
