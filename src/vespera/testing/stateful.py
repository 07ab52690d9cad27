"""Property tests of whole histories: hypothesis calls async rules in whatever order it likes."""

import asyncio
import inspect
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from functools import wraps
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, TypeVar, overload

from vespera.application.orchestrators.task_orchestrator import TaskOrchestrator
from vespera.application.ports.blocking_calls import BlockingCalls
from vespera.application.ports.clock import Clock
from vespera.application.ports.persistence import TaskRepository
from vespera.application.runtime.specialists import Specialists
from vespera.application.workflows.task_execution_workflow import TaskExecutionWorkflow
from vespera.domain.task import TaskStatus
from vespera.infrastructure.di.container import Container
from vespera.infrastructure.persistence.database import AsyncDatabaseManager
from vespera.infrastructure.threads import Threads
from vespera.testing.clock import VirtualClock

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
        container: with a database in memory, and an empty directory as its workspace.
        clock: the container's ``Clock``; time passes in ``run_until_idle`` and ``advance`` only.
    """

    def __init__(self, container_class: type[Container], settings: Mapping[str, object]) -> None:
        self._directory = TemporaryDirectory(prefix="vespera-machine-")
        self.clock = VirtualClock()
        self.container = container_class({"workspace": self._directory.name, **settings})
        self.container.override(Clock, self.clock)
        self.clock.watch(lambda: self.container.get(AsyncDatabaseManager).in_flight)
        self.clock.watch(lambda: self.container.get(Threads).in_flight)
        self.clock.watch(lambda: self.container.get(BlockingCalls).in_flight)

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

    async def statuses(self) -> dict[str, TaskStatus]:
        """How every task stands, by its id."""
        found: dict[str, TaskStatus] = {}
        after = None
        while page := await self.get(TaskRepository).page(after=after):
            found |= {task.id: task.status for task in page}
            after = page[-1].id
        return found

    async def close(self) -> None:
        """Stop the container, and remove its workspace."""
        try:
            async with self.clock.running():
                await self.container.cleanup_async_services()
        finally:
            self._directory.cleanup()


class AsyncRuleMachine(stateful.RuleBasedStateMachine):
    """A ``RuleBasedStateMachine`` whose rules, invariants and initializers may be async.

        class Orders(AsyncRuleMachine):
            container_class = ShopContainer

            @rule(amount=st.integers(1, 9))
            async def order(self, amount):
                await self.env.orchestrator.create_task({"title": "order", ...})

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
        super().__init__()
        self._runner = asyncio.Runner()
        try:
            self.env = self._run(self._begin())
        except BaseException:
            self._runner.close()
            raise

    def container_settings(self) -> Mapping[str, object]:
        """Settings for the example's container, for a subclass to give; by default none."""
        return {}

    async def begin(self) -> None:
        """Make each example ready: override parts, register specialists. For a subclass to give."""

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
        try:
            return self._runner.run(work)
        except RuntimeError:
            work.close()  # it was never begun where another loop runs
            raise

    async def _begin(self) -> MachineEnvironment:
        self.env = MachineEnvironment(self.container_class, self.container_settings())
        try:
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


def _awaited(function: Callable[..., Coroutine[Any, Any, object]]) -> Callable[..., object]:
    @wraps(function)
    def run(machine: AsyncRuleMachine, **values: object) -> object:
        return machine._run(function(machine, **values))  # noqa: SLF001 -- a method of its own

    return run
