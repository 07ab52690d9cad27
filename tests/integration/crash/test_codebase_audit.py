"""The codebase audit, killed again and again, against one that nobody disturbed."""

import hashlib
import itertools
import json
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

pytestmark = [pytest.mark.crash, pytest.mark.timeout(300)]

PROGRAM = Path(__file__).parents[3] / "examples" / "codebase_audit" / "audit.py"
SEED = 20260117
MODULES = 60
KILLS = 30
LOOK_EVERY = 0.002

Reached = Callable[[], bool]


@dataclass
class Audit:
    """A workspace in which one source is audited, by process after process."""

    workspace: Path
    source: Path
    segments: list[list[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.workspace.mkdir()

    @property
    def log(self) -> list[str]:
        """The modules in the order of their audits, repetitions included."""
        path = self.workspace / ".vespera" / "codebase_audit" / "audits.log"
        return path.read_text().split() if path.exists() else []

    @property
    def report(self) -> dict[str, str]:
        """What the report's directory holds."""
        return {
            str(path.relative_to(self.workspace)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in (self.workspace / "report").rglob("*")
        }

    def start(self) -> "subprocess.Popen[str]":
        wish = json.dumps({"source": str(self.source)})
        return self._vespera("run", str(PROGRAM), "--input", wish, "--concurrency", "1")

    def verify(self) -> "subprocess.CompletedProcess[str]":
        process = self._vespera("verify")
        said, complained = process.communicate(timeout=60)
        return subprocess.CompletedProcess(process.args, process.returncode, said, complained)

    def run(self) -> str:
        """Let it run undisturbed."""
        before = len(self.log)
        process = self.start()
        said, complained = process.communicate(timeout=120)
        assert process.returncode == 0, said + complained
        self.segments.append(self.log[before:])
        return said

    def kill(self, reached: Callable[["Audit"], Reached], later: float) -> bool:
        """Start it, and kill it ``later`` seconds after a moment; False if it ended before."""
        before = len(self.log)
        moment = reached(self)
        process = self.start()
        try:
            while not moment():
                if _ends_within(process, LOOK_EVERY):
                    return False
            if _ends_within(process, later):
                return False
        finally:
            process.kill()
            process.communicate(timeout=60)
            self.segments.append(self.log[before:])
        return process.returncode == -signal.SIGKILL

    def _vespera(self, *words: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "vespera.interfaces.cli", *words]
        return subprocess.Popen(
            [*command, "--workspace", str(self.workspace)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


def _ends_within(process: "subprocess.Popen[str]", seconds: float) -> bool:
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


# Moments, each as seen from outside the process that is to be killed.


def at_once(_: Audit) -> Reached:
    return lambda: True


def database_appears(audit: Audit) -> Reached:
    return (audit.workspace / ".vespera" / "vespera.db").exists


def plan_is_made(audit: Audit) -> Reached:
    return (audit.workspace / ".vespera" / "codebase_audit" / "plan.json").exists


def worker_appears(audit: Audit) -> Reached:
    """The moment at which a process takes over what the one before left behind."""
    owners = audit.workspace / ".vespera" / "vespera.db.owners"
    known = set(owners.glob("*"))
    return lambda: bool(set(owners.glob("*")) - known)


def audits_more(count: int) -> Callable[[Audit], Reached]:
    def begin(audit: Audit) -> Reached:
        wanted = min(len(audit.log) + count, MODULES)
        return lambda: len(audit.log) >= wanted

    return begin


def all_reported(audit: Audit) -> Reached:
    report = audit.workspace / "report"
    return lambda: len(list(report.glob("*.json"))) == MODULES


def summary_written(audit: Audit) -> Reached:
    return (audit.workspace / "report" / "summary.md").exists


def moments(chance: random.Random) -> Iterator[tuple[Callable[[Audit], Reached], float]]:
    """When to kill, and how many seconds later: thirty moments, from migration to fan-in."""
    yield database_appears, 0.0
    yield database_appears, chance.uniform(0, 0.02)
    yield plan_is_made, chance.uniform(0, 0.02)
    middle = [
        *((audits_more(chance.randint(1, 4)), 0.0) for _ in range(7)),
        *((audits_more(chance.randint(1, 4)), chance.uniform(0, 0.02)) for _ in range(7)),
        *((worker_appears, chance.uniform(0, 0.03)) for _ in range(4)),
        *((at_once, chance.uniform(0.1, 0.6)) for _ in range(2)),
    ]
    chance.shuffle(middle)
    yield from middle
    yield at_once, 0.0
    yield at_once, 0.0
    yield all_reported, 0.0
    yield worker_appears, 0.0
    yield worker_appears, chance.uniform(0, 0.05)
    yield summary_written, 0.0
    yield worker_appears, chance.uniform(0, 0.05)


def grow_source(root: Path, chance: random.Random) -> Path:
    """Sixty small modules in a few packages; some cannot be parsed."""
    for number in range(MODULES):
        package = root / f"package_{number % 7}"
        package.mkdir(parents=True, exist_ok=True)
        functions = [
            f"def f{n}(x):\n    '''Function {n}.'''\n    return x and {chance.random()} or None\n"
            for n in range(chance.randint(0, 12))
        ]
        odd = "def\n" if number % 13 == 5 else ""
        (package / f"module_{number:02}.py").write_text("\n\n".join([*functions, odd]))
    return root


def test_thirty_kills_change_nothing_but_the_time_it_takes(tmp_path: Path):
    sys.stdout.write(f"seed {SEED}\n")
    chance = random.Random(SEED)
    source = grow_source(tmp_path / "source", chance)
    calm = Audit(tmp_path / "calm", source)
    killed = Audit(tmp_path / "killed", source)

    said = calm.run()
    kills = 0
    for reached, later in moments(chance):
        moment = reached, later
        while not killed.kill(*moment):
            moment = at_once, chance.uniform(0, 0.5)  # that moment had passed for good
        kills += 1
    said_after_kills = killed.run()

    assert kills == KILLS
    assert_audited_once_but_for_what_was_in_flight(killed.segments)
    assert killed.report == calm.report
    assert said_after_kills == said.replace(str(calm.workspace), str(killed.workspace))
    assert_proven_until_a_byte_changes(killed, chance)


def assert_audited_once_but_for_what_was_in_flight(segments: list[list[str]]) -> None:
    """A segment is what one process audited, one module at a time; all but the last were killed."""
    audits = Counter(itertools.chain.from_iterable(segments))
    in_flight = Counter(segment[-1] for segment in segments[:-1] if segment)

    assert len(audits) == MODULES
    assert {
        module: count for module, count in audits.items() if count > 1 + in_flight[module]
    } == {}
    assert audits.total() - MODULES <= KILLS


def assert_proven_until_a_byte_changes(audit: Audit, chance: random.Random) -> None:
    proven = audit.verify()
    assert proven.returncode == 0, proven.stdout + proven.stderr
    path = audit.workspace / chance.choice(sorted(audit.report))
    content = bytearray(path.read_bytes())
    content[chance.randrange(len(content))] ^= 1
    path.write_bytes(content)

    refused = audit.verify()

    assert refused.returncode == 1
    assert str(path.relative_to(audit.workspace)) in refused.stdout
