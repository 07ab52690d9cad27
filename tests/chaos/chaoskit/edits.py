"""Somebody saves a file at the very moment at which it is taken back."""

import os
import random
import shutil
import threading
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

from vespera.domain.file_operation import Absent, FileState, PathState
from vespera.domain.ids import RollbackId
from vespera.domain.rollback import RollbackStep
from vespera.infrastructure.files.local_restorer import LocalRestorer
from vespera.infrastructure.files.looking import digest_of
from vespera.infrastructure.threads import Threads

TASK, BASE, USER = b"as the task left it", b"as it was before it", b"USER"
MODE = 0o644
LONGEST_WAIT = 120
"""Looks at the directory, in which it lets go of the interpreter: about as long as a step takes."""

WISHES: dict[str, tuple[PathState, PathState]] = {
    "replace": (
        FileState(digest_of(TASK), len(TASK), MODE),
        FileState(digest_of(BASE), len(BASE), MODE),
    ),
    "remove": (FileState(digest_of(TASK), len(TASK), MODE), Absent()),
    "restore": (Absent(), FileState(digest_of(BASE), len(BASE), MODE)),
}


class Editor:
    """A person at another program: saves by renaming, as most editors do, or in place."""

    def __init__(self, how: str, chance: random.Random) -> None:
        self._how, self._chance = how, chance
        self._begin, self._end = threading.Barrier(2), threading.Barrier(2)
        self._place: Path | None = None
        self.saved = False

    def run(self) -> None:
        """Save whenever that is asked for, until nothing is."""
        while True:
            self._begin.wait()
            place = self._place
            if place is None:
                return
            for _ in range(self._chance.randrange(LONGEST_WAIT)):
                place.parent.stat()
            self.saved = self._save(place)
            self._end.wait()

    def begin(self, place: Path | None) -> None:
        """Save there soon; None: go home."""
        self._place = place
        self._begin.wait()

    def end(self) -> None:
        """Wait until it is saved."""
        self._end.wait()

    def _save(self, place: Path) -> bool:
        if self._how == "in place":
            try:
                descriptor = os.open(place, os.O_RDWR)
            except FileNotFoundError:
                return False
            os.pwrite(descriptor, USER, 0)
            os.close(descriptor)
            return True
        beside = place.with_name("being saved")
        beside.write_bytes(USER)
        beside.replace(place)
        return True


@contextmanager
def at_work(editor: Editor) -> Iterator[None]:
    """Somebody is at the other program for the block."""
    person = threading.Thread(target=editor.run)
    person.start()
    try:
        yield
    finally:
        editor.begin(None)
        person.join()


async def race(directory: Path, wish: str, how: str, *, tries: int, seed: int) -> Counter[str]:
    """How often which of them was first; what was saved and is nowhere any more is "lost"."""
    threads = Threads()
    restorer, editor = LocalRestorer(directory, threads), Editor(how, random.Random(seed))
    found, wanted = WISHES[wish]
    ends: Counter[str] = Counter()
    with at_work(editor):
        for number in range(tries):
            ends[await _try(directory, restorer, editor, number, found, wanted)] += 1
    threads.close()
    return ends


async def _try(
    directory: Path,
    restorer: LocalRestorer,
    editor: Editor,
    number: int,
    found: PathState,
    wanted: PathState,
) -> str:
    place, rollback = directory / "file", RollbackId(f"r{number}")
    if found == Absent():
        place.unlink(missing_ok=True)
    else:
        place.write_bytes(TASK)
        place.chmod(MODE)
    if wanted != Absent():
        await restorer.stage(rollback, 0, wanted, _base())
    step = RollbackStep(path="file", found=found, wanted=wanted)
    editor.begin(place)
    conflict = await restorer.carry_out(rollback, 0, step)
    editor.end()
    again = await restorer.carry_out(rollback, 0, step)  # as after a crash behind it
    quarantine = directory / ".vespera" / "quarantine" / rollback
    kept = [path.read_bytes() for path in quarantine.iterdir()]
    there = place.read_bytes() if place.exists() else b""
    shutil.rmtree(quarantine)
    if editor.saved and not any(text.startswith(USER) for text in (*kept, there)):
        return "lost"
    if conflict is not None:
        return "conflict"
    if again is not None:  # it was written to where it had been put, and was given back
        return "given back"
    return "saved later" if there.startswith(USER) else "displaced"


async def _base() -> AsyncIterator[bytes]:
    yield BASE
