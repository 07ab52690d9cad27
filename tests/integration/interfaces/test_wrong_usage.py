"""What cannot be meant is wrong usage, exit code 2; what is not there, or fails, is exit code 1."""

import pytest

ID_FIRST = [
    *("verify", "show", "files", "diff", "recover-context", "rollback", "undeclared", "waivers"),
    *("task show", "task watch", "task pause", "task resume", "task export", "task retry"),
    *(
        "task fork",
        "task cancel",
        "task run --app x.py",
        "task wait",
        "task approve",
        "task reject",
    ),
    *("queue pause", "queue resume", "snapshot show", "breaker reset", "resource verify"),
    *("schedule remove -y", "schedule pause", "schedule resume", "schedule trigger"),
    *("schedule add --every 60", "resource release -y"),
]
NO_ID = ["", "  ", "x" * 10_001, "a\0b"]
HUGE = "9" * 30


@pytest.mark.parametrize("wrong", NO_ID, ids=["empty", "blank", "too long", "with a NUL"])
@pytest.mark.parametrize("command", ID_FIRST)
def test_what_can_be_no_id_and_no_name_is_wrong_usage(vespera, command, wrong):
    told = vespera(*command.split(), wrong)

    assert told.exit_code == 2, told.output
    assert "Invalid value" in told.stderr
    assert len(told.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "words",
    [
        ["signal", "", "go"],
        ["signal", "t", ""],
        ["signal", "t", "go", "--id", ""],
        ["fork", "t", "--from-step", ""],
        ["fork", "t", "--new-id", " "],
        ["fork", "t", "--payload", "[1]"],
        ["fork", "t", "--payload", "null"],
        ["fork", "t", "--from-step", "a", "--occurrence", HUGE],
        ["retry", "t", "--reason", "x" * 10_001],
        ["cancel", "t", "--reason", "x" * 10_001],
        ["approve", "t", "--comment", "x" * 10_001],
        ["approve", "t", "--by", "x" * 10_001],
        ["export", "t", "-o", ""],
        ["export", "t", "--output", "a\0b"],
        ["import", ""],
        ["import", "t.json", "--id", ""],
        ["wait", "t", "--timeout", "nan"],
        ["wait", "t", "--timeout", "-1"],
        ["list", "--created-after", "999999w ago"],
        ["list", "--created-after", "2030-13-01"],
        ["list", "--created-after", "0001-01-01T00:00+23:00"],
        ["list", "--type", ""],
        ["list", "--parent", ""],
        ["list", "--limit", "0"],
        ["purge", "--older-than", "-1d"],
        ["purge", "--older-than", ""],
    ],
    ids=" ".join,
)
def test_values_of_task_commands_that_cannot_be_meant_are_wrong_usage(vespera, words):
    told = vespera("task", *words)

    assert told.exit_code == 2, told.output
    assert len(told.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "words",
    [
        ["--every", "0"],
        ["--every", "-1"],
        ["--every", "nan"],
        ["--every", "inf"],
        ["--every", HUGE],
        ["--cron", ""],
        ["--cron", "every now and then"],
        ["--cron", "61 * * * *"],
        ["--cron", "@daily", "--time-zone", "Mars/Olympus"],
        ["--every", "60", "--time-zone", ""],
        ["--every", "60", "--cron", "@daily"],
        [],
        ["--every", "60", "--title", ""],
        ["--every", "60", "--type", ""],
        ["--every", "60", "--type", "*"],
        ["--every", "60", "--payload", "[1]"],
        ["--every", "60", "--payload", '{"scheduled_at": 1}'],
        ["--every", "60", "--priority", HUGE],
        ["--every", "60", "--most-catch-up", HUGE],
    ],
    ids=" ".join,
)
def test_a_schedule_that_cannot_be_is_wrong_usage(vespera, words):
    told = vespera("schedule", "add", "nightly", *words)

    assert told.exit_code == 2, told.output
    assert len(told.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "words",
    [
        ["waive", "", "x", "--by", "me", "--reason", "so"],
        ["waive", "t", "", "--by", "me", "--reason", "so"],
        ["waive", "t", "x", "--by", "", "--reason", "so"],
        ["waive", "t", "x", "--by", "m" * 201, "--reason", "so"],
        ["waive", "t", "x", "--by", "me", "--reason", " "],
        ["revoke", "", "--by", "me"],
        ["revoke", "t", "--by", " "],
        ["waivers", "--before", ""],
        ["snapshot", "list", "--before", ""],
        ["snapshot", "forget", "-y", "--keep", HUGE],
        ["snapshot", "--for", ""],
        ["undeclared", "--since", ""],
        ["undeclared", "t", "--allow", ""],
        ["diff", "t", ""],
        ["rollback", "t", "--attempt", HUGE],
        ["rollback", "t", "--path", ""],
        ["rollback", "t", "--path", "a\0b"],
        ["resource", "list", "--before", ""],
        ["store", "purge", "-y", ""],
        ["audit", "key", "-o", ""],
        ["db", "backup", ""],
        ["events", "--after", HUGE],
    ],
    ids=" ".join,
)
def test_values_of_other_commands_that_cannot_be_meant_are_wrong_usage(vespera, words):
    told = vespera(*words)

    assert told.exit_code == 2, told.output
    assert len(told.stderr.splitlines()) == 1


@pytest.mark.parametrize("words", [["task", "list", "--db", ""], ["config", "show", "--app", ""]])
def test_no_database_and_no_container_are_wrong_usage(vespera, words):
    told = vespera(*words)

    assert told.exit_code == 2, told.output


def test_the_error_says_which_word_is_wrong_and_what_is_wrong_with_it(vespera):
    assert vespera("queue", "pause", "").stderr == (
        "Error: Invalid value for 'TYPE': must not be empty (see app queue pause --help)\n"
    )
    assert vespera("schedule", "add", "n", "--every", "0").stderr == (
        "Error: Invalid value for '--every': 0.0 is not in the range 1<=x<=315360000."
        " (see app schedule add --help)\n"
    )
    assert "cron" in vespera("schedule", "add", "n", "--cron", "61 * * * *").stderr


@pytest.mark.parametrize(
    "words", [["task", "show", "t"], ["schedule", "pause", "nightly"], ["snapshot", "show", "s"]]
)
def test_what_is_not_there_is_no_wrong_usage(vespera, words):
    vespera("db", "migrate")

    assert vespera(*words).exit_code == 1
