"""The second storey: a project on top of the company's container."""

from collections.abc import Sequence

from helpdesk.company import Answerer, LanguageModel, TestingCompanyContainer
from vespera import Provider, TaskContext, TaskOutcome, TaskRepository, TaskStatus, providers
from vespera.application.ports.persistence import ReportRepository
from vespera.domain.ids import ReportId
from vespera.domain.verification import Report


class CountedReportRepository:
    """Wraps the repository of the base and counts what is stored."""

    def __init__(self, *, inner: ReportRepository) -> None:
        self.inner = inner
        self.stored = 0

    async def add(self, report: Report) -> None:
        await self.inner.add(report)
        self.stored += 1

    async def get(self, report_id: ReportId) -> Report | None:
        return await self.inner.get(report_id)


class CarefulAnswerer(Answerer):
    """Replaces the company's specialist."""

    async def execute(self, task: TaskContext) -> TaskOutcome:
        outcome = await super().execute(task)
        return TaskOutcome(summary=f"{outcome.summary} (no warranty)", artifacts=outcome.artifacts)


async def close_ticket(task: TaskContext) -> str:
    """A specialist may be a plain function."""
    return f"closed {task.title}"


class ListAnsweredTicketsUseCase:
    """A use case of the project's own."""

    def __init__(self, *, tasks: TaskRepository, model: LanguageModel) -> None:
        self._tasks = tasks
        self.model = model

    async def list_answered(self) -> Sequence[str]:
        page = await self._tasks.page(status=TaskStatus.COMPLETED, specialist_type="answerer")
        return [task.title for task in page]


class DeskContainer(TestingCompanyContainer):
    """The helpdesk."""

    reports: Provider[ReportRepository] = providers.Singleton(
        CountedReportRepository, inner=TestingCompanyContainer.reports
    )
    list_answered_tickets = providers.Factory(
        ListAnsweredTicketsUseCase,
        tasks=TestingCompanyContainer.tasks,
        model=TestingCompanyContainer.model,
    )
    specialists = providers.Aggregate(
        answerer=providers.Factory(CarefulAnswerer, model=TestingCompanyContainer.model),
        closer=providers.Object(close_ticket),
    )
