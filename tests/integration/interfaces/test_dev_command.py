"""`vespera dev`: something to watch, for somebody new."""

import json
import os
import pty
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path


def test_all_orders_are_done_and_their_notes_are_proven(vespera, workspace):
    ran = vespera("dev", "--tasks", "3", "--until-idle", "--json")

    events = [json.loads(line) for line in ran.stdout.splitlines()]
    kinds = Counter(event["event"] for event in events)
    assert ran.exit_code == 0, ran.stderr
    assert kinds == {"ready": 1, "began": 6, "completed": 6, "stopped": 1}
    assert "an atlas" in (workspace / "notes" / "note-002.txt").read_text()
    verified = vespera("verify", "--db", workspace / ".vespera" / "dev.db")
    assert verified.stdout == "3 file operations verified\n"


def test_the_same_command_goes_on_with_what_is_left(vespera):
    vespera("dev", "--tasks", "1", "--until-idle")

    ran = vespera("dev", "--tasks", "2", "--until-idle")

    assert "order-002" in ran.stdout
    assert "order-001" not in ran.stdout


def test_on_a_terminal_there_is_a_table_and_ctrl_c_ends_it(tmp_path: Path):
    ours, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "vespera.interfaces.cli", "dev", "--tasks", "1"],
        cwd=tmp_path,
        stdout=terminal,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "120"},
    )
    shown = ""
    while "completed   note_delivery" not in shown:
        shown += os.read(ours, 65_536).decode()

    process.send_signal(signal.SIGINT)
    stderr = process.communicate(timeout=60)[1]
    os.close(terminal)
    shown += os.read(ours, 65_536).decode()
    os.close(ours)

    assert process.returncode == 130, stderr
    assert "working on" in shown
    assert "ATTEMPT" in shown
    assert "stopped: 2 completed" in shown
    assert "\x1b[?25h" in shown, "the cursor is back"
