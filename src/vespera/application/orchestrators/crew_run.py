"""One run of a crew: who begins when, what came of each, and who is cut off."""

import asyncio
from collections import deque
from functools import partial
from graphlib import TopologicalSorter

from vespera.application.orchestrators.agent_calls import AgentCalls
from vespera.application.orchestrators.direct_adapter import DirectAdapter
from vespera.domain.agents import (
    CUT_OFF,
    NOT_BEGUN,
    AgentOutcome,
    AgentStatus,
    CrewPlan,
    CrewResult,
    Siblings,
    ended,
)
from vespera.domain.errors import StepFailed

Handle = asyncio.Task[AgentOutcome]


class CrewRun:
    """Calls the agents of a plan, each in an asyncio task of its own, and waits for all of them.

    What an earlier attempt has recorded is asked for first, in the order of the plan, and before
    anything new begins: so a replay asks for all of it, whoever fails and cuts others off.
    """

    def __init__(
        self, plan: CrewPlan, task: object, adapter: DirectAdapter, calls: AgentCalls
    ) -> None:
        self._plan, self._task, self._adapter, self._calls = plan, task, adapter, calls
        self._members = {member.name: member for member in plan.members}
        self._cuts = plan.siblings is Siblings.CANCEL
        self._outcomes: dict[str, AgentOutcome] = {}
        self._order = TopologicalSorter(plan.graph)
        self._order.prepare()
        self._ready: deque[str] = deque()
        self._running: dict[str, Handle] = {}
        self._returned: set[str] = set()
        self._cut_off: set[str] = set()
        self._is_cut = False
        self._broken: BaseException | None = None
        self._over: asyncio.Future[None] | None = None

    async def result(self) -> CrewResult:
        """What came of the crew, once nobody works any more.

        Raises:
            asyncio.CancelledError: this call was cancelled, or an agent; the others are too.
            LeaseLost, StorageError: nothing more can be recorded; all are cancelled.
        """
        self._line_up()
        await self._replay()
        self._begin_next()
        await self._ended()
        if self._broken is not None:
            raise self._broken
        return self._plan.result(self._outcomes)

    async def _replay(self) -> None:
        while known := [n for n in self._ready if self._calls.remembers(self._adapter[n])]:
            self._ready = deque(name for name in self._ready if name not in {*known})
            for name in known:
                self._settle(await self._outcome_of(name))
            self._line_up()

    async def _ended(self) -> None:
        """Wait for everybody, also if this is cancelled meanwhile, once or more often."""
        cancelled: asyncio.CancelledError | None = None
        while self._running:
            self._over = asyncio.get_running_loop().create_future()
            try:
                await self._over
            except asyncio.CancelledError as error:
                cancelled = error
                self._break(error)
        self._broken = cancelled or self._broken

    def _line_up(self) -> None:
        """Let those wait for their turn that depend on nobody any more."""
        while names := self._order.get_ready():
            for name in names:
                if self._may_begin(name):
                    self._ready.append(name)
                else:
                    self._settle(ended(self._members[name], AgentStatus.SKIPPED, NOT_BEGUN))

    def _may_begin(self, name: str) -> bool:
        return all(self._outcomes[needed].passes for needed in self._members[name].depends_on)

    def _begin_next(self) -> None:
        most = self._plan.max_concurrent
        while self._ready and not (self._is_cut or self._broken):
            if most is not None and len(self._running) >= most:
                return
            name = self._ready.popleft()
            handle = asyncio.create_task(self._outcome_of(name), name=f"vespera agent {name}")
            self._running[name] = handle
            handle.add_done_callback(partial(self._look, name))

    def _look(self, name: str, handle: Handle) -> None:
        """An agent has come to its end."""
        del self._running[name]
        if handle.cancelled() and name in self._cut_off:
            self._settle(ended(self._members[name], AgentStatus.CANCELLED, CUT_OFF))
        elif handle.cancelled():
            self._break(asyncio.CancelledError(f"Agent {name!r} was cancelled."))
        elif error := handle.exception():
            self._break(error)
        else:
            self._settle(handle.result())
        self._line_up()
        self._begin_next()
        if not self._running and self._over is not None and not self._over.done():
            self._over.set_result(None)

    async def _outcome_of(self, name: str) -> AgentOutcome:
        plan, agent, member = self._plan, self._adapter[name], self._members[name]
        usual = plan.told_to(member, self._task, self._outcomes)
        returned = partial(self._returned.add, name) if self._cuts else None
        try:
            given = agent.briefed(plan.known_to(member, self._task, self._outcomes), usual)
            value = await self._calls.value(agent, given, returned)
        except StepFailed as error:
            kinds = error.error_types
            told = f"{kinds[0] if kinds else 'Exception'}: {error.message}"
            return ended(member, AgentStatus.FAILED, told, error_types=kinds)
        return ended(member, AgentStatus.DONE, value=value)

    def _settle(self, outcome: AgentOutcome) -> None:
        self._outcomes[outcome.name] = outcome
        self._order.done(outcome.name)
        if self._cuts and outcome.status is AgentStatus.FAILED and not outcome.optional:
            self._cut()

    def _cut(self) -> None:
        """Cancel the others, but for those whose work is done and being recorded: what is recorded
        counts, now as on a replay.
        """
        self._is_cut = True
        for name in self._running.keys() - self._returned:
            self._cut_off.add(name)
            self._running[name].cancel()

    def _break(self, error: BaseException) -> None:
        self._broken = self._broken or error
        for handle in self._running.values():
            handle.cancel()
