"""Random Dockerfiles over random trees, each from a number; some of them are spoilt."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

_NAMES = ("a", "b", "d", "e", "ab", "a.x", "b.x", ".h", "d.git")
_ODD_NAMES = ("a b", "é", "[q]", "a*", "!a", "#c", "<<x", "--x", "~")
_SPOILS = (
    *("\\", "\\\\", "'", '"', "''", " ", "\t", "\f", "\r", "`", "$X", "${X:-s0}", "/", "*", "[^a]", "..", "--", "à"),
    *("\\\n", "\\\\\n", "\\ \n", "\n#x\n", " <<EOF ", "\u00a0", "\n\n"),
)
_FLAGS = ("--link", "--chmod=600", "--chown=1:1", "--exclude=*.x", "--link=false", "--chown='1':\"1\"", '"--link"')
_SET = (
    "ARG V={}",
    "ARG V",
    "ENV V={}",
    "ENV V {}",
    'ENV U=d V="{}"',
    "ARG V={} U=$V",
    "ENV V=${{U:-{}}}",
    "ARG TARGETARCH",
)
_USED = ("$V", "${V}", "${V:-a}", "${V:+d}/a", '"$V"', "$U", "./$V/", "d/$V", "$TARGETARCH", "${V}*")


@dataclass(frozen=True)
class DockerfileCase:
    """A Dockerfile, what it can copy from, and the options it is built with.

    Attributes:
        number: The seed; the same number is the same case.
        paths: Files, and symbolic links as `path -> target`.
        dockerfile: The text.
        target: The stage that is built; None for the last.
        build_args: Values from outside.
        ignore: The context's ignore file; None if there is none.
    """

    number: int
    paths: tuple[str, ...]
    dockerfile: str
    target: str | None = None
    build_args: dict[str, str] = field(default_factory=dict)
    ignore: str | None = None

    def build(self, root: Path) -> Path:
        """Write the context."""
        root.mkdir(parents=True)
        for path in self.paths:
            name, _, target = path.partition(" -> ")
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            if target:
                (root / name).symlink_to(target)
            else:
                (root / name).write_text(name)
        if self.ignore is not None:
            (root / ".dockerignore").write_text(self.ignore)
        return root


def make_dockerfile_case(number: int) -> DockerfileCase:
    """Return the case of that number."""
    source = random.Random(number)
    paths = _paths(source)
    files = [path.partition(" -> ")[0] for path in paths]
    text, stages, build_args = _dockerfile(source, files)
    for _ in range(source.choice((0, 0, 0, 0, 1, 2))):
        position = source.randint(0, len(text))
        text = text[:position] + source.choice(_SPOILS) + text[position:]
    target = source.choice(stages) if stages and source.random() < 0.3 else None
    ignored = source.choice(files).split("/")[0]
    ignore = source.choice((None, None, f"{ignored}\n", f"*\n!{ignored}\n"))
    return DockerfileCase(number, paths, text, target, build_args, ignore)


def _paths(source: random.Random) -> tuple[str, ...]:
    names = source.sample(_NAMES, 5) + (source.sample(_ODD_NAMES, 2) if source.random() < 0.4 else [])
    made = {"/".join(source.choices(names, k=source.choice((1, 1, 2, 2, 3)))) for _ in range(source.randint(3, 10))}
    files = sorted(path for path in made if not any(other.startswith(f"{path}/") for other in made))
    if source.random() < 0.3:
        files.append(f"link -> {source.choice((*names, '..', 'none', '/d'))}")
    return tuple(files)


def _dockerfile(source: random.Random, files: Sequence[str]) -> tuple[str, list[str], dict[str, str]]:
    lines = [] if source.random() < 0.9 else [source.choice(("# escape=`", "# hello", "# check=skip=all", "# a=b"))]
    build_args: dict[str, str] = {}
    for name in ("X", "Y"):
        if source.random() < 0.4:
            value = source.choice(("s0", "s1", "s2"))
            lines.append(source.choice((f"ARG {name}", f"ARG {name}={value}", f'ARG {name}="{value}" Z=1')))
            if source.random() < 0.4:
                build_args[name] = source.choice(("s0", "s1"))
    if source.random() < 0.3:
        lines.append(f"ARG V={source.choice(files)}")
        if source.random() < 0.3:
            build_args["V"] = source.choice(files)
    stages: list[str] = []
    for number in range(source.choice((1, 2, 2, 3, 4))):
        base = _base(source, stages)
        lines.append(f"FROM {base} AS s{number}" if source.random() < 0.9 else f"FROM {base}")
        stages.append(f"s{number}")
        lines += [_instruction(source, files, stages[:-1]) for _ in range(source.choice((0, 1, 1, 2, 3)))]
    ending = "\r\n" if source.random() < 0.07 else "\n"
    return ending.join("\n".join(lines).split("\n")) + ending, stages, build_args


def _base(source: random.Random, stages: Sequence[str]) -> str:
    if not stages or source.random() < 0.5:
        return "scratch"
    stage = source.choice(stages)
    computed = ("$X", "${X}", f"${{X:-{stage}}}", f"${{Y:+{stage}}}", f"${{TARGETVARIANT:-{stage}}}", "s$BUILDVARIANT")
    return source.choice((*computed, *[stage] * 6))


def _instruction(source: random.Random, files: Sequence[str], stages: Sequence[str]) -> str:
    roll = source.random()
    if roll < 0.8:
        return _copy(source, files, stages)
    copied = _word(source, files)
    return source.choice(
        (
            "WORKDIR /w",
            "ENV A=b C=d",
            "LABEL a=b \\\n  c=d",
            "ENV P=C:\\\\",
            'CMD ["x"]',
            "ARG X=s1",
            *(form.format(source.choice(files)) for form in _SET),
            "ARG TARGETARCH",
            f"ONBUILD COPY {copied} /t/",
            *[_mount(source, files)] * 3,
            f"COPY <<EOF {copied} /h/\nCOPY b /\nEOF",
            "COPY <<-'E' /h\n\tx\n\tE",
        )
    )


def _mount(source: random.Random, files: Sequence[str]) -> str:
    """Return a step that copies what is mounted; the program is in the named context `tools`."""
    options = ["type=bind", "source=" + _word(source, files).strip('"'), "target=/m"]
    mount = ",".join(source.sample(options, 3) if source.random() < 0.9 else options[::2])
    quote = source.choice(("", "", '"', "'"))
    run = f'RUN --mount={quote}{mount}{quote} ["/busybox", "cp", "-r", "/m", "/m{source.randint(1, 9)}"]'
    return f"COPY --from=tools busybox /\n{run}"


def _copy(source: random.Random, files: Sequence[str], stages: Sequence[str]) -> str:
    name = source.choice(("COPY", "COPY", "COPY", "copy", "ADD"))
    flags = [source.choice(_FLAGS)] if source.random() < 0.15 else []
    if name != "ADD" and stages and source.random() < 0.3:
        flags.append("--from=" + source.choice((*stages, "0", stages[0].upper())))
    elif name != "ADD" and source.random() < 0.1:
        flags.append("--parents")
    words = [_word(source, files) for _ in range(source.choice((1, 1, 1, 2, 3)))]
    words.append(source.choice(("/", "/o/", "/o/", "x/")))
    if source.random() < 0.2:
        items = (word.replace("\\", "\\\\").replace('"', '\\"') for word in words)
        return " ".join([name, *flags, "[" + ", ".join(f'"{item}"' for item in items) + "]"])
    return source.choice((" ", " ", "  ", "\t", " \\\n  ", " \\\n# c\n\n  ")).join([" ".join([name, *flags]), *words])


def _word(source: random.Random, files: Sequence[str]) -> str:
    """Return what a `COPY` could name: a path, some of it a wildcard, or another way to write it."""
    if source.random() < 0.1:
        return source.choice(_USED)
    parts = source.choice(files).split("/")
    parts = [_part(source, part) for part in parts[: source.randint(1, len(parts))]]
    if source.random() < 0.15:
        parts.insert(source.randint(0, len(parts)), source.choice((".", "..", "", "*")))
    text = "/".join(parts)
    if source.random() < 0.2:
        text = source.choice(("/", "./", "../")) + text
    if source.random() < 0.1:
        return f'"{text}"'
    return text + "/" if source.random() < 0.1 else text or "."


def _part(source: random.Random, part: str) -> str:
    roll = source.random()
    if roll < 0.7:
        return part
    if roll < 0.98:
        return source.choice(("*", part[:1] + "*", "?" + part[1:], "[a-d]" + part[1:], "[^a]*"))
    return source.choice(("\\" + part, f"'{part}'"))
