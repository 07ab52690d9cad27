"""Steps of a rollback that meet somebody in the middle, were broken off there, or are refused."""

import errno
import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from threading import Event, Thread

import pytest

from vespera.domain.errors import FileUnreadable, PathRefused
from vespera.domain.file_operation import (
    Absent,
    DirectoryState,
    FileState,
    PathState,
    SpecialState,
    SymlinkState,
)
from vespera.domain.ids import RollbackId
from vespera.domain.rollback import Obstacle, RollbackConflict, RollbackStep, StepKind
from vespera.infrastructure.files import renaming, restoring
from vespera.infrastructure.files.local_restorer import LocalRestorer
from vespera.infrastructure.files.looking import digest_of
from vespera.infrastructure.threads import Threads

R1 = RollbackId("r1")
WANTED, FOUND, MINE, NEWER = b"wanted", b"found", b"mine", b"newer"
GONE = Absent()


def state(content: bytes) -> FileState:
    return FileState(digest_of(content), len(content), 0o644)


REPLACE = RollbackStep(path="a", found=state(FOUND), wanted=state(WANTED))
REMOVE = RollbackStep(path="a", found=state(FOUND), wanted=GONE)
RESTORE = RollbackStep(path="a", found=GONE, wanted=state(WANTED))


def unknown(*_: object) -> None:
    raise OSError(errno.ENOSYS, "there is no such call")


class Bench:
    """The workspace with the path "a", and what is kept of the step 0."""

    def __init__(self, workspace: Path) -> None:
        self.place = workspace / "a"
        self.quarantine = workspace / ".vespera" / "quarantine" / R1

    def put(self, **contents: bytes) -> None:
        """Files as a step has left them that was broken off: by their endings, and ``place``."""
        self.quarantine.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            path = self.place if name == "place" else self.quarantine / f"0.{name}"
            path.write_bytes(content)
            path.chmod(0o644)

    def found(self) -> dict[str, bytes]:
        kept = {path.suffix[1:]: path.read_bytes() for path in self.quarantine.iterdir()}
        return {**kept, "place": self.place.read_bytes()} if self.place.exists() else kept


@pytest.fixture
def bench(workspace: Path) -> Bench:
    return Bench(workspace)


@pytest.fixture
def restorer(workspace: Path, threads: Threads) -> LocalRestorer:
    return LocalRestorer(workspace, threads)


@pytest.fixture
def without_exchange(workspace: Path, threads: Threads) -> LocalRestorer:
    return LocalRestorer(workspace, threads, exchange=unknown)


async def blocks(content: bytes) -> AsyncIterator[bytes]:
    yield content


class TestBrokenOff:
    """Each state that a step leaves when it is broken off, and what becomes of it."""

    @pytest.mark.parametrize(
        ("step", "left", "then"),
        [
            (REPLACE, {"new": WANTED, "place": FOUND}, {"old": FOUND, "place": WANTED}),
            (REPLACE, {"new": FOUND, "place": WANTED}, {"old": FOUND, "place": WANTED}),
            (REPLACE, {"old": FOUND, "place": WANTED}, {"old": FOUND, "place": WANTED}),
            (REPLACE, {"old": FOUND, "place": MINE}, {"old": FOUND, "place": MINE}),
            (REPLACE, {"old": MINE, "place": WANTED}, {"old": MINE, "place": WANTED}),
            (REPLACE, {"was": FOUND, "place": WANTED}, {"old": FOUND, "place": WANTED}),
            (
                REPLACE,
                {"was": FOUND, "new": WANTED, "place": FOUND},
                {"was": FOUND, "old": FOUND, "place": WANTED},
            ),
            (REPLACE, {"was": FOUND, "new": WANTED}, {"old": FOUND, "place": WANTED}),
            (REMOVE, {"place": FOUND}, {"old": FOUND}),
            (REMOVE, {"old": FOUND}, {"old": FOUND}),
            (REMOVE, {"old": FOUND, "place": MINE}, {"old": FOUND, "place": MINE}),
            (REMOVE, {}, {}),
            (RESTORE, {"new": WANTED}, {"place": WANTED}),
            (RESTORE, {"place": WANTED}, {"place": WANTED}),
            (RESTORE, {"place": MINE}, {"place": MINE}),
            (RESTORE, {"new": WANTED, "place": WANTED}, {"new": WANTED, "place": WANTED}),
        ],
    )
    async def test_it_is_finished(self, restorer, bench, step, left, then):
        bench.put(**left)

        assert await restorer.carry_out(R1, 0, step) is None
        assert bench.found() == then

    @pytest.mark.parametrize(
        ("step", "left", "then"),
        [
            (REPLACE, {"new": MINE, "place": WANTED}, {"new": WANTED, "place": MINE}),
            (REPLACE, {"new": WANTED, "place": MINE}, {"new": WANTED, "place": MINE}),
            (REPLACE, {"new": WANTED}, {"new": WANTED}),
            (REPLACE, {"was": MINE, "place": WANTED}, {"new": WANTED, "place": MINE}),
            (REMOVE, {"old": MINE}, {"place": MINE}),
            (REMOVE, {"place": MINE}, {"place": MINE}),
            (RESTORE, {"new": WANTED, "place": MINE}, {"new": WANTED, "place": MINE}),
        ],
    )
    async def test_what_is_somebody_s_is_given_back(self, restorer, bench, step, left, then):
        bench.put(**left)
        for _ in range(2):
            conflict = await restorer.carry_out(R1, 0, step)
            assert (conflict.obstacle, conflict.kept) == (Obstacle.EDITED, None)
            assert bench.found() == then

    @pytest.mark.parametrize(
        ("step", "left"),
        [
            (REPLACE, {"new": MINE, "place": NEWER}),
            (REPLACE, {"old": MINE, "place": NEWER}),
            (REMOVE, {"old": MINE, "place": NEWER}),
        ],
    )
    async def test_where_its_place_is_taken_both_are_kept(self, restorer, bench, step, left):
        bench.put(**left)
        for _ in range(2):
            conflict = await restorer.carry_out(R1, 0, step)
            assert conflict.kept == ".vespera/quarantine/r1/0.old"
            assert bench.found() == {"old": MINE, "place": NEWER}

    async def test_without_its_directory_what_is_somebody_s_is_kept(self, restorer, bench):
        for left, kept in (({"new": MINE}, True), ({"new": WANTED}, False), ({"was": MINE}, True)):
            bench.put(**left)
            step = RollbackStep(path="gone/a", found=state(FOUND), wanted=state(WANTED))
            conflict = await restorer.carry_out(R1, 0, step)
            assert conflict.obstacle is Obstacle.NO_DIRECTORY
            assert (conflict.kept is not None) is kept
            for path in bench.quarantine.iterdir():
                path.unlink()

    @pytest.mark.parametrize(
        ("found", "wanted", "old", "kept"),
        [(state(FOUND), GONE, FOUND, None), (state(FOUND), state(WANTED), FOUND, None)],
    )
    async def test_without_its_directory_what_was_done_was_done(
        self, restorer, bench, found, wanted, old, kept
    ):
        bench.put(old=old)
        step = RollbackStep(path="gone/a", found=found, wanted=wanted)

        assert await restorer.carry_out(R1, 0, step) is None

    async def test_without_its_directory_what_was_removed_wrongly_is_told(self, restorer, bench):
        bench.put(old=MINE)
        step = RollbackStep(path="gone/a", found=state(FOUND), wanted=GONE)
        conflict = await restorer.carry_out(R1, 0, step)

        assert conflict.kept == ".vespera/quarantine/r1/0.old"


class TestInBetween:
    """Somebody saves between the look and the exchange, and again behind it."""

    def saving(self, bench: Bench, *contents: bytes | None) -> Callable[..., None]:
        """An exchange before each of which somebody saves; None: removes."""
        coming = list(contents)

        def exchange(*given) -> None:
            content = coming.pop(0) if coming else b""
            if content is None:
                bench.place.unlink()
            elif content:
                beside = bench.place.with_name("beside")
                beside.write_bytes(content)
                beside.replace(bench.place)
            renaming.exchange(*given)

        return exchange

    @pytest.mark.parametrize(
        ("saved", "then", "kept"),
        [
            ([MINE], {"new": WANTED, "place": MINE}, False),
            ([MINE, NEWER], {"old": MINE, "place": NEWER}, True),
            ([MINE, None], {"old": MINE}, True),
            ([None], {"new": WANTED}, False),
        ],
    )
    async def test_what_is_newest_stays_and_the_rest_is_kept(
        self, workspace, threads, bench, saved, then, kept
    ):
        restorer = LocalRestorer(workspace, threads, exchange=self.saving(bench, *saved))
        bench.put(new=WANTED, place=FOUND)
        conflict = await restorer.carry_out(R1, 0, REPLACE)

        assert conflict.obstacle is Obstacle.EDITED
        assert (conflict.kept is not None) is kept
        assert bench.found() == then

    async def test_a_directory_into_which_something_was_put_is_given_back(
        self, workspace, threads, bench
    ):
        def exchange(*given):
            (bench.place / "mine").touch(exist_ok=True) if bench.place.is_dir() else None
            renaming.exchange(*given)

        bench.place.mkdir(mode=0o755)
        bench.put(new=WANTED)
        restorer = LocalRestorer(workspace, threads, exchange=exchange)
        step = RollbackStep(path="a", found=DirectoryState(0o755), wanted=state(WANTED))
        conflict = await restorer.carry_out(R1, 0, step)

        assert conflict.obstacle is Obstacle.EDITED
        assert (bench.place / "mine").exists()

    async def test_a_file_that_vanishes_before_it_is_removed_is_gone(
        self, restorer, bench, monkeypatch
    ):
        bench.put(place=FOUND)

        def vanished(*given):
            bench.place.unlink()
            renaming.rename_exclusive(*given)

        monkeypatch.setattr(restoring, "rename_exclusive", vanished)
        assert await restorer.carry_out(R1, 0, REMOVE) is None
        assert bench.found() == {}


class TestRefused:
    @pytest.mark.usefixtures("ordinary_user")
    @pytest.mark.parametrize(
        ("found", "wanted"),
        [
            (state(FOUND), state(WANTED)),
            (state(FOUND), GONE),
            (GONE, state(WANTED)),
            (GONE, DirectoryState(0o755)),
        ],
    )
    async def test_a_directory_that_may_not_be_written_is_a_conflict(
        self, common_workspace: Path, threads: Threads, found: PathState, wanted: PathState
    ) -> None:
        restorer = LocalRestorer(common_workspace, threads)
        folder = common_workspace / "folder"
        folder.mkdir()
        if found != GONE:
            (folder / "a").write_bytes(FOUND)
        folder.chmod(0o555)
        step = RollbackStep(path="folder/a", found=found, wanted=wanted)
        if step.kind in {StepKind.REPLACE, StepKind.RESTORE}:
            content = blocks(WANTED) if step.content else None
            await restorer.stage(R1, 0, wanted, content)
        conflict = await restorer.carry_out(R1, 0, step)
        folder.chmod(0o755)

        assert isinstance(conflict, RollbackConflict)
        assert conflict.obstacle is Obstacle.REFUSED
        assert conflict.told == "the system refuses: Permission denied"

    @pytest.mark.usefixtures("ordinary_user")
    async def test_a_directory_that_may_not_be_entered_is_a_conflict(
        self, common_workspace: Path, threads: Threads
    ) -> None:
        folder = common_workspace / "folder"
        folder.mkdir(mode=0o000)
        step = RollbackStep(path="folder/a", found=state(FOUND), wanted=GONE)
        conflict = await LocalRestorer(common_workspace, threads).carry_out(R1, 0, step)
        folder.chmod(0o755)

        assert conflict is not None
        assert conflict.obstacle is Obstacle.REFUSED

    @pytest.mark.parametrize("function", ["write", "fsync", "open", "mkdir"])
    async def test_on_a_full_disk_nothing_is_made_ready(
        self, restorer, workspace, monkeypatch, function
    ):
        def full(*_, **__):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(restoring.os, function, full)
        with pytest.raises(FileUnreadable, match="No space left on device"):
            await restorer.stage(R1, 0, state(WANTED), blocks(WANTED))
        monkeypatch.undo()

        assert not (workspace / "a").exists()

    async def test_a_failing_disk_in_the_middle_of_a_step_is_no_conflict(
        self, restorer, bench, monkeypatch
    ):
        bench.put(new=WANTED, place=FOUND)

        def failing(*_, **__):
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        monkeypatch.setattr(restoring.os, "rename", failing)
        with pytest.raises(FileUnreadable, match="'a' cannot be taken back: Input/output error"):
            await restorer.carry_out(R1, 0, REPLACE)
        monkeypatch.undo()

        assert await restorer.carry_out(R1, 0, REPLACE) is None
        assert bench.found() == {"old": FOUND, "place": WANTED}

    async def test_another_file_system_is_a_conflict(self, workspace, threads, bench):
        def across(*_):
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

        bench.put(new=WANTED, place=FOUND)
        restorer = LocalRestorer(workspace, threads, exchange=across)
        conflict = await restorer.carry_out(R1, 0, REPLACE)

        assert conflict.obstacle is Obstacle.REFUSED
        assert bench.found() == {"new": WANTED, "place": FOUND}

    async def test_a_mode_that_cannot_be_given_is_a_conflict(self, restorer, bench, monkeypatch):
        bench.put(place=FOUND)
        shut = FileState(state(FOUND).digest, len(FOUND), 0o600)
        step = RollbackStep(path="a", found=state(FOUND), wanted=shut)

        def refused(*_, **__):
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

        monkeypatch.setattr(Path, "chmod", refused)
        conflict = await restorer.carry_out(R1, 0, step)

        assert conflict.told == "the system refuses: Operation not permitted"

    async def test_a_directory_that_cannot_be_removed_is_a_conflict(
        self, restorer, bench, monkeypatch
    ):
        bench.place.mkdir(mode=0o755)
        step = RollbackStep(path="a", found=DirectoryState(0o755), wanted=GONE)

        def refused(*_, **__):
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

        monkeypatch.setattr(restoring.os, "rmdir", refused)
        conflict = await restorer.carry_out(R1, 0, step)

        assert conflict.obstacle is Obstacle.REFUSED

    async def test_what_cannot_be_made_is_told(self, restorer):
        with pytest.raises(FileUnreadable, match="a fifo cannot be made"):
            await restorer.stage(R1, 0, SpecialState("fifo"))

    async def test_a_workspace_that_is_not_there_is_told(self, restorer, workspace):
        workspace.rmdir()
        for call in (
            restorer.names_in(["a"]),
            restorer.stage(R1, 0, DirectoryState(0o755)),
            restorer.carry_out(R1, 0, REMOVE),
            restorer.quarantined(),
            restorer.clear([R1]),
        ):
            with pytest.raises(FileUnreadable, match="create the directory"):
                await call

    async def test_a_quarantine_that_is_a_link_is_not_entered(self, restorer, workspace, outside):
        (workspace / ".vespera").mkdir()
        (workspace / ".vespera" / "quarantine").symlink_to(outside)
        with pytest.raises(FileUnreadable):
            await restorer.stage(R1, 0, SymlinkState("a"))
        (workspace / ".vespera" / "quarantine").unlink()
        (workspace / ".vespera").rmdir()
        (workspace / ".vespera").symlink_to(outside)
        with pytest.raises((FileUnreadable, PathRefused)):
            await restorer.stage(R1, 0, SymlinkState("a"))

        assert sorted(path.name for path in outside.iterdir()) == ["secret.txt"]

    async def test_what_is_no_quarantine_is_left_out(self, restorer, bench):
        bench.put(old=FOUND)
        (bench.quarantine.parent / "a file").touch()
        (bench.quarantine / "1.old").symlink_to("a")

        [found] = await restorer.quarantined()
        assert (found.files, found.size) == (2, len(FOUND))


class TestWithoutExchange:
    async def test_a_directory_and_a_file_change_places(self, without_exchange, bench):
        bench.place.mkdir(mode=0o755)
        folder = DirectoryState(0o755)
        await without_exchange.stage(R1, 0, state(WANTED), blocks(WANTED))
        step = RollbackStep(path="a", found=folder, wanted=state(WANTED))

        assert await without_exchange.carry_out(R1, 0, step) is None
        assert bench.place.read_bytes() == WANTED
        await without_exchange.stage(R1, 1, folder)
        step = RollbackStep(path="a", found=state(WANTED), wanted=folder)
        assert await without_exchange.carry_out(R1, 1, step) is None
        assert bench.place.is_dir()

    async def test_what_is_somebody_s_is_given_back(self, without_exchange, bench):
        bench.put(new=MINE, place=WANTED)
        conflict = await without_exchange.carry_out(R1, 0, REPLACE)

        assert conflict.obstacle is Obstacle.EDITED
        assert bench.found() == {"new": WANTED, "place": MINE}


class TestSwappedParents:
    """A directory that is exchanged for a symbolic link, at any moment, leads nobody outside."""

    @pytest.fixture
    def swapped(self, workspace: Path, outside: Path) -> Iterator[None]:
        """While the test runs, ``swap`` is a directory, a link to the outside, or nothing."""
        real, link, place = (workspace / name for name in ("real", "link", "swap"))
        real.mkdir()
        link.symlink_to(outside)
        stop = Event()

        def swap() -> None:
            while not stop.is_set():
                for one in (real, link):
                    one.rename(place)
                    place.rename(one)

        attacker = Thread(target=swap)
        attacker.start()
        yield
        stop.set()
        attacker.join()

    @pytest.mark.usefixtures("swapped")
    async def test_nothing_outside_is_touched(self, restorer, workspace, outside):
        secret = FileState(digest_of(b"secret"), 6, (outside / "secret.txt").stat().st_mode & 0o777)
        open_ = FileState(secret.digest, 6, 0o777)
        steps = [
            RollbackStep(path="swap/secret.txt", found=secret, wanted=GONE),
            RollbackStep(path="swap/secret.txt", found=secret, wanted=state(WANTED)),
            RollbackStep(path="swap/secret.txt", found=secret, wanted=open_),
            RollbackStep(path="swap/new.txt", found=GONE, wanted=state(WANTED)),
        ]
        for number in range(100):
            step = steps[number % len(steps)]
            if step.content is not None:
                await restorer.stage(R1, number, step.wanted, blocks(WANTED))
            await restorer.carry_out(R1, number, step)

        assert [path.name for path in outside.iterdir()] == ["secret.txt"]
        assert (outside / "secret.txt").read_bytes() == b"secret"
        assert (outside / "secret.txt").stat().st_mode & 0o777 == secret.mode
