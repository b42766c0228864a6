"""`.dockerignore` patterns mean what they mean to BuildKit; the odd ones were checked against a real one."""

import pytest

from image_assets.ignore.docker import docker_rules
from image_assets.ignore.ignorefile import BadPatternError, read_exclude, read_lines
from image_assets.ignore.rules import Level
from tests.ignore.looking import emptied, included


def rules(text: str) -> Level:
    return docker_rules(read_lines(text.encode(), ".dockerignore"))


def left_out(text: str, *paths: str) -> set[str]:
    return set(paths) - included(rules(text), paths)


PATTERNS = {
    "a name matches at the root only": ("a", {"a"}, {"x/a"}),
    "a leading slash changes nothing": ("/a", {"a"}, {"x/a"}),
    "a trailing slash changes nothing": ("a/", {"a", "a/b"}, {"ab"}),
    "a leading dot and slash change nothing": ("./a", {"a"}, {"x/a"}),
    "double slashes and dots are cleaned away": ("x//./y/../a", {"x/a"}, {"x/y"}),
    "what is in an ignored directory is ignored": ("a", {"a/b", "a/b/c"}, {"b"}),
    "a star stays in its component": ("*.py", {"a.py", ".py"}, {"x/a.py", "a.pyc"}),
    "a star matches a leading dot": ("*", {".a", "a/b"}, set()),
    "a question mark is one character": ("?", {"a", "é"}, {"ab"}),
    "two stars and a slash match any depth": ("**/a", {"a", "x/a", "x/y/a", "x/a/z"}, {"xa"}),
    "two stars at the end match all below, not the directory itself": ("a/**", {"a/b", "a/b/c"}, {"a"}),
    "two stars alone match everything": ("**", {"a", "x/y"}, set()),
    "two stars in the middle match no directory as well": ("a/**/b", {"a/b", "a/x/y/b"}, {"b", "a/x"}),
    "two stars before a name match its end": ("**.py", {"a.py", "x/a.py"}, {"a.pyc"}),
    "two stars behind a name match across slashes": ("a**", {"a", "ab", "a/b", "ab/c"}, {"ba"}),
    "a class": ("[ab]", {"a", "b"}, {"c", "ab"}),
    "a range": ("[a-c]x", {"ax", "cx"}, {"dx"}),
    "a class negated by ^": ("[^a]", {"b"}, {"a"}),
    "an exclamation mark does not negate a class": ("[!a]", {"a", "!"}, {"b"}),
    "a POSIX class, since RE2 knows it": ("a*[[:digit:]]", {"a1", "ab2"}, {"ab"}),
    "an escaped star": ("\\*", {"*"}, {"a"}),
    "an escaped digit letter is RE2's digit": ("a\\d", {"a1"}, {"ad"}),
    "case counts": ("A", {"A"}, {"a"}),
    "a dot is a dot": ("a.b*", {"a.b", "a.bc"}, {"axb"}),
    "a bar among wildcards is RE2's choice": ("*b|c", {"b", "xc", "b/d"}, set()),
    "a bar without wildcards is itself": ("a|b", {"a|b"}, {"a", "b"}),
    "braces among wildcards are RE2's repetition": ("a{2}*", {"aa", "aab"}, {"a", "a{2}"}),
    "braces that repeat nothing are themselves": ("*.{js,ts}", {"x.{js,ts}"}, {"x.js"}),
    "a caret inside a pattern never matches": ("a^*", set(), {"a^", "a"}),
    "a dot does not stand for a line feed": ("**/*a", {"a", "x/a"}, {"a\nb/a"}),
    "a name's line feed does not matter": ("*", {"a\nb"}, set()),
    "an ancestor's pattern holds for the files below": ("x/y", {"x/y/z/a"}, {"x/z"}),
    "patterns that leave the context match nothing": ("../a\n..\n.\n/", set(), {"a"}),
    "a brace expression is no alternative": ("{a,b}", {"{a,b}"}, {"a", "b"}),
}


@pytest.mark.parametrize("fact", PATTERNS)
def test_a_pattern(fact: str) -> None:
    text, matched, unmatched = PATTERNS[fact]
    assert left_out(text, *matched, *unmatched) == matched


def test_an_exclamation_mark_includes_again_and_the_last_pattern_decides() -> None:
    assert left_out("*.md\n!README.md", "a.md", "README.md") == {"a.md"}
    assert left_out("!README.md\n*.md", "a.md", "README.md") == {"a.md", "README.md"}


def test_a_file_in_an_ignored_directory_can_be_included_again() -> None:
    assert left_out("*\n!a/b", "a/", "a/b", "a/c", "d/") == {"a/", "a/c", "d/"}


def test_an_ignored_directory_is_entered_only_if_something_inside_can_be_included() -> None:
    level = rules("a\nb\n!a/x/y\n")
    assert level.enter("b").level is None
    inside = level.enter("a").level
    assert inside is not None
    assert inside.enter("z").level is None
    assert inside.enter("x").level is not None


def test_a_wildcard_behind_an_exclamation_mark_lets_every_directory_be_entered() -> None:
    assert rules("a\n!**/x").enter("a").level is not None


def test_a_pattern_like_a_star_below_a_directory_does_not_reach_two_levels_down() -> None:
    # fsutil cuts `/*/**` off before it looks for directories to enter (`patternWithoutTrailingGlob`).
    assert left_out("foo/x\n!foo/*/**", "foo/x/y") == {"foo/x/y"}


def test_a_pattern_without_account_for_a_directory_is_not_tried_on_it_again_for_the_entries() -> None:
    # MatchesOrParentMatches would include a/b, by `!a`: MatchesUsingParentResults does not.
    assert left_out("a/b\n!a", "a/b") == {"a/b"}


def test_a_file_that_only_the_walk_includes_is_sent_empty() -> None:
    level = rules("a\n!a/b\na")
    assert emptied(level, ["a/b", "a/c"]) == {"a/b"}
    assert included(level, ["a/b", "a/c"]) == set()


def test_comments_blank_lines_and_space_around_a_pattern_mean_nothing() -> None:
    assert left_out("# a\n\n  \t\n  b \u00a0\n", "a", "# a", "b") == {"b"}


def test_a_hash_that_is_not_in_the_first_column_starts_a_pattern() -> None:
    assert left_out(" #a", "#a") == {"#a"}


def test_a_byte_order_mark_and_carriage_returns_mean_nothing() -> None:
    assert left_out("\ufeffa\r\nb\r\n", "a", "b", "c") == {"a", "b"}


def test_space_behind_an_exclamation_mark_means_nothing() -> None:
    assert left_out("*\n! a", "a", "b") == {"b"}


def test_bytes_that_are_not_utf_8_in_a_pattern_with_wildcards_match_any_such_byte() -> None:
    level = docker_rules(read_lines(b"a\xff*", "f"))
    paths = ["a\udcff", "a\udcfeb", "ab"]
    assert set(paths) - included(level, paths) == {"a\udcff", "a\udcfeb"}


@pytest.mark.parametrize("text", ["a\n[", "a\n[]", "a\n[a-]", "a\n!", "a\n\\", "a\n!/", "a\n[-a]"])
def test_an_invalid_pattern_is_refused_and_named_by_file_and_line(text: str) -> None:
    with pytest.raises(BadPatternError, match=r"^\.dockerignore:2: "):
        rules(text)


@pytest.mark.parametrize("text", ["x*\\y", "x*[z-a]", "x*{2}", "x*[[:nope:]]", "x{1001}*"])
def test_a_pattern_that_re2_refuses_is_refused_once_it_is_asked_for_a_match(text: str) -> None:
    level = rules(text)
    with pytest.raises(BadPatternError, match=r"^\.dockerignore:1: "):
        level.judge("a")


def test_a_pattern_that_re2_refuses_does_no_harm_where_it_is_of_no_account() -> None:
    assert rules("!x*\\y").judge("a") is rules("").judge("a")


def test_an_excluded_pattern_is_named_by_its_index() -> None:
    with pytest.raises(BadPatternError, match=r"^exclude\[1\]: "):
        docker_rules(read_exclude(["a", "["]))


def test_a_line_longer_than_the_builder_takes_is_refused() -> None:
    with pytest.raises(BadPatternError, match="64 KiB"):
        rules("a" * 65536)


def test_many_stars_do_not_take_for_ever() -> None:
    level = rules("*a*a*a*a*a*a*a*a*a*a*a*a*a*b\n**/*?a[ab]*a*a*a*a*a*a*a*a*a*a*c")
    assert level.judge("a" * 255) is rules("").judge("a")
    assert left_out("*a*b*c?d*e", "aabbccxdde", "abcde", "xabcdabcxde") == {"aabbccxdde", "xabcdabcxde"}
