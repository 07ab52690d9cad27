"""Files that cannot be written, that are torn, and that vanish; and what the engine makes of it."""

from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock

import pytest

from vespera import RetryPolicy, TaskContext
from vespera.application.ports.files import FileStore
from vespera.domain.errors import FileUnreadable
from vespera.domain.file_operation import Absent, UnknownState
from vespera.testing import AsyncTestBase
from vespera.testing.faults import FaultNeverHit, Faults, InjectedFault

PATIENT = RetryPolicy(max_attempts=3, delay=60)


class Writing(AsyncTestBase):
    @pytest.fixture(autouse=True)
    def _specialist(self) -> None:
        async def write(task: TaskContext) -> str:
            await task.files.write_text("report/a.json", "the whole report")
            return "written"

        self.register("writer", write)

    @property
    def store(self) -> FileStore:
        return self.container.get(FileStore)

    def everything(self) -> list[str]:
        return sorted(p.name for p in self.workspace.iterdir())

    def names(self) -> list[str]:
        return sorted(p.name for p in (self.workspace / "report").iterdir())


class TestTheStore(Writing):
    @pytest.mark.parametrize(
        ("error", "words"),
        [
            ("ENOSPC", "No space left on device; free some space and try again"),
            ("EACCES", "Permission denied; give this user the permission"),
            ("EROFS", "Read-only file system; choose a workspace that can be written"),
            ("EIO", "Input/output error"),
        ],
    )
    async def test_the_system_s_errors_are_told_as_the_store_tells_them(
        self, faults: Faults, error: str, words: str
    ):
        with (
            faults.at("file:write report/*.json", error=error),
            pytest.raises(FileUnreadable, match=f"'report/a.json' cannot be written: {words}"),
        ):
            await self.store.write("report/a.json", b"new", token="t1")
        await self.store.write("report/a.txt", b"other", token="t2")

        assert self.names() == ["a.txt"]

    async def test_reading_and_deleting_fail_alike(self, faults: Faults):
        await self.store.write("a.txt", b"kept", token="t1")
        with faults.at("file:* a.txt", error="EACCES"):
            with pytest.raises(FileUnreadable, match=r"cannot be read: Permission denied"):
                await self.store.read("a.txt")
            with pytest.raises(FileUnreadable, match=r"cannot be deleted: Permission denied"):
                await self.store.delete("a.txt")
            (state,) = await self.store.observe(["a.txt"])
            assert isinstance(state, UnknownState)

        assert await self.store.read("a.txt") == b"kept"

    @pytest.mark.parametrize(
        ("operation", "act", "word"),
        [
            ("move", lambda store: store.move("a.txt", "b.txt"), "moved"),
            ("copy", lambda store: store.copy("a.txt", "b.txt", token="t2"), "copied"),
            ("mkdir", lambda store: store.make_directory("b"), "made"),
            ("rmdir", lambda store: store.remove_directory("sub"), "removed"),
            ("symlink", lambda store: store.make_link("link", "a.txt"), "made"),
            ("chmod", lambda store: store.change_mode("a.txt", 0o600), "given another mode"),
        ],
    )
    async def test_every_kind_of_change_can_fail(
        self, faults: Faults, operation: str, act: Any, word: str
    ):
        await self.store.write("a.txt", b"kept", token="t1")
        await self.store.make_directory("sub")
        with (
            faults.at(f"file:{operation}", error="ENOSPC"),
            pytest.raises(FileUnreadable, match=f"cannot be {word}: No space left on device"),
        ):
            await act(self.store)

        assert self.everything() == ["a.txt", "sub"]

    async def test_a_torn_write_leaves_the_old_file_and_half_of_the_new_beside_it(
        self, faults: Faults
    ):
        await self.store.write("report/a.json", b"old", token="t0")
        with faults.at("file:write", error="torn"), pytest.raises(FileUnreadable):
            await self.store.write("report/a.json", b"12345678", token="t1")

        assert (self.workspace / "report" / "a.json").read_bytes() == b"old"
        assert (self.workspace / "report" / ".vespera-t1.tmp").read_bytes() == b"1234"
        await self.store.write("report/a.json", b"12345678", token="t1")
        assert self.names() == ["a.json"]

    async def test_a_vanished_file_is_gone_right_after(self, faults: Faults):
        with faults.at("file:write a.txt", error="vanish") as fault:
            await self.store.write("a.txt", b"new", token="t1")

        assert fault.hits == 1
        assert list(await self.store.observe(["a.txt"])) == [Absent()]

    async def test_after_a_look_or_a_read_a_file_can_vanish_too(self, faults: Faults):
        for operation in ("read", "observe"):
            await self.store.write("a.txt", b"new", token="t1")
            with faults.at(f"file:{operation} a.txt", error="vanish"):
                if operation == "read":
                    assert await self.store.read("a.txt") == b"new"
                else:
                    assert list(await self.store.observe(["a.txt"])) != [Absent()]
            assert list(await self.store.observe(["a.txt"])) == [Absent()]

    async def test_an_answer_can_be_lost(self, faults: Faults):
        with (
            faults.at("file:write", error=InjectedFault, when="after"),
            pytest.raises(InjectedFault),
        ):
            await self.store.write("a.txt", b"new", token="t1")
        with faults.at("file:delete", error="EIO", when="after"), pytest.raises(FileUnreadable):
            await self.store.delete("a.txt")

        assert list(await self.store.observe(["a.txt"])) == [Absent()]

    async def test_an_error_of_one_s_own_is_raised_as_it_is(self, faults: Faults):
        with faults.at("file:observe", error=KeyError, when="after"), pytest.raises(KeyError):
            await self.store.observe(["a.txt"])
        with faults.at("file:read", error=KeyError("mine")), pytest.raises(KeyError, match="mine"):
            await self.store.read("a.txt")

    async def test_a_slow_disk_takes_the_clock_s_time(self, faults: Faults):
        began = self.clock.now()
        with faults.at("file:write", delay=60):
            async with self.clock.running():
                await self.store.write("a.txt", b"new", token="t1")

        assert (self.clock.now() - began).total_seconds() == 60

    async def test_what_else_the_store_does_it_still_does(self, faults: Faults):
        assert await self.store.locate(Path("a") / "b") == "a/b"
        assert self.store.digest(b"a") == self.store.digest(b"a")

    async def test_a_fault_at_another_path_was_never_hit_and_says_where_files_were(
        self, faults: Faults
    ):
        with (
            pytest.raises(FaultNeverHit, match=r"Did you mean 'write report/a\.json'"),
            faults.at("file:write report/b.json"),
        ):
            await self.store.write("report/a.json", b"new", token="t1")


class TestAnotherStore(Writing):
    async def test_its_refusal_is_that_of_the_port(self):
        self.override(FileStore, AsyncMock(spec=FileStore))
        with (
            Faults(self.container) as faults,
            faults.at("file:write", error="EROFS"),
            pytest.raises(FileUnreadable, match="Read-only file system"),
        ):
            await self.store.write("a.txt", b"", token="t1")


class TestTheEngine(Writing):
    @pytest.mark.parametrize("error", ["ENOSPC", "EACCES", "EROFS", "EIO", "torn"])
    async def test_a_write_that_fails_is_made_good_by_the_next_attempt(
        self, faults: Faults, error: str
    ):
        task = await self.create_test_task(specialist_type="writer", retry=PATIENT)
        with faults.at("file:write", error=error, times=2) as fault:
            result = await self.wait_for_completion(task.task_id, timeout=600)

        assert fault.hits == 2
        assert result.result == "written"
        assert self.names() == ["a.json"]
        assert (self.workspace / "report" / "a.json").read_text() == "the whole report"

    async def test_a_write_that_always_fails_fails_the_task_with_the_reason(self, faults: Faults):
        task = await self.create_test_task(specialist_type="writer")
        faults.at("file:write", error="ENOSPC")
        with pytest.raises(AssertionError, match=r"FileUnreadable.*No space left.*free some"):
            await self.wait_for_completion(task.task_id)

    async def test_a_write_whose_answer_was_lost_is_not_repeated(self, faults: Faults):
        task = await self.create_test_task(specialist_type="writer", retry=PATIENT)
        lost = FileUnreadable("the answer was lost")
        with faults.at("file:write", error=lost, when="after") as fault:
            await self.wait_for_completion(task.task_id, timeout=600)

        assert fault.hits == 1

    async def test_a_file_that_vanished_is_no_ground_to_complete_the_task(self, faults: Faults):
        task = await self.create_test_task(specialist_type="writer")
        with (
            faults.at("file:write", error="vanish"),
            pytest.raises(AssertionError, match="1 of 1 file operations are not proven"),
        ):
            await self.wait_for_completion(task.task_id)

        assert (await self.status(task.task_id)).status == "executed"

    async def test_a_file_that_cannot_be_looked_at_proves_nothing(self, faults: Faults):
        task = await self.create_test_task(specialist_type="writer")
        with (
            faults.at("file:observe", error="EIO", after=1),
            pytest.raises(AssertionError, match="not proven"),
        ):
            await self.wait_for_completion(task.task_id)
