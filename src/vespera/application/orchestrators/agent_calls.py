"""How agents are called: as steps of a durable task, or in memory alone."""

import asyncio
import inspect
import logging
import random
from collections.abc import Callable
from typing import Any, Protocol

from vespera.application.orchestrators.direct_adapter import RegisteredAgent
from vespera.application.runtime.context import TaskContext
from vespera.application.runtime.failures import message_of, tell_retry
from vespera.application.runtime.guarding.loop_time import LOOP_TIME
from vespera.application.runtime.supervision import is_async
from vespera.domain.errors import CancelledInside, StepFailed, TaskTimedOut
from vespera.domain.retry import type_names

logger = logging.getLogger("vespera")


class AgentCalls(Protocol):
    """Calls agents, and knows what they gave before."""

    def remembers(self, agent: RegisteredAgent) -> bool:
        """Whether it is recorded what came of the agent."""
        ...

    async def value(
        self, agent: RegisteredAgent, given: object, returned: Callable[[], None] | None
    ) -> object:
        """What the agent gives.

        Args:
            agent: whom to call.
            given: with what.
            returned: is told when the agent has done its work, before that is recorded.

        Raises:
            StepFailed: the last call raised or took too long, or its value cannot be stored.
            asyncio.CancelledError: the agent was cancelled, or awaited what somebody else had.
        """
        ...


class CallsAsSteps:
    """Each agent is a step of a durable task: called once, ever, and then remembered."""

    def __init__(self, task: TaskContext) -> None:
        self._task = task

    def remembers(self, agent: RegisteredAgent) -> bool:
        """Whether its step is recorded."""
        return self._task.remembers(agent.member.name)

    async def value(
        self, agent: RegisteredAgent, given: object, returned: Callable[[], None] | None
    ) -> object:
        """What its step gives."""
        function = agent.call if returned is None else _telling(agent.call, returned)
        try:
            return await self._task.step(
                agent.member.name,
                function,
                given,
                retry=agent.retry,
                timeout=agent.timeout,
                undo=agent.undo,
            )
        except StepFailed as error:
            if CancelledInside.__name__ in error.error_types[:1]:
                raise asyncio.CancelledError(str(error)) from error
            raise


class CallsInMemory:
    """Nothing is kept. All time is the event loop's."""

    def remembers(self, agent: RegisteredAgent) -> bool:
        """Nothing is."""
        return False

    async def value(
        self,
        agent: RegisteredAgent,
        given: object,
        returned: Callable[[], None] | None,
    ) -> object:
        """What it gives, or the last try."""
        failures = 0
        while True:
            try:
                return await _limited(agent, given)
            except Exception as error:  # the boundary to the agent; told whole
                failures += 1
                if not agent.retry.allows(error, failures):
                    name = agent.member.name
                    logger.warning("Agent %r failed.", name, exc_info=error)
                    raise StepFailed(name, message_of(error), type_names(error)) from error
                seconds = agent.retry.wait(failures, random.random())  # noqa: S311  -- jitter
                what = f"Agent {agent.member.name!r}"
                tell_retry(what, error, agent.retry, failures=failures, seconds=seconds)
            await LOOP_TIME.sleep(seconds)


async def _limited(agent: RegisteredAgent, given: object) -> object:
    limit = LOOP_TIME.timeout(agent.timeout)
    try:
        async with limit:
            return await _called(agent.call, given)
    except TimeoutError as error:
        if limit.expired():
            told = f"Agent {agent.member.name!r} took longer than {agent.timeout:g} s."
            raise TaskTimedOut(told) from error
        raise


async def _called(call: Callable[[object], Any], given: object) -> object:
    if is_async(call):
        return await call(given)
    result = await asyncio.to_thread(call, given)
    return await result if inspect.isawaitable(result) else result


def _telling(call: Callable[[object], Any], returned: Callable[[], None]) -> Callable[..., Any]:
    """The same function, which tells when it has returned."""

    async def awaited(given: object) -> object:
        value = await call(given)
        returned()
        return value

    def called(given: object) -> object:
        value = call(given)
        returned()
        return value

    return awaited if is_async(call) else called
