"""Every error is one line on stderr, and an exit code."""

import asyncio
import json
import re
import signal

import click
import pytest
from click.testing import CliRunner

from vespera.domain.errors import InvalidRequest, TaskNotFound, WiringError
from vespera.interfaces.cli.failures import (
    Interrupted,
    UnusualEnd,
    one_line,
    one_line_errors,
    printable,
)


def outcome_of(error: BaseException, *, debug: bool = False):
    @click.command()
    def command() -> None:
        with one_line_errors(debug=debug):
            raise error

    return CliRunner().invoke(command)


def test_an_error_of_vespera_is_one_line_and_exit_code_1():
    outcome = outcome_of(TaskNotFound("42"))

    assert (outcome.exit_code, outcome.stdout) == (1, "")
    assert outcome.stderr == "Error: No task has the id '42'.\n"


def test_an_error_with_several_lines_becomes_one():
    error = WiringError("Mine", ["no clock", "no database"])

    assert one_line(error) == "Mine cannot be used: 1. no clock 2. no database"


def test_another_error_is_told_with_its_kind_and_place():
    outcome = outcome_of(ValueError("seven is\ntoo many"))

    assert outcome.exit_code == 1
    assert outcome.stderr.startswith(f"Error: {__file__}:")
    assert outcome.stderr.endswith(": ValueError: seven is too many\n")
    assert outcome.stderr.count("\n") == 1


def test_the_place_told_is_the_users_own_line_not_the_library_it_called():
    with pytest.raises(ValueError) as caught:
        json.loads("{")

    assert one_line(caught.value).startswith(f"{__file__}:")


def test_an_error_without_a_message_is_told_by_its_kind():
    assert one_line(KeyError()) == "KeyError"


def test_an_error_of_syntax_is_told_with_file_and_line():
    error = SyntaxError("invalid syntax", (__file__, 7, 1, "def", 7, 2))

    assert one_line(error) == f"{__file__}:7: SyntaxError: invalid syntax"


def test_an_error_of_syntax_in_no_file_is_told_like_any_other():
    with pytest.raises(SyntaxError) as caught:
        compile("def", "<string>", "exec")

    assert re.match(rf"{__file__}:\d+: SyntaxError: .*<string>", one_line(caught.value))


def test_frames_that_are_of_no_file_are_not_the_users():
    with pytest.raises(ValueError) as caught:
        exec(compile("raise ValueError('seven')", "compiled/far/away.pyx", "exec"))

    assert re.match(rf"{__file__}:\d+: ValueError: seven", one_line(caught.value))


def test_an_end_that_is_no_error_is_told_by_its_cause():
    end = UnusualEnd()
    end.__cause__ = GeneratorExit("enough")

    assert one_line(end) == "GeneratorExit: enough"


def test_a_broken_pipe_of_the_programs_own_is_an_error():
    outcome = outcome_of(BrokenPipeError(32, "Broken pipe"))

    assert outcome.exit_code == 1
    assert outcome.stderr.endswith(": BrokenPipeError: [Errno 32] Broken pipe\n")


def test_a_group_of_errors_tells_each():
    group = ExceptionGroup("stopping", [TaskNotFound("1"), ExceptionGroup("", [KeyError("2")])])

    assert one_line(group) == "No task has the id '1'.; KeyError: '2'"


def test_the_traceback_is_for_those_who_ask():
    plain = outcome_of(ValueError("seven"))
    debug = outcome_of(ValueError("seven"), debug=True)

    assert "Traceback" not in plain.stderr
    assert "Traceback (most recent call last)" in debug.stderr
    assert debug.stderr.endswith(": ValueError: seven\n")
    assert debug.exit_code == 1


def test_a_bad_request_is_a_failure_and_not_wrong_usage():
    outcome = outcome_of(InvalidRequest("is missing", field="title"))

    assert outcome.exit_code == 1
    assert outcome.stderr == "Error: title: is missing\n"


def test_wrong_usage_is_exit_code_2():
    outcome = outcome_of(click.UsageError("no such file"))

    assert outcome.exit_code == 2
    assert outcome.stderr.endswith("Error: no such file\n")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        pytest.param(KeyboardInterrupt(), 130, id="ctrl-c before the loop runs"),
        pytest.param(Interrupted(signal.SIGINT), 130, id="ctrl-c"),
        pytest.param(Interrupted(signal.SIGTERM), 143, id="sigterm"),
    ],
)
def test_an_interruption_says_how_to_resume(error, code):
    outcome = outcome_of(error)

    assert outcome.exit_code == code
    assert outcome.stderr == "interrupted; run the same command again to resume\n"


def test_a_cancellation_is_not_taken_for_an_error():
    with pytest.raises(asyncio.CancelledError), one_line_errors(debug=False):
        raise asyncio.CancelledError


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("plain.py", "plain.py", id="plain text"),
        pytest.param("größe.py", "größe.py", id="letters beyond ASCII"),
        pytest.param("a\udcffb.py", "a\\udcffb.py", id="a byte that is no UTF-8"),
        pytest.param("a\x1b[2Jb", "a\\x1b[2Jb", id="an escape sequence"),
        pytest.param("two\nlines\there", "two\nlines\there", id="line ends and tabs stay"),
    ],
)
def test_what_a_terminal_cannot_show_is_escaped(text, shown):
    assert printable(text) == shown


def test_an_error_that_names_an_unprintable_path_does_not_crash_the_output():
    outcome = outcome_of(OSError("cannot read a\udcff.py"))

    assert outcome.exit_code == 1
    assert "cannot read a\\udcff.py" in outcome.stderr
