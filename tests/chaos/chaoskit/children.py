"""Processes forked from this one, which has no threads; they end within their time."""

import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

LONGEST = 120


def begin(work: Callable[[], object], *, seconds: int = LONGEST) -> int:
    """Do ``work`` in a child; gives its id. What goes wrong is printed by the child."""
    sys.stdout.flush()
    child = os.fork()
    if child:
        return child
    signal.alarm(seconds)  # a child that hangs dies of it, and is found out by that
    code = 1
    try:
        work()
        code = 0
    except BaseException:  # the end of this process
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def ended(child: int) -> int:
    """Wait for a child; gives its exit code, or the negative number of the signal it died of."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def do(work: Callable[[], object], *, seconds: int = LONGEST) -> int:
    """Do ``work`` in a child and wait for its end, as ``ended``."""
    return ended(begin(work, seconds=seconds))


def descriptors() -> int:
    """How many files this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))
