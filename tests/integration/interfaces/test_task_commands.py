"""`vespera task list` and `vespera task show`."""

import json
import re

import pytest

WRITER = """
    from vespera import Container, TaskOrchestrator, TaskOutcome, providers

    async def writer(task):
        title = await task.step("title", lambda: task.payload["title"])
        await task.files.write_text(f"{title}.txt", title)
        return TaskOutcome(summary=f"wrote {title}", artifacts=[f"{title}.txt"], result={"n": 7})

    async def picky(task):
        await task.step("choose", choose)

    def choose():
        raise ValueError("none is good enough")

    class Writing(Container):
        specialists = providers.Aggregate(
            writer=providers.Object(writer), picky=providers.Object(picky)
        )

    async def main(container, input):
        await container.get(TaskOrchestrator).run_all(input)
"""


def request(title: str, kind: str = "writer", **fields: object) -> dict[str, object]:
    return {"title": title, "specialist_type": kind, "payload": {"title": title}, **fields}


@pytest.fixture
def done(vespera, program):
    """Run tasks for these requests."""

    def run(*requests: dict[str, object]) -> None:
        ran = vespera("run", program(WRITER), "--input", json.dumps(requests))
        assert ran.exit_code == 0, ran.stderr

    return run


def ids(listed: str) -> list[str]:
    return re.findall("^[0-9a-f]{32}", listed, re.MULTILINE)


def test_tasks_are_listed_oldest_first(vespera, done):
    done(request("one"), request("two"), request("three", "picky"))

    listed = vespera("task", "list")

    rows = [line.split()[1:] for line in listed.stdout.splitlines()]
    assert rows == [
        ["STATUS", "TYPE", "TITLE"],
        ["completed", "writer", "one"],
        ["completed", "writer", "two"],
        ["failed", "picky", "three"],
    ]
    assert listed.stderr == ""


@pytest.mark.parametrize(
    ("options", "titles"),
    [
        pytest.param(["--status", "failed"], ["c"], id="status"),
        pytest.param(["--type", "writer"], ["a", "b"], id="type"),
        pytest.param(["--limit", 1], ["a"], id="limit"),
        pytest.param(["--status", "completed", "--type", "picky"], [], id="both"),
    ],
)
def test_the_list_can_be_narrowed(vespera, done, options, titles):
    done(request("a"), request("b"), request("c", "picky"))

    listed = vespera("task", "list", *options)

    assert [line.split()[-1] for line in listed.stdout.splitlines()[1:]] == titles


def test_a_long_list_says_how_it_goes_on(vespera, done):
    done(*(request(title) for title in "abc"))
    first = vespera("task", "list", "--limit", 2)
    last_id = ids(first.stdout)[-1]

    rest = vespera("task", "list", "--limit", 2, "--after", last_id)

    assert first.stderr == f"more: vespera task list --after {last_id}\n"
    assert [line.split()[-1] for line in rest.stdout.splitlines()[1:]] == ["c"]
    assert rest.stderr == ""


def test_the_list_as_json_can_be_read_by_programs(vespera, done):
    done(request("one", priority=3))

    listed = json.loads(vespera("task", "list", "--json").stdout)

    (task,) = listed["tasks"]
    assert (task["title"], task["status"], task["priority"]) == ("one", "completed", 3)
    assert task["created_at"].endswith("+00:00")
    assert listed["more"] is False


def test_a_title_of_several_lines_stays_in_its_row(vespera, done):
    done(request("a b", payload={"title": "x"}) | {"title": "two\nlines \x1b[2J"})

    listed = vespera("task", "list").stdout

    assert len(listed.splitlines()) == 2
    assert "two lines \\x1b[2J" in listed


def test_a_status_that_does_not_exist_is_wrong_usage(vespera):
    listed = vespera("task", "list", "--status", "sleepy")

    assert listed.exit_code == 2
    assert "'sleepy' is not one of 'pending', 'running'" in listed.stderr


def test_looking_makes_no_database(vespera, workspace):
    listed = vespera("task", "list")

    assert listed.exit_code == 1
    assert listed.stderr == (
        f"Error: there is no database at {workspace / '.vespera' / 'vespera.db'};"
        " `vespera run` makes one, --db and --workspace say where it is\n"
    )
    assert not (workspace / ".vespera").exists()


def test_an_empty_file_is_no_database_and_stays_empty(vespera, workspace):
    (workspace / "z.db").touch()

    listed = vespera("task", "list", "--db", workspace / "z.db")

    assert listed.exit_code == 1
    assert listed.stderr.startswith(f"Error: there is no database at {workspace / 'z.db'};")
    assert (workspace / "z.db").stat().st_size == 0
    assert [path.name for path in workspace.iterdir()] == ["z.db"]


@pytest.mark.parametrize("command", [["task", "list"], ["task", "show", "42"], ["verify"]])
@pytest.mark.parametrize("url", ["", "postgres://here/there", "sqlite:///work.db?mode=ro"])
def test_a_database_that_cannot_be_is_wrong_usage_of_every_command(vespera, command, url):
    asked = vespera(*command, "--db", url)

    assert asked.exit_code == 2
    assert asked.stderr.startswith(f"Error: Invalid value for --db: {url!r} cannot be used: ")
    assert asked.stderr.count("\n") == 1


@pytest.mark.parametrize("limit", [0, -1, 1_000_001, 99_999_999_999_999_999_999])
def test_a_limit_out_of_bounds_is_wrong_usage(vespera, limit):
    listed = vespera("task", "list", "--limit", limit)

    assert listed.exit_code == 2
    assert f"{limit} is not in the range 1<=x<=1000000" in listed.stderr


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["task", "list", "--type", "\udcff"], id="type"),
        pytest.param(["task", "list", "--after", "\udcff"], id="after"),
        pytest.param(["task", "show", "\udcff"], id="task"),
        pytest.param(["verify", "\udcff"], id="verify"),
    ],
)
def test_a_word_that_is_no_utf_8_is_wrong_usage(vespera, words):
    asked = vespera(*words)

    assert asked.exit_code == 2
    assert "'\\udcff' is not UTF-8" in asked.stderr
    assert asked.stderr.count("\n") == 1


def test_looking_runs_nothing(vespera, program):
    vespera(
        "run",
        program(
            WRITER.replace(
                "run_all(input)",
                "stop()\n        await container.get(TaskOrchestrator).create_tasks(input)",
            )
        ),
        "--input",
        json.dumps([request("later")]),
    )

    vespera("task", "list")

    assert "pending" in vespera("task", "list").stdout


def test_a_task_is_shown_with_all_that_is_known_of_it(vespera, done):
    done(request("poem", description="about spring", idempotency_key="spring"))
    (task_id,) = ids(vespera("task", "list").stdout)

    shown = vespera("task", "show", task_id)

    assert shown.exit_code == 0, shown.stderr
    for expected in (
        r"task +" + task_id,
        r"title +poem",
        r"description +about spring",
        r"status +completed \(attempt 1\)",
        r"type +writer",
        r"key +spring",
        r'payload +\{"title": "poem"\}',
        r"summary +wrote poem",
        r'artifacts +\["poem.txt"\]',
        r'result +\{"n": 7\}',
        r"steps\n  title +done +poem",
        r"files\n  verified +create +poem.txt",
    ):
        assert re.search(f"^{expected}$", shown.stdout, re.MULTILINE), expected


def test_a_failed_task_is_shown_with_its_error(vespera, done):
    done(request("choice", "picky"))
    (task_id,) = ids(vespera("task", "list").stdout)

    shown = vespera("task", "show", task_id).stdout

    assert re.search(r"^status +failed", shown, re.MULTILINE)
    assert re.search(r"^error +.*none is good enough", shown, re.MULTILINE)
    assert re.search(r"^  choose +failed +.*none is good enough", shown, re.MULTILINE)


def test_a_task_is_shown_with_the_tasks_it_waited_for(vespera, done):
    done(request("first", task_id="f" * 32), request("second", depends_on=["f" * 32]))
    last = ids(vespera("task", "list", "--type", "writer").stdout)
    (second,) = [some_id for some_id in last if some_id != "f" * 32]

    shown = vespera("task", "show", second).stdout

    assert re.search(rf"^waits for\n  {'f' * 32}  completed  first$", shown, re.MULTILINE)


def test_a_task_as_json_can_be_read_by_programs(vespera, done):
    done(request("poem"))
    (task_id,) = ids(vespera("task", "list").stdout)

    shown = json.loads(vespera("task", "show", task_id, "--json").stdout)

    assert shown["payload"] == {"title": "poem"}
    (step,) = shown["steps"]
    assert step == {
        "name": "title",
        "occurrence": 1,
        "failed": False,
        "value": "poem",
        "awaits": None,
        "wake_at": None,
    }
    (finding,) = shown["files"]
    assert (finding["path"], finding["verdict"]) == ("poem.txt", "verified")
    assert finding["before"] == {"state": "absent"}
    assert finding["after"]["size"] == 4


def test_a_file_changed_since_is_shown_with_the_reason(vespera, done, workspace):
    done(request("poem"))
    (task_id,) = ids(vespera("task", "list").stdout)
    (workspace / "poem.txt").write_text("prose", encoding="utf-8")

    shown = vespera("task", "show", task_id).stdout

    assert re.search(r"^  changed_since +create +poem.txt +\S", shown, re.MULTILINE)


def test_an_unknown_task_is_exit_code_1(vespera, done):
    done(request("poem"))

    shown = vespera("task", "show", "42")

    assert shown.exit_code == 1
    assert shown.stderr == "Error: No task has the id '42'.\n"
