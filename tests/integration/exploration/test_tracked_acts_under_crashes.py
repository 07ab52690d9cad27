"""The process dies while files are moved, copied and appended to, and directories come and go."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from vespera import Container, TaskContext
from vespera.application.runtime.specialists import Specialists
from vespera.infrastructure.files.packs import key_of
from vespera.infrastructure.files.packs_directory import PackDirectory
from vespera.testing import World, explore_crashes


async def tidy(task: TaskContext) -> str:
    files = task.files
    await files.mkdir("archive")
    await files.write_text("draft.txt", "draft")
    await files.append("draft.txt", ", revised")
    await files.copy("draft.txt", "archive/first.txt")
    await files.move("draft.txt", "final.txt")
    await files.chmod("final.txt", 0o444)
    await files.symlink("latest", "final.txt")
    await files.mkdir("scratch")
    await files.rmdir("scratch")
    return "tidy"


class Office:
    def __init__(self, handler: Callable[[TaskContext], Awaitable[str]]) -> None:
        self._handler = handler

    def __call__(self) -> Container:
        container = Container()
        container.get(Specialists).register("clerk", self._handler)
        return container


async def scenario(app: Any) -> None:
    await app.orchestrator.create_task(
        title="Tidy up", specialist_type="clerk", task_id="a", completion="auto"
    )
    await app.run_until_idle()


def everything_is_in_its_place(world: World) -> Any:
    workspace = Path(world.workspace)

    def invariant(app: Any) -> None:
        assert app.tasks.get("a").status == "completed", app.tasks.get("a").error
        report = app.files.verify_all()
        assert report.all_verified, report.failed_verifications
        assert report.total_operations == 9
        assert {str(path.relative_to(workspace)) for path in workspace.rglob("*")} == {
            "archive",
            "archive/first.txt",
            "final.txt",
            "latest",
        }
        assert app.files.read("archive/first.txt") == "draft, revised"
        assert app.files.read("final.txt") == "draft, revised"
        assert (workspace / "final.txt").stat().st_mode & 0o777 == 0o444

    return invariant


async def revise(task: TaskContext) -> str:
    for number in range(2):
        await task.files.write_text("draft.txt", f"version {number}")
    await task.files.delete("draft.txt")
    return "revised"


def what_was_replaced_is_in_the_store(world: World) -> Any:
    def invariant(app: Any) -> None:
        packs = PackDirectory(world.contents, lambda: 0.0)
        packs.refresh()
        assert not packs.damaged
        replaced = [json.loads(row.before) for row in app.db.all("SELECT * FROM file_operations")]
        digests = [state[1] for state in replaced if state[0] == "file"]
        assert len(digests) == 2
        assert all(packs.find(key_of(digest)) for digest in digests)
        packs.close()

    return invariant


def test_whenever_it_dies_what_an_act_replaced_can_be_had_again(world: World) -> None:
    report = explore_crashes(
        Office(revise),
        scenario,
        world=world,
        invariants=[what_was_replaced_is_in_the_store(world), "engine", "database"],
        at=("commit", "file"),
    )

    report.raise_for_failures()
    assert report.points > 15


def test_whenever_it_dies_each_act_is_done_once_and_proven(world: World) -> None:
    report = explore_crashes(
        Office(tidy),
        scenario,
        world=world,
        invariants=[everything_is_in_its_place(world), "engine", "database"],
        at=("commit", "file"),
        power_loss=2,
    )

    report.raise_for_failures()
    assert report.points > 30
