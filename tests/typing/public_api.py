"""What type checkers make of the public API. Checked by mypy and basedpyright, never run."""

from typing import Any, Protocol, assert_type
from unittest.mock import AsyncMock

from vespera import (
    AsyncDatabaseManager,
    AsyncTaskOrchestrator,
    Clock,
    Codec,
    Container,
    FileStore,
    Limits,
    Provider,
    Rate,
    TaskContext,
    TaskExecutionWorkflow,
    TaskOrchestrator,
    TaskOutcome,
    TaskRepository,
    TaskRequest,
    TaskResult,
    TaskStatus,
    TrackFileOperationsUseCase,
    UnitOfWork,
    providers,
)


class ChatModel(Protocol):
    async def complete(self, prompt: str) -> str: ...


class OpenAiChatModel:
    def __init__(self, *, api_key: str) -> None:
        self.api_key = api_key

    async def complete(self, prompt: str) -> str:
        return f"{prompt} {self.api_key}"


class Coder:
    def __init__(self, *, llm: ChatModel) -> None:
        self._llm = llm

    async def execute(self, task: TaskContext) -> TaskOutcome:
        plan = await task.step("plan", self._llm.complete, "prompt")
        assert_type(plan, str)
        await task.files.write_text("src/answer.py", plan)
        return TaskOutcome(summary="wrote the answer", artifacts=["src/answer.py"])


async def edit(task: TaskContext) -> str:
    return task.title


class CountTasksUseCase:
    def __init__(self, *, tasks: TaskRepository) -> None:
        self.tasks = tasks


class MyContainer(Container):
    llm: Provider[ChatModel] = providers.Singleton(
        OpenAiChatModel, api_key=Container.config.openai_key
    )
    count_tasks = providers.Factory(CountTasksUseCase, tasks=Container.tasks)
    specialists = providers.Aggregate(
        coder=providers.Factory(Coder, llm=llm),
        editor=providers.Object(edit),
        counter=providers.Factory(CountTasksUseCase, tasks=Container.tasks),
    )

    def helper(self) -> int:
        return 1


class OtherContainer(MyContainer):
    llm: Provider[ChatModel] = providers.Singleton(OpenAiChatModel, api_key="fixed")


# ------------------------------------------------------------------------------ making, looking up

container = MyContainer(database_url="sqlite+aiosqlite:///work.db", workspace=".")
assert_type(container, MyContainer)
assert_type(MyContainer({"openai_key": "k"}), MyContainer)
assert_type(container.helper(), int)

assert_type(container.get(ChatModel), ChatModel)
assert_type(container.get(Clock), Clock)
assert_type(container.get(Codec), Codec)
assert_type(container.get(FileStore), FileStore)
assert_type(container.get(UnitOfWork), UnitOfWork)
assert_type(container.get(TaskRepository), TaskRepository)
assert_type(container.get(AsyncDatabaseManager), AsyncDatabaseManager)
assert_type(container.get(TaskExecutionWorkflow), TaskExecutionWorkflow)
assert_type(container.get(TaskOrchestrator), TaskOrchestrator)
assert_type(container.get(AsyncTaskOrchestrator), TaskOrchestrator)
assert_type(container.get(TrackFileOperationsUseCase), TrackFileOperationsUseCase)
assert_type(container.get(CountTasksUseCase), CountTasksUseCase)
assert_type(container.get(Coder), Coder)
assert_type(container.get("specialists.coder"), Any)
assert_type(container.llm(), ChatModel)
assert_type(container.count_tasks(), CountTasksUseCase)
assert_type(OtherContainer().llm(), ChatModel)

container.get(3)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
container.taks  # type: ignore[attr-defined]  # noqa: B018  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
container.taks = 1  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]


# -------------------------------------------------------------------------------------- overriding

with container.override(ChatModel, AsyncMock(spec=ChatModel)) as llm:
    assert_type(llm, AsyncMock)
with container.override("llm", OpenAiChatModel(api_key="k")) as model:
    assert_type(model, OpenAiChatModel)

override = container.override(Clock, AsyncMock(spec=Clock))
override.undo()
container.override(ChatModel)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
container.override("llm", "anything", check=False).undo()

assert_type(container.mock(ChatModel), Any)
assert_type(container.mock("llm"), Any)
with container.mock(TaskRepository) as tasks:
    assert_type(tasks, Any)
container.mock(3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

with container.override(Clock, AsyncMock(spec=Clock), restart=True):  # type: ignore[attr-defined]  # pyright: ignore[reportGeneralTypeIssues, reportAttributeAccessIssue]
    pass


# --------------------------------------------------------------------------------- in an event loop


async def main() -> None:
    async with MyContainer() as entered:
        assert_type(entered, MyContainer)
        async with entered.override(Clock, AsyncMock(spec=Clock)) as clock:
            assert_type(clock, AsyncMock)
        async with entered.override(Clock, AsyncMock(spec=Clock), restart=True) as another:
            assert_type(another, AsyncMock)
        async with entered.mock(Clock) as mocked:
            assert_type(mocked, Any)
        workflow = entered.get(TaskExecutionWorkflow)
        created = await workflow.create_task({"title": "Answer"})
        assert_type(created, TaskResult)
        assert_type(await workflow.run(TaskRequest(title="Answer")), TaskResult)
        assert_type(await workflow.run(title="Answer", specialist_type="coder"), TaskResult)
        assert_type(created.success, bool)
        assert_type(created.error, str | None)
        assert_type(created.status, TaskStatus | None)
        assert_type(created.outcome, TaskOutcome | None)
    await entered.initialize_async_services()
    await entered.cleanup_async_services()


async def looks_for_tasks(orchestrator: TaskOrchestrator, task: TaskContext) -> None:
    page = await orchestrator.tasks(status=["failed"], order="oldest", limit=5)
    assert_type(page.next, str | None)
    assert_type(page.tasks[0].status, TaskStatus)
    await orchestrator.tasks(stauts="failed")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    async for event in orchestrator.events("t1", after=7, types=["completed"]):
        assert_type(event.id, int)
    assert_type((await orchestrator.purge(3600)).tasks, int)
    assert_type(task.progress(1, 2, "half"), None)


async def flow_is_controlled(orchestrator: TaskOrchestrator) -> None:
    limits = Limits(max_concurrent=4, rate=Rate(10, per=60.0))
    assert_type(limits.rate, Rate | None)
    assert_type((await orchestrator.pause_type("analyst")).paused, bool)
    assert_type(await orchestrator.paused_types(), list[str])
    assert_type(await orchestrator.pause_task("a"), TaskResult)
    assert_type((await orchestrator.get_task_status("a")).waits_for, str)
