"""Processes that were started under a mark, and how they are found by it; Linux only."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

MARK = "VESPERA_RESOURCE"
"""The variable in the environment of a child process, and of its children, that names it."""

_PROC = Path("/proc")
_START_AT = 19  # behind the name, the first of which is the state


class ProcessMark(NamedTuple):
    """Which processes are meant: all with this mark; and the one with this id, if it has begun at
    this moment of this boot of the machine. ``pid``: 0 if it is not known.
    """

    resource_id: str
    boot: str = ""
    pid: int = 0
    began: int = 0


def boot_of_this_machine() -> str:
    """The id of the running kernel's start; empty if it cannot be told."""
    try:
        return (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def beginning_of(pid: int) -> int:
    """When a process has begun, in clock ticks since the boot; 0 if there is none, or it has
    ended and nobody has asked for its end yet.
    """
    try:
        stat = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0
    state, *rest = stat.rpartition(")")[2].split()
    return 0 if state in {"Z", "X"} else int(rest[_START_AT - 1])


def living(mark: ProcessMark) -> list[int]:
    """The ids of the processes that are meant, and run.

    Raises:
        OSError: this system does not tell.
    """
    boot = boot_of_this_machine()
    if not boot:
        raise OSError("this system does not tell which processes a dead one has left")
    known = mark if mark.boot == boot else ProcessMark(mark.resource_id)
    return [pid for pid in _processes() if is_meant(known, pid)]


def is_meant(mark: ProcessMark, pid: int) -> bool:
    """Whether the process of this id is one of those, now; the boot is this one."""
    began = beginning_of(pid)
    if not began or pid == os.getpid():
        return False
    return (pid == mark.pid and began == mark.began) or _is_marked(pid, mark.resource_id)


def send(mark: ProcessMark, number: signal.Signals) -> int:
    """Send a signal to those that are meant, and to no other process, even if one of them ends
    meanwhile and its id is given anew; gives how many there were.
    """
    return sum(_sent(pid, number, lambda pid: is_meant(mark, pid)) for pid in living(mark))


def mark_of(resource_id: str, pid: int) -> ProcessMark:
    """The mark of a process that was just started; no boot where the system tells nothing."""
    return ProcessMark(resource_id, boot_of_this_machine(), pid, beginning_of(pid))


def _sent(pid: int, number: signal.Signals, is_right: Callable[[int], bool]) -> bool:
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    try:  # the handle is of one process for ever, and if that was the right one now, it is
        if is_right(pid):
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(handle, number)
            return True
    finally:
        os.close(handle)
    return False


def _processes() -> Iterator[int]:
    return (int(path.name) for path in _PROC.iterdir() if path.name.isdigit())


def _is_marked(pid: int, resource_id: str) -> bool:
    try:
        environment = (_PROC / str(pid) / "environ").read_bytes()
    except OSError:  # it is gone, or another user's
        return False
    return f"{MARK}={resource_id}".encode() in environment.split(b"\0")
