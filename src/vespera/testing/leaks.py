"""What a test leaves behind: looked at cheaply, looked into when something is there."""

import asyncio
import contextlib
import gc
import os
import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from vespera.testing.deadlock import waiting_line
from vespera.testing.origins import definition_of, origin_of
from vespera.testing.tracing import memory_key

_FDS = "/proc/self/fd"
_LONGEST_GOODBYE = 1.0  # real seconds for threads that were told to end
_OURS = {
    "vespera-writer": "a database that was not stopped",
    "vespera-reader": "a database that was not stopped",
    "vespera-worker": "a container's threads, which were not stopped",
    "vespera-step": "a container's thread for functions that are not async",
    "_connection_worker_thread": "an aiosqlite connection that was not closed",
}
_TOOLS = ("pytest_timeout", "execnet", "pydevd", "coverage")
_NO_MATTER = ("/dev/", "/proc/", "anon_inode:[eventpoll]")


@dataclass(frozen=True, slots=True)
class Leak:
    """Something left behind; ``kind`` is what ``leaks_allowed`` calls it."""

    kind: str
    what: str


@dataclass(slots=True)
class Belongings:
    """What there is in the process at a moment that may not be there for ever."""

    threads: set[threading.Thread] = field(default_factory=set)
    files: set[tuple[str, str]] = field(default_factory=set)
    databases: set[int] = field(default_factory=set)
    overrides: set[str] = field(default_factory=set)

    @classmethod
    def now(cls) -> "Belongings":
        """Those of this moment."""
        return cls(
            set(threading.enumerate()),
            _open_files(),
            set(map(id, _databases())),
            {name for name, _provider in _class_overrides()},
        )

    def adopt(self, others: "Belongings") -> None:
        """Take these, too, for what may be there."""
        for mine, theirs in zip(self.kinds, others.kinds, strict=True):
            mine.update(theirs)

    def is_within(self, others: "Belongings") -> bool:
        """Whether there is nothing that is not among ``others``."""
        pairs = zip(self.kinds, others.kinds, strict=True)
        return all(mine <= theirs for mine, theirs in pairs)

    def without(self, others: "Belongings") -> "Belongings":
        """What is new since ``others``."""
        pairs = zip(self.kinds, others.kinds, strict=True)
        return Belongings(*(mine - theirs for mine, theirs in pairs))

    @property
    def kinds(self) -> tuple[set[Any], ...]:
        """All of them, kind by kind."""
        return self.threads, self.files, self.databases, self.overrides


def left_since(before: Belongings, made: Callable[[object], str]) -> list[Leak]:
    """What was not there before, though garbage is collected and threads have had time to end.

    ``made`` says where a file or connection was made, as ``"made at ..."``, or what to do to know.
    """
    if Belongings.now().is_within(before):
        return []
    gc.collect()
    for thread in threading.enumerate():
        if thread not in before.threads and not _is_a_tool(thread):
            thread.join(_LONGEST_GOODBYE)
    left = Belongings.now().without(before)
    return [
        *(_thread_leak(thread, made) for thread in left.threads if not _is_a_tool(thread)),
        *_file_leaks(left.files, made),
        *(_database_leak(d, made) for d in _databases() if id(d) in left.databases),
        *(_override_leak(*found) for found in _class_overrides() if found[0] in left.overrides),
    ]


def left_on_loop(loop: Any) -> list[Leak]:
    """Tasks that nobody ended, and timers that nobody cancelled."""
    tasks = [task for task in asyncio.all_tasks(loop) if not task.done()]
    return [*map(_task_leak, tasks), *_timer_leaks(getattr(loop, "_scheduled", ()))]


def told(leaks: Iterable[Leak]) -> str:
    """The leaks as the message of an error."""
    return "The test left behind:" + "".join(f"\n  {leak.what}" for leak in leaks)


def _task_leak(task: "asyncio.Task[Any]") -> Leak:
    return Leak("tasks", f"the task {waiting_line(task)}\n    made at {origin_of(task)}")


def _timer_leaks(scheduled: Iterable[Any]) -> list[Leak]:
    pending = [timer for timer in scheduled if not timer.cancelled()]
    if not pending:
        return []
    inside = ("asyncio", "vespera")  # those of sleeping tasks go with their tasks
    return [
        Leak("timers", f"a timer for {definition_of(timer._callback)}{_set_at(timer)}")  # noqa: SLF001
        for timer in pending
        if not str(getattr(timer._callback, "__module__", "")).startswith(inside)  # noqa: SLF001
    ]


def _set_at(timer: Any) -> str:
    made = getattr(timer, "made_at", None)
    return f"\n    made at {made}" if made else ""


def _thread_leak(thread: threading.Thread, made: Callable[[object], str]) -> Leak:
    target = getattr(thread, "_target", None)
    target_name = getattr(target, "__name__", "")
    what = _OURS.get(thread.name.partition(":")[0]) or _OURS.get(target_name)
    kind = "connections" if what and "thread" not in what else "threads"
    place = f", which runs {definition_of(target)}" if target is not None and not what else ""
    described = f"{what} (thread {thread.name})" if what else f"the thread {thread.name}{place}"
    return Leak(kind, f"{described}\n    {made(thread)}")


def _file_leaks(files: set[tuple[str, str]], made: Callable[[object], str]) -> list[Leak]:
    return [
        Leak("files", f"an open {_named(target)}\n    {made(target)}")
        for _number, target in sorted(files)
        if not target.startswith(_NO_MATTER)
    ]


def _named(target: str) -> str:
    return f"file: {target}" if target.startswith("/") else f"handle: {target}"


def _database_leak(database: Any, made: Callable[[object], str]) -> Leak:
    where = database.path or "in memory"
    text = f"a database that was not stopped ({where}): clean up its container"
    return Leak("containers", f"{text}\n    {made(database.path or memory_key(database.name))}")


def _override_leak(name: str, provider: Any) -> Leak:
    """It would reach every container to come, so it is taken back now."""
    provider.reset_override()
    return Leak("overrides", f"an override of {name}, in the class itself (it was taken back now)")


def _class_overrides() -> list[tuple[str, Any]]:
    base = sys.modules.get("vespera.infrastructure.di.base")
    if base is None:
        return []
    return [
        (f"{cls.__name__}.{name}", provider)
        for cls in _subclasses(base.BaseContainer)
        for name, provider in cls.providers.items()
        if provider.last_overriding is not None
    ]


def _open_files() -> set[tuple[str, str]]:
    """The number of each open file and what it is; nothing on systems that do not tell."""
    found = set()
    with contextlib.suppress(OSError):
        for number in os.listdir(_FDS):  # noqa: PTH208  # numbers, not paths; asked twice a test
            with contextlib.suppress(OSError):  # the list itself was open while it was made
                found.add((number, os.readlink(f"{_FDS}/{number}")))  # noqa: PTH115  # as above
    return found


def _databases() -> list[Any]:
    module = sys.modules.get("vespera.infrastructure.persistence.database")
    return list(module.opened) if module is not None else []


def _subclasses(cls: Any) -> list[Any]:
    found = []
    for child in type.__subclasses__(cls):
        found += [child, *_subclasses(child)]
    return found


def _is_a_tool(thread: threading.Thread) -> bool:
    return thread.name.startswith(_TOOLS) or thread is threading.current_thread()
