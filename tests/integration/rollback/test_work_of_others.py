"""Nobody else's work is touched, whatever is taken back."""

import os

import pytest

from vespera.application.ports.contents import ContentStore
from vespera.domain.rollback import Obstacle


async def two_files(task):
    await task.files.write_text("one.txt", "by the task")
    await task.files.write_text("two.txt", "by the task")


def told(result):
    return [(conflict.path, conflict.obstacle) for conflict in result.conflicts]


async def test_if_one_path_was_edited_since_nothing_is_touched(run, rolling, workspace, tree):
    await run("a", two_files)
    (workspace / "two.txt").write_text("by me")
    before = tree()
    result = await rolling.roll_back("a")

    assert not result.success
    assert told(result) == [("two.txt", Obstacle.EDITED)]
    assert "Nothing was touched" in result.error
    assert "'two.txt': it was left as a file of 11 bytes" in result.error
    assert tree() == before


async def test_the_others_are_taken_back_on_request(run, rolling, workspace, tree):
    await run("a", two_files)
    (workspace / "two.txt").write_text("by me")
    result = await rolling.roll_back("a", partial=True)

    assert result.success
    assert told(result) == [("two.txt", Obstacle.EDITED)]
    assert [step.path for step in result.steps] == ["one.txt"]
    assert tree() == {"two.txt": (b"by me", 0o644)}


async def test_what_another_task_changed_later_is_left_alone(run, rolling, tree):
    async def later(task):
        await task.files.append("two.txt", ", and by another")

    await run("a", two_files)
    await run("b", later)
    before = tree()
    result = await rolling.roll_back("a")

    assert told(result) == [("two.txt", Obstacle.TASK)]
    assert "changed later by task 'b', attempt 1" in result.error
    assert tree() == before
    assert (await rolling.roll_back("b")).success
    assert (await rolling.roll_back("a")).success
    assert tree() == {}


async def test_what_another_task_wrote_as_it_was_already_is_left_alone(run, rolling, tree):
    await run("a", two_files)
    await run("b", two_files)
    before = tree()
    result = await rolling.roll_back("a")

    assert {obstacle for _, obstacle in told(result)} == {Obstacle.TASK}
    assert tree() == before


async def test_what_another_task_changed_before_is_what_it_goes_back_to(run, rolling, tree):
    async def later(task):
        await task.files.append("two.txt", ", and by another")

    await run("a", two_files)
    before = tree()
    await run("b", later)
    result = await rolling.roll_back("b")

    assert result.success, result.error
    assert tree() == before


async def test_what_another_task_read_since_is_taken_back_all_the_same(run, rolling, tree):
    async def reader(task):
        await task.files.read_text("two.txt")

    await run("a", two_files)
    await run("b", reader)
    result = await rolling.roll_back("a")

    assert result.success, result.error
    assert tree() == {}


async def test_an_edit_between_two_writes_of_the_task_is_not_undone(run, rolling, workspace, tree):
    async def writer(task):
        await task.files.write_text("a.txt", "one")
        (workspace / "a.txt").write_text("by me")
        await task.files.write_text("a.txt", "two")

    await run("a", writer)
    before = tree()
    result = await rolling.roll_back("a")

    assert told(result) == [("a.txt", Obstacle.EDITED)]
    assert "then, undeclared, there was a file of 5 bytes" in result.error
    assert tree() == before


async def test_paths_that_the_task_did_not_change_are_never_touched(run, rolling, workspace, tree):
    await run("a", two_files)
    (workspace / ".gitignore").write_text("*\n")
    (workspace / "mine").mkdir()
    (workspace / "mine" / "two.txt").write_text("mine")
    stamps = (workspace / "mine" / "two.txt").stat()
    await rolling.roll_back("a")

    assert set(tree()) == {".gitignore", "mine", "mine/two.txt"}
    assert (workspace / "mine" / "two.txt").stat() == stamps


async def test_a_directory_in_which_somebody_put_something_stays(run, rolling, workspace, tree):
    async def maker(task):
        await task.files.mkdir("made")
        await task.files.mkdir("made/deep")
        await task.files.write_text("made/deep/a.txt", "a")

    await run("a", maker)
    (workspace / "made" / "mine.txt").write_text("mine")
    refused = await rolling.roll_back("a")
    result = await rolling.roll_back("a", partial=True)

    assert told(refused) == told(result) == [("made", Obstacle.NOT_EMPTY)]
    assert "there is 'mine.txt'" in refused.error
    assert set(tree()) == {"made", "made/mine.txt"}


async def test_directories_that_no_operation_tells_of_stay_and_are_told(run, rolling, tree):
    async def writer(task):
        await task.files.write_text("deep/down/a.txt", "a")

    await run("a", writer)
    result = await rolling.roll_back("a")

    assert result.success, result.error
    assert result.emptied == ("deep", "deep/down")
    assert set(tree()) == {"deep", "deep/down"}


async def test_where_the_directory_has_gone_nothing_is_restored(run, rolling, workspace, tree):
    (workspace / "folder").mkdir()
    (workspace / "folder" / "a.txt").write_text("old")

    async def deleter(task):
        await task.files.delete("folder/a.txt")

    await run("a", deleter)
    (workspace / "folder").rmdir()
    result = await rolling.roll_back("a")

    assert told(result) == [("folder/a.txt", Obstacle.NO_DIRECTORY)]
    assert tree() == {}


async def test_what_was_not_kept_is_told(run, rolling, container, workspace, tree):
    (workspace / "one.txt").write_text("old")
    await run("a", two_files)
    await container.get(ContentStore).purge(None)
    before = tree()
    result = await rolling.roll_back("a")

    assert told(result) == [("one.txt", Obstacle.NOT_KEPT)]
    assert "was not kept" in result.error
    assert tree() == before


async def test_secrets_are_not_kept_and_so_not_restored(run, rolling, workspace):
    (workspace / ".env").write_text("TOKEN=1")

    async def writer(task):
        await task.files.write_text(".env", "TOKEN=2")

    await run("a", writer)

    assert told(await rolling.roll_back("a")) == [(".env", Obstacle.NOT_KEPT)]


async def test_what_nobody_saw_before_is_not_guessed(run, rolling, workspace):
    async def claims(task):
        (workspace / "a.txt").write_text("a")
        await task.files.track_file_modify("a.txt", after=True)

    await run("a", claims)
    result = await rolling.roll_back("a")

    assert told(result) == [("a.txt", Obstacle.NOT_KNOWN)]


async def test_a_parent_that_became_a_link_is_not_followed(run, rolling, workspace, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a.txt").write_text("by the task")

    async def writer(task):
        await task.files.write_text("sub/a.txt", "by the task")

    await run("a", writer)
    (workspace / "sub" / "a.txt").unlink()
    (workspace / "sub").rmdir()
    (workspace / "sub").symlink_to(outside)
    result = await rolling.roll_back("a", partial=True)

    assert told(result) == [("sub/a.txt", Obstacle.NOT_KNOWN)]
    assert (outside / "a.txt").read_text() == "by the task"


async def test_the_other_name_of_a_file_keeps_what_it_has(run, rolling, workspace):
    await run("a", two_files)
    os.link(workspace / "one.txt", workspace / "mine.txt")
    result = await rolling.roll_back("a")

    assert result.success, result.error
    assert (workspace / "mine.txt").read_text() == "by the task"
    assert not (workspace / "one.txt").exists()


async def test_who_has_a_displaced_file_open_writes_to_what_is_kept(run, rolling, workspace):
    await run("a", two_files)
    with (workspace / "one.txt").open("a") as editor:
        result = await rolling.roll_back("a")
        editor.write(", saved late")
    kept = workspace / ".vespera" / "quarantine" / result.rollback_id

    assert "by the task, saved late" in {path.read_text() for path in kept.iterdir()}
    assert kept.stat().st_mode & 0o777 == 0o700


async def test_only_the_paths_that_are_asked_for_are_taken_back(run, rolling, tree):
    async def writer(task):
        for path in ("one.txt", "sub/a.txt", "sub/b.txt", "subway.txt"):
            await task.files.write_text(path, "by the task")

    await run("a", writer)
    result = await rolling.roll_back("a", paths=["sub"])

    assert result.success, result.error
    assert set(tree()) == {"one.txt", "sub", "subway.txt"}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"attempt": 0}, "attempt"),
        ({"attempt": 1, "tree": True}, "attempt: is one task's"),
        ({"paths": "one.txt"}, "paths: must be a list of paths"),
        ({"paths": ["../one.txt"]}, "outside the workspace"),
        ({"paths": ["three.txt"]}, "paths: nothing that is to be taken back was changed at"),
    ],
)
async def test_what_makes_no_sense_is_refused(run, rolling, tree, given, told):
    await run("a", two_files)
    before = tree()
    result, plan = await rolling.roll_back("a", **given), await rolling.plan("a", **given)

    assert not result.success
    assert not plan.success
    assert told in result.error
    assert told in plan.error
    assert tree() == before


async def test_what_nobody_knows_is_refused(rolling):
    assert "No task has the id 'nobody'" in (await rolling.roll_back("nobody")).error
    assert "No rollback has the id 'nobody'" in (await rolling.undo("nobody")).error
    assert "task_id" in (await rolling.roll_back("")).error


async def test_a_task_that_may_still_be_at_work_is_not_rolled_back(run, rolling):
    async def restless(task):
        result = await rolling.roll_back("a")
        return result.error

    result = await run("a", restless)

    assert "task 'a' is running; wait for its end, or cancel it first" in result.result


async def test_a_task_is_taken_back_with_all_its_descendants(run, rolling, container, tree):
    async def child(task):
        await task.files.write_text("by the child.txt", "child")

    async def parent(task):
        await task.files.write_text("by the parent.txt", "parent")
        spawned = await task.spawn(title="c", specialist_type="child", name="c")
        await spawned.result()

    container.get("registry").register("child", child)
    result = await run("p", parent)
    assert result.success, result.error
    alone = await rolling.plan("p")
    result = await rolling.roll_back("p", tree=True)

    assert [step.path for step in alone.steps] == ["by the parent.txt"]
    assert result.success, result.error
    assert tree() == {}


async def test_a_secret_that_was_displaced_is_put_back_from_where_it_is_kept(
    run, rolling, workspace
):
    async def writer(task):
        await task.files.write_text(".env", "TOKEN=1")

    await run("a", writer)
    done = await rolling.roll_back("a")
    assert not (workspace / ".env").exists()
    undone = await rolling.undo(done.rollback_id)
    assert undone.success, undone.error
    assert (workspace / ".env").read_text() == "TOKEN=1"
    again = await rolling.roll_back("a")
    await rolling.clear()

    assert told(await rolling.undo(again.rollback_id)) == [(".env", Obstacle.NOT_KEPT)]
