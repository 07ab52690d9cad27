"""Who outside the event loop may have something to say to it."""

import asyncio
import socket
import threading
from dataclasses import dataclass
from typing import Any
from weakref import WeakSet

_A_STRANGERS_TIME = 1.0  # real seconds for a thread that nobody told us of
_A_NEIGHBOURS_TIME = 0.001  # the same for a socket whose two ends are both on this loop
_WORKERS = frozenset({"_worker", "_connection_worker_thread", "_serve", "_work", "_do_waitpid"})
"""What those threads run whose work is counted: they say nothing of their own accord."""


class Outside:
    """The sockets, child processes and threads around a loop."""

    def __init__(self, loop: Any) -> None:
        self._loop = loop
        self._own = frozenset(loop._selector.get_map())  # noqa: SLF001  # what wakes it up
        self._known = WeakSet(threading.enumerate())
        self.children: WeakSet[asyncio.SubprocessTransport] = WeakSet()

    def time_before_a_timer(self, until: float, *, grace: float, patience: float) -> float:
        """How many real seconds to listen before a timer comes that is due in ``until`` seconds.

        While a child process runs, time passes as it really does.
        """
        if self._has_children():
            return min(until, patience)
        return min(until, self.time_to_speak(grace))

    def time_to_speak(self, grace: float) -> float:
        """How many real seconds to listen before all counts as quiet."""
        if self._has_children():
            return grace
        ends = self._ends()
        if not ends or all(end.is_passive for end in ends):
            return 0.0
        names = {(end.name, end.peer) for end in ends}
        is_foreign = any((end.peer, end.name) not in names for end in ends if not end.is_passive)
        return grace if is_foreign else min(grace, _A_NEIGHBOURS_TIME)

    def time_as_the_last_hope(self, patience: float) -> float:
        """How many real seconds to listen when nothing will happen on the loop any more."""
        signals = getattr(self._loop, "_signal_handlers", None)
        if signals or self._has_children() or self._ends():
            return patience
        return min(_A_STRANGERS_TIME, patience) if any(map(self._is_strange, _threads())) else 0.0

    def _has_children(self) -> bool:
        return any(child.get_returncode() is None for child in self.children)

    def _ends(self) -> "list[_End]":
        registered = self._loop._selector.get_map()  # noqa: SLF001
        if len(registered) == len(self._own):
            return []
        return [_end_of(fd) for fd in registered if fd not in self._own]

    def _is_strange(self, thread: threading.Thread) -> bool:
        target = getattr(thread, "_target", None)
        return thread not in self._known and getattr(target, "__name__", "") not in _WORKERS


@dataclass(frozen=True, slots=True)
class _End:
    """One end of a connection. One that is passive waits for others to begin."""

    name: object = None
    peer: object = None
    is_passive: bool = False


def _end_of(fd: int) -> _End:
    try:
        end = socket.socket(fileno=fd)
    except OSError:  # a pipe, or gone
        return _End()
    try:
        if end.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            return _End(is_passive=True)
        return _End(end.getsockname(), end.getpeername())
    except OSError:  # not connected (yet)
        return _End(is_passive=end.type == socket.SOCK_DGRAM)
    finally:
        end.detach()


def _threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread is not threading.current_thread()]
