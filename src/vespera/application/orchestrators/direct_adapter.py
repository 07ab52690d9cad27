"""Agents of this process, by name."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from vespera.application.orchestrators.agent_methods import method_of
from vespera.application.runtime.failures import message_of
from vespera.domain.agents import CrewMember, CrewWork
from vespera.domain.errors import InvalidRequest, StepFailed
from vespera.domain.request import filled_text_of, seconds_of
from vespera.domain.retry import NEVER, RetryPolicy, type_names


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredAgent:
    """What is called of an agent, and how."""

    member: CrewMember
    call: Callable[..., Any]
    retry: RetryPolicy
    timeout: float | None
    undo: Callable[[Any], object] | None
    brief: Callable[[CrewWork], object] | None

    def briefed(self, work: CrewWork, usual: object) -> object:
        """What the agent is called with.

        Raises:
            StepFailed: the ``brief`` raised.
        """
        if self.brief is None:
            return usual
        try:
            return self.brief(work)
        except Exception as error:  # the boundary to the user's function; told whole
            message = f"its brief could not be made: {message_of(error)}"
            raise StepFailed(self.member.name, message, type_names(error)) from error


class DirectAdapter:
    """Agents that are called directly, in this process; orchestrators say in which order.

        adapter = DirectAdapter()
        adapter.register_agent("generator", generator)
        adapter.register_agent("reviewer", reviewer, method="review_code")
        result = await SequentialOrchestrator().execute("a haiku on rain", adapter)

    Args:
        name: the specialist type of the durable tasks that a crew of these agents becomes, and so
            the name under which it is known after a crash. By default it is made of the
            orchestrator's kind and the agents' names.

    Raises:
        InvalidRequest: the name is no text.
    """

    def __init__(self, name: str | None = None) -> None:
        self.name = None if name is None else filled_text_of(name, "name")
        self._agents: dict[str, RegisteredAgent] = {}

    @property
    def agents(self) -> Collection[RegisteredAgent]:
        """Who is registered, in that order."""
        return self._agents.values()

    @property
    def members(self) -> Sequence[CrewMember]:
        """The same, as a crew sees them."""
        return [agent.member for agent in self._agents.values()]

    def __getitem__(self, name: str) -> RegisteredAgent:
        return self._agents[name]

    def register_agent(
        self,
        name: str,
        agent: object,
        *,
        method: str | None = None,
        depends_on: Sequence[str] = (),
        optional: bool = False,
        retry: RetryPolicy | None = None,
        timeout: float | None = None,
        undo: Callable[[Any], object] | None = None,
        brief: Callable[[CrewWork], object] | None = None,
    ) -> None:
        """Let ``agent`` work under this name.

        It is called with one argument. What is called is ``method``, or what the agent's class
        leaves no doubt about: its method ``execute``; or else the only public method that is
        async; or else ``__call__``; or else its only public method (``start``, ``stop``, ``close``
        and ``aclose`` do not count). A function is called itself. Nothing is asked of the agent,
        so that a mock with a spec is taken for what it stands for.

        Args:
            name: of the agent in results, and of its step in a durable task.
            agent: an object with a method for the work, or a function; async or not. What is not
                async runs in a thread.
            method: the name of that method.
            depends_on: the names of those that it waits for, in a ``DagOrchestrator``.
            optional: if it fails, its value is None, that is recorded, and the rest goes on.
            retry: how often and after how long to call it again when it raises; by default never.
            timeout: seconds for each call.
            undo: in a durable task: called with what the agent gave, if the task fails in the end
                or is cancelled, the last agent first.
            brief: makes the argument out of what the crew was given and others gave. A replay
                calls it again: it must give the same for the same work.

        Raises:
            InvalidRequest: the name is taken or no text, it is not clear what is to be called, or
                another argument makes no sense.
        """
        filled_text_of(name, "name")
        if name in self._agents:
            raise InvalidRequest(f"an agent {name!r} is registered already", field="name")
        if seconds_of(timeout, "timeout") == 0:
            raise InvalidRequest("must be above 0 seconds; None sets no limit", field="timeout")
        self._agents[name] = RegisteredAgent(
            member=CrewMember(name=name, depends_on=_names(depends_on), optional=_flag(optional)),
            call=method_of(name, agent, method),
            retry=_policy(retry),
            timeout=timeout,
            undo=_function(undo, "undo"),
            brief=_function(brief, "brief"),
        )


def _policy(given: object) -> RetryPolicy:
    if isinstance(given, RetryPolicy | None):
        return given or NEVER
    raise InvalidRequest(f"must be a RetryPolicy, not {type(given).__name__}", field="retry")


def _function(given: Any, field: str) -> Any:
    if given is None or callable(given):
        return given
    raise InvalidRequest(f"must be a function, not {type(given).__name__}", field=field)


def _flag(given: object) -> bool:
    if isinstance(given, bool):
        return given
    raise InvalidRequest(f"must be True or False, not {given!r:.60}", field="optional")


def _names(given: object) -> tuple[str, ...]:
    if isinstance(given, str) or not isinstance(given, Sequence):
        told = f"must be a list of agents' names, not {given!r}"
        raise InvalidRequest(told, field="depends_on")
    return tuple(dict.fromkeys(filled_text_of(each, "depends_on") for each in given))
