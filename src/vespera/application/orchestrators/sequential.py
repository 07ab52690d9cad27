"""Agents one after another."""

from vespera.application.orchestrators.crews import CrewTasks, executed
from vespera.application.orchestrators.direct_adapter import DirectAdapter
from vespera.application.runtime.context import TaskContext
from vespera.domain.agents import CrewResult, in_a_row


class SequentialOrchestrator:
    """Runs the agents of an adapter one after another, in the order of their registration.

    The first is given the task, each other one what the one before it gave. An agent that fails
    ends the row, unless it is optional: then its value is None, and the next one is given what it
    was given itself.

        result = await SequentialOrchestrator().execute("a haiku on rain", adapter)
        assert result.success, result.error
        print(result.value, result["generator"].value)

    Made by hand, it runs crews in memory, and what they did is lost with the process. From a
    container (``container.get(SequentialOrchestrator)``) each crew is a durable task, and each
    agent a step of it.
    """

    def __init__(self, *, tasks: CrewTasks | None = None) -> None:
        self._tasks = tasks

    async def execute(
        self,
        task: object,
        adapter: DirectAdapter,
        *,
        within: TaskContext | None = None,
        **request: object,
    ) -> CrewResult:
        """Run the agents on ``task``.

        As steps: an agent that is done is recorded before the next one begins, and is never called
        again, whenever the process dies; the one that was under way then is. A crew of its own
        task goes on when it is asked for again with the same ``idempotency_key``, and with a
        worker if ``AgentCrew`` makes it a specialist.

        Args:
            task: what the agents are told; storable, in a durable task. A ``TaskContext`` means
                its payload's ``task``, or its payload, and ``within`` it.
            adapter: who works.
            within: the durable task whose steps the agents are.
            request: for a durable task of its own: fields of ``TaskRequest``, such as
                ``idempotency_key``, ``title``, ``retry`` or ``timeout`` (seconds).

        Returns:
            What came of each agent. A crew that cannot run as asked is refused:
            ``success=False``, an ``error`` that says why, and no steps.

        Raises:
            asyncio.CancelledError: this call was cancelled, or an agent. A crew that is a task of
                its own is pending again then.
            LeaseLost: another worker has the task.
            StorageError: the database cannot record what was done.
        """
        return await executed(
            task, adapter, in_a_row, within=within, tasks=self._tasks, request=request
        )
