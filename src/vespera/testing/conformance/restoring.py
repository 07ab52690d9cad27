"""The promises of ``Restorer``."""

import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio

from vespera.application.ports.restoring import Restorer
from vespera.domain.errors import FileUnreadable, InvalidRequest
from vespera.domain.file_operation import (
    Absent,
    DirectoryState,
    FileState,
    PathState,
    SymlinkState,
)
from vespera.domain.ids import RollbackId
from vespera.domain.rollback import Obstacle, RollbackConflict, RollbackStep, StepKind
from vespera.infrastructure.files.looking import digest_of
from vespera.testing.conformance.suite import AdapterSuite, Made, adapter_of

R1 = RollbackId("r1")
NAME = "sub/\udcff"
OLD, LEFT, EDITED = b"as it was", b"as it was left", b"as somebody edited it"


def a_file_of(content: bytes, mode: int = 0o640) -> FileState:
    """The state of a file with this content."""
    return FileState(digest_of(content), len(content), mode)


class RestorerConformance(AdapterSuite):
    """For restorers of files of a local directory; give ``make_restorer``."""

    ports = (Restorer,)

    def make_restorer(self, workspace: Path) -> Made[Restorer]:
        """A restorer of the directory ``workspace``, which is empty."""
        raise self.missing("make_restorer", "a Restorer of a directory")

    @pytest.fixture
    def workspace(self, tmp_path: Path) -> Path:
        """The directory in which something is put back."""
        workspace = tmp_path / "workspace"
        (workspace / "sub").mkdir(parents=True)
        return workspace

    @pytest.fixture
    def place(self, workspace: Path) -> Path:
        """The path that steps are about; its name is no UTF-8."""
        return Path(os.fsdecode(os.fsencode(workspace) + b"/sub/\xff"))

    @pytest_asyncio.fixture
    async def restorer(self, workspace: Path) -> AsyncIterator[Restorer]:
        """The restorer of ``make_restorer``."""
        async with adapter_of(self.make_restorer, workspace) as restorer:
            yield restorer

    async def test_a_file_takes_the_place_of_another(self, restorer: Restorer, place: Path) -> None:
        put(place, LEFT)
        conflict = await done(restorer, a_file_of(LEFT), a_file_of(OLD, 0o4700), OLD)

        assert conflict is None
        assert place.read_bytes() == OLD
        assert place.stat().st_mode & 0o7777 == 0o4700

    async def test_a_file_is_put_where_nothing_is(self, restorer: Restorer, place: Path) -> None:
        assert await done(restorer, Absent(), a_file_of(OLD), OLD) is None
        assert place.read_bytes() == OLD

    async def test_a_link_and_a_directory_are_put_where_nothing_is(
        self, restorer: Restorer, place: Path
    ) -> None:
        assert await done(restorer, Absent(), SymlinkState("away")) is None
        assert str(place.readlink()) == "away"
        place.unlink()
        assert await done(restorer, Absent(), DirectoryState(0o711), number=1) is None
        assert place.stat().st_mode & 0o7777 == 0o711

    async def test_what_takes_the_place_of_a_thing_of_another_kind_is_there(
        self, restorer: Restorer, place: Path
    ) -> None:
        place.mkdir(mode=0o755)
        found: PathState = DirectoryState(0o755)
        assert await done(restorer, found, a_file_of(OLD), OLD) is None
        assert place.read_bytes() == OLD
        found = a_file_of(OLD)
        assert await done(restorer, found, SymlinkState("away"), number=1) is None
        assert place.is_symlink()

    async def test_a_directory_that_is_not_empty_is_not_taken_away(
        self, restorer: Restorer, place: Path
    ) -> None:
        place.mkdir(mode=0o755)
        (place / "mine").touch()
        found = DirectoryState(0o755)
        gone = await done(restorer, found, Absent())
        replaced = await done(restorer, found, a_file_of(OLD), OLD, number=1)

        assert gone is not None
        assert gone.obstacle is Obstacle.NOT_EMPTY
        assert replaced is not None
        assert replaced.obstacle is Obstacle.EDITED
        assert (place / "mine").exists()

    async def test_what_is_there_is_taken_away(self, restorer: Restorer, place: Path) -> None:
        put(place, LEFT)
        assert await done(restorer, a_file_of(LEFT), Absent()) is None
        assert not place.exists()
        place.mkdir(mode=0o755)
        assert await done(restorer, DirectoryState(0o755), Absent(), number=1) is None
        assert not place.exists()

    async def test_a_mode_is_given_back(self, restorer: Restorer, place: Path) -> None:
        put(place, OLD)
        assert await done(restorer, a_file_of(OLD), a_file_of(OLD, 0o2751)) is None
        assert place.stat().st_mode & 0o7777 == 0o2751

    @pytest.mark.parametrize("wanted", [a_file_of(OLD), Absent(), a_file_of(LEFT, 0o600)])
    async def test_what_somebody_edited_stays(
        self, restorer: Restorer, place: Path, wanted: PathState
    ) -> None:
        put(place, EDITED)
        conflict = await done(restorer, a_file_of(LEFT), wanted, OLD)

        assert conflict is not None
        assert (conflict.path, conflict.obstacle) == (NAME, Obstacle.EDITED)
        assert conflict.kept is None
        assert place.read_bytes() == EDITED
        assert place.stat().st_mode & 0o7777 == 0o640

    async def test_what_somebody_put_where_nothing_was_stays(
        self, restorer: Restorer, place: Path
    ) -> None:
        put(place, EDITED)
        conflict = await done(restorer, Absent(), a_file_of(OLD), OLD)

        assert conflict is not None
        assert place.read_bytes() == EDITED

    async def test_what_is_as_wanted_already_is_left_alone(
        self, restorer: Restorer, place: Path
    ) -> None:
        put(place, OLD)
        inode = place.stat().st_ino

        assert await done(restorer, a_file_of(LEFT), a_file_of(OLD), OLD) is None
        assert place.stat().st_ino == inode

    async def test_doing_it_twice_is_doing_it_once(self, restorer: Restorer, place: Path) -> None:
        put(place, LEFT)
        step = RollbackStep(path=NAME, found=a_file_of(LEFT), wanted=a_file_of(OLD))
        assert await done(restorer, step.found, step.wanted, OLD) is None
        put(place, EDITED)

        assert await restorer.carry_out(R1, 0, step) is None
        assert place.read_bytes() == EDITED

    async def test_without_its_directory_nothing_is_put_there(
        self, restorer: Restorer, place: Path
    ) -> None:
        place.parent.rmdir()
        conflict = await done(restorer, Absent(), a_file_of(OLD), OLD)
        gone = await done(restorer, a_file_of(LEFT), Absent(), number=1)

        assert conflict is not None
        assert conflict.obstacle is Obstacle.NO_DIRECTORY
        assert gone is None
        assert not place.parent.exists()

    async def test_no_link_is_followed(
        self, restorer: Restorer, place: Path, tmp_path: Path
    ) -> None:
        outside = tmp_path / "outside"
        outside.mkdir()
        put(outside / place.name, LEFT)
        place.parent.rmdir()
        place.parent.symlink_to(outside)
        wishes: list[PathState] = [a_file_of(OLD), Absent(), a_file_of(LEFT, 0o600)]
        for number, wanted in enumerate(wishes):
            conflict = await done(restorer, a_file_of(LEFT), wanted, OLD, number=number)
            assert conflict is not None
            assert conflict.obstacle is Obstacle.REFUSED

        assert (outside / place.name).read_bytes() == LEFT

    async def test_who_has_the_displaced_open_writes_to_what_is_kept(
        self, restorer: Restorer, place: Path
    ) -> None:
        put(place, LEFT)
        with place.open("ab") as editor:
            await done(restorer, a_file_of(LEFT), a_file_of(OLD), OLD)
            editor.write(b", saved late")
        [kept] = await restorer.quarantined()

        assert (kept.rollback_id, kept.files) == (R1, 1)
        assert kept.size == len(LEFT + b", saved late")
        assert kept.since <= datetime.now(UTC)  # noqa: TID251 -- the file system's own time

    async def test_what_was_displaced_can_be_read(self, restorer: Restorer, place: Path) -> None:
        put(place, LEFT)
        await done(restorer, a_file_of(LEFT), a_file_of(OLD), OLD, number=7)
        content = b"".join([block async for block in restorer.content(R1, 7)])

        assert content == LEFT
        assert await restorer.displaced(R1) == {7: a_file_of(LEFT)}
        assert await restorer.displaced(RollbackId("of-nobody")) == {}
        with pytest.raises(FileUnreadable):
            await anext(restorer.content(R1, 8))

    async def test_another_content_is_not_staged(self, restorer: Restorer, place: Path) -> None:
        with pytest.raises(FileUnreadable, match="not what it was"):
            await done(restorer, Absent(), a_file_of(OLD), EDITED)

        assert not place.exists()

    async def test_what_is_cleared_is_gone(self, restorer: Restorer, place: Path) -> None:
        put(place, LEFT)
        await done(restorer, a_file_of(LEFT), Absent())
        await restorer.clear([R1, RollbackId("of-nobody")])

        assert await restorer.quarantined() == []

    async def test_what_was_staged_for_nothing_is_tidied_away(
        self, restorer: Restorer, place: Path
    ) -> None:
        await restorer.stage(R1, 0, DirectoryState(0o755))
        await restorer.tidy(R1, [0])
        await restorer.tidy(RollbackId("of-nobody"), [0])

        assert await restorer.quarantined() == []

    async def test_what_was_displaced_is_not_tidied_away(
        self, restorer: Restorer, place: Path
    ) -> None:
        put(place, LEFT)
        await done(restorer, a_file_of(LEFT), Absent())
        await restorer.tidy(R1, [0])

        assert [one.files for one in await restorer.quarantined()] == [1]

    async def test_the_names_in_directories_are_told(
        self, restorer: Restorer, place: Path, workspace: Path
    ) -> None:
        put(place, OLD)
        (workspace / "link").symlink_to("sub")
        names = await restorer.names_in(["sub", NAME, "link", "nothing"])

        assert {path: list(found) for path, found in names.items()} == {"sub": ["\udcff"]}

    async def test_an_id_that_is_none_is_refused(self, restorer: Restorer) -> None:
        with pytest.raises(InvalidRequest):
            await restorer.clear([RollbackId("../sub")])


def put(place: Path, content: bytes) -> None:
    """Save a file as editors do."""
    beside = place.with_name("being saved")
    beside.write_bytes(content)
    beside.chmod(0o640)
    beside.replace(place)


async def done(
    restorer: Restorer,
    found: PathState,
    wanted: PathState,
    content: bytes | None = None,
    *,
    number: int = 0,
) -> RollbackConflict | None:
    """What becomes of a step, which was staged if it needs that."""
    step = RollbackStep(path=NAME, found=found, wanted=wanted)
    if step.content is not None:
        await restorer.stage(R1, number, wanted, _blocks(content or b""))
    elif step.kind in {StepKind.RESTORE, StepKind.REPLACE}:
        await restorer.stage(R1, number, wanted)
    return await restorer.carry_out(R1, number, step)


async def _blocks(content: bytes) -> AsyncIterator[bytes]:
    yield content[:3]
    yield content[3:]
