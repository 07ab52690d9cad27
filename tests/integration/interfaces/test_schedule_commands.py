"""`vespera schedule ...`: looked after from the command line, fired by a worker."""

import json
from pathlib import Path

import pytest

APP = """
from vespera import Container, providers

async def report(task):
    return f"{task.payload['scheduled_at']:%Y} {task.payload['who']}"

class Works(Container):
    specialists = providers.Aggregate(report=providers.Object(report))
"""
NIGHTLY = ["schedule", "add", "nightly", "--cron", "0 3 * * *", "--type", "report"]


def listed(vespera) -> list[dict[str, object]]:
    return json.loads(vespera("schedule", "list", "--json").stdout)["schedules"]


def test_a_schedule_is_added_listed_and_removed(vespera):
    added = vespera(*NIGHTLY, "--time-zone", "Europe/Berlin")
    shown = vespera("schedule", "list").stdout.splitlines()
    removed = vespera("schedule", "remove", "nightly", "-y")

    assert added.stdout.startswith("nightly: created; next at ")
    assert shown[0].split() == ["NAME", "WHEN", "NEXT", "LAST", "TYPE", "TITLE"]
    assert shown[1].startswith("nightly  0 3 * * * (Europe/Berlin)  ")
    assert shown[1].endswith("  never  report  nightly")
    assert removed.stdout == "nightly: removed\n"
    assert listed(vespera) == []


def test_the_same_again_is_unchanged_and_another_replaces_it(vespera):
    first = vespera(*NIGHTLY, "--json")
    again = vespera(*NIGHTLY, "--json")
    other = vespera(*NIGHTLY, "--title", "Report", "--catch-up", "all", "--json")

    changes = [json.loads(ran.stdout)["change"] for ran in (first, again, other)]
    assert changes == ["created", "unchanged", "replaced"]
    (schedule,) = listed(vespera)
    assert (schedule["title"], schedule["catch_up"]) == ("Report", "all")


def test_a_paused_schedule_says_so_and_is_resumed(vespera):
    vespera("schedule", "add", "rounds", "--every", "90")

    assert vespera("schedule", "pause", "rounds").stdout == "rounds: paused\n"
    assert "  paused  " in vespera("schedule", "list").stdout
    assert vespera("schedule", "resume", "rounds").stdout.startswith("rounds: resumed; next at")
    assert "every 90 s" in vespera("schedule", "list").stdout


def test_a_triggered_task_is_run_by_a_worker(vespera, program):
    app = program(APP, "app.py")
    vespera(*NIGHTLY, "--payload", '{"who": "Ada"}', "--title", "Report")
    triggered = vespera("schedule", "trigger", "nightly")
    task_id = json.loads(vespera("schedule", "trigger", "nightly", "--json").stdout)["task_id"]

    worked = vespera("worker", app, "--until-idle")

    assert triggered.stdout.startswith("pending: Report (")
    assert worked.stdout.splitlines()[-1].endswith("2 completed")
    shown = vespera("task", "show", task_id).stdout
    assert "status:       completed" in shown or "completed (attempt 1)" in shown
    assert "Ada" in shown


def test_a_worker_tells_which_schedule_it_fires(vespera, program):
    app = program(APP, "app.py")
    vespera("schedule", "add", "rounds", "--every", "1", "--type", "report", "--payload", "{}")
    while not any(
        json.loads(line)["event"] == "fired"
        for line in vespera("worker", app, "--until-idle", "--json").stdout.splitlines()
    ):
        pass

    assert listed(vespera)[0]["last_due"] is not None


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["pause", "nihgtly"], "There is no schedule 'nihgtly'; did you mean 'nightly'?"),
        (["resume", "nobody"], "There is no schedule 'nobody'."),
        (["trigger", "nobody"], "There is no schedule 'nobody'."),
        (["remove", "nobody", "-y"], "There is no schedule 'nobody'."),
    ],
)
def test_what_cannot_be_done_is_one_line_and_exit_code_1(vespera, words, told):
    vespera(*NIGHTLY)

    ran = vespera("schedule", *words)

    assert ran.exit_code == 1
    assert told in ran.stderr
    assert len(ran.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--cron", "often"], "cron: 'often' is no cron text"),
        ([], "give one of cron and every"),
        (["--every", "0.1"], "'--every': 0.1 is not in the range 1<=x"),
        (["--cron", "@daily", "--time-zone", "Mars"], "there is no time zone 'Mars'"),
        (["--every", "9", "--payload", "[]"], "--payload: must be a JSON object"),
    ],
)
def test_a_schedule_that_cannot_be_is_told_in_one_line_and_is_wrong_usage(vespera, words, told):
    ran = vespera("schedule", "add", "n", *words)

    assert ran.exit_code == 2
    assert told in ran.stderr
    assert len(ran.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["add", "n", "--cron", "@daily", "--payload", "{"], "--payload: this is no JSON"),
        (["add", "n", "--cron", "@daily", "--catch-up", "some"], "'some' is not one of"),
        (["remove", "nightly"], "There is no terminal to ask on; -y says yes."),
    ],
)
def test_wrong_usage_is_exit_code_2(vespera, words, told):
    ran = vespera("schedule", *words)

    assert ran.exit_code == 2
    assert told in ran.stderr


def test_looking_makes_no_database(vespera, workspace: Path):
    ran = vespera("schedule", "list")

    assert ran.exit_code == 1
    assert "there is no database" in ran.stderr
    assert list(workspace.iterdir()) == []
