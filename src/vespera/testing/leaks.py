"""What a test leaves behind: looked at cheaply, looked into when something is there."""

import asyncio
import contextlib
import gc
import os
import sys
import threading
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, TypeAlias
from weakref import ReferenceType, ref

from vespera.domain.errors import VesperaError
from vespera.testing.deadlock import waiting_line
from vespera.testing.origins import (
    definition_of,
    is_library,
    is_made_by_library,
    origin_of,
    origin_of_timer,
    run_of,
)
from vespera.testing.tracing import memory_key

_FDS = "/proc/self/fd"
_LONGEST_GOODBYE = 1.0  # real seconds for threads that were told to end
_OURS = {
    "vespera-writer": "a database that was not stopped",
    "vespera-reader": "a database that was not stopped",
    "vespera-worker": "a container's threads, which were not stopped",
    "vespera-step": "a container's thread for functions that are not async",
    "_connection_worker_thread": "an aiosqlite connection that was not closed",
    "AnyIO worker thread": "a call of anyio.to_thread that does not come back",
}
_OURS_IN_CONTAINERS = ("vespera-writer", "vespera-reader", "vespera-worker")
_TOOLS = ("pytest_timeout", "execnet", "pydevd", "coverage")
Replaced: TypeAlias = tuple[ReferenceType[Any], str, int]
"""A container, the name of its part, and which provider stands there in its place."""

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
    replaced: "set[Replaced]" = field(default_factory=set)
    containers: set[ReferenceType[Any]] = field(default_factory=set)

    @classmethod
    def now(cls, known: "Iterable[ReferenceType[Any]] | None" = None) -> "Belongings":
        """Those of this moment; overrides in all containers, or in those that are known."""
        places = set(map(ref, _containers()) if known is None else known)
        return cls(
            set(threading.enumerate()),
            _open_files(),
            set(map(id, _databases())),
            {name for name, _provider in _class_overrides()},
            set(_replaced_parts(places)),
            places,
        )

    def adopt(self, others: "Belongings") -> None:
        """Take these, too, for what may be there."""
        for mine, theirs in zip(self.kinds, others.kinds, strict=True):
            mine.update(theirs)

    def is_within(self, others: "Belongings") -> bool:
        """Whether there is nothing that is not among ``others``; but containers may be new, as
        long as nobody has left them open, and may be overridden.
        """
        pairs = zip(self.kinds[:-2], others.kinds[:-2], strict=True)
        return all(mine <= theirs for mine, theirs in pairs) and not self.replaced_in(others)

    def replaced_in(self, others: "Belongings") -> "set[Replaced]":
        """What was put into the containers that are among ``others``."""
        return {each for each in self.replaced - others.replaced if each[0] in others.containers}

    def without(self, others: "Belongings") -> "Belongings":
        """What is new since ``others``."""
        pairs = zip(self.kinds, others.kinds, strict=True)
        return Belongings(*(mine - theirs for mine, theirs in pairs))

    @property
    def kinds(self) -> tuple[set[Any], ...]:
        """All of them, kind by kind."""
        return (
            self.threads,
            self.files,
            self.databases,
            self.overrides,
            self.replaced,
            self.containers,
        )


def left_since(before: Belongings, made: Callable[[object], str]) -> list[Leak]:
    """What was not there before, though garbage is collected and threads have had time to end.

    ``made`` says where a file or connection was made, as ``"made at ..."``, or what to do to know.
    """
    if Belongings.now(before.containers).is_within(before):
        return []
    gc.collect()
    for thread in threading.enumerate():
        if thread not in before.threads and not _is_a_tool(thread):
            thread.join(_LONGEST_GOODBYE)
    now = Belongings.now(before.containers)
    left = now.without(_with_what_they_started(before))
    return [
        *(_thread_leak(thread, made) for thread in left.threads if not _is_a_tool(thread)),
        *_file_leaks(left.files, made),
        *(_database_leak(d, made) for d in _databases() if id(d) in left.databases),
        *(_override_leak(*found) for found in _class_overrides() if found[0] in left.overrides),
        *map(_replaced_leak, sorted(now.replaced_in(before), key=itemgetter(1))),
    ]


def left_on_loop(loop: Any, but: Container[int] = ()) -> list[Leak]:
    """Tasks that nobody ended, and timers that nobody cancelled; ``but``: what the user made in
    these runs of the loop was told before.
    """
    return [
        *(_task_leak(t) for t in _pending(loop) if is_made_by_library(t) or run_of(t) not in but),
        *_timer_leaks(t for t in _timers(loop) if _is_library_s(t) or run_of(t) not in but),
    ]


def left_on_shared_loop(loop: Any, runs: Container[int]) -> list[Leak]:
    """The same of a loop that other tests use too: what the user's own code made in these runs. A
    library's tasks may be those of a client or a container that the tests share.
    """
    return [
        *(_task_leak(t) for t in _pending(loop) if not is_made_by_library(t) and run_of(t) in runs),
        *_timer_leaks(t for t in _timers(loop) if not _is_library_s(t) and run_of(t) in runs),
    ]


def _pending(loop: Any) -> "list[asyncio.Task[Any]]":
    return [task for task in asyncio.all_tasks(loop) if not task.done()]


def _timers(loop: Any) -> Iterable[Any]:
    return getattr(loop, "_scheduled", ())


def _is_library_s(timer: Any) -> bool:
    function = getattr(timer._callback, "__func__", timer._callback)  # noqa: SLF001
    code = getattr(function, "__code__", None)
    return code is not None and is_library(code.co_filename)


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
    made = origin_of_timer(timer)
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


def _with_what_they_started(before: Belongings) -> Belongings:
    """With the databases and threads of containers that were there before, though they were
    started in the test: they are for other tests as well.
    """
    running = [c for place in before.containers if (c := place()) and c._lifecycle.open]  # noqa: SLF001
    if running:
        before.databases.update(filter(None, map(_database_of, running)))
        ours = (thread for thread in threading.enumerate() if thread.name in _OURS_IN_CONTAINERS)
        before.threads.update(ours)  # a database that they do not belong to is told itself
    return before


def _database_of(container: Any) -> int | None:
    module = sys.modules.get("vespera.infrastructure.persistence.database")
    with contextlib.suppress(VesperaError):
        return id(container.get(module.AsyncDatabaseManager)) if module is not None else None
    return None


def _replaced_leak(found: "Replaced") -> Leak:
    container, name, _given = found
    where = f"{type(container()).__name__}.{name}"
    return Leak(
        "overrides",
        f"an override of {where}, in a container that other tests use too: undo it, by"
        " `with container.override(...)`",
    )


def _replaced_parts(places: Iterable[ReferenceType[Any]]) -> "Iterator[Replaced]":
    """The overrides that stand in these containers: where, of what, and which."""
    for place in places:
        container = place()
        for name, provider in container.providers.items() if container is not None else ():
            for given in provider.overridden:
                yield place, name, id(given)


def _containers() -> list[Any]:
    base = sys.modules.get("vespera.infrastructure.di.base")
    return list(base.living) if base is not None else []


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


def _subclasses(cls: Any) -> dict[Any, None]:
    """Each once, by however many ways it comes from ``cls``."""
    found: dict[Any, None] = {}
    for child in type.__subclasses__(cls):
        found |= {child: None, **_subclasses(child)}
    return found


def _is_a_tool(thread: threading.Thread) -> bool:
    return thread.name.startswith(_TOOLS) or thread is threading.current_thread()
