"""Child processes that end with those who need them."""

import asyncio
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TypeVar

from vespera.application.ports.clock import Clock
from vespera.application.ports.resources import Held
from vespera.domain.errors import InvalidRequest
from vespera.domain.ids import ResourceId
from vespera.domain.resource import Trace, only_known
from vespera.domain.retry import TEN_YEARS, number_of
from vespera.infrastructure.resources.processes import (
    MARK,
    ProcessMark,
    living,
    mark_of,
    send,
)
from vespera.infrastructure.threads import Threads

GRACE = 5.0
"""Seconds to end by itself after SIGTERM."""

_LOOK_AGAIN = 0.02  # seconds
Stream = TypeVar("Stream", asyncio.StreamReader, asyncio.StreamWriter)
_FIELDS = ("program", "cwd", "environment", "grace", "stdin", "stdout", "stderr")
_STREAMS: Mapping[object, int | None] = {"null": DEVNULL, "pipe": PIPE, "inherit": None}


class ChildProcesses:
    """Starts a process, in a session of its own, and ends it with all that it has started: by
    SIGTERM, and after a grace by SIGKILL.

    It, and what it starts, carry the mark ``VESPERA_RESOURCE`` in their environment, by which
    leftovers are found on Linux. On other systems those of a dead process cannot be told.

    Configuration:
        program: the command, a list of words.
        cwd: its directory.
        environment: variables beside those that are inherited.
        grace: seconds between SIGTERM and SIGKILL (5).
        stdin, stdout, stderr: ``"null"`` (the default), ``"pipe"`` or ``"inherit"``.

    Value: an ``asyncio.subprocess.Process``. Operations: ``wait()`` for its exit code,
    ``read_line()`` and ``write_line(text)`` over pipes, ``is_running()``.
    """

    def __init__(self, threads: Threads, clock: Clock) -> None:
        self._threads, self._clock = threads, clock

    def announce(self, resource_id: ResourceId, configuration: Mapping[str, object]) -> Trace:
        """See ``ResourceType.announce``."""
        only_known(configuration, _FIELDS)
        _words_of(configuration.get("program"))
        _environment_of(configuration, resource_id)
        _grace_of(configuration)
        for name in ("stdin", "stdout", "stderr"):
            if configuration.get(name, "null") not in _STREAMS:
                raise InvalidRequest(
                    f"must be one of {', '.join(map(str, _STREAMS))}", field=f"configuration.{name}"
                )
        return {"id": resource_id, "grace": _grace_of(configuration)}

    @asynccontextmanager
    async def hold(self, trace: Trace, configuration: Mapping[str, object]) -> AsyncIterator[Held]:
        """See ``ResourceType.hold``."""
        process = await self._started(trace, configuration)
        mark = await self._threads.run(mark_of, str(trace["id"]), process.pid)
        known = {**trace, "boot": mark.boot, "pid": mark.pid, "began": mark.began}
        try:
            yield Held(value=process, trace=known, operations=_operations(process))
        finally:
            await self._ended(process, known)

    async def remains(self, trace: Trace) -> Sequence[str]:
        """See ``ResourceType.remains``."""
        found = await self._threads.run(living, _mark_of(trace))
        return [f"the process {pid} runs" for pid in found]

    async def reclaim(self, trace: Trace) -> None:
        """See ``ResourceType.reclaim``."""
        mark = _mark_of(trace)
        if await self._threads.run(send, mark, signal.SIGTERM):
            await self._given_time(trace, partial(self._gone, mark))
            await self._killed(mark)

    async def _started(self, trace: Trace, configuration: Mapping[str, object]) -> Process:
        streams = {
            name: _STREAMS[configuration.get(name, "null")]
            for name in ("stdin", "stdout", "stderr")
        }
        resource_id = ResourceId(str(trace["id"]))
        return await asyncio.create_subprocess_exec(
            *_words_of(configuration.get("program")),
            cwd=configuration.get("cwd"),  # type: ignore[arg-type]  # the system refuses what is no path
            env=_environment_of(configuration, resource_id),
            start_new_session=True,
            **streams,  # type: ignore[arg-type]  # these are no others
        )

    async def _ended(self, process: Process, trace: Trace) -> None:
        mark = _mark_of(trace)
        if not mark.boot:  # only itself can be told here
            await self._ended_alone(process, trace)
            return
        try:
            await self._threads.run(send, mark, signal.SIGTERM)
            await self._given_time(trace, process.wait)
        finally:
            await self._killed(mark)
            await process.wait()

    async def _ended_alone(self, process: Process, trace: Trace) -> None:
        with suppress(ProcessLookupError):
            process.terminate()
            await self._given_time(trace, process.wait)
            process.kill()
        await process.wait()

    async def _killed(self, mark: ProcessMark) -> None:
        while await self._threads.run(send, mark, signal.SIGKILL):
            await self._clock.sleep(_LOOK_AGAIN)

    async def _given_time(self, trace: Trace, end: Callable[[], Awaitable[object]]) -> None:
        with suppress(TimeoutError):
            async with self._clock.timeout(float(str(trace["grace"]))):
                await end()

    async def _gone(self, mark: ProcessMark) -> None:
        while await self._threads.run(living, mark):
            await self._clock.sleep(_LOOK_AGAIN)


def _mark_of(trace: Trace) -> ProcessMark:
    pid, began = trace.get("pid", 0), trace.get("began", 0)
    return ProcessMark(str(trace["id"]), str(trace.get("boot", "")), int(str(pid)), int(str(began)))


def _words_of(program: object) -> Sequence[str]:
    if (
        not isinstance(program, list | tuple)
        or not program
        or not all(isinstance(word, str | os.PathLike) for word in program)
    ):
        raise InvalidRequest(
            f"must be a list of words, as ['sleep', '60'], not {program!r}",
            field="configuration.program",
        )
    return [str(os.fspath(word)) for word in program]


def _environment_of(
    configuration: Mapping[str, object], resource_id: ResourceId
) -> Mapping[str, str]:
    given = configuration.get("environment", {})
    if not isinstance(given, Mapping) or not all(
        isinstance(text, str) for pair in given.items() for text in pair
    ):
        raise InvalidRequest(
            "must be a mapping of names to texts", field="configuration.environment"
        )
    inherited = os.environ  # noqa: TID251  -- what a child inherits
    return {**inherited, **given, MARK: resource_id}


def _grace_of(configuration: Mapping[str, object]) -> float:
    given = configuration.get("grace", GRACE)
    field = "configuration.grace"
    return number_of(given, field, least=0, most=TEN_YEARS, what="a number of seconds")


def _operations(process: Process) -> Mapping[str, Callable[..., object]]:
    async def read_line() -> str:
        """The next line; empty at the end."""
        stream = _piped(process.stdout, "stdout")
        return (await stream.readline()).decode().removesuffix("\n")

    async def write_line(text: str) -> None:
        stream = _piped(process.stdin, "stdin")
        stream.write(f"{text}\n".encode())
        await stream.drain()

    async def is_running() -> bool:
        return process.returncode is None

    return {
        "wait": partial(Process.wait, process),
        "read_line": read_line,
        "write_line": write_line,
        "is_running": is_running,
    }


def _piped(stream: Stream | None, name: str) -> Stream:
    if stream is None:
        raise InvalidRequest("is no pipe; configure it as 'pipe'", field=f"configuration.{name}")
    return stream
