"""`ignoreMode: glob` is minimatch as AWS CDK uses it: its own answers, recorded, and asked for anew where node is."""

import json
import random
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from image_assets.ignore.glob import compile_pattern, glob_rules
from image_assets.ignore.ignorefile import BadPatternError, Line, read_raw_lines
from tests.context.cases import make_case
from tests.ignore.looking import included

_RECORDED = json.loads(Path(__file__).with_name("minimatch.json").read_text())
_SCRIPT = """
const {minimatch} = require("minimatch");
require("readline").createInterface({input: process.stdin}).on("line", line => {
  const {pattern, paths} = JSON.parse(line);
  const found = paths.filter(path => minimatch(path, pattern, {matchBase: true, flipNegate: true}));
  process.stdout.write(JSON.stringify(found) + "\\n");
});
"""
_SPECIAL = (
    "{a,b}",
    "*.{py,log}",
    "!(a)",
    "!(a|b)",
    "@(a|foo)",
    "?(a)b",
    "*(a)",
    "+(a|b)",
    "{a..c}",
    "**/!(a)",
    "{a,{b,x}}",
)


def matched(pattern: str, paths: Sequence[str]) -> list[str]:
    compiled = compile_pattern(Line(pattern, "f:1"))
    return [path for path in paths if not pattern.startswith("#") and compiled.matches(path.split("/"))]


@pytest.mark.parametrize("pattern", _RECORDED["matches"])
def test_a_pattern_matches_what_minimatch_matches(pattern: str) -> None:
    assert matched(pattern, _RECORDED["paths"]) == _RECORDED["matches"][pattern]


@pytest.fixture
def minimatch(tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """The npm package, answering one question a line."""
    if not shutil.which("npm"):
        pytest.skip("needs npm")
    install = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "minimatch@10"]
    if subprocess.run(install, cwd=tmp_path, check=False, capture_output=True, timeout=120).returncode:
        pytest.skip("npm cannot install minimatch here")
    (tmp_path / "ask.js").write_text(_SCRIPT)
    with subprocess.Popen(["node", "ask.js"], cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield process
        process.terminate()


def _ask(process: "subprocess.Popen[bytes]", pattern: str, paths: Sequence[str]) -> Any:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps({"pattern": pattern, "paths": paths}).encode() + b"\n")
    process.stdin.flush()
    return json.loads(process.stdout.readline())


def _patterns(number: int) -> list[str]:
    source = random.Random(number)
    made = ["/".join(source.choices((*_SPECIAL, "*", "**", "a", "foo.py"), k=source.randint(1, 3))) for _ in range(2)]
    return [line for line in (*make_case(number, odd_names=False).ignore.splitlines(), *made) if _is_common(line)]


def _is_common(pattern: str) -> bool:
    """Leave out where minimatch contradicts its own rules: backslashes behind a star, two `**` before a dot."""
    return bool(pattern.strip("!")) and "\\" not in pattern and pattern.count("**") < 2


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_generated_patterns_match_what_minimatch_matches(minimatch: "subprocess.Popen[bytes]") -> None:
    wrong = []
    for number in range(10000):
        paths = [path.rstrip("/") for path in make_case(number, odd_names=False).paths]
        for pattern in _patterns(number):
            if matched(pattern, paths) != _ask(minimatch, pattern, paths):
                wrong.append((pattern, paths))
    assert wrong == []


def left_out(text: str, *paths: str) -> set[str]:
    return set(paths) - included(glob_rules(read_raw_lines(text.encode(), "f")), paths)


def test_the_last_pattern_decides() -> None:
    assert left_out("*.js\n!a.js", "a.js", "b.js", "x/a.js") == {"b.js"}
    assert left_out("!a.js\n*.js", "a.js") == {"a.js"}


def test_nothing_in_an_ignored_directory_can_be_included_again() -> None:
    assert left_out("a\n!b", "a/b", "b") == {"a/b"}


def test_a_comment_matches_nothing() -> None:
    assert left_out("#a", "#a") == set()


def test_a_pattern_that_expands_to_too_much_is_refused() -> None:
    with pytest.raises(BadPatternError, match=r"^f:1: "):
        compile_pattern(Line("{1..100}{1..100}{1..100}", "f:1"))
