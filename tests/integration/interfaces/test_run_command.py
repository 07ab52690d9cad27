"""`vespera run`: what goes in, what comes out, and what is said when it fails."""

import json
import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

from vespera.interfaces.cli.app import app

ECHO = "async def main(container, input): return input\n"
HELLO = """
    from vespera import Container, TaskOrchestrator, providers

    async def greeter(task):
        return await task.step("greet", lambda: "Hello, " + task.payload["name"])

    class Greeting(Container):
        specialists = providers.Aggregate(greeter=providers.Object(greeter))

    async def main(container, input):
        requests = [
            {"title": f"Greet {name}", "specialist_type": "greeter", "payload": {"name": name}}
            for name in input
        ]
        return await container.get(TaskOrchestrator).run_all(requests)
"""
RETURNS = "async def main(container, input):\n    return {}\n"


def test_what_main_returns_is_printed(vespera, program):
    ran = vespera("run", program(RETURNS.format("'it is done'")))

    assert (ran.exit_code, ran.stdout, ran.stderr) == (0, "it is done\n", "")


def test_nothing_is_printed_for_none(vespera, program):
    ran = vespera("run", program(RETURNS.format("None")))

    assert (ran.exit_code, ran.stdout) == (0, "")


def test_a_mapping_is_printed_line_by_line(vespera, program):
    ran = vespera("run", program(RETURNS.format("{'report': 'report/index.html', 'modules': 3}")))

    assert ran.stdout == "report:   report/index.html\nmodules:  3\n"


def test_the_result_is_json_when_asked_for(vespera, program):
    ran = vespera("run", program(RETURNS.format("{'modules': (1, 2), 'when': None}")), "--json")

    assert json.loads(ran.stdout) == {"modules": [1, 2], "when": None}


def test_tasks_run_and_their_results_are_told(vespera, program):
    ran = vespera("run", program(HELLO), "--input", '["Ada", "Grace"]')

    assert ran.exit_code == 0, ran.stderr
    lines = ran.stdout.splitlines()
    assert [line.partition(" (")[0] for line in lines] == [
        "completed: Greet Ada",
        "completed: Greet Grace",
    ]


def test_progress_goes_to_stderr_as_plain_lines_in_a_pipe(vespera, program):
    ran = vespera("run", program(HELLO), "--input", '["Ada", "Grace"]')

    assert ran.stderr == "2/2 tasks\n"


def test_earlier_runs_do_not_count_in_the_progress(vespera, program):
    path = program(HELLO)
    vespera("run", path, "--input", '["Ada", "Grace"]')

    again = vespera("run", path, "--input", '["Alan"]')

    assert again.stderr == "1/1 tasks\n"


def test_a_task_result_as_json_can_be_read_by_programs(vespera, program):
    ran = vespera("run", program(HELLO), "--input", '["Ada"]', "--json")

    (result,) = json.loads(ran.stdout)
    assert result["success"] is True
    assert result["status"] == "completed"
    assert result["outcome"]["result"] == "Hello, Ada"


@pytest.mark.parametrize(
    "result",
    [
        pytest.param("{'success': False, 'error': 'no luck'}", id="a mapping"),
        pytest.param("[{'success': True}, {'success': False}]", id="one of several"),
    ],
)
def test_a_result_that_did_not_succeed_is_exit_code_1(vespera, program, result):
    ran = vespera("run", program(RETURNS.format(result)))

    assert ran.exit_code == 1


def test_a_task_that_fails_is_told_with_its_error_and_exit_code_1(vespera, program):
    ran = vespera("run", program(HELLO), "--input", "[7]")

    assert ran.exit_code == 1
    assert ran.stdout.startswith("failed: Greet 7: ")
    assert "TypeError" in ran.stdout
    assert ran.stderr == "1/1 tasks, 1 failed\n"


def test_work_that_was_left_pending_is_taken_up(vespera, program):
    vespera(
        "run",
        program(HELLO.replace("run_all(requests)", "create_tasks(requests)")),
        "--input",
        '["Ada"]',
    )
    wait = """
        async def main(container, input):
            await container.get(TaskOrchestrator).run_until_idle()
    """
    path = program(HELLO.partition("async def main")[0] + wait.replace("\n    ", "\n"), "next.py")

    ran = vespera("run", path)

    assert ran.exit_code == 0, ran.stderr
    assert "executed" in vespera("task", "list").stdout


def test_the_input_is_json(vespera, program):
    ran = vespera("run", program(ECHO), "--json", "--input", '{"a": [1, 2.5, null]}')

    assert json.loads(ran.stdout) == {"a": [1, 2.5, None]}


def test_the_input_can_come_from_a_file(vespera, program, tmp_path):
    (tmp_path / "in.json").write_text('{"from": "file"}', encoding="utf-8")

    ran = vespera("run", program(ECHO), "--json", "--input", f"@{tmp_path / 'in.json'}")

    assert json.loads(ran.stdout) == {"from": "file"}


def test_the_input_can_come_from_stdin(vespera, program):
    ran = vespera("run", program(ECHO), "--json", "--input", "@-", given='{"from": "stdin"}')

    assert json.loads(ran.stdout) == {"from": "stdin"}


def test_without_an_input_main_gets_none(vespera, program):
    ran = vespera("run", program(ECHO), "--json")

    assert ran.stdout == "null\n"


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        pytest.param("{a: 1}", "--input: this is no JSON: ", id="no JSON"),
        pytest.param("@no/such/file", "--input: no/such/file cannot be read: ", id="no file"),
    ],
)
def test_an_input_that_cannot_be_read_is_wrong_usage(vespera, program, given, complaint):
    ran = vespera("run", program(ECHO), "--input", given)

    assert ran.exit_code == 2
    assert complaint in ran.stderr


def test_an_input_file_that_is_no_text_is_wrong_usage(vespera, program, tmp_path):
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")

    ran = vespera("run", program(ECHO), "--input", f"@{tmp_path / 'binary'}")

    assert ran.exit_code == 2
    assert "binary cannot be read" in ran.stderr


def test_a_concurrency_below_one_is_wrong_usage(vespera, program):
    ran = vespera("run", program(ECHO), "--concurrency", 0)

    assert ran.exit_code == 2
    assert "--concurrency" in ran.stderr


def test_the_concurrency_is_a_setting_of_the_container(vespera, program):
    path = program("async def main(container, input): return container.config.concurrency()\n")

    assert vespera("run", path, "--concurrency", 3).stdout == "3\n"


def test_a_workspace_that_does_not_exist_is_wrong_usage(program, tmp_path):
    words = ["run", str(program(ECHO)), "--workspace", str(tmp_path / "nowhere")]

    ran = CliRunner().invoke(app, words)

    assert ran.exit_code == 2
    assert "nowhere' does not exist" in ran.stderr
    assert ran.stderr.count("\n") == 1


def test_a_database_that_cannot_be_is_wrong_usage(vespera, program):
    ran = vespera("run", program(HELLO), "--input", "[]", "--db", "postgres://here/there")

    assert ran.exit_code == 2
    assert ran.stderr.startswith("Error: Invalid value for --db: ")
    assert ran.stderr.count("\n") == 1


def test_a_database_can_be_in_memory(vespera, program, workspace):
    ran = vespera("run", program(HELLO), "--input", '["Ada"]', "--db", ":memory:")

    assert ran.exit_code == 0, ran.stderr
    assert not (workspace / ".vespera").exists()


@pytest.mark.parametrize("name", ["what?", "50%", "a#b", "with space", "größe"])
def test_a_workspace_may_have_any_name(program, tmp_path, name):
    (tmp_path / name).mkdir()
    words = ["run", str(program(HELLO)), "--input", '["Ada"]', "--workspace", str(tmp_path / name)]

    ran = CliRunner().invoke(app, words)

    assert ran.exit_code == 0, ran.stderr
    assert (tmp_path / name / ".vespera" / "vespera.db").is_file()


def test_the_database_lies_in_the_workspace(vespera, program, workspace):
    vespera("run", program(HELLO), "--input", '["Ada"]')

    assert (workspace / ".vespera" / "vespera.db").is_file()


def test_another_database_can_be_named(vespera, program, workspace, tmp_path):
    url = f"sqlite+aiosqlite:///{tmp_path / 'other.db'}"

    ran = vespera("run", program(HELLO), "--input", '["Ada"]', "--db", url)

    assert ran.exit_code == 0, ran.stderr
    assert (tmp_path / "other.db").is_file()
    assert not (workspace / ".vespera").exists()


def test_the_environment_can_name_the_database(vespera, program, tmp_path, monkeypatch):
    monkeypatch.setenv("VESPERA_DATABASE_URL", f"sqlite+aiosqlite:///{tmp_path / 'env.db'}")

    ran = vespera("run", program(HELLO), "--input", '["Ada"]')

    assert ran.exit_code == 0, ran.stderr
    assert (tmp_path / "env.db").is_file()


def test_an_error_of_main_is_one_line_with_its_place(vespera, program):
    path = program("async def main(container, input):\n    raise ValueError('no\\nluck')\n")

    ran = vespera("run", path)

    assert (ran.exit_code, ran.stdout) == (1, "")
    assert ran.stderr == f"Error: {path}:2: ValueError: no luck\n"


def test_the_traceback_is_shown_with_debug(vespera, program):
    path = program("async def main(container, input):\n    raise ValueError('no luck')\n")

    ran = vespera("run", path, "--debug")

    assert ran.exit_code == 1
    assert "Traceback (most recent call last)" in ran.stderr


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        pytest.param("x = 1\ndef broken(:\n", ":2: SyntaxError: ", id="syntax"),
        pytest.param(
            "\nimport no_such_module\n",
            ":2: ModuleNotFoundError: No module named 'no_such_module'",
            id="import",
        ),
        pytest.param("1 / 0\n", ":1: ZeroDivisionError: division by zero", id="while importing"),
    ],
)
def test_an_error_in_the_file_is_one_line_with_its_place(vespera, program, text, complaint):
    path = program(text)

    ran = vespera("run", path)

    assert ran.exit_code == 1
    assert ran.stderr.startswith(f"Error: {path}{complaint}")
    assert ran.stderr.count("\n") == 1


def test_a_file_that_is_not_there_is_wrong_usage(vespera, tmp_path):
    ran = vespera("run", tmp_path / "nothing.py")

    assert ran.exit_code == 2
    assert "nothing.py does not exist" in ran.stderr


def test_a_setting_that_is_missing_is_one_line(vespera, program):
    path = program("""
        from vespera import Container, providers

        class Mine(Container):
            key = providers.Object("x")
            client = providers.Singleton(dict, key=Container.config.no_such_key)

        async def main(container, input):
            return container.get("client")
    """)

    ran = vespera("run", path)

    assert ran.exit_code == 1
    assert "no_such_key" in ran.stderr
    assert ran.stderr.count("\n") == 1


def test_a_file_that_is_no_database_is_one_line(vespera, program, tmp_path):
    (tmp_path / "text.db").write_text(
        "this is no database, it is a letter\n" * 100, encoding="utf-8"
    )

    ran = vespera("run", program(HELLO), "--input", '["A"]', "--db", tmp_path / "text.db")

    assert ran.exit_code == 1
    assert "text.db" in ran.stderr
    assert ran.stderr.count("\n") == 1


def test_names_that_are_no_utf_8_are_printed_escaped(vespera, program):
    ran = vespera("run", program(RETURNS.format("'odd\\udcff\\x1b[2J'")))

    assert ran.exit_code == 0
    assert ran.stdout == "odd\\udcff\\x1b[2J\n"


def test_the_programs_own_output_never_crashes_on_an_odd_name(program, tmp_path):
    path = program("async def main(container, input): print('odd\\udcff', 'größe')\n")

    ran = subprocess.run(
        [sys.executable, "-m", "vespera.interfaces.cli", "run", path],
        capture_output=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )

    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == b"odd\\udcff gr\\xf6\\xdfe\n"
