"""Start-up is a feature: help costs no framework, and without click there is a hint."""

import subprocess
import sys

import pytest

HEAVY = {"alembic", "asyncio", "cryptography", "dependency_injector", "msgspec", "rich"} | {
    "pathspec",
    "sqlalchemy",
    "sqlite3",
    "zstandard",
}

TAKE_LONG = {"alembic", "aiosqlite", "click", "httpx", "pathspec", "rich"} | {
    "sqlalchemy",
    "unittest.mock",
}


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["run", "--help"],
        ["task", "list", "--help"],
        ["db", "--help"],
        ["db", "backup", "--help"],
        ["doctor", "--help"],
        ["config", "show", "--help"],
        ["worker", "--help"],
        ["dev", "--help"],
        ["schedule", "add", "--help"],
        ["snapshot", "--help"],
        ["snapshot", "list", "--help"],
        ["diff", "--help"],
        ["--version"],
    ],
)
def test_help_imports_no_framework(words):
    ran = run_python(
        "import atexit, sys\n"
        "before = set(sys.modules)\n"
        "atexit.register(lambda: print(*set(sys.modules) - before, file=sys.stderr))\n"
        f"sys.argv = ['vespera', *{words!r}]\n"
        "from vespera.interfaces.cli import main\n"
        "main()\n"
    )

    assert ran.returncode == 0
    assert "vespera" in ran.stdout
    assert HEAVY.isdisjoint(ran.stderr.split())


def test_a_container_imports_neither_cryptography_nor_zstandard():
    ran = run_python(
        "import sys\n"
        "from vespera import Container, CompressedCodec, EncryptedCodec\n"
        "CompressedCodec(Container().get('codec'))\n"
        "print({'cryptography', 'zstandard', 'alembic'} & set(sys.modules))\n"
    )

    assert (ran.stdout, ran.stderr) == ("set()\n", "")


def test_a_first_task_imports_no_framework_but_that_of_the_container():
    ran = run_python(
        "import asyncio, sys, vespera\n"
        "async def work(task):\n"
        "    return await task.step('step', lambda: 1)\n"
        "class C(vespera.Container):\n"
        "    specialists = vespera.providers.Aggregate(w=vespera.providers.Object(work))\n"
        "async def main():\n"
        "    async with C() as container:\n"
        "        run = container.get(vespera.TaskExecutionWorkflow).run\n"
        "        print((await run(title='A', specialist_type='w')).status)\n"
        "asyncio.run(main())\n"
        "print(*sys.modules, file=sys.stderr)\n"
    )

    assert ran.stdout == "completed\n"
    assert TAKE_LONG.isdisjoint(ran.stderr.split())


def test_without_click_there_is_a_one_line_hint():
    ran = run_python(
        "import sys\nsys.modules['click'] = None\nfrom vespera.interfaces.cli import main\nmain()\n"
    )

    assert ran.returncode == 2
    assert ran.stdout == ""
    assert ran.stderr == "The command line is an extra: pip install 'vespera[cli]'\n"


def test_another_missing_module_is_not_mistaken_for_click():
    ran = run_python(
        "import sys\n"
        "sys.modules['vespera.domain.task'] = None\n"
        "from vespera.interfaces.cli import main\n"
        "main()\n"
    )

    assert ran.returncode == 1
    assert "vespera.domain.task" in ran.stderr


def test_the_module_is_the_command():
    ran = subprocess.run(
        [sys.executable, "-m", "vespera.interfaces.cli", "--version"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert ran.stdout == "vespera, version 0.1.0\n"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["run"], "Missing argument 'PATH.py[:NAME]'. (see vespera run --help)"),
        (["nonsense"], "No such command 'nonsense'. (see vespera --help)"),
        (["--nonsense"], "No such option '--nonsense'. (see vespera --help)"),
        (["task", "show"], "Missing argument 'ID'. (see vespera task show --help)"),
        (["verify", "a", "b"], "Got unexpected extra argument (b) (see vespera verify --help)"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(words, complaint):
    ran = subprocess.run(
        [sys.executable, "-m", "vespera.interfaces.cli", *words],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == f"Error: {complaint}\n"


@pytest.mark.parametrize("words", [[], ["task"]])
def test_without_a_command_the_help_is_shown(words):
    ran = subprocess.run(
        [sys.executable, "-m", "vespera.interfaces.cli", *words],
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 2
    assert ran.stderr.startswith("Usage: vespera")
