"""Who is in the crew: one writes code, one judges it."""

from collections.abc import Sequence
from dataclasses import dataclass

from code_crew.generating import CodeGeneratorAdapter
from code_crew.linting import Linter
from vespera import ModelSwitcherOrchestrator

PER_ISSUE = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeQualityMetrics:
    """What a reviewer finds: from 0 to 1, and what keeps it from 1."""

    score: float
    issues: Sequence[str]


class CodeGeneratorAgent:
    """Writes code by the first model of a list that answers."""

    def __init__(
        self,
        *,
        adapter: CodeGeneratorAdapter,
        switcher: ModelSwitcherOrchestrator,
        max_tokens: int,
    ) -> None:
        self._adapter, self._switcher, self._max_tokens = adapter, switcher, max_tokens

    async def generate_code(self, task: str) -> str:
        """The module that the task describes.

        Raises:
            NoModelAvailable: no model answered; it tells of each.
            AIServiceRefused: the request is at fault, and no other model would mend that.
        """
        return (await self._switcher.call(self._adapter.ask, task, self._max_tokens)).response


class CodeReviewerAgent:
    """Judges code by what a linter finds."""

    def __init__(self, *, linter: Linter) -> None:
        self._linter = linter

    async def review_code(self, code: str) -> CodeQualityMetrics:
        """Full marks for clean code, and less for each finding."""
        issues = await self._linter.check(code)
        return CodeQualityMetrics(
            score=round(max(0.0, 1.0 - PER_ISSUE * len(issues)), 2), issues=tuple(issues)
        )
