"""`vespera task pause|resume` and `vespera queue pause|resume|list`."""

import json

import pytest

PROGRAM = """
    from vespera import Container, TaskOrchestrator, providers
    from vespera.domain.flow import Limits, Rate

    async def writer(task):
        return "written"

    class Writing(Container):
        specialists = providers.Aggregate(writer=providers.Object(writer))
        limits = providers.Object(
            {
                "writer": Limits(max_concurrent=4, rate=Rate(10, per=60.0)),
                "*": Limits(max_concurrent=8),
            }
        )

    async def main(container, input):
        orchestrator = container.get(TaskOrchestrator)
        for task_id in input:
            await orchestrator.create_task(
                title="a text", specialist_type="writer", task_id=task_id, completion="auto"
            )
        await orchestrator.run_until_idle()
"""


@pytest.fixture
def run(vespera, program):
    path = program(PROGRAM)

    def run(given: object) -> None:
        ran = vespera("run", path, "--input", json.dumps(given))
        assert ran.exit_code == 0, ran.stderr

    return run


def test_a_type_is_paused_listed_and_resumed(vespera, run):
    run(["a"])
    paused = vespera("queue", "pause", "writer")
    assert (paused.exit_code, paused.stdout) == (0, "paused: writer\n")
    head, of_all, row = vespera("queue", "list").stdout.splitlines()
    assert head.split() == ["TYPE", "STATE", "LIMITS"]
    assert of_all.split() == ["*", "open", "max_concurrent=8"]
    assert row.split(maxsplit=2) == ["writer", "paused", "max_concurrent=4, rate=10 in 60 s"]
    _, gate = json.loads(vespera("queue", "list", "--json").stdout)
    assert (gate["specialist_type"], gate["limits"]["max_concurrent"]) == ("writer", 4)

    resumed = vespera("queue", "resume", "writer", "--json")
    assert json.loads(resumed.stdout) == {"name": "writer", "paused": False}
    again = vespera("queue", "resume", "writer")
    assert (again.exit_code, "is not paused" in again.stderr) == (1, True)


def test_what_is_paused_here_is_not_run_by_the_next_program(vespera, run):
    run([])
    vespera("queue", "pause", "writer")
    run(["a", "b"])
    shown = vespera("task", "show", "a")
    assert "its type 'writer' is paused since" in shown.stdout

    assert vespera("task", "pause", "a").stdout == "paused: a\n"
    assert vespera("queue", "resume", "writer").exit_code == 0
    run([])
    stands = {
        task["id"]: task["status"]
        for task in json.loads(vespera("task", "list", "--json").stdout)["tasks"]
    }
    assert stands == {"a": "pending", "b": "completed"}
    told = json.loads(vespera("task", "show", "a", "--json").stdout)["waits_for"]
    assert told.startswith("it is paused since")

    assert vespera("task", "resume", "a").stdout == "resumed: a\n"
    run([])
    assert json.loads(vespera("task", "show", "a", "--json").stdout)["status"] == "completed"


def test_all_types_are_not_paused_by_one_command(vespera, run):
    run([])

    refused = vespera("queue", "pause", "*")

    assert (refused.exit_code, "'*' stands for all types" in refused.stderr) == (2, True)


@pytest.mark.parametrize(
    ("task_id", "told"),
    [("nobody", "No task has the id 'nobody'"), ("a", "is completed; it cannot be paused")],
)
def test_what_cannot_be_paused_is_told(vespera, run, task_id, told):
    run(["a"])

    refused = vespera("task", "pause", task_id)

    assert (refused.exit_code, told in refused.stderr) == (1, True)
