"""What becomes of tasks that wait for one that fails or is cancelled."""

import pytest

from vespera import Container, TaskContext, TaskOrchestrator
from vespera.application.runtime.specialists import Specialists

CANCEL, RUN = {"on_failed_dependency": "cancel"}, {"on_failed_dependency": "run"}


@pytest.fixture
def orchestrator(container: Container, specialists: Specialists) -> TaskOrchestrator:
    async def bad(_task: TaskContext) -> None:
        raise ValueError("none is good enough")

    async def good(_task: TaskContext) -> str:
        return "done"

    async def after(task: TaskContext) -> dict[str, object]:
        done, failed = await task.dependencies(), await task.failed_dependencies()
        return {
            "done": {name: outcome.result for name, outcome in done.items()},
            "failed": {name: str(error) for name, error in failed.items()},
        }

    for name, specialist in (("bad", bad), ("good", good), ("after", after)):
        specialists.register(name, specialist)
    return container.get(TaskOrchestrator)


def request(task_id: str, kind: str, *depends_on: str, **more: object) -> dict[str, object]:
    return {
        "title": task_id.upper(),
        "specialist_type": kind,
        "task_id": task_id,
        "depends_on": list(depends_on),
        "completion": "auto",
        **more,
    }


async def test_those_that_ask_for_it_are_cancelled_with_it_also_through_others(
    orchestrator: TaskOrchestrator,
) -> None:
    results = await orchestrator.run_all(
        [
            request("a", "bad"),
            request("b", "good", "a", **CANCEL),
            request("c", "good", "b", **CANCEL),
            request("d", "good", "c"),
        ]
    )

    assert [str(result.status) for result in results] == [
        "failed",
        "cancelled",
        "cancelled",
        "pending",
    ]
    told = "DependencyFailed: it waited for a (A), which is failed"
    assert [results[1].error, results[2].error] == [told, told]
    assert "'c' (C), which is cancelled" in str(results[3].error)


async def test_one_that_runs_all_the_same_is_told_what_came_of_each(
    orchestrator: TaskOrchestrator,
) -> None:
    *_, last = await orchestrator.run_all(
        [
            request("a", "bad"),
            request("b", "good", "a", **CANCEL),
            request("c", "good"),
            request("d", "after", "a", "b", "c", **RUN),
        ]
    )

    assert last.result == {
        "done": {"c": "done"},
        "failed": {
            "a": "ValueError: none is good enough",
            "b": "DependencyFailed: it waited for a (A), which is failed",
        },
    }


async def test_a_cancellation_is_a_failure_to_those_that_wait(
    orchestrator: TaskOrchestrator,
) -> None:
    await orchestrator.create_tasks(
        [
            request("a", "good"),
            request("b", "good", "a", **CANCEL),
            request("c", "good", "b", **RUN),
        ]
    )
    await orchestrator.cancel_task("a", "changed his mind")

    assert (await orchestrator.get_task_status("b")).status == "cancelled"
    await orchestrator.run_until_idle()
    assert (await orchestrator.get_task_status("c")).completed


@pytest.mark.parametrize(
    ("policy", "status"), [("cancel", "cancelled"), ("run", "completed"), ("block", "pending")]
)
async def test_it_holds_for_what_failed_before_the_task_was_created(
    orchestrator: TaskOrchestrator, policy: str, status: str
) -> None:
    await orchestrator.run(request("a", "bad"))
    created = await orchestrator.create_task(request("b", "good", "a", on_failed_dependency=policy))
    await orchestrator.run_until_idle()

    assert (created.status == "cancelled") == (policy == "cancel")
    assert (await orchestrator.get_task_status("b")).status == status


async def test_a_chain_behind_what_failed_before_is_cancelled_as_it_is_created(
    orchestrator: TaskOrchestrator,
) -> None:
    await orchestrator.run(request("a", "bad"))
    result = await orchestrator.run(request("b", "good", "a", **CANCEL))
    assert (result.status, result.error) == (
        "cancelled",
        "DependencyFailed: it waited for a (A), which is failed",
    )

    two = await orchestrator.create_tasks(
        [request("d", "good", "c", **CANCEL), request("c", "good", "a", **CANCEL)]
    )
    assert [str(created.status) for created in two] == ["cancelled", "cancelled"]


async def test_a_retry_is_no_failure(orchestrator: TaskOrchestrator) -> None:
    await orchestrator.create_tasks(
        [
            request("a", "bad", retry={"max_attempts": 2, "delay": 50.0}),
            request("b", "good", "a", **CANCEL),
        ]
    )
    with pytest.raises(TimeoutError):
        await orchestrator.wait_for_completion("b", timeout=10)
    await orchestrator.run_until_idle()

    assert (await orchestrator.get_task_status("b")).status == "cancelled"


@pytest.mark.parametrize("policy", ["explode", None, 1])
async def test_a_policy_that_does_not_exist_is_refused(
    orchestrator: TaskOrchestrator, policy: object
) -> None:
    refused = await orchestrator.create_task(request("a", "good", on_failed_dependency=policy))

    assert f"must be one of block, cancel, run, got {policy!r}" in str(refused.error)
