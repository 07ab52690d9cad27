"""The shell completes commands, options and their values; all commands have the same manners."""

import os
import subprocess
import sys

import click
import pytest

from vespera.interfaces.cli.app import app


def vespera(**variables):
    return subprocess.run(
        [sys.executable, "-m", "vespera.interfaces.cli"],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def completions(line):
    """What bash is given for the last word of the line; the type is in front of the comma."""
    words = line.split(" ")
    ran = vespera(
        _VESPERA_COMPLETE="bash_complete",
        COMP_WORDS="\n".join(words),
        COMP_CWORD=str(len(words) - 1),
    )
    assert ran.stderr == ""
    return ran.stdout.split()


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("vespera d", ["plain,db", "plain,dev", "plain,diff", "plain,doctor"]),
        (
            "vespera db ",
            ["plain,backup", "plain,check", "plain,migrate", "plain,vacuum"],
        ),
        ("vespera config s", ["plain,show"]),
        ("vespera task list --st", ["plain,--status"]),
        ("vespera task list --status c", ["plain,completed", "plain,cancelled"]),
        ("vespera db vacuum --y", ["plain,--yes"]),
        ("vespera doctor --workspace ", ["dir,"]),
        ("vespera doctor --db wo", ["file,wo"]),
        ("vespera run jo", ["file,jo"]),
        ("vespera doctor --app jo", ["file,jo"]),
        ("vespera db backup co", ["file,co"]),
        ("vespera nonsense ", ["plain,audit", "plain,breaker", "plain,config", "plain,db"]),
        ("vespera breaker ", ["plain,list", "plain,reset"]),
    ],
)
def test_the_last_word_is_completed(line, offered):
    found = completions(line)

    assert found[: len(offered)] == offered


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_script(shell):
    ran = vespera(_VESPERA_COMPLETE=f"{shell}_source")

    assert (ran.returncode, ran.stderr) == (0, "")
    assert "_VESPERA_COMPLETE" in ran.stdout


def all_commands(group=app, path="vespera"):
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from all_commands(command, f"{path} {name}")
        else:
            yield pytest.param(command, id=f"{path} {name}")


@pytest.mark.parametrize("command", list(all_commands()))
def test_every_command_answers_in_json_and_shows_tracebacks_if_asked_to(command):
    options = {option for parameter in command.params for option in parameter.opts}

    assert {"--json", "--debug", "--db", "--workspace"} <= options
    assert command.help


@pytest.mark.parametrize(
    ("group", "name"), [("db", "vacuum"), ("db", "backup"), ("breaker", "reset")]
)
def test_what_destroys_something_takes_y(group, name):
    options = {o for parameter in app.commands[group].commands[name].params for o in parameter.opts}

    assert {"-y", "--yes"} <= options
