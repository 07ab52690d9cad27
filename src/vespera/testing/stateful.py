"""Property tests of whole histories: hypothesis calls async rules in whatever order it likes."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import replace
from functools import wraps
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, TypeVar, overload

from vespera.application.orchestrators.task_orchestrator import TaskOrchestrator
from vespera.application.ports.persistence import TaskRepository
from vespera.application.runtime.specialists import Specialists
from vespera.application.workflows.task_execution_workflow import TaskExecutionWorkflow
from vespera.domain.task import TaskStatus
from vespera.infrastructure.di.container import Container
from vespera.testing.clock import VirtualClock
from vespera.testing.environment import Environment
from vespera.testing.errors import TestingError

try:
    from hypothesis import stateful
except ImportError as missing:
    raise ImportError("AsyncRuleMachine needs hypothesis: pip install hypothesis") from missing

T = TypeVar("T")
V = TypeVar("V")
_MARKERS = (stateful.RULE_MARKER, stateful.INITIALIZE_RULE_MARKER, stateful.INVARIANT_MARKER)


class MachineEnvironment:
    """What one example runs in, and no other example: nothing of it is left afterwards.

    Attributes:
        clock: the container's ``Clock``; time passes in ``run_until_idle`` and ``advance`` only.
    """

    def __init__(
        self,
        container_class: type[Container],
        settings: Mapping[str, object],
        begin_life: Callable[[], Awaitable[None]],
    ) -> None:
        self._begin_life = begin_life
        self.clock = VirtualClock()
        self._directory = TemporaryDirectory(prefix="vespera-machine-")
        workspace = Path(self._directory.name)
        try:
            self._environment = Environment(container_class, workspace, self.clock, settings)
        except BaseException:
            self._directory.cleanup()
            raise

    @property
    def container(self) -> Container:
        """With a database in memory, and an empty directory as its workspace."""
        return self._environment.container

    @property
    def orchestrator(self) -> TaskOrchestrator:
        """The container's orchestrator."""
        return self.container.get(TaskOrchestrator)

    @property
    def workflow(self) -> TaskExecutionWorkflow:
        """The container's workflow."""
        return self.container.get(TaskExecutionWorkflow)

    @overload
    def get(self, key: str) -> Any: ...
    @overload
    def get(self, key: Callable[..., T]) -> T: ...
    def get(self, key: Any) -> Any:
        """A part of the container, by type or name."""
        return self.container.get(key)

    def override(self, key: Any, value: V) -> V:
        """Put ``value`` in the place of a part; best in ``begin``, before anything is used."""
        self.container.override(key, value)
        return value

    def register(self, specialist_type: str, specialist: object) -> None:
        """Let ``specialist`` do this example's tasks of the type."""
        self.get(Specialists).register(specialist_type, specialist)

    async def run_until_idle(self) -> None:
        """Run everything that can run, now or after whatever virtual delay."""
        async with self.clock.running():
            await self.orchestrator.run_until_idle()

    async def advance(self, **span: float) -> None:
        """Let virtual time pass: ``seconds``, ``minutes``, ``hours``, ``days``."""
        await self.clock.advance(**span)

    async def count(self, status: TaskStatus | str | None = None) -> int:
        """How many tasks there are, or how many stand so."""
        statuses = (await self.statuses()).values()
        return sum(status in {None, each} for each in statuses)

    async def statuses(self) -> dict[str, TaskStatus]:
        """How every task stands, by its id."""
        found: dict[str, TaskStatus] = {}
        after = None
        while page := await self.get(TaskRepository).page(after=after):
            found |= {task.id: task.status for task in page}
            after = page[-1].id
        return found

    async def kill_and_recover(self) -> Container:
        """Let the process die here, and a new one take over its database, in memory too.

        Nothing that runs at this moment ever goes on, no ``except`` and no ``finally``; of the
        example's asyncio tasks, only the rule that asks for this does. (A call that a thread had
        begun is finished there.) ``container``, which is a new one from now on, finds what was
        committed; its worker takes the tasks of the dead one back when next it runs, in
        ``run_until_idle``.

        Overrides and registered specialists were of the process that died: ``begin_life`` makes
        them again.
        """
        await self._environment.die(asyncio.all_tasks() - {asyncio.current_task()})
        await self._begin_life()
        return self.container

    async def close(self) -> None:
        """Stop the container, and remove its workspace.

        Raises:
            AssertionError: tasks are held still by somebody who has stopped.
        """
        try:
            await self._environment.clean_up()
        finally:
            self._directory.cleanup()


class AsyncRuleMachine(stateful.RuleBasedStateMachine):
    """A ``RuleBasedStateMachine`` whose rules, invariants and initializers may be async.

        class Orders(AsyncRuleMachine):
            container_class = ShopContainer

            async def begin(self):
                self.orders = 0

            @rule()
            async def order(self):
                await self.env.orchestrator.create_task({"title": "order", ...})
                self.orders += 1

            @rule()
            async def crash(self):
                await self.env.kill_and_recover()

            @invariant()
            async def nothing_is_lost(self):
                assert len(await self.env.statuses()) == self.orders

        TestOrders = Orders.TestCase

    Each example has an environment and an event loop of its own. Between two rules the loop stands
    still; what the engine does in the background goes on within the next rule.

    Attributes:
        container_class: what to make the containers of; give your own.
        env: the example's environment.
    """

    container_class: ClassVar[type[Container]] = Container
    env: MachineEnvironment

    def __init__(self) -> None:
        """Begin an example.

        Raises:
            TestingError: an event loop runs here already, as in an async test.
        """
        super().__init__()
        _refuse_running_loop(type(self))
        self._runner = asyncio.Runner()
        try:
            self.env = self._run(self._begin())
        except BaseException:
            self._runner.close()
            raise

    def container_settings(self) -> Mapping[str, object]:
        """Settings for the example's container, for a subclass to give; by default none."""
        return {}

    async def begin_life(self) -> None:
        """Make each life of the process ready: override parts, register specialists. It comes
        before ``begin``, and again after each ``env.kill_and_recover()``. For a subclass to give.
        """

    async def begin(self) -> None:
        """Make each example ready, once: its rows, its model. For a subclass to give."""

    async def end(self) -> None:
        """What each example ends with, also one that failed, before its container is stopped."""

    def teardown(self) -> None:
        """End the example; called by hypothesis, whatever happened in it."""
        try:
            self._run(self._end())
        finally:
            self._runner.close()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Let hypothesis, which calls rules, run them in the example's event loop."""
        super().__init_subclass__(**kwargs)
        for _, member in inspect.getmembers(cls):
            for marker in _MARKERS:
                marked = getattr(member, marker, None)
                if marked is not None and inspect.iscoroutinefunction(marked.function):
                    setattr(member, marker, replace(marked, function=_awaited(marked.function)))

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    async def _begin(self) -> MachineEnvironment:
        settings = self.container_settings()
        self.env = MachineEnvironment(self.container_class, settings, self.begin_life)
        try:
            await self.begin_life()
            await self.begin()
        except BaseException:
            await self.env.close()
            raise
        return self.env

    async def _end(self) -> None:
        try:
            await self.end()
        finally:
            await self.env.close()


def _refuse_running_loop(machine: type) -> None:
    if asyncio._get_running_loop() is None:  # noqa: SLF001 -- documented, and gives None
        return
    raise TestingError(
        f"{machine.__name__} runs each example in an event loop of its own, and here one is running"
        f" already: let pytest collect {machine.__name__}.TestCase, or call"
        " run_state_machine_as_test from a test that is not async ('def', not 'async def')."
    )


def _awaited(function: Callable[..., Coroutine[Any, Any, object]]) -> Callable[..., object]:
    @wraps(function)
    def run(machine: AsyncRuleMachine, **values: object) -> object:
        return machine._run(function(machine, **values))  # noqa: SLF001 -- a method of its own

    return run
