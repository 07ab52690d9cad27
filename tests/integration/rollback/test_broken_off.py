"""A rollback that meets others, is broken off, or meets a system that refuses."""

import asyncio
from datetime import timedelta

import pytest

from vespera import Container, TaskExecutionWorkflow, TrackFileOperationsUseCase
from vespera.application.ports.owners import Owners
from vespera.application.ports.restoring import Restorer
from vespera.application.ports.rollbacks import RollbackRepository
from vespera.application.runtime.specialists import Specialists
from vespera.application.usecases.roll_back import NOBODY, RollBackUseCase
from vespera.domain.errors import ContentDamaged, FileUnreadable
from vespera.domain.ids import OwnerId
from vespera.domain.rollback import Obstacle


async def writer(task):
    await task.files.write_text("one.txt", "by the task")
    await task.files.delete("two.txt")
    await task.files.mkdir("made")


@pytest.fixture
def before(workspace, tree):
    (workspace / "one.txt").write_text("as it was")
    (workspace / "two.txt").write_text("as it was, too")
    return tree()


class Wrapped:
    """A part whose calls of one method are others'."""

    def __init__(self, real, method, call):
        self._real, self._method, self._call = real, method, call

    def __getattr__(self, name):
        real = getattr(self._real, name)
        if name != self._method:
            return real
        return lambda *args, **kwargs: self._call(real, *args, **kwargs)


@pytest.fixture
def instead(container):
    """Let another function stand in for a method of a part; it is given the real one first."""

    def put(port, method, call):
        wrapped = Wrapped(container.get(port), method, call)
        return container.override(port, wrapped, check=False)

    return put


async def test_if_somebody_comes_in_between_what_was_done_is_put_back_again(
    run, container, instead, workspace, tree, before
):
    await run("a", writer)
    after = tree()

    async def with_an_edit(real, rollback_id, number, step):
        if step.path == "two.txt":
            (workspace / "two.txt").write_text("mine")
        return await real(rollback_id, number, step)

    with instead(Restorer, "carry_out", with_an_edit):
        result = await container.get(RollBackUseCase).roll_back("a")

    assert not result.success
    assert [(c.path, c.obstacle) for c in result.conflicts] == [("two.txt", Obstacle.EDITED)]
    assert "What had been taken back was put in its place again" in result.error
    assert tree() == {**after, "two.txt": (b"mine", 0o644)}
    assert (await container.get(RollBackUseCase).roll_back("a", partial=True)).success


async def test_if_the_very_first_meets_somebody_nothing_was_done(
    run, container, instead, workspace, tree, before
):
    await run("a", writer)

    async def with_an_edit(real, rollback_id, number, step):
        (workspace / "made" / "mine").touch()
        return await real(rollback_id, number, step)

    with instead(Restorer, "carry_out", with_an_edit):
        result = await container.get(RollBackUseCase).roll_back("a")

    assert [c.obstacle for c in result.conflicts] == [Obstacle.NOT_EMPTY]
    assert result.rollback_id is None
    assert (workspace / "one.txt").read_text() == "by the task"


async def test_if_that_cannot_be_put_back_either_it_is_told(
    run, container, instead, workspace, before
):
    await run("a", writer)

    async def with_edits(real, rollback_id, number, step):
        if step.path == "two.txt":
            (workspace / "two.txt").write_text("mine")
            (workspace / "one.txt").write_text("mine")
        return await real(rollback_id, number, step)

    with instead(Restorer, "carry_out", with_edits):
        result = await container.get(RollBackUseCase).roll_back("a")

    assert "what was done could not all be put back" in result.error
    assert result.rollback_id is not None
    assert (workspace / "one.txt").read_text() == "mine"


async def test_a_second_rollback_is_refused_while_one_is_at_work(
    run, container, instead, tree, before
):
    await run("a", writer)
    rolling = container.get(RollBackUseCase)
    told = []

    async def twice(real, *args):
        told.append(await rolling.roll_back("a"))
        told.append(await rolling.plan("a"))
        return await real(*args)

    with instead(Restorer, "carry_out", twice):
        result = await container.get(RollBackUseCase).roll_back("a")

    assert result.success
    assert "Another rollback is under way" in told[0].error
    assert told[1].unfinished == result.rollback_id
    assert tree() == before


async def test_one_that_was_cancelled_is_finished_by_the_next(
    run, container, instead, tree, before
):
    await run("a", writer)

    async def cancelled(real, rollback_id, number, step):
        if number == 1:
            raise asyncio.CancelledError
        return await real(rollback_id, number, step)

    with instead(Restorer, "carry_out", cancelled), pytest.raises(asyncio.CancelledError):
        await container.get(RollBackUseCase).roll_back("a")
    broken_off = await container.get(RollbackRepository).under_way()
    assert broken_off.owner == NOBODY
    result = await container.get(RollBackUseCase).roll_back("a")

    assert (result.success, result.resumed, result.steps) == (True, (broken_off.id,), ())
    assert tree() == before
    undone = await container.get(RollBackUseCase).undo("a")
    assert len(undone.steps) == 3


async def test_one_that_was_cancelled_before_it_touched_anything_is_given_up(
    run, container, instead, tree, before, workspace
):
    await run("a", writer)

    async def cancelled(real, *args):
        raise asyncio.CancelledError

    with instead(Restorer, "stage", cancelled), pytest.raises(asyncio.CancelledError):
        await container.get(RollBackUseCase).roll_back("a")
    result = await container.get(RollBackUseCase).roll_back("a")

    assert (result.success, result.resumed) == (True, ())
    assert tree() == before


async def test_where_the_system_fails_in_the_middle_of_a_step_it_goes_on_later(
    run, container, instead, tree, before
):
    await run("a", writer)

    async def failing(real, rollback_id, number, step):
        if number == 1:
            raise FileUnreadable("the disk is failing")
        return await real(rollback_id, number, step)

    with instead(Restorer, "carry_out", failing):
        result = await container.get(RollBackUseCase).roll_back("a")
        again = await container.get(RollBackUseCase).roll_back("a")
    assert "the disk is failing. The rollback" in result.error
    assert "was broken off; the next one finishes it" in result.error
    assert not again.success
    assert (await container.get(RollBackUseCase).roll_back("a")).resumed
    assert tree() == before


@pytest.mark.parametrize("error", [FileUnreadable("no space left"), ContentDamaged("damaged")])
async def test_where_it_cannot_be_made_ready_nothing_is_touched(
    run, container, instead, tree, before, workspace, error
):
    await run("a", writer)
    after = tree()

    async def failing(real, *args):
        raise error

    with instead(Restorer, "stage", failing):
        result = await container.get(RollBackUseCase).roll_back("a")

    assert result.error == f"Nothing was touched: {error}"
    assert tree() == after
    assert list((workspace / ".vespera" / "quarantine").glob("*")) == []
    assert await container.get(RollbackRepository).under_way() is None


async def test_without_room_in_the_store_the_displaced_is_kept_in_the_quarantine_alone(
    workspace, tree
):
    async def maker(task):
        await task.files.write_text("new.txt", "by the task")

    async with Container(workspace=str(workspace), store_quota=1) as container:
        container.get(Specialists).register("maker", maker)
        workflow = container.get(TaskExecutionWorkflow)
        await workflow.run(title="Make", specialist_type="maker", task_id="a")
        after = tree()
        assert (await container.get(RollBackUseCase).roll_back("a")).success
        assert tree() == {}
        undone = await container.get(RollBackUseCase).undo("a")

    assert undone.success, undone.error
    assert tree() == after


class TestOwners:
    @pytest.fixture
    async def begun(self, run, container, instead, before):
        """One that was broken off, and whose owner nobody knows here."""
        await run("a", writer)

        async def failing(real, *args):
            raise FileUnreadable("the disk is failing")

        with instead(Restorer, "carry_out", failing):
            await container.get(RollBackUseCase).roll_back("a")
        found = await container.get(RollbackRepository).under_way()
        owner = container.get(Owners).register()
        return await container.get(RollbackRepository).take_over(found, owner, found.heard_at)

    async def test_it_is_left_alone_while_its_owner_is_heard_of(self, container, begun):
        result = await container.get(RollBackUseCase).roll_back("a")

        assert f"{begun.id!r}, of 'a'. Wait for its end" in result.error

    async def test_it_is_taken_over_from_one_who_is_dead(self, container, begun):
        container.get(Owners).leave(begun.owner)

        assert (await container.get(RollBackUseCase).roll_back("a")).resumed == (begun.id,)

    @pytest.mark.parametrize(
        ("owner", "silent", "is_resumed"),
        [("", 0, True), ("elsewhere", 59, False), ("elsewhere", 61, True)],
    )
    async def test_it_is_taken_over_from_a_stranger_who_is_silent(
        self, container, begun, owner, silent, is_resumed
    ):
        rollbacks = container.get(RollbackRepository)
        heard = begun.heard_at - timedelta(seconds=silent)
        await rollbacks.take_over(begun, OwnerId(owner), heard)
        result = await container.get(RollBackUseCase).roll_back("a")

        assert result.success is is_resumed

    async def test_it_is_taken_over_from_one_of_this_host_who_is_silent_for_long(
        self, container, begun
    ):
        rollbacks = container.get(RollbackRepository)
        heard = begun.heard_at - timedelta(minutes=11)
        await rollbacks.take_over(begun, begun.owner, heard)

        assert (await container.get(RollBackUseCase).roll_back("a")).success

    async def test_what_is_under_way_is_not_cleared(self, container, begun):
        cleared = await container.get(RollBackUseCase).clear()

        assert cleared.removed == []

    async def test_who_is_overtaken_touches_nothing_more(
        self, run, container, instead, begun, workspace
    ):
        container.get(Owners).leave(begun.owner)

        async def overtaken(real, rollback, owner, now):
            await real(rollback, OwnerId("another"), now)
            return await real(rollback, owner, now)

        with instead(RollbackRepository, "take_over", overtaken):
            result = await container.get(RollBackUseCase).roll_back("a")

        assert "somebody else goes on with it" in result.error


async def test_an_age_that_is_none_is_refused(rolling):
    cleared = await rolling.clear("long")

    assert (cleared.success, cleared.removed) == (False, ())
    assert "older_than" in cleared.error


async def test_of_many_steps_none_is_begun_behind_a_conflict(
    run, container, instead, workspace, tree
):
    async def many(task):
        for number in range(40):
            await task.files.write_text(f"{number:02}.txt", "by the task")

    await run("a", many)
    after = tree()
    begun = []

    async def with_an_edit(real, rollback_id, number, step):
        begun.append(number)
        (workspace / step.path).write_text("mine")
        return await real(rollback_id, number, step)

    with instead(Restorer, "carry_out", with_an_edit):
        result = await container.get(RollBackUseCase).roll_back("a")

    assert not result.success
    assert begun == [0]
    assert tree() == {**after, "00.txt": (b"mine", 0o644)}


async def test_what_is_kept_is_told(run, rolling, before):
    await run("a", writer)
    done = await rolling.roll_back("a")

    [kept] = await rolling.quarantined()
    assert (kept.rollback_id, kept.files, kept.size) == (done.rollback_id, 1, 11)


async def test_in_the_middle_of_it_what_it_does_is_declared(run, container, instead, before):
    await run("a", writer)
    tracking = container.get(TrackFileOperationsUseCase)
    seen = []

    async def verified(real, *args):
        done = await real(*args)
        seen.append(await tracking.verify_task("a"))
        return done

    with instead(Restorer, "carry_out", verified):
        await container.get(RollBackUseCase).roll_back("a")

    assert len(seen) == 3
    assert [one.failed_verifications for one in seen] == [(), (), ()]
