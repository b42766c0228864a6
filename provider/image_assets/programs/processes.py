"""Processes: which run, who started them, and whether one that left something behind is over.

Numbers of processes are used again, and several machines or containers may share an engine or a folder: a process is
told by its number, the time of its start and the place where that number counts (proc(5), pid_namespaces(7)).
"""

import contextlib
import functools
import hashlib
import os
from collections.abc import Iterable
from dataclasses import field
from pathlib import Path
from typing import Final

from image_assets.frozen import dataclass

_PROC: Final = Path("/proc")
_NO_START: Final = "0"
_ENDED: Final = ("Z", "X")
"""The states of what runs no more."""


@dataclass(frozen=True)
class Identity:
    """What tells a process from a later one of the same number, and who started it."""

    started: str
    parent: int = field(compare=False)


def running() -> dict[int, Identity]:
    """Return all processes, where the system tells."""
    return {pid: found for pid in _pids() if (found := identity(pid))}


def identity(pid: int) -> Identity | None:
    """Return what is known of a process; None if there is none, it has ended, or the system does not tell."""
    try:
        text = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The name in parentheses may hold anything; what follows it does not.
    fields = text.rpartition(")")[2].split()
    # One that has ended stays in the list until its parent, which may be a slow or careless init, asks for its end.
    return None if fields[0] in _ENDED else Identity(started=fields[19], parent=int(fields[1]))


def descendants(ancestor: int) -> dict[int, Identity]:
    """Return the children of a process and theirs, where the system tells."""
    every = running()
    found = {ancestor}
    while more := {pid for pid, one in every.items() if one.parent in found} - found:
        found |= more
    return {pid: every[pid] for pid in found - {ancestor}}


def with_variable_value(value: str) -> Iterable[int]:
    """Yield the processes in whose environment a value stands, where the system tells."""
    wanted = os.fsencode(value)
    for pid in _pids():
        try:
            environment = (_PROC / str(pid) / "environ").read_bytes()
        except OSError:
            continue
        if any(part.partition(b"=")[2].startswith(wanted) for part in environment.split(b"\0")):
            yield pid


def own_name() -> str:
    """Return a name of this process, of letters, digits and `-`: `PID-START-PLACE`."""
    pid = os.getpid()
    found = identity(pid)
    return f"{pid}-{found.started if found else _NO_START}-{_place()}"


def is_over(name: str) -> bool:
    """Say whether the process of that name surely runs no more; one of another place may run."""
    pid, started, place = name.split("-")
    if place != _place():
        return False
    if not _tells():
        return not is_there(int(pid))
    found = identity(int(pid))
    return found is None or found.started != started


@functools.cache
def _place() -> str:
    """Return a short name of where numbers of processes count."""
    parts = [os.uname().nodename]
    with contextlib.suppress(OSError):
        parts.append((_PROC / "sys" / "kernel" / "random" / "boot_id").read_text())
    with contextlib.suppress(OSError):
        parts.append(str((_PROC / "self" / "ns" / "pid").readlink()))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def is_there(pid: int) -> bool:
    """Say whether a process of that number runs here."""
    if _tells():
        return identity(pid) is not None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _tells() -> bool:
    """Say whether the system tells of its processes by files."""
    return _PROC.joinpath("self").exists()


def _pids() -> list[int]:
    try:
        return [int(path.name) for path in _PROC.iterdir() if path.name.isdigit()]
    except OSError:
        return []
