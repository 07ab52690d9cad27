"""A base class for tests of workflows."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar, TypeVar
from unittest import TestCase

import pytest
import pytest_asyncio

from vespera.application.orchestrators.task_orchestrator import TaskOrchestrator
from vespera.application.ports.persistence import TaskRepository
from vespera.application.runtime.context import TaskContext
from vespera.application.runtime.specialists import Specialists
from vespera.application.workflows.task_result import TaskResult
from vespera.domain.task import TaskStatus
from vespera.infrastructure.di.container import Container
from vespera.testing.clock import VirtualClock
from vespera.testing.concurrency import ConcurrencyProbe, assert_concurrent
from vespera.testing.environment import Environment
from vespera.testing.history import history_of
from vespera.testing.loop_clock import LoopClock, clock_of_this_loop
from vespera.testing.waiting import eventually

V = TypeVar("V")
_LONG = 0.02  # seconds between two looks; real ones, where time is not virtual


class AsyncTestBase:
    """Each test of a subclass has a container of its own, and time that obeys it.

        class TestCheckout(AsyncTestBase):
            container_class = ShopContainer

            async def test_an_order_is_paid(self):
                payment = self.override(PaymentClient, AsyncMock(spec=PaymentClient))
                task = await self.create_test_task(specialist_type="checkout")
                result = await self.wait_for_completion(task.task_id)
                assert result.completed

    A worker runs tasks in the background. It begins with the first call of one of the methods
    below, or when the clock first moves; until then, any part can be overridden. All waiting of
    the engine is virtual: ``self.clock`` jumps over it. With ``@pytest.mark.virtual_time`` on the
    class or the test, all waiting is, ``asyncio.sleep`` too. The event loop of the fixtures must
    be that of the tests (the default of pytest-asyncio); its modes "auto" and "strict" are both
    fine.

    Attributes:
        container_class: what to make the containers of; give your own.
        container: the test's container, with a database in memory.
        clock: the container's ``Clock``.
        workspace: the directory that the test's tasks may touch; empty, and the test's own.
    """

    container_class: ClassVar[type[Container]] = Container
    container: Container
    clock: VirtualClock
    workspace: Path
    _environment: Environment
    _bystanders: set[asyncio.Task[Any]]
    _is_working: bool

    def container_settings(self) -> Mapping[str, object]:
        """Settings for the test's container, for a subclass to give; by default there are none."""
        return {}

    async def setup_async_environment(self) -> None:
        """What each test of a subclass begins with: overrides, specialists, rows. Does nothing
        here. The container is there, and nothing is started.

        It may be a fixture, too (autouse, or it is not run); after a death it is not run again.
        """

    def override(self, key: Any, value: V) -> V:
        """Put ``value`` in the place of a part, by type or name, until the end of the test.

        Raises:
            UnknownPart, AmbiguousPart, OverrideRefused: as for ``Container.override``.
        """
        self.container.override(key, value)
        return value

    def register(self, specialist_type: str, specialist: object) -> None:
        """Let ``specialist`` (an object with ``execute``, or a plain async function of a
        ``TaskContext``) do the test's tasks of this type.
        """
        self.container.get(Specialists).register(specialist_type, specialist)

    async def create_test_task(self, **fields: object) -> TaskResult:
        """Create a task, which the worker then runs.

        Args:
            fields: those of ``TaskRequest``; by default, the title is "Test Task", the type is
                "generic" (which hands back its payload, if the container has no such type), and
                the engine signs the task off.

        Raises:
            AssertionError: the task was refused; the message says why.
        """
        request = {"title": "Test Task", "specialist_type": "generic", "completion": "auto"}
        orchestrator = await self._orchestrator()
        async with self._time_if_need_be():  # a fault may delay the commit
            created = await orchestrator.create_task({**request, **fields})
        if not created.success:
            raise AssertionError(f"The test task was refused: {created.error}")
        return created

    async def wait_for_completion(
        self,
        task_id: str | TaskResult | None,
        timeout: float | None = 30.0,
    ) -> TaskResult:
        """Wait until the task is completed; ``timeout`` is in virtual seconds.

        Args:
            task_id: its id, or what ``create_test_task`` gave.
            timeout: how long at most; None: for ever.

        Raises:
            AssertionError: it will not complete: it failed, was cancelled, was refused by the
                proof gate, waits for a task that failed, or waits to be signed off. The message
                has its status and error; the specialist's traceback and the task's history (its
                attempts, its steps and what each gave) are added as notes.
            TimeoutError: it is still under way after ``timeout``.
        """
        orchestrator = await self._orchestrator()
        try:
            async with self.clock.running():
                result = await orchestrator.wait_for_completion(_id_of(task_id), timeout)
        except TimeoutError:
            result = await self.status(task_id)
            if result.status not in {TaskStatus.ASSIGNED, TaskStatus.EXECUTED}:
                raise
        if not result.completed:
            raise await self._disappointment(result)
        return result

    async def status(self, task_id: str | TaskResult | None) -> TaskResult:
        """How the task, given by its id or as ``create_test_task`` gave it, stands now."""
        return await (await self._orchestrator()).get_task_status(_id_of(task_id))

    async def run_until_idle(self) -> None:
        """Run everything that can run, now or after whatever virtual delay."""
        orchestrator = await self._orchestrator()
        async with self.clock.running():
            await orchestrator.run_until_idle()

    async def eventually(self, predicate: Callable[[], Any], timeout: float = 30.0) -> Any:
        """Let things happen until ``predicate`` (sync or async) holds, and give what it gave.

        It is asked whenever all is quiet, at once and after each jump of virtual time.

        Raises:
            AssertionError: it does not hold after ``timeout`` virtual seconds.
        """
        await self._start_working()
        return await eventually(predicate, timeout, clock=self.clock)

    def assert_concurrent(
        self,
        exactly: int | None = None,
        *,
        at_least: int | None = None,
        at_most: int | None = None,
    ) -> AbstractContextManager[ConcurrencyProbe]:
        """A probe for a block, at whose end so many must have been in flight at the same time; see
        ``vespera.testing.assert_concurrent``.
        """
        return assert_concurrent(exactly, at_least=at_least, at_most=at_most)

    async def kill_and_recover(self) -> Container:
        """Let the process die here, and a new one take over its database, in memory too.

        Nothing that runs at this moment ever goes on, no ``except`` and no ``finally``: neither
        the old container's tasks nor any other asyncio task but the test's own and those that
        were there before the container. (A call that a thread had begun is finished there.) The
        new container, which is ``self.container`` from now on, finds what was committed, and its
        worker takes the tasks of the dead one back at once.

        Overrides and registered specialists were of the process that died: they are made again in
        ``setup_async_environment``, or in the test.
        """
        await self._start_working()
        spared = {*self._bystanders, asyncio.current_task()}
        self.container = await self._environment.die(asyncio.all_tasks() - spared)
        self._is_working = False
        await self._set_up()
        return self.container

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Mark async tests for pytest-asyncio's strict mode.

        Raises:
            TypeError: the class is a ``unittest.TestCase``, whose async tests run on another event
                loop than their container, or not at all.
        """
        super().__init_subclass__(**kwargs)
        if issubclass(cls, TestCase):
            raise TypeError(
                f"{cls.__name__}: AsyncTestBase cannot be a unittest.TestCase as well, which runs"
                " async tests on an event loop of its own, or not at all. Leave TestCase out"
                " (assert needs none of it), or make a Container() in asyncSetUp."
            )
        for name, test in inspect.getmembers(cls, inspect.iscoroutinefunction):
            marks = {mark.name for mark in getattr(test, "pytestmark", ())}
            if name.startswith("test") and "asyncio" not in marks:
                pytest.mark.asyncio(getattr(test, "__func__", test))

    @pytest_asyncio.fixture(autouse=True)
    async def _container_of_the_test(self, tmp_path: Path) -> AsyncIterator[None]:
        self._bystanders = asyncio.all_tasks()
        self._is_working = False
        self.workspace = tmp_path
        self.clock = clock_of_this_loop(before_moving=self._start_working)
        self._environment = Environment(
            self.container_class, tmp_path, self.clock, self.container_settings()
        )
        self.container = self._environment.container
        await self._set_up()
        yield
        self._is_working = True  # too late to start now
        await self._environment.clean_up()

    @asynccontextmanager
    async def _time_if_need_be(self) -> AsyncIterator[None]:
        """Where the block waits for the clock, the clock runs. Otherwise nobody gets a turn of the
        event loop that he would not have got.
        """
        if isinstance(self.clock, LoopClock):  # runs by itself
            yield
            return
        loop, this = asyncio.get_running_loop(), asyncio.current_task()
        waiting = {"late commit", this.get_name() if this else ""}
        looks: list[asyncio.TimerHandle] = []
        running: list[asyncio.Task[None]] = []

        def look() -> None:
            if any(sleeper.task in waiting for sleeper in self.clock.sleepers):
                running.append(loop.create_task(_run_for_ever(self.clock)))
            else:
                looks[:] = [loop.call_later(_LONG, look)]

        looks[:] = [loop.call_later(_LONG, look)]
        try:
            yield
        finally:
            looks[0].cancel()
            for each in running:
                each.cancel()
                await asyncio.wait([each])

    async def _set_up(self) -> None:
        begin: Any = self.setup_async_environment
        if inspect.ismethod(begin):  # a fixture is none: pytest runs it
            result = begin()
            if inspect.isawaitable(result):
                await result

    async def _orchestrator(self) -> TaskOrchestrator:
        await self._start_working()
        return self.container.get(TaskOrchestrator)

    async def _start_working(self) -> None:
        if self._is_working:
            return
        self._is_working = True
        if not self.container.get(Specialists).knows("generic"):
            self.register("generic", _hand_back_the_payload)
        await self.container.get(TaskOrchestrator).start()

    async def _disappointment(self, result: TaskResult) -> AssertionError:
        if result.task_id is None:
            return AssertionError(result.error)
        task = await self.container.get(TaskRepository).get(result.task_id)
        reason = result.error or "it waits for somebody to complete it"
        if task.status is TaskStatus.ASSIGNED:
            missing = self.container.get(Specialists).told_missing(task.specialist_type)
            reason = f"{missing}; {reason}, and nobody did"
        error = AssertionError(f"Task {task.id!r} ({task.title}) is {task.status}: {reason}")
        if task.error and task.error.traceback:
            error.add_note(task.error.traceback)
        error.add_note(await history_of(self.container, task.id))
        return error


async def _run_for_ever(clock: VirtualClock) -> None:
    async with clock.running():
        await asyncio.Event().wait()


def _id_of(task: str | TaskResult | None) -> str:
    return str(task.task_id if isinstance(task, TaskResult) else task)


async def _hand_back_the_payload(task: TaskContext) -> object:
    return task.payload
