"""The process dies while a task's changes are taken back: each path is old or new, nothing is lost,
and the next rollback finishes what was broken off.
"""

from collections.abc import AsyncGenerator, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest
from chaoskit.memory import directory_in_memory

from vespera import Container, TrackFileOperationsUseCase, providers
from vespera.application.usecases.roll_back import RollBackUseCase
from vespera.domain.content import ContentSource, PutResult
from vespera.infrastructure.files.looking import digest_of
from vespera.testing import World, explore_crashes

OLD = {"changed.txt": "as it was", "deleted.txt": "to be deleted"}
NEW = {"changed.txt": "as the task left it", "made/new.txt": "by the task"}
TEXTS = [*OLD.values(), *NEW.values()]


class KnownContents:
    """The contents of these files; they outlive the process, and their store is not the subject."""

    _texts: ClassVar = {digest_of(text.encode()): text.encode() for text in TEXTS}

    async def has(self, digests: Collection[str]) -> Collection[str]:
        return self._texts.keys() & set(digests)

    async def put(self, sources: Sequence[ContentSource]) -> Sequence[PutResult]:
        return [PutResult(one.digest, len(self._texts[one.digest])) for one in sources]

    async def stream(self, digest: str) -> AsyncGenerator[bytes, None]:
        yield self._texts[digest]


class Desk(Container):
    contents = providers.Object(KnownContents())


async def work(app: Any) -> None:
    """What a task does; each act is repeatable, and the whole is done once."""
    workspace = Path(app.world.workspace)
    tracker = app.get(TrackFileOperationsUseCase).tracker_for("a")
    recorded = app.db.value("SELECT count(*) FROM file_operations WHERE task_id = 'a'")
    if recorded == 0:
        for name, text in OLD.items():
            (workspace / name).write_text(text)
    for say, path in (
        (tracker.track_file_modify, "changed.txt"),
        (tracker.track_file_delete, "deleted.txt"),
        (tracker.track_mkdir, "made"),
        (tracker.track_file_create, "made/new.txt"),
    ):
        if recorded < 4:
            await say(path)
    if not app.db.value("SELECT count(*) FROM rollbacks"):
        (workspace / "changed.txt").write_text(NEW["changed.txt"])
        (workspace / "deleted.txt").unlink(missing_ok=True)
        (workspace / "made").mkdir(exist_ok=True)
        (workspace / "made" / "new.txt").write_text(NEW["made/new.txt"])


async def scenario(app: Any) -> None:
    await work(app)
    result = await app.get(RollBackUseCase).roll_back("a")
    assert result.success, result.error


async def everything_is_as_it_was(app: Any) -> None:
    assert files(app.world) == OLD
    under_way = "SELECT count(*) FROM rollbacks WHERE under_way IS NOT NULL"
    assert app.db.value(under_way) == 0
    verified = await app.get(TrackFileOperationsUseCase).verify_all()
    assert verified.verified, verified.failed_verifications
    open_ = "SELECT count(*) FROM file_operations WHERE task_id <> 'a' AND phase <> 'done'"
    assert app.db.value(open_) == 0


async def nothing_is_lost(app: Any) -> None:
    kept = Path(app.world.workspace, ".vespera", "quarantine").glob("*/*")
    texts = [path.read_text() for path in kept]
    assert sorted(texts) == sorted(NEW.values())


def files(world: World) -> dict[str, str]:
    workspace = Path(world.workspace)
    return {
        str(path.relative_to(workspace)): path.read_text()
        for path in sorted(workspace.rglob("*"))
        if path.is_file() and ".vespera" not in path.parts
    }


def old_or_new(world: World) -> Any:
    """What a reader finds at any moment: never a part of something, never nothing instead."""

    def check(app: Any) -> None:
        found = files(world)
        for name in ("changed.txt",):
            assert found[name] in {OLD[name], NEW[name]}
        for name, text in found.items():
            assert text in {OLD.get(name), NEW.get(name)}

    return check


def explore(world: World, **how: Any) -> Any:
    async def recover(app: Any) -> None:
        if app.db.value("SELECT count(*) FROM rollbacks"):
            old_or_new(world)(app)
        await scenario(app)

    report = explore_crashes(
        Desk,
        scenario,
        world=world,
        invariants=[everything_is_as_it_was, nothing_is_lost, "database"],
        recover=recover,
        **how,
    )
    report.raise_for_failures()
    return report


@pytest.fixture
def memory() -> Iterator[World]:
    """A world whose files are in memory."""
    with directory_in_memory() as directory, World(directory) as world:
        yield world


def test_wherever_it_dies_the_next_one_finishes_it(memory: World) -> None:
    assert explore(memory, at="file").points > 20


@pytest.mark.chaos
def test_wherever_it_dies_twice_the_next_one_finishes_it(memory: World) -> None:
    assert explore(memory, at=("commit", "effect", "file"), depth=2, power_loss=2).runs > 500
