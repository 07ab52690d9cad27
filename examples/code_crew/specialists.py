"""Who does the tasks: the programmer leads the crew, the boaster claims what it did not do."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from code_crew.agents import CodeGeneratorAgent, CodeQualityMetrics, CodeReviewerAgent
from code_crew.linting import Linter
from code_crew.offline import MENDING
from vespera import CrewResult, DirectAdapter, SequentialOrchestrator, TaskContext, TaskOutcome
from vespera.domain.errors import CrewFailed

MOST_ROUNDS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenCode:
    """A module in the workspace, the score of each draft, and what ruff says of the file."""

    path: str
    scores: Sequence[float]
    issues: Sequence[str]


class Programmer:
    """Has a module written and reviewed, until the reviewer has nothing against it or has seen
    ``MOST_ROUNDS`` drafts; then writes it down. Each draft and each review is a step.
    """

    def __init__(
        self,
        *,
        generator: CodeGeneratorAgent,
        reviewer: CodeReviewerAgent,
        crew: SequentialOrchestrator,
        linter: Linter,
    ) -> None:
        self._crew, self._linter = crew, linter
        self._agents = DirectAdapter()
        self._agents.register_agent("generator", generator)
        self._agents.register_agent("reviewer", reviewer)

    async def execute(self, task: TaskContext) -> TaskOutcome:
        """The outcome's result is the ``WrittenCode``.

        Raises:
            CrewFailed: no model would write, or the reviewer could not review.
        """
        module = cast("str", task.payload["module"])
        drafts = await self._drafts(task, cast("str", task.payload["description"]))
        path, review = f"src/{module}.py", f"reviews/{module}.md"
        await task.files.write_text(path, _code(drafts[-1]))
        issues = await task.step("ruff on the file", self._linter.check_file, path)
        await task.files.write_text(review, _report(module, drafts, issues))
        scores = [_metrics(draft).score for draft in drafts]
        told = f"{path}: {len(drafts)} drafts, score {scores[-1]:g}"
        written = WrittenCode(path=path, scores=scores, issues=issues)
        return TaskOutcome(summary=told, artifacts=[path, review], result=written)

    async def _drafts(self, task: TaskContext, description: str) -> Sequence[CrewResult]:
        drafts: list[CrewResult] = []
        brief = description
        for _ in range(MOST_ROUNDS):
            draft = await self._crew.execute(brief, self._agents, within=task)
            if not draft.success:
                raise CrewFailed(str(draft.error))
            drafts.append(draft)
            if not _metrics(draft).issues:
                break
            brief = _again(description, _code(draft), _metrics(draft).issues)
        return drafts


class Boaster:
    """Says that it has written tests, as models do, and has not."""

    async def execute(self, task: TaskContext) -> TaskOutcome:
        """The proof gate refuses it."""
        path = f"tests/test_{task.payload['module']}.py"
        await task.files.track_file_create(path)
        return TaskOutcome(summary=f"All tests are written and pass: {path}", artifacts=[path])


def _again(description: str, code: str, issues: Sequence[str]) -> str:
    found = "\n".join(f"- {issue}" for issue in issues)
    return f"{description}\n\n{MENDING}:\n\n{found}\n\n```python\n{code}```\n"


def _code(draft: CrewResult) -> str:
    return cast("str", draft["generator"].value)


def _metrics(draft: CrewResult) -> CodeQualityMetrics:
    return cast("CodeQualityMetrics", draft["reviewer"].value)


def _report(module: str, drafts: Sequence[CrewResult], issues: Sequence[str]) -> str:
    lines = [f"# Review of {module}", ""]
    for number, draft in enumerate(drafts, 1):
        metrics = _metrics(draft)
        lines += [f"Draft {number}: score {metrics.score:g}", ""]
        lines += [f"- {issue}" for issue in metrics.issues] or ["- nothing is wrong with it"]
        lines.append("")
    found = "; ".join(issues) or "nothing is wrong with it"
    return "\n".join([*lines, f"The file as it was written: {found}.", ""])
