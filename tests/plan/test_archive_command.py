"""What a command that makes an archive reads, and nothing else, counts."""

from pathlib import Path

import pytest

from image_assets.inputs.options import ArchiveCommand
from image_assets.plan.archive_command import read_by
from tests.context.looking import counted, fingerprint_of
from tests.support.contexts import write_files

FILES = ("repo/cmd/a.go", "repo/cmd/gen/b.go", "repo/go.mod", "repo/go.sum", "repo/infra/main.ts", "repo/infra/out.tar")


def command(folder: Path, *inputs: str) -> ArchiveCommand:
    write_files(folder, {path: path for path in (*FILES, "beside/x")})
    program = folder / "repo" / "infra"
    return ArchiveCommand("make", str(program / "out.tar"), inputs, str(program))


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        (("main.ts",), {"main.ts"}),
        ((".",), {"main.ts"}),
        (("..",), {"cmd/a.go", "cmd/gen/b.go", "go.mod", "go.sum", "infra/main.ts"}),
        (("../cmd", "!../cmd/gen", "../go.*"), {"cmd/a.go", "go.mod", "go.sum"}),
        (("./../cmd/*.go", "main.ts"), {"cmd/a.go", "infra/main.ts"}),
        (("../../beside", "../go.mod"), {"beside/x", "repo/go.mod"}),
        (("../**/*.go",), {"cmd/a.go", "cmd/gen/b.go"}),
    ],
)
def test_what_the_inputs_name_counts(tmp_path: Path, inputs: tuple[str, ...], expected: set[str]) -> None:
    found = counted(read_by(command(tmp_path, *inputs)))
    assert {path for path in found if not path.endswith("/")} == expected


def test_where_the_repository_lies_is_no_matter(tmp_path: Path) -> None:
    specs = [read_by(command(tmp_path / place, "../cmd", "../go.mod")) for place in ("one", "other/deep")]
    assert len({fingerprint_of(spec).digest for spec in specs}) == 1


def test_an_ignore_file_of_a_context_is_no_matter(tmp_path: Path) -> None:
    spec = read_by(command(tmp_path, "../cmd"))
    before = fingerprint_of(spec).digest
    (tmp_path / "repo" / ".dockerignore").write_text("cmd\n")
    assert fingerprint_of(spec).digest == before
