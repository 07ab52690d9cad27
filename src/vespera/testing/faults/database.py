"""A database in trouble: SQLite's own errors, where SQLite would raise them."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from vespera.testing.faults.calls import Sleep
from vespera.testing.faults.plan import Plan, Strike
from vespera.testing.loop import VirtualLoop

Work = Callable[[Any], Any]
Done = Callable[[Any, BaseException | None], None]

_CODES = {
    "busy": (5, "SQLITE_BUSY", "database is locked"),
    "full": (13, "SQLITE_FULL", "database or disk is full"),
    "read-only": (8, "SQLITE_READONLY", "attempt to write a readonly database"),
    "corrupt": (11, "SQLITE_CORRUPT", "database disk image is malformed"),
    "io-error": (10, "SQLITE_IOERR", "disk I/O error"),
}
_TROUBLES = {
    "begin": ("busy", "read-only"),
    "write": ("full", "corrupt"),
    "read": ("corrupt",),
}
_KINDS = {"BEGIN": "begin", "INSERT": "write", "UPDATE": "write", "DELETE": "write"}
_KINDS |= {"REPLACE": "write", "SELECT": "read", "WITH": "read", "COMMIT": "commit"}


class FaultyLane:
    """A ``Lane`` whose connection fails on cue. One piece of work, repeated by the writer in
    whatever form, meets the same faults again; they count once.
    """

    def __init__(self, inner: Any, plan: Plan, sleep: Sleep) -> None:
        self._inner, self._plan, self._sleep = inner, plan, sleep

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def run(self, work: Work) -> Any:
        """As ``Lane.run``."""
        return await self._inner.run(_Trial(self._plan, work))

    def submit(
        self,
        work: Work,
        done: Done,
        given_up: Callable[[], bool] = lambda: False,
        **how: bool,
    ) -> None:
        """As ``Lane.submit``; a delayed commit is one whose answer comes late."""
        trial = _Trial(self._plan, work)

        def answer(result: Any, error: BaseException | None) -> None:
            if trial.delay:
                self._answer_late(trial.delay, partial(done, result, error))
            else:
                done(result, error)

        self._inner.submit(trial, answer, lambda: trial.is_lost or given_up(), **how)

    def adopt(self, connection: Any) -> None:
        """As ``Lane.adopt``: a session's connection fails, too."""
        connect = connection._connector  # noqa: SLF001 -- what aiosqlite makes its connection by
        connection._connector = lambda: _SessionInTrouble(connect(), self._plan)  # noqa: SLF001
        self._inner.adopt(connection)

    def _answer_late(self, seconds: float, done: Callable[[], None]) -> None:
        async def wait() -> None:
            with _letting_time_pass():
                await self._sleep(seconds)

        task = asyncio.get_running_loop().create_task(wait(), name="late commit")
        self._plan.late.add(task)
        task.add_done_callback(self._plan.late.discard)
        task.add_done_callback(lambda _: done())  # also when it is cancelled before it has begun


@contextmanager
def _letting_time_pass() -> Iterator[None]:
    """Nothing outside the loop is waited for by a late commit, and by what is queued behind it."""
    loop = asyncio.get_running_loop()
    if not isinstance(loop, VirtualLoop):
        yield
        return
    loop.late_commits += 1
    try:
        yield
    finally:
        loop.late_commits -= 1


class _Trial:
    """One piece of work, tried until nobody who lets go in time is in its way any more."""

    def __init__(self, plan: Plan, work: Work) -> None:
        self._plan, self._work = plan, work
        self.delay = 0.0
        self.is_lost = False

    def __call__(self, connection: Any) -> Any:
        while True:
            troubled = _ConnectionInTrouble(connection, self._plan)
            try:
                return self._work(troubled)
            except Exception:
                self.is_lost = troubled.held is not None and troubled.held.lasts
                if not troubled.lets_go:
                    raise
            finally:
                self.delay = troubled.delay


class _InTrouble:
    """Which strikes meet the statements on one connection."""

    def __init__(self, connection: Any, plan: Plan) -> None:
        self._connection, self._plan = connection, plan
        self._met: dict[tuple[str, str], list[Strike]] = {}
        self.delay = 0.0
        self.held: Strike | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    @property
    def lets_go(self) -> bool:
        """Whether somebody held the database who will not do so for ever."""
        return self.held is not None and not self.held.lasts

    def meet(self, sql: str) -> None:
        """Raise what strikes this statement, if anything does."""
        kind = _kind_of(sql)
        for trouble in _TROUBLES.get(kind, ()):
            self._strike("database", trouble, trouble)
        if kind == "commit":
            self._strike("commit", "commit", None)

    def _strike(self, kind: str, name: str, trouble: str | None) -> None:
        met = self._met.get((kind, name))
        if met is None:
            met = self._met[kind, name] = self._plan.meet(kind, name)
        for strike in met:
            self.delay = max(self.delay, strike.delay)
            error = strike.error if trouble is None else trouble
            if error == "busy":
                self.held = strike
            if isinstance(error, str):
                raise self._sqlite_error(error)
            thrown = strike.thrown()
            if thrown is not None:
                raise thrown

    def _sqlite_error(self, trouble: str) -> Exception:
        code, name, text = _CODES[trouble]
        kinds = self._connection  # by DB-API, a connection has the classes of its errors
        kind = kinds.DatabaseError if trouble == "corrupt" else kinds.OperationalError
        error: Exception = kind(text)
        vars(error).update(sqlite_errorcode=code, sqlite_errorname=name)
        return error


class _ConnectionInTrouble(_InTrouble):
    """The connection that a lane's work gets."""

    def execute(self, sql: str, values: Any = ()) -> Any:
        self.meet(sql)
        return self._connection.execute(sql, values)

    def executemany(self, sql: str, values: Any) -> Any:
        self.meet(sql)
        return self._connection.executemany(sql, values)


class _SessionInTrouble(_InTrouble):
    """The connection of a session. Its transaction begins with the first statement that writes."""

    def cursor(self, *args: Any) -> Any:
        return _CursorInTrouble(self._connection.cursor(*args), self.meet_in_session)

    def commit(self) -> None:
        if self._connection.in_transaction:
            self.meet_in_session("COMMIT")
        self._connection.commit()

    def meet_in_session(self, sql: str) -> None:
        """As ``meet``, with the transaction's beginning; each statement is a new chance."""
        while not self._passes(sql):
            pass

    def _passes(self, sql: str) -> bool:
        self._met.clear()
        try:
            if _kind_of(sql) == "write" and not self._connection.in_transaction:
                self.meet("BEGIN")
            self.meet(sql)
        except Exception:
            if not self.lets_go:
                raise
            return False
        return True


class _CursorInTrouble:
    def __init__(self, cursor: Any, meet: Callable[[str], None]) -> None:
        self._cursor, self._meet = cursor, meet

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)

    def execute(self, sql: str, values: Any = ()) -> Any:
        self._meet(sql)
        self._cursor.execute(sql, values)
        return self

    def executemany(self, sql: str, values: Any) -> Any:
        self._meet(sql)
        self._cursor.executemany(sql, values)
        return self


def _kind_of(sql: str) -> str:
    words = sql.split(None, 1)
    return _KINDS.get(words[0].upper(), "") if words else ""
