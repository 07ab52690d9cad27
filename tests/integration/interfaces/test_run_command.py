"""`vespera run`: what goes in, what comes out, and what is said when it fails."""

import json
import os
import signal
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


@pytest.fixture
def handlers():
    """What signals do to this process is as before."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


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
        pytest.param('"\udcff"', "--input: this is no JSON: ", id="no UTF-8"),
        pytest.param("[" * 100_000, "--input: this JSON is nested too deeply", id="nested"),
    ],
)
def test_an_input_that_cannot_be_read_is_wrong_usage(vespera, program, given, complaint):
    ran = vespera("run", program(ECHO), "--input", given)

    assert ran.exit_code == 2
    assert complaint in ran.stderr
    assert ran.stderr.count("\n") == 1


def test_with_an_input_that_is_wrong_not_even_the_file_is_run(vespera, program):
    ran = vespera("run", program("1 / 0"), "--input", "{a: 1}")

    assert ran.exit_code == 2
    assert "ZeroDivisionError" not in ran.stderr


def test_an_input_file_that_is_no_text_is_wrong_usage(vespera, program, tmp_path):
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")

    ran = vespera("run", program(ECHO), "--input", f"@{tmp_path / 'binary'}")

    assert ran.exit_code == 2
    assert "binary cannot be read" in ran.stderr


@pytest.mark.parametrize("concurrency", [0, -1, 10_001, 2**63])
def test_a_concurrency_out_of_bounds_is_wrong_usage(vespera, program, concurrency):
    ran = vespera("run", program(ECHO), "--concurrency", concurrency)

    assert ran.exit_code == 2
    assert "'--concurrency'" in ran.stderr
    assert f"{concurrency} is not in the range 1<=x<=10000" in ran.stderr


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


def test_an_empty_database_name_is_not_the_default(vespera, program, workspace):
    ran = vespera("run", program(HELLO), "--input", "[]", "--db", "")

    assert ran.exit_code == 2
    assert ran.stderr.startswith("Error: Invalid value for --db: '' cannot be used: ")
    assert not (workspace / ".vespera").exists()


def test_an_empty_variable_of_the_environment_is_none(vespera, program, workspace, monkeypatch):
    monkeypatch.setenv("VESPERA_DATABASE_URL", "")

    ran = vespera("run", program(HELLO), "--input", '["Ada"]')

    assert ran.exit_code == 0, ran.stderr
    assert (workspace / ".vespera" / "vespera.db").is_file()


def test_a_setting_that_no_option_gave_is_a_failure_of_the_program(vespera, program):
    path = program("""
        from vespera import Container

        class Mine(Container):
            defaults = {"concurrency": 0}

        async def main(container, input): ...
    """)

    ran = vespera("run", path)

    assert ran.exit_code == 1
    assert ran.stderr.startswith("Error: concurrency: ")


def test_a_setting_that_an_option_gave_is_wrong_usage(vespera, program):
    path = program("""
        from vespera import Container
        from vespera.domain.errors import InvalidRequest

        class Mine(Container):
            def __init__(self, **settings):
                super().__init__(**settings)
                raise InvalidRequest("must be even", field="concurrency")

        async def main(container, input): ...
    """)

    ran = vespera("run", path, "--concurrency", 3)

    assert ran.exit_code == 2
    assert ran.stderr.startswith("Error: Invalid value for --concurrency: must be even (see ")


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


@pytest.mark.parametrize(
    ("argument", "code", "said"),
    [
        pytest.param("", 0, "", id="nothing"),
        pytest.param("0", 0, "", id="zero"),
        pytest.param("3", 3, "", id="a code"),
        pytest.param("'no luck'", 1, "no luck\n", id="a text"),
    ],
)
def test_a_program_that_exits_is_done_quietly(program, tmp_path, argument, code, said):
    path = program(f"""
        import sys

        async def main(container, input):
            try:
                sys.exit({argument})
            finally:
                print("cleaned up")
    """)

    ran = subprocess.run(
        [sys.executable, "-m", "vespera.interfaces.cli", "run", path],
        capture_output=True,
        check=False,
        cwd=tmp_path,
        text=True,
    )

    assert (ran.returncode, ran.stdout, ran.stderr) == (code, "cleaned up\n", said)


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        pytest.param("raise BaseException('of its own')", "BaseException: of its own", id="base"),
        pytest.param("raise GeneratorExit", "GeneratorExit", id="generator"),
        pytest.param("raise asyncio.CancelledError", "CancelledError", id="cancelled"),
    ],
)
def test_an_end_that_is_no_error_is_one_line_with_its_place(vespera, program, statement, said):
    path = program(f"import asyncio\nasync def main(container, input):\n    {statement}\n")

    ran = vespera("run", path)

    assert (ran.exit_code, ran.stdout) == (1, "")
    assert ran.stderr == f"Error: {path}:3: {said}\n"


def test_an_interruption_of_the_programs_own_is_an_interruption(vespera, program):
    ran = vespera("run", program("async def main(container, input): raise KeyboardInterrupt\n"))

    assert ran.exit_code == 130
    assert ran.stderr == "interrupted; run the same command again to resume\n"


@pytest.mark.usefixtures("handlers")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    "reaction",
    [pytest.param("raise", id="goes along"), pytest.param("return 'done'", id="finishes")],
)
def test_a_signal_interrupts_whether_or_not_the_program_goes_along(
    vespera, program, number, reaction
):
    path = program(f"""
        import asyncio
        import signal

        async def main(container, input):
            signal.raise_signal({int(number)})
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                {reaction}
    """)

    ran = vespera("run", path)

    assert (ran.exit_code, ran.stdout) == (128 + number, "")
    assert ran.stderr == "interrupted; run the same command again to resume\n"


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


def test_numbers_that_json_has_not_are_texts(vespera, program):
    ran = vespera("run", program(RETURNS.format("[float('nan'), float('-inf')]")), "--json")

    assert json.loads(ran.stdout, parse_constant=pytest.fail) == ["NaN", "-Infinity"]


def test_a_workspace_and_a_database_may_have_names_that_are_no_utf_8(program, tmp_path):
    workspace = tmp_path / "odd\udcff"
    workspace.mkdir()
    words = ["--workspace", str(workspace), "--db", str(workspace / "\udcfe.db")]
    ran = CliRunner().invoke(app, ["run", str(program(HELLO)), "--input", '["Ada"]', *words])

    listed = CliRunner().invoke(app, ["task", "list", *words])

    assert ran.exit_code == 0, ran.stderr
    assert "Greet Ada" in listed.stdout


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
