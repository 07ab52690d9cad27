"""The comparison with other libraries says what it could not measure, and goes on."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def compared(tmp_path, *options, **environment):
    """What a very short comparison printed, and the figures that it kept."""
    kept = tmp_path / "figures.json"
    ran = subprocess.run(
        [
            *(sys.executable, "-m", "peers", "--rounds", "1", "--scale", "0.001"),
            *("--place", str(tmp_path), "--json", str(kept), *options),
        ],
        env={**os.environ, "PYTHONPATH": str(ROOT / "benchmarks"), **environment},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout, json.loads(kept.read_text(encoding="utf-8"))


def test_we_are_measured_beside_the_standard_library(tmp_path):
    printed, figures = compared(tmp_path, "--peers", "sqlite3")

    heats = {(h["contestant"], h["durability"], h["callers"]): h for h in figures["heats"]}
    alone = heats["Vespera", "full", 1]["rounds"][0]
    assert alone.keys() >= {"tasks_per_second", "median_ms", "processor_us_per_task"}
    assert heats["Vespera", "normal", 100]["rounds"]
    assert heats["sqlite3, 3 commits", "full", 1]["rounds"]
    assert "synchronous=FULL, one caller" in printed
    assert "flush of the disk" in printed
    assert figures["machine"]["SQLite"] in printed


def test_a_library_that_cannot_be_installed_is_not_measured_and_the_table_still_comes(tmp_path):
    nowhere = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path), "PIP_CONFIG_FILE": os.devnull}

    printed, figures = compared(tmp_path, "--peers", "huey", **nowhere)

    hueys = [line for line in printed.splitlines() if line.startswith("Huey")]
    assert len(hueys) == 4
    assert all("not measured: cannot be installed: ERROR: No matching" in line for line in hueys)
    assert all(heat["rounds"] for heat in figures["heats"] if heat["contestant"] == "Vespera")


def test_an_unknown_contestant_is_refused(tmp_path):
    ran = subprocess.run(
        [sys.executable, "-m", "peers", "--peers", "nobody"],
        env={**os.environ, "PYTHONPATH": str(ROOT / "benchmarks")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ran.returncode != 0
    assert "unknown: nobody" in ran.stderr
