"""How fast a context is fingerprinted: ratios to a bare walk of the same tree in the same run, and to AWS CDK's.

Each figure is the least of several runs, each in a process of its own. Trees are made once, in a temporary folder,
and read once before they are measured. `--full` adds the tree of 1,000,000 files.
"""

import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

_ROUNDS = 3
_FILES = 100_000
_BYTES = 412_000_000
_USUAL = "**/node_modules\n.git\n**/*.pyc\n**/__pycache__\ndist\n*.md"
_SELF = [sys.executable, __file__]
"""The provider is installed in the interpreter that runs this."""
_CDK = """
const {FileSystem, IgnoreMode} = require("aws-cdk-lib");
const begun = process.hrtime.bigint();
FileSystem.fingerprint(process.argv[2], {ignoreMode: IgnoreMode.DOCKER, exclude: process.argv[3].split("\\n")});
console.log(Number(process.hrtime.bigint() - begun) / 1e9, process.resourceUsage().maxRSS);
"""
_CDK_ASSET = """
const {App, IgnoreMode, Stack} = require("aws-cdk-lib");
const {DockerImageAsset} = require("aws-cdk-lib/aws-ecr-assets");
const [tree, exclude, outdir] = process.argv.slice(2);
const begun = process.hrtime.bigint();
const app = new App({outdir});
const asset = {directory: tree, ignoreMode: IgnoreMode.DOCKER, exclude: exclude.split("\\n")};
new DockerImageAsset(new Stack(app, "stack"), "image", asset);
app.synth();
console.log(Number(process.hrtime.bigint() - begun) / 1e9, process.resourceUsage().maxRSS);
"""

Measured = tuple[float, float]
"""Seconds and MB."""


def bare(root: str) -> None:
    """List, read and hash, and nothing else."""
    import hashlib  # noqa: PLC0415 - only in the measured process

    pending = [root]
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    pending.append(entry.path)
                else:
                    with open(entry.path, "rb") as file:  # noqa: PTH123 - pathlib would double the time of the walk
                        hashlib.sha256(file.read()).digest()


def ours(root: str, cache: str = "", exclude: str = "") -> None:
    """Take the fingerprint."""
    from image_assets.context import ContextSpec, DigestCache, fingerprint  # noqa: PLC0415 - its import is measured
    from image_assets.task import Task  # noqa: PLC0415 - as above

    spec = ContextSpec(Path(root), exclude=tuple(filter(None, exclude.split("\n"))))
    fingerprint((), {"": spec}, Task(), DigestCache(Path(cache)) if cache else None)


def warm(root: str) -> float:
    """Take the fingerprint in a process that has taken one before, as the plugin's has been started before."""
    ours(str(Path(__file__).parent))
    begun = time.perf_counter()
    ours(root)
    return time.perf_counter() - begun


def in_memory(root: str) -> float:
    """Hash what the files hold, from memory, on all cores."""
    import hashlib  # noqa: PLC0415 - only in the measured process
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - as above

    contents = [path.read_bytes() for path in Path(root).rglob("*") if path.is_file()]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(len, contents))
        begun = time.perf_counter()
        list(pool.map(lambda content: hashlib.sha256(content).digest(), contents))
        return time.perf_counter() - begun


MEASURED: dict[str, Callable[..., float | None]] = {"bare": bare, "ours": ours, "warm": warm, "in_memory": in_memory}


def run_measured(name: str, arguments: Sequence[str]) -> None:
    """Run one of the above and print what it took: what it says itself, or else all of its time."""
    begun = time.perf_counter()
    own = MEASURED[name](*arguments)
    seconds = time.perf_counter() - begun if own is None else own
    print(seconds, _peak())


def _peak() -> int:
    """Return the most memory that this process and its workers had, in KB; of several workers the bound is told."""
    from image_assets.context.workers import MOST_WORKERS  # noqa: PLC0415 - its import is measured

    alone = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    worker = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return alone + worker * MOST_WORKERS


def _once(command: Sequence[str], folder: Path | None = None) -> Measured:
    with tempfile.TemporaryDirectory() as home:
        # CDK keeps a cache of its own in the home directory; it would answer the second run.
        environ = {**os.environ, "HOME": home, "CDK_HOME": home, "XDG_CACHE_HOME": home}
        done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=folder, env=environ)
    seconds, kilobytes = done.stdout.split()
    return float(seconds), float(kilobytes) / 1024


def best(*command: str, rounds: int = _ROUNDS) -> Measured:
    """Return the least of several runs."""
    return min(_once([*_SELF, *command]) for _ in range(rounds))


def make_tree(root: Path, count: int, size: int) -> Path:
    """Make many files of log-normal sizes, 25 a directory."""
    source = random.Random(1)
    noise = source.randbytes(1 << 20)
    sizes = [min(source.lognormvariate(7.2, 1.5), 900_000) for _ in range(count)]
    factor = size / sum(sizes)
    for number, part in enumerate(sizes):
        folder = number // 25
        parent = root / f"p{folder % 40}" / f"q{folder // 40 % 10}" / f"dir{folder}"
        if number % 25 == 0:
            parent.mkdir(parents=True)
        start = source.randrange(1000)
        (parent / f"file_{number}.js").write_bytes(b"%d" % number + noise[start : start + int(part * factor)])
    (root / "Dockerfile").write_text("FROM scratch\nCOPY . /\n")
    # What is still being written would slow down what is measured next.
    os.sync()
    return root


def make_large(root: Path) -> Path:
    """Make 200 files, 925 MB together."""
    root.mkdir()
    noise = random.Random(2).randbytes(925_000_000 // 200)
    for number in range(200):
        (root / f"model-{number}").write_bytes(b"%d" % number + noise)
    return root


def patterns() -> str:
    """Make 200 patterns of the usual sorts, none of which leaves anything out."""
    sorts = (
        "**/none{}",
        "none{}",
        "**/*.none{}",
        "none{}/**",
        "*.none{}",
        "**/none{}/*.js",
        "x*{}y",
        "**/no?e{}",
        "a/b{}/c",
        "!**/keep{}",
    )
    return "\n".join(sorts[number % len(sorts)].format(number) for number in range(200))


def row(name: str, measured: Measured, base: Measured, wanted: str) -> None:
    """Print one line of the table."""
    print(f"| {name} | {measured[0]:.2f} s | {measured[0] / base[0]:.2f} | {wanted} | {measured[1]:.0f} MB |")


def small_files(folder: Path) -> None:
    """Measure 100,000 files."""
    tree = make_tree(folder / "tree", _FILES, _BYTES)
    cache = folder / "cache" / "digests"
    base = best("bare", str(tree))
    row("bare scandir + SHA-256 walk, 100,000 files, 412 MB", base, base, "")
    cold = best("ours", str(tree))
    row("fingerprint, cold", cold, base, "at most 1.3")
    best("ours", str(tree), str(cache), rounds=1)
    warm = best("ours", str(tree), str(cache))
    row("fingerprint, unchanged, with the digest cache", warm, cold, "of cold: at most 0.33")
    row("the same, by a bare walk", warm, base, "of the walk: at most 0.33")
    lstat_only(tree, warm)
    row("fingerprint, 200 patterns", best("ours", str(tree), "", patterns()), cold, "of cold: at most 2")
    against_cdk(folder, tree, cold)
    (tree / ".dockerignore").write_text("**/node_modules\n")
    without = best("ours", str(tree))
    add_ignored(tree, 900_000)
    more = best("ours", str(tree))
    row("fingerprint, with 900,000 more files in ignored directories", more, without, "of the same without: 1")


def lstat_only(tree: Path, warm: Measured) -> None:
    """Measure what no cache can spare: GNU find does nothing here but list and lstat, and is written in C."""
    command = ["find", str(tree), "-printf", "%i %s %T@ %C@\\n"]

    def once() -> float:
        begun = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        return time.perf_counter() - begun

    try:
        seconds = min(once() for _ in range(_ROUNDS))
    except (OSError, subprocess.CalledProcessError):
        print("| find -printf, lstat of every file | not on this machine | | | |")
        return
    row("find -printf, lstat of every file", (seconds, 0), warm, "of the run with the digest cache")


def against_cdk(folder: Path, tree: Path, cold: Measured) -> None:
    """Measure aws-cdk-lib, where npm can install it: its fingerprint, and a whole asset, which it copies."""
    project = folder / "cdk"
    project.mkdir()
    install = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "aws-cdk-lib", "constructs"]
    if not shutil.which("npm") or subprocess.run(install, cwd=project, check=False, capture_output=True).returncode:
        print("| aws-cdk-lib | npm cannot install it here | | | |")
        return
    (project / "fingerprint.js").write_text(_CDK)
    (project / "asset.js").write_text(_CDK_ASSET)
    measured = min(_once(["node", "fingerprint.js", str(tree), _USUAL], project) for _ in range(_ROUNDS))
    whole = _once(["node", "asset.js", str(tree), _USUAL, str(folder / "cdk.out")], project)
    shutil.rmtree(folder / "cdk.out")
    usual = best("ours", str(tree), "", _USUAL)
    row("fingerprint, 6 usual patterns", usual, cold, "")
    row("aws-cdk-lib FileSystem.fingerprint, docker mode, the same 6", measured, usual, "of ours: at least 3")
    row("aws-cdk-lib DockerImageAsset at synth, the same 6", whole, usual, "of ours: at least 25")


def add_ignored(tree: Path, count: int) -> None:
    """Add empty files in directories that the ignore file leaves out."""
    for number in range(count):
        folder = tree / f"p{number % 40}" / "node_modules" / f"d{number // 1000}"
        if number % 1000 < 40:
            folder.mkdir(parents=True, exist_ok=True)
        (folder / f"f{number}").touch()
    os.sync()


def large_files(folder: Path) -> None:
    """Measure 200 files of 925 MB."""
    tree = make_large(folder / "large")
    base = best("in_memory", str(tree))
    row("SHA-256 of 925 MB in memory, all cores", base, base, "")
    row("fingerprint, 200 files, 925 MB, without the start of Python", best("warm", str(tree)), base, "at most 1.2")


def million(folder: Path) -> None:
    """Measure 1,000,000 small files: memory, and time by the file."""
    tree = make_tree(folder / "million", 1_000_000, 500_000_000)
    tenth = make_tree(folder / "tenth", 100_000, 50_000_000)
    base = best("ours", str(tenth))
    row("fingerprint, 100,000 files, 50 MB", base, base, "")
    # The first run of each finds what was just written on the disk.
    row("fingerprint, 1,000,000 files, 500 MB", best("ours", str(tree)), base, "10; memory below 500 MB")
    cached = best("ours", str(tree), str(folder / "million-cache"))
    row("the same, with the digest cache", cached, base, "10; memory below 500 MB")


def main() -> None:
    """Print the table."""
    print(f"fingerprint, {os.cpu_count()} cores, Python {sys.version.split()[0]}\n")
    print("| work | time | ratio | reach | memory |\n| --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        small_files(Path(folder))
        large_files(Path(folder))
        if "--full" in sys.argv:
            million(Path(folder))


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1] in MEASURED:
        run_measured(sys.argv[1], sys.argv[2:])
    else:
        main()
