"""`vespera task list|watch|purge` and `vespera events`."""

import json

import pytest

PROGRAM = """
    from vespera import Container, TaskOrchestrator, providers

    async def writer(task):
        task.progress(1, 2, "half")
        return await task.step("title", lambda: task.title)

    async def picky(task):
        raise TimeoutError("too slow")

    class Writing(Container):
        defaults = {**Container.defaults, "events": "all"}
        specialists = providers.Aggregate(
            writer=providers.Object(writer), picky=providers.Object(picky)
        )

    async def main(container, input):
        await container.get(TaskOrchestrator).run_all(input)
"""


@pytest.fixture
def done(vespera, program):
    """A good task, a bad one, and a child of the good one."""
    requests = [
        {"title": "A report", "specialist_type": "writer", "task_id": "good"},
        {"title": "A list", "specialist_type": "picky", "task_id": "bad"},
        {"title": "A page", "specialist_type": "writer", "task_id": "child", "parent_id": "good"},
    ]
    vespera("run", program(PROGRAM), "--input", json.dumps(requests))


@pytest.fixture
def listed(vespera):
    def ids(*options):
        answer = vespera("task", "list", "--json", *options)
        assert answer.exit_code == 0, answer.stderr
        return [task["id"] for task in json.loads(answer.stdout)["tasks"]]

    return ids


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], ["bad", "child", "good"]),
        (["--status", "failed"], ["bad"]),
        (["--status", "failed", "--status", "completed"], ["bad", "child", "good"]),
        (["--type", "writer"], ["child", "good"]),
        (["--parent", "good"], ["child"]),
        (["--title", "REPORT"], ["good"]),
        (["--failed-with", "OSError"], ["bad"]),
        (["--created-after", "1h ago"], ["bad", "child", "good"]),
        (["--created-before", "1h ago"], []),
        (["--updated-after", "2030-01-31T12:00"], []),
    ],
)
def test_tasks_are_looked_for(done, listed, options, expected):
    assert sorted(listed(*options)) == expected


@pytest.mark.parametrize("order", ["oldest", "newest"])
def test_pages_follow_each_other(done, vespera, listed, order):
    whole, seen, options = listed("--order", order), [], []
    for _ in whole:
        answer = vespera("task", "list", "--json", "--limit", 1, "--order", order, *options)
        page = json.loads(answer.stdout)
        seen += [task["id"] for task in page["tasks"]]
        options = ["--after", page["next"]]

    assert seen == whole
    assert page["next"] is None


@pytest.mark.parametrize("when", ["yesterday", "9x ago", "2030-13-01"])
def test_what_is_no_moment_is_refused(done, vespera, when):
    answer = vespera("task", "list", "--created-after", when)

    assert answer.exit_code == 2
    assert "write 2030-01-31" in answer.stderr or "write 90s" in answer.stderr


def test_a_cursor_that_is_none_is_refused(done, vespera):
    answer = vespera("task", "list", "--after", "nobody")

    assert answer.exit_code == 2
    assert "'nobody' is not the `next` of a page" in answer.stderr


def test_a_finished_task_is_watched_to_its_end(done, vespera):
    watched = vespera("task", "watch", "good")

    assert watched.exit_code == 0
    kinds = [line.split()[3] for line in watched.stdout.splitlines()[:-1]]
    assert sorted(kinds) == ["claimed", "completed", "created", "progress", "step_recorded"]
    assert (kinds[0], kinds[-1]) == ("created", "completed")
    assert watched.stdout.splitlines()[-1] == "completed: A report"


def test_a_watched_task_that_failed_is_an_exit_code(done, vespera):
    watched = vespera("task", "watch", "bad", "--json")

    assert watched.exit_code == 1
    last = json.loads(watched.stdout.splitlines()[-1])
    assert (last["type"], last["task_id"]) == ("failed", "bad")
    assert last["data"]["error"] == "TimeoutError: too slow"


def test_a_task_that_does_not_exist_cannot_be_watched(done, vespera):
    watched = vespera("task", "watch", "nobody")

    assert watched.exit_code == 1
    assert "nobody" in watched.stderr


def test_events_are_printed_and_resumed_by_id(done, vespera):
    told = [json.loads(line) for line in vespera("events", "--json").stdout.splitlines()]
    ends = vespera("events", "--type", "completed", "--type", "failed", "--json").stdout

    assert sorted(json.loads(line)["task_id"] for line in ends.splitlines()) == [
        "bad",
        "child",
        "good",
    ]
    rest = vespera("events", "--json", "--after", told[2]["id"]).stdout
    assert [json.loads(line) for line in rest.splitlines()] == told[3:]


def test_progress_is_shown(done, vespera):
    shown = vespera("task", "show", "good").stdout

    assert ["progress", "1 of 2: half"] in [line.split(maxsplit=1) for line in shown.splitlines()]
    assert json.loads(vespera("task", "show", "good", "--json").stdout)["progress"]["done"] == 1.0


def test_old_tasks_are_purged(done, vespera, listed):
    dry = vespera("task", "purge", "--older-than", "0s", "--dry-run")
    assert dry.stdout == "2 tasks could be purged at once\n"
    assert len(listed()) == 3

    purged = vespera("task", "purge", "--older-than", "0s", "--status", "completed", "-y", "--json")

    assert json.loads(purged.stdout)["tasks"] == 2
    assert listed() == ["bad"]
    assert vespera("db", "check").exit_code == 0


def test_young_tasks_stay(done, vespera, listed):
    purged = vespera("task", "purge", "--older-than", "30d", "-y")

    assert purged.stdout == "0 tasks purged\n"
    assert len(listed()) == 3


def test_nothing_is_purged_unasked(done, vespera, listed):
    refused = vespera("task", "purge", "--older-than", "0s")

    assert refused.exit_code == 2
    assert "-y" in refused.stderr
    assert len(listed()) == 3


def test_an_age_that_is_none_is_refused(done, vespera):
    refused = vespera("task", "purge", "--older-than", "soon", "-y")

    assert refused.exit_code == 2
    assert "write 90s, 15m, 2h, 30d or 4w" in refused.stderr
