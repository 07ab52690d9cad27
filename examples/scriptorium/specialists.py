"""Who does the work: the keeper of a session, and a specialist for each role."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import cast

from scriptorium.model import WritingModel
from scriptorium.plan import (
    Answer,
    Decision,
    Plan,
    Subtask,
    UnusableAnswer,
    context_of,
    decision_text,
    parse_answer,
    parse_plan,
)
from scriptorium.trials import Trials
from vespera import RetryPolicy, TaskContext, TaskOutcome, TrackFileOperationsUseCase
from vespera.domain.errors import (
    AIServiceBadAnswer,
    AIServiceRateLimited,
    AIServiceTimedOut,
    AIServiceUnavailable,
    CircuitBreakerOpenError,
    WorkspaceError,
)

PATIENCE = RetryPolicy(
    max_attempts=4,
    delay=2.0,
    max_delay=30.0,
    retry_on=(
        UnusableAnswer,
        AIServiceUnavailable,
        AIServiceRateLimited,
        AIServiceTimedOut,
        AIServiceBadAnswer,
        CircuitBreakerOpenError,
    ),
)
"""With a model in trouble, for about twenty seconds: somebody waits for the command, and running it
again is going on. The guard around each call has its own, for about two.
"""

PLANNING = """You plan work on software. Answer with one JSON object:
{"title": "...", "summary": "...", "decisions": [{"title": "...", "why": "..."}], "subtasks": [
{"key": "short-name", "role": "architect|implementer|tester|documenter", "title": "...",
"instructions": "...", "files": ["relative/path"], "needs": ["key", ...]}]}
No two subtasks make the same file. A subtask needs those whose files it has to read."""
MAKING = """You are the {role} of a small team. Answer with one JSON object:
{{"files": {{"relative/path": "whole content"}}, "summary": "one sentence", "next_action":
"one sentence", "decisions": [{{"title": "...", "why": "..."}}]}} with just the files asked for."""


class SessionKeeper:
    """Plans a session, shares the work out, and is done when all of it is."""

    def __init__(self, *, model: WritingModel, tracking: TrackFileOperationsUseCase) -> None:
        self._model, self._tracking = model, tracking

    async def execute(self, task: TaskContext) -> TaskOutcome:
        """The outcome's result is the ``Plan``."""
        premise, home = _text(task, "premise"), _text(task, "home")
        plan = await task.step("plan", self._plan, premise, retry=PATIENCE)
        made = await write_decisions(task, home, "plan", "planner", plan.decisions)
        ids: dict[str, str] = {}
        children = []
        for subtask in plan.subtasks:
            child = await task.spawn(
                name=subtask.key,
                title=subtask.title,
                specialist_type=self._who(task, subtask),
                description=subtask.instructions,
                payload=work_order(subtask, plan, premise, home),
                depends_on=[ids[key] for key in subtask.needs],
                on_failed_dependency="cancel",
            )
            ids[subtask.key] = child.id
            children.append(child)
            if subtask.role in _outside(task):
                files = [f"{home}/{path}" for path in subtask.files]
                await task.step(f"hand over {subtask.key}", self._hand_over, child.id, files)
        for done, child in enumerate(children):
            task.progress(done, len(children), f"waiting for {child.name}")
            made += (await child.outcome()).artifacts
        summary = f"{plan.title}: {len(children)} subtasks, {len(made)} files"
        return TaskOutcome(summary=summary, artifacts=made, next_action="review", result=plan)

    async def _plan(self, premise: str) -> Plan:
        return parse_plan(await self._model.write(PLANNING, premise))

    async def _hand_over(self, task_id: str, files: Sequence[str]) -> None:
        """Announce the files that the outside worker is to make: its completion is refused until
        they are there. Recording the same again changes nothing.
        """
        for path in files:
            announced = await self._tracking.track_file_creation(path, task_id=task_id)
            if not announced.success:
                raise WorkspaceError(f"{path}: {announced.error}")

    def _who(self, task: TaskContext, subtask: Subtask) -> str:
        """Nobody here does what is for outside workers: such a task is assigned."""
        return outside_type(subtask.role) if subtask.role in _outside(task) else subtask.role


class Craftsman:
    """Has a model do the part of one role, and writes what it has made."""

    def __init__(self, *, role: str, model: WritingModel) -> None:
        self._role, self._model = role, model

    async def execute(self, task: TaskContext) -> TaskOutcome:
        """The outcome's result is the titles of what was decided."""
        home, wanted = _text(task, "home"), _texts(task, "files")
        material = [_text(task, "context")]
        for path in _texts(task, "reads"):
            content = await task.files.read_text(f"{home}/{path}")
            material.append(f"## {path}\n\n{content}")
        make = partial(self._make, "\n".join(material), wanted)
        answer = await task.step("make", make, retry=PATIENCE)
        made = []
        for path in wanted:
            await task.files.write_text(f"{home}/{path}", answer.files[path])
            made.append(f"{home}/{path}")
        key = _text(task, "key")
        made += await write_decisions(task, home, key, self._role, answer.decisions)
        return TaskOutcome(
            summary=answer.summary,
            artifacts=made,
            next_action=answer.next_action,
            result=[decision.title for decision in answer.decisions],
        )

    async def _make(self, material: str, wanted: Sequence[str]) -> Answer:
        instruction = MAKING.format(role=self._role)
        return parse_answer(await self._model.write(instruction, material), wanted)


class Tester(Craftsman):
    """Also runs the tests that it has written, if that is wanted, and tells how they went."""

    def __init__(self, *, model: WritingModel, tests: Trials) -> None:
        super().__init__(role="tester", model=model)
        self._tests = tests

    async def execute(self, task: TaskContext) -> TaskOutcome:
        """The outcome is that of any craftsman; tests that fail are the next action."""
        outcome = await super().execute(task)
        ran = await task.step("run the tests", self._tests.run, _text(task, "home"), timeout=60.0)
        if ran is None:
            return outcome
        told = "all tests pass" if ran.passed else "tests fail"
        next_action = outcome.next_action if ran.passed else f"make the tests pass: {ran.told}"
        return replace(outcome, summary=f"{outcome.summary} ({told})", next_action=next_action)


def work_order(subtask: Subtask, plan: Plan, premise: str, home: str) -> Mapping[str, object]:
    """What is given to whoever does the subtask; all of it, so that nobody has to be asked."""
    before = [each for each in plan.subtasks if each.key in subtask.needs]
    return {
        "key": subtask.key,
        "role": subtask.role,
        "home": home,
        "context": context_of(subtask, plan, premise, home),
        "files": list(subtask.files),
        "reads": [path for each in before for path in each.files],
    }


def outside_type(role: str) -> str:
    """The type of what an outside worker does."""
    return f"outside-{role}"


async def write_decisions(
    task: TaskContext, home: str, key: str, by: str, decisions: Sequence[Decision]
) -> list[str]:
    """A file for each of them; gives their paths."""
    made = []
    for number, decision in enumerate(decisions, 1):
        path = f"{home}/decisions/{key}-{number}.md"
        await task.files.write_text(path, decision_text(decision, by))
        made.append(path)
    return made


def _outside(task: TaskContext) -> Sequence[str]:
    return _texts(task, "outside")


def _text(task: TaskContext, name: str) -> str:
    return cast("str", task.payload[name])


def _texts(task: TaskContext, name: str) -> Sequence[str]:
    return cast("Sequence[str]", task.payload[name])
