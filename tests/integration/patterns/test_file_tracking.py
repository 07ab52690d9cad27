"""What is said of files, and what the disk says: a claim holds when it is verified."""

import pytest

from vespera import TaskContext, TrackFileOperationsUseCase
from vespera.testing import AsyncTestBase


@pytest.fixture
async def tracker(container):
    return container.get(TrackFileOperationsUseCase).tracker_for("task-7")


async def test_what_was_announced_and_done_is_verified_as_one_story(tracker, workspace):
    draft = workspace / "draft.txt"
    await tracker.track_file_create("draft.txt", {"why": "a first try"})  # before the write ...
    draft.write_text("one")
    await tracker.track_file_modify("draft.txt")
    draft.write_text("two")
    await tracker.track_file_read("draft.txt")
    draft.read_text()
    await tracker.track_file_delete("draft.txt")
    draft.unlink()

    verified = await tracker.verify_all_operations()  # ... and judged after it

    assert (verified.success, verified.all_verified) == (True, True)
    assert (verified.total_operations, list(verified.failed_verifications)) == (4, [])


async def test_what_was_announced_and_never_done_is_not_verified_though_all_went_well(tracker):
    tracked = await tracker.track_file_create("result.txt")
    verified = await tracker.verify_all_operations()

    assert (tracked.success, verified.success) == (True, True)  # the trap: nothing failed
    assert not verified.all_verified
    assert [finding.path for finding in verified.findings] == ["result.txt"]


async def test_who_takes_over_is_told_what_was_under_way(tracker, workspace):
    await tracker.track_file_create("done.txt")
    (workspace / "done.txt").write_text("done")
    await tracker.track_file_create("announced.txt")

    told = await tracker.get_context_recovery_info()

    assert [intent["file_path"] for intent in told["open_intents"]] == ["announced.txt"]
    assert set(told["files_affected"]) == {"done.txt", "announced.txt"}


class TestTheGate(AsyncTestBase):
    async def test_a_task_that_says_what_it_did_not_do_is_not_completed(self):
        async def boaster(task: TaskContext) -> str:
            await task.files.track_file_create("result.txt")
            return "wrote result.txt"

        self.register("boaster", boaster)
        task = await self.create_test_task(specialist_type="boaster")

        with pytest.raises(AssertionError, match=r"is executed: .*result\.txt"):
            await self.wait_for_completion(task.task_id)

    async def test_what_was_changed_behind_the_back_is_found(self):
        async def writer(task: TaskContext) -> None:
            await task.files.write_text("result.txt", "mine")
            (self.workspace / "result.txt").write_text("somebody else's")

        self.register("writer", writer)
        task = await self.create_test_task(specialist_type="writer")

        with pytest.raises(AssertionError, match=r"is executed: .*result\.txt"):
            await self.wait_for_completion(task.task_id)

    async def test_the_name_of_an_artifact_is_no_claim(self):
        async def modest(task: TaskContext) -> dict[str, object]:
            return {"summary": "done", "artifacts": ["result.txt"], "next_action": "review"}

        self.register("modest", modest)
        task = await self.create_test_task(specialist_type="modest")

        assert (await self.wait_for_completion(task.task_id)).completed
