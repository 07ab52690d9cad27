"""Which processes are meant by a mark, and that no other one is touched."""

import os
import signal
import subprocess
import sys

import pytest

from vespera.infrastructure.resources.processes import (
    MARK,
    ProcessMark,
    beginning_of,
    boot_of_this_machine,
    is_meant,
    living,
    mark_of,
    send,
)

BOOT = boot_of_this_machine()


@pytest.fixture
def sleeper():
    """A process with the mark "r1"."""
    process = subprocess.Popen(["sleep", "60"], env={**os.environ, MARK: "r1"})
    yield process
    process.kill()
    process.wait()


def test_a_process_is_found_by_its_mark_or_by_its_id_and_beginning(sleeper):
    began = beginning_of(sleeper.pid)

    assert living(ProcessMark("r1", BOOT)) == [sleeper.pid]
    assert living(ProcessMark("other", BOOT, sleeper.pid, began)) == [sleeper.pid]
    assert living(ProcessMark("other", BOOT)) == []


def test_a_process_with_its_id_that_began_at_another_time_is_another_one(sleeper):
    mark = ProcessMark("other", BOOT, sleeper.pid, beginning_of(sleeper.pid) - 1)

    assert send(mark, signal.SIGKILL) == 0
    assert sleeper.poll() is None


def test_a_mark_that_only_begins_alike_is_another_one(sleeper):
    assert living(ProcessMark("r", BOOT)) == living(ProcessMark("r11", BOOT)) == []


def test_an_id_of_an_earlier_boot_says_nothing(sleeper):
    mark = ProcessMark("other", "another-boot", sleeper.pid, beginning_of(sleeper.pid))

    assert send(mark, signal.SIGKILL) == 0
    assert sleeper.poll() is None


def test_a_process_that_was_just_started_is_told_apart_from_any_other(sleeper):
    mark = mark_of("r1", sleeper.pid)

    assert mark == ProcessMark("r1", BOOT, sleeper.pid, beginning_of(sleeper.pid))


def test_one_that_has_ended_and_is_not_asked_for_is_gone(sleeper):
    assert send(ProcessMark("r1", BOOT), signal.SIGKILL) == 1
    os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)

    assert beginning_of(sleeper.pid) == 0
    assert living(ProcessMark("r1", BOOT)) == []


def test_nobody_kills_himself():
    mark = ProcessMark("x", BOOT, os.getpid(), beginning_of(os.getpid()))

    assert not is_meant(mark, os.getpid())


def test_a_name_with_brackets_and_blanks_is_read_rightly(tmp_path):
    program = tmp_path / "a) (b c"
    program.symlink_to(sys.executable)
    process = subprocess.Popen([program, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        assert beginning_of(process.pid) >= beginning_of(os.getpid())
    finally:
        process.kill()
        process.communicate()
