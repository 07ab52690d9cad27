"""How asyncio tasks die as they do with their process: at once, and without a last word."""

import asyncio
import contextlib
import warnings
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from vespera.application.ports.owners import Owners
from vespera.domain.ids import OwnerId

AnyTask = asyncio.Task[Any]


class Grave:
    """Tasks that were killed. Nothing of them runs again, no ``except`` and no ``finally``."""

    def __init__(self) -> None:
        self._dead: list[AnyTask] = []

    def kill(self, tasks: Iterable[AnyTask]) -> None:
        """Let nobody wake these tasks of the running loop any more."""
        loop: Any = asyncio.get_running_loop()
        dead = [task for task in tasks if not task.done()]
        for task in dead:
            waited_for: Any = getattr(task, "_fut_waiter", None)
            if waited_for is not None:
                _forget_waiter(waited_for, task)
            asyncio.tasks._unregister_task(task)  # noqa: SLF001  # nobody shall cancel it later
            task._log_destroy_pending = False  # type: ignore[attr-defined]  # noqa: SLF001
        doomed = set(map(id, dead))
        for handle in list(loop._ready):  # noqa: SLF001
            if id(getattr(handle._callback, "__self__", None)) in doomed:  # noqa: SLF001
                handle.cancel()
        loop._asyncgens.clear()  # noqa: SLF001  # nor shall it close their generators
        self._dead += dead

    def bury(self) -> None:
        """Close their frames, when what those do in their ``finally`` cannot matter any more."""
        dead, self._dead = self._dead, []
        with _no_loop(), warnings.catch_warnings():
            # What they would begin, where there is no loop to begin it in, is never awaited.
            warnings.simplefilter("ignore", RuntimeWarning)
            for task in dead:
                coroutine: Any = task.get_coro()
                with contextlib.suppress(BaseException):  # it is dead, and may say what it likes
                    coroutine.close()


@contextlib.contextmanager
def _no_loop() -> Iterator[None]:
    """Whoever runs in here finds no event loop, and can begin nothing."""
    loop = asyncio.get_running_loop()
    asyncio._set_running_loop(None)  # noqa: SLF001
    try:
        yield
    finally:
        asyncio._set_running_loop(loop)  # noqa: SLF001


class OwnersAfterDeath:
    """The owners that a container has when it takes over from a process that died."""

    def __init__(self, owners: Owners, dead: Collection[OwnerId]) -> None:
        """``dead``: those who held tasks when the process died."""
        self.owners, self._dead = owners, frozenset(dead)

    def register(self) -> OwnerId:
        """As the others."""
        return self.owners.register()

    def leave(self, owner: OwnerId) -> None:
        """As the others."""
        self.owners.leave(owner)

    def dead(self, owners: Collection[OwnerId]) -> Collection[OwnerId]:
        """Those of the dead process, and whom the others know to be dead."""
        return {*self._dead.intersection(owners), *self.owners.dead(owners)}

    def strangers(self, owners: Collection[OwnerId]) -> Collection[OwnerId]:
        """As the others say; the dead are known."""
        return self.owners.strangers(set(owners) - self._dead)


def let_go_of_locks(owners: Any) -> None:
    """Give back the locks of a dead process's owners, as the system does."""
    while isinstance(owners, OwnersAfterDeath):
        owners = owners.owners
    close = getattr(owners, "_close_locks", None)
    if close is not None:
        close()


def _forget_waiter(future: Any, task: AnyTask) -> None:
    for callback, _context in list(future._callbacks or ()):  # noqa: SLF001
        if getattr(callback, "__self__", None) is task:
            future.remove_done_callback(callback)
