"""Agents side by side."""

from functools import partial

from vespera.application.orchestrators.crews import CrewTasks, executed
from vespera.application.orchestrators.direct_adapter import DirectAdapter
from vespera.application.runtime.context import TaskContext
from vespera.domain.agents import CrewResult, Siblings, at_a_time, siblings_of, side_by_side

AT_A_TIME = 100


class ParallelOrchestrator:
    """Runs the agents of an adapter side by side, each on the task.

    Whoever fails does so alone: the others go on, and the result has what they gave, with the
    errors beside it. With ``siblings="cancel"`` the failure of an agent that is not optional cuts
    off those that are at work, and no other one begins.

        result = await ParallelOrchestrator(max_concurrent=3).execute(story, adapter)
        print(result.values, result.errors)

    Args:
        max_concurrent: how many agents work at a time, 1 or more; None: all.
        siblings: ``"keep"`` or ``"cancel"``.
        tasks: makes crews durable tasks; a container gives it.

    Raises:
        InvalidRequest: an argument makes no sense.
    """

    def __init__(
        self,
        *,
        max_concurrent: int | None = AT_A_TIME,
        siblings: str = Siblings.KEEP,
        tasks: CrewTasks | None = None,
    ) -> None:
        self._planning = partial(
            side_by_side,
            max_concurrent=at_a_time(max_concurrent),
            siblings=siblings_of(siblings),
        )
        self._tasks = tasks

    async def execute(
        self,
        task: object,
        adapter: DirectAdapter,
        *,
        within: TaskContext | None = None,
        **request: object,
    ) -> CrewResult:
        """Run the agents on ``task``; arguments, durability and errors are those of
        ``SequentialOrchestrator.execute``.

        An agent that is cut off while it works in a thread leaves the thread to itself.
        """
        return await executed(
            task, adapter, self._planning, within=within, tasks=self._tasks, request=request
        )
