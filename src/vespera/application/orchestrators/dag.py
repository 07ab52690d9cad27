"""Agents that wait for each other."""

from functools import partial

from vespera.application.orchestrators.crews import CrewTasks, executed
from vespera.application.orchestrators.direct_adapter import DirectAdapter
from vespera.application.orchestrators.parallel import AT_A_TIME
from vespera.application.runtime.context import TaskContext
from vespera.domain.agents import CrewResult, Siblings, at_a_time, by_dependencies, siblings_of


class DagOrchestrator:
    """Runs each agent of an adapter as soon as those that it depends on have come to their end.

    An agent without dependencies is given the task; one with a dependency, what that gave; one
    with several, a mapping of what they gave, by name. Where an agent fails, those that depend on
    it, also through others, are skipped, and all others go on. One that is optional stands in
    nobody's way: its value is None.

        adapter.register_agent("text", writer)
        adapter.register_agent("audio", speaker, depends_on=["text"], optional=True)
        adapter.register_agent("page", editor, depends_on=["text", "audio"])
        result = await DagOrchestrator().execute("a story on rain", adapter)

    Dependencies that make a cycle, and names that nobody is registered under, are refused before
    anything runs.

    Args:
        max_concurrent: how many agents work at a time, 1 or more; None: all that can.
        siblings: ``"keep"``, or ``"cancel"``: the failure of an agent that is not optional cuts
            off those that are at work, and no other one begins.
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
            by_dependencies,
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
        """
        return await executed(
            task, adapter, self._planning, within=within, tasks=self._tasks, request=request
        )
