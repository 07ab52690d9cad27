"""The process dies while files are moved, copied and appended to, and directories come and go."""

from pathlib import Path
from typing import Any

from vespera import Container, TaskContext
from vespera.application.runtime.specialists import Specialists
from vespera.testing import World, explore_crashes


async def tidy(task: TaskContext) -> str:
    files = task.files
    await files.mkdir("archive")
    await files.write_text("draft.txt", "draft")
    await files.append_text("draft.txt", ", revised")
    await files.copy("draft.txt", "archive/first.txt")
    await files.move("draft.txt", "final.txt")
    await files.chmod("final.txt", 0o444)
    await files.symlink("latest", "final.txt")
    await files.mkdir("scratch")
    await files.rmdir("scratch")
    return "tidy"


class Office:
    def __call__(self) -> Container:
        container = Container()
        container.get(Specialists).register("clerk", tidy)
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


def test_whenever_it_dies_each_act_is_done_once_and_proven(world: World) -> None:
    report = explore_crashes(
        Office(),
        scenario,
        world=world,
        invariants=[everything_is_in_its_place(world), "engine", "database"],
        at=("commit", "file"),
        power_loss=2,
    )

    report.raise_for_failures()
    assert report.points > 30
