"""Agents that work together: in which order, and what came of each."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from graphlib import CycleError, TopologicalSorter
from hashlib import sha256

from vespera.domain.errors import DependencyCycle, InvalidRequest
from vespera.domain.ids import TaskId
from vespera.domain.retry import LARGEST_WHOLE, whole_number_of

LONGEST_TYPE = 100
"""Characters of the type under which tasks of a crew are stored."""


SEQUENTIAL = "sequential"


class AgentStatus(StrEnum):
    """What came of an agent: it gave a value, or raised; or it never began, as somebody that it
    waits for had failed; or it was cut off, as another one had failed.
    """

    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


class Siblings(StrEnum):
    """What becomes of the others when an agent fails that is not optional."""

    KEEP = "keep"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentOutcome:
    """What came of one agent.

    Attributes:
        name: under which it is registered.
        status: see ``AgentStatus``.
        value: what it gave; None if it is not done.
        error: why it is not done, in words; None if it is.
        error_types: the names of the exception's class and its bases, most special first.
        optional: whether the crew may succeed without it.
    """

    name: str
    status: AgentStatus
    value: object = None
    error: str | None = None
    error_types: tuple[str, ...] = ()
    optional: bool = False

    @property
    def success(self) -> bool:
        """Whether it gave a value."""
        return self.status is AgentStatus.DONE

    @property
    def passes(self) -> bool:
        """Whether those that wait for it may begin."""
        return self.success or (self.optional and self.status is AgentStatus.FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class CrewResult:
    """What came of a crew.

    Attributes:
        success: whether every agent that is not optional is done.
        steps: the outcome of each agent, in the order of registration; none, if the crew was
            refused before anything ran.
        error: why it is no success, naming the agents; None if it is one.
        task_id: of the durable task that the crew was, if it was one of its own.
    """

    success: bool
    steps: Sequence[AgentOutcome] = ()
    error: str | None = None
    task_id: TaskId | None = None

    @property
    def steps_completed(self) -> int:
        """How many agents are done."""
        return sum(step.success for step in self.steps)

    @property
    def value(self) -> object:
        """What the last agent gave; None if it is not done."""
        return self.steps[-1].value if self.steps else None

    @property
    def values(self) -> Mapping[str, object]:
        """What each agent gave, by name; None of those that are not done."""
        return {step.name: step.value for step in self.steps}

    @property
    def errors(self) -> Mapping[str, str]:
        """Why agents are not done, by name, the optional ones too."""
        return {step.name: step.error for step in self.steps if step.error is not None}

    def __getitem__(self, name: str) -> AgentOutcome:
        for step in self.steps:
            if step.name == name:
                return step
        raise KeyError(name)

    def __str__(self) -> str:
        told = f"{self.steps_completed} of {len(self.steps)} agents are done"
        return told if self.error is None else f"{told}; {self.error}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CrewWork:
    """What an agent may be told about: what the crew was given, and what others gave before.

    Attributes:
        task: what the crew was given.
        values: by name: of all agents before this one in a row, or else of those on which it
            depends; None of an optional one that failed.
    """

    task: object
    values: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class CrewMember:
    """An agent as its crew sees it."""

    name: str
    depends_on: tuple[str, ...] = ()
    optional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CrewPlan:
    """Who waits for whom, and how many work at a time."""

    kind: str
    members: Sequence[CrewMember]
    max_concurrent: int | None = None
    siblings: Siblings = Siblings.KEEP

    def told_to(
        self, member: CrewMember, task: object, outcomes: Mapping[str, AgentOutcome]
    ) -> object:
        """What a member is called with that has no brief of its own.

        In a row, what the one before gave; where that is optional and failed, what the last one
        gave that is done. Else what the one gave on which it depends, or a mapping of what they
        gave, by name, if there are several. At the beginning, what the crew was given.
        """
        if self.in_a_row:
            done = [outcome.value for outcome in outcomes.values() if outcome.success]
            return done[-1] if done else task
        given = {name: outcomes[name].value for name in member.depends_on}
        if len(given) == 1:
            return outcomes[member.depends_on[0]].value
        return given or task

    def known_to(
        self, member: CrewMember, task: object, outcomes: Mapping[str, AgentOutcome]
    ) -> CrewWork:
        """What the member's brief is made from: in a row, all that were before it; else those on
        which it depends. What others gave in the meantime would depend on who was faster.
        """
        names = outcomes if self.in_a_row else member.depends_on
        return CrewWork(task=task, values={name: outcomes[name].value for name in names})

    @property
    def in_a_row(self) -> bool:
        """Whether they work one after another, in the order of registration."""
        return self.kind == SEQUENTIAL

    @property
    def graph(self) -> Mapping[str, Sequence[str]]:
        """By name, for whom each waits."""
        return {member.name: member.depends_on for member in self.members}

    @property
    def type_name(self) -> str:
        """A name for tasks of such a crew: the same for the same agents in the same order."""
        name = f"{self.kind}: {', '.join(self.graph)}"
        if len(name) <= LONGEST_TYPE:
            return name
        digest = sha256(name.encode()).hexdigest()[:12]
        return f"{name[: LONGEST_TYPE - 15]}... {digest[:11]}"

    def result(
        self, outcomes: Mapping[str, AgentOutcome], missing: str | None = None
    ) -> CrewResult:
        """The outcomes, put together; whoever has none was not begun, or is ``missing``."""
        steps = [
            outcomes.get(member.name) or ended(member, AgentStatus.SKIPPED, missing or NOT_BEGUN)
            for member in self.members
        ]
        error = _told(steps)
        return CrewResult(success=error is None, steps=tuple(steps), error=error)


NOT_BEGUN = "it was not begun, as another one had failed"
CUT_OFF = "it was cut off, as another one had failed"


def ended(
    member: CrewMember,
    status: AgentStatus,
    error: str | None = None,
    *,
    value: object = None,
    error_types: Sequence[str] = (),
) -> AgentOutcome:
    """What came of this member."""
    return AgentOutcome(
        name=member.name,
        status=status,
        value=value,
        error=error,
        error_types=tuple(error_types),
        optional=member.optional,
    )


def in_a_row(members: Sequence[CrewMember]) -> CrewPlan:
    """One after another, as they are given.

    Raises:
        InvalidRequest: there are none, or one has dependencies of its own.
    """
    _refuse_dependencies(members, "SequentialOrchestrator")
    chained = [
        CrewMember(
            name=member.name,
            depends_on=(members[place - 1].name,) if place else (),
            optional=member.optional,
        )
        for place, member in enumerate(members)
    ]
    return CrewPlan(kind=SEQUENTIAL, members=chained, max_concurrent=1)


def side_by_side(
    members: Sequence[CrewMember], *, max_concurrent: object, siblings: object
) -> CrewPlan:
    """All of them, so many at a time.

    Raises:
        InvalidRequest: there are none, one has dependencies, or an argument makes no sense.
    """
    _refuse_dependencies(members, "ParallelOrchestrator")
    return CrewPlan(
        kind="parallel",
        members=members,
        max_concurrent=at_a_time(max_concurrent),
        siblings=siblings_of(siblings),
    )


def by_dependencies(
    members: Sequence[CrewMember], *, max_concurrent: object, siblings: object
) -> CrewPlan:
    """Each as soon as those that it depends on have come to their end.

    Raises:
        InvalidRequest: there are none, one depends on somebody who is not there, or an argument
            makes no sense.
        DependencyCycle: they wait for each other; names them along the way.
    """
    _refuse_nobody(members)
    plan = CrewPlan(
        kind="dag",
        members=members,
        max_concurrent=at_a_time(max_concurrent),
        siblings=siblings_of(siblings),
    )
    for name, needed in _unknown(plan.graph):
        known = ", ".join(repr(each) for each in plan.graph)
        raise InvalidRequest(
            f"agent {name!r} waits for {needed!r}, which is not registered; known are {known}",
            field="depends_on",
        )
    try:
        TopologicalSorter(plan.graph).prepare()
    except CycleError as error:
        around: list[str] = error.args[1]
        raise DependencyCycle(list(reversed(around)), "agents") from None
    return plan


def at_a_time(value: object) -> int | None:
    """How many agents work at a time; None: all that can.

    Raises:
        InvalidRequest: it is no whole number from 1.
    """
    if value is None:
        return None
    return whole_number_of(value, "max_concurrent", least=1, most=LARGEST_WHOLE)


def siblings_of(value: object) -> Siblings:
    """What becomes of the others when an agent fails.

    Raises:
        InvalidRequest: it is neither "keep" nor "cancel".
    """
    try:
        return Siblings(value)  # type: ignore[arg-type]  # refused if it is something else
    except ValueError:
        told = f"must be 'keep' or 'cancel', not {value!r}"
        raise InvalidRequest(told, field="siblings") from None


def _refuse_dependencies(members: Sequence[CrewMember], who: str) -> None:
    _refuse_nobody(members)
    for member in members:
        if member.depends_on:
            raise InvalidRequest(
                f"agent {member.name!r} waits for {member.depends_on[0]!r}, which a {who} does"
                " not heed; take a DagOrchestrator, or register it without",
                field="depends_on",
            )


def _refuse_nobody(members: Sequence[CrewMember]) -> None:
    if not members:
        told = "the adapter has no agents; register_agent(name, agent) first"
        raise InvalidRequest(told, field="adapter")


def _unknown(graph: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, str]]:
    return (
        (name, needed)
        for name, depends_on in graph.items()
        for needed in depends_on
        if needed not in graph
    )


def _told(steps: Sequence[AgentOutcome]) -> str | None:
    """Who has failed, in words; those first that raised."""
    undone = [step for step in steps if not (step.success or step.optional)]
    failed = [step for step in undone if step.status is AgentStatus.FAILED] or undone
    told = "; ".join(f"{step.name}: {step.error}" for step in failed[:_TOLD])
    more = f"; and {len(failed) - _TOLD} more" if len(failed) > _TOLD else ""
    return f"{told}{more}" if failed else None


_TOLD = 5
