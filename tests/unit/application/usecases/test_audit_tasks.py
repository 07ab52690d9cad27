"""The audit trail is signed and held against what was signed; what tasks did is attested."""

import json
from collections.abc import AsyncIterator, Sequence
from hashlib import sha256
from typing import Any
from unittest.mock import AsyncMock

import pytest

from vespera import Container, TaskContext, TaskOrchestrator
from vespera.application.ports.audit import AuditTrail, Signing
from vespera.application.ports.clock import Clock
from vespera.application.ports.persistence import (
    FileOperationRepository,
    ReportRepository,
    TaskRepository,
    UnitOfWork,
)
from vespera.application.runtime.specialists import Specialists
from vespera.application.usecases import attested_files
from vespera.application.usecases.audit_tasks import (
    HEAD_TYPE,
    AuditTasksUseCase,
    VerifyAuditResult,
)
from vespera.application.usecases.audited_records import AuditedRecords, ToldRecords
from vespera.domain.audit import NO_ENTRY, AuditEntry, AuditFlaw, entry_after, head_at
from vespera.domain.envelope import Envelope, EnvelopeSignature, envelope_json
from vespera.domain.errors import InvalidRequest
from vespera.domain.file_operation import FileState, Phase, SymlinkState
from vespera.domain.ids import ReportId, TaskId
from vespera.testing.conformance.samples import NOW, a_report, a_running_task, an_operation

KEY, PUBLIC = b"private of a", b"public of a"


def sign(private_key: bytes, message: bytes) -> EnvelopeSignature:
    if not private_key.startswith(b"private"):
        raise InvalidRequest("is none", field="key")
    owner = private_key.rpartition(b" ")[2]
    return EnvelopeSignature("hint", sha256(owner + message).digest())


def is_signed(public_key: bytes, message: bytes, signature: bytes) -> bool:
    return sha256(public_key.rpartition(b" ")[2] + message).digest() == signature


def a_chain(length: int, payload: str = "{}") -> list[AuditEntry]:
    entries: list[AuditEntry] = []
    head = NO_ENTRY
    for number in range(length):
        entries.append(entry_after(head, at=number, kind="x", payload=payload))
        head = head_at(entries[-1])
    return entries


@pytest.fixture
def entries() -> list[AuditEntry]:
    """The trail."""
    return a_chain(2500)


@pytest.fixture
def audit(desk: Any, entries: list[AuditEntry]) -> AuditTasksUseCase:
    def page(*, after: int = 0, limit: int = 1000) -> Sequence[AuditEntry]:
        return [entry for entry in entries if entry.number > after][:limit]

    trail = AsyncMock(spec=AuditTrail)
    trail.page.side_effect = page
    trail.head.side_effect = lambda: head_at(entries[-1])
    signing = AsyncMock(spec=Signing)
    signing.sign.side_effect = sign
    signing.is_signed.side_effect = is_signed
    signing.new_keys.return_value = (KEY, PUBLIC)
    desk.container.override(AuditTrail, trail)
    desk.container.override(Signing, signing)
    return desk.container.get(AuditTasksUseCase)


def in_json(envelope: Envelope | None) -> str:
    assert envelope is not None
    return json.dumps(envelope_json(envelope))


def test_keys_are_made(audit: AuditTasksUseCase) -> None:
    keys = audit.new_keys()

    assert (keys.private_key, keys.public_key) == (KEY, PUBLIC)


async def test_a_signed_head_agrees_with_the_trail_as_it_goes_on(
    audit: AuditTasksUseCase, entries: list[AuditEntry]
) -> None:
    signed = await audit.sign_head(KEY)
    assert signed.head == head_at(entries[-1])
    assert signed.envelope is not None
    assert json.loads(signed.envelope.payload)["number"] == 2500
    entries.append(entry_after(signed.head, at=0, kind="y", payload="{}"))
    again = await audit.sign_head(KEY)
    found = await audit.verify([in_json(again.envelope), in_json(signed.envelope)] * 2, PUBLIC)

    assert (found.sound, found.head.number, found.heads) == (True, 2501, 4)


async def test_a_sound_trail_is_sound_without_heads(audit: AuditTasksUseCase) -> None:
    found = await audit.verify()

    assert (found.sound, found.head.number, found.heads, found.records) == (True, 2500, 0, 0)


async def test_the_first_flaw_is_found_wherever_it_is(
    audit: AuditTasksUseCase, entries: list[AuditEntry]
) -> None:
    del entries[1999]
    found = await audit.verify()

    assert not found.sound
    assert found.success
    assert found.flaw is not None
    assert (found.flaw.number, found.head.number) == (2000, 1999)


async def test_a_trail_that_is_not_sound_is_not_signed(
    audit: AuditTasksUseCase, entries: list[AuditEntry]
) -> None:
    del entries[1]
    signed = await audit.sign_head(KEY)

    assert not signed.success
    assert (signed.error or "").startswith("Entry 2: it is missing")


async def test_an_empty_trail_is_not_signed_and_is_sound(
    audit: AuditTasksUseCase, entries: list[AuditEntry]
) -> None:
    entries.clear()

    assert "is empty" in ((await audit.sign_head(KEY)).error or "")
    assert (await audit.verify()).sound


async def test_a_trail_that_was_written_anew_is_found_out(
    audit: AuditTasksUseCase, entries: list[AuditEntry]
) -> None:
    signed = await audit.sign_head(KEY)
    entries[:] = a_chain(3000, '{"forged":true}')
    found = await audit.verify([in_json(signed.envelope)], PUBLIC)

    assert found.flaw is not None
    assert (found.flaw.number, found.sound) == (2500, False)
    assert "written anew" in found.flaw.text


async def test_a_trail_that_was_cut_off_is_found_out(
    audit: AuditTasksUseCase, entries: list[AuditEntry]
) -> None:
    signed = await audit.sign_head(KEY)
    del entries[100:]
    found = await audit.verify([in_json(signed.envelope)], PUBLIC)

    assert found.flaw is not None
    assert found.flaw.number == 101


async def test_what_is_no_head_of_that_key_is_told(audit: AuditTasksUseCase, desk: Any) -> None:
    signed = await audit.sign_head(KEY)
    others = Envelope(payload_type="a/b", payload=b"{}")
    unsigned = Envelope(payload_type=HEAD_TYPE, payload=b"{}")

    for text, key, told in (
        (in_json(signed.envelope), None, "public_key: is needed"),
        (in_json(signed.envelope), b"public of b", "was not signed with this key"),
        (in_json(unsigned), PUBLIC, "was not signed with this key"),
        (in_json(others), PUBLIC, "is no signed head of an audit trail, but 'a/b'"),
        ("{}", PUBLIC, "is no signed envelope"),
    ):
        found = await audit.verify([text], key)
        assert not found.success
        assert not found.sound
        assert told in (found.error or "")


async def test_a_signed_head_that_is_none_is_told(audit: AuditTasksUseCase) -> None:
    for payload in (b"[]", b"{}", b'{"number": "1", "hash": "x"}', b"\xff"):
        bare = Envelope(payload_type=HEAD_TYPE, payload=payload)
        signature = sign(KEY, bare.signed_bytes)
        signed = Envelope(payload_type=HEAD_TYPE, payload=payload, signatures=[signature])
        found = await audit.verify([in_json(signed)], PUBLIC)
        assert "holds no head" in (found.error or "")


async def test_what_is_no_key_is_told(audit: AuditTasksUseCase, desk: Any) -> None:
    await desk.create("a", b"x")

    assert (await audit.sign_head(b"?")).error == "key: is none"
    assert (await audit.attest("task", b"?")).error == "key: is none"


async def statement(audit: AuditTasksUseCase, **more: Any) -> Any:
    attested = await audit.attest("task", KEY, **more)
    assert attested.envelope is not None, attested.error
    assert attested.envelope.payload_type == "application/vnd.in-toto+json"
    message, [signature] = attested.envelope.signed_bytes, attested.envelope.signatures
    assert is_signed(PUBLIC, message, signature.signature)
    return json.loads(attested.envelope.payload)


async def test_what_a_task_did_is_attested(
    audit: AuditTasksUseCase, desk: Any, entries: list[AuditEntry]
) -> None:
    desk.disk |= {"in": b"in", "old": b"old", "gone": b"gone", "link": SymlinkState("x")}
    await desk.tracker.track_file_read("in")
    await desk.modify("old", b"new")
    await desk.delete("gone")
    await desk.modify("link", SymlinkState("y"))
    await desk.tracker.track_file_read("old", after=True)
    found = await statement(audit, name="build")

    [product] = found["subject"]
    assert product["name"] == "old"
    assert product["digest"]["sha256"] == sha256(b"new").hexdigest()
    materials = found["predicate"]["materials"]
    assert [one["name"] for one in materials] == ["gone", "old", "in"]
    assert ["sha256" in one["digest"] for one in materials] == [False, False, True]
    assert found["predicate"]["name"] == "build"
    assert found["predicate"]["byproducts"] == {
        "task": {"id": "task", "operations": 5, "verified": False},
        "removed": ["gone"],
        "others": [{"path": "link", "after": {"state": "symlink", "target": "y"}}],
        "audit": {"number": 2500, "hash": entries[-1].hash},
    }


async def test_sha256_comes_from_the_store_where_the_disk_has_something_else(
    audit: AuditTasksUseCase, desk: Any
) -> None:
    desk.disk["a"] = desk.keep(b"old")
    await desk.modify("a", b"new")
    [material] = (await statement(audit))["predicate"]["materials"]

    assert material["digest"]["sha256"] == sha256(b"old").hexdigest()


async def test_what_is_too_large_to_be_read_is_attested_by_blake3(
    audit: AuditTasksUseCase, desk: Any
) -> None:
    await desk.create("a", b"new")
    desk.disk["a"] = FileState("b3:1", attested_files.LARGEST_READ + 1, 0o644)
    [product] = (await statement(audit))["subject"]

    assert product["digest"] == {"blake3": "1"}
    desk.files.read.assert_not_awaited()


async def test_a_task_of_our_own_is_attested_with_its_end(
    audit: AuditTasksUseCase, desk: Any
) -> None:
    async def clerk(task: TaskContext) -> None:
        await task.files.track_file_create("a")
        desk.disk["a"] = b"x"

    desk.container.get(Specialists).register("clerk", clerk)
    await desk.container.get(TaskOrchestrator).run(
        title="Write", specialist_type="clerk", task_id="task"
    )
    task = (await statement(audit))["predicate"]["byproducts"]["task"]

    assert (task["status"], task["title"], task["attempt"]) == ("completed", "Write", 1)
    assert task["verified"]
    assert task["report_id"]


async def test_what_cannot_be_attested_is_told(audit: AuditTasksUseCase, desk: Any) -> None:
    desk.disk["a"] = b"x"
    await desk.delete("a")

    for words, told in {
        ("nobody", KEY): "No task has the id 'nobody'.",
        ("", KEY): "task_id: must be text",
        ("task", KEY, ""): "name: must be text",
        ("task", KEY): "task_id: the task left no file that could be attested",
    }.items():
        assert ((await audit.attest(*words)).error or "").startswith(told)


class TestRecords:
    """What is stored is held against what the trail tells of it; here both are real."""

    @pytest.fixture
    async def office(self) -> AsyncIterator[Container]:
        async with Container(workspace="/nonexistent/vespera", audit=True) as container:
            yield container

    async def found(self, office: Container) -> VerifyAuditResult:
        return await office.get(AuditTasksUseCase).verify()

    async def test_what_is_stored_as_it_is_told_is_sound(self, office: Container) -> None:
        await record_all(office)
        found = await self.found(office)

        assert (found.sound, found.head.number, found.records) == (True, 4, 3)

    async def test_an_operation_that_is_stored_otherwise_is_found(self, office: Container) -> None:
        await record_all(office)
        forged = an_operation(phase=Phase.DONE, path="b.txt")
        operations = AsyncMock(spec=FileOperationRepository)
        operations.find.return_value = {forged.id: forged}
        flaw = (await self.found_with(office, operations)).flaw

        assert flaw == AuditFlaw(2, "it tells otherwise of the file_operation 'o1', as stored")

    async def test_an_operation_that_is_gone_is_found_while_its_task_is_there(
        self, office: Container
    ) -> None:
        await record_all(office)
        operations = AsyncMock(spec=FileOperationRepository)
        operations.find.return_value = {}
        flaw = (await self.found_with(office, operations)).flaw

        assert flaw == AuditFlaw(2, "the file_operation 'o1' that it tells of is gone")

    async def found_with(self, office: Container, operations: Any) -> VerifyAuditResult:
        use_case = AuditTasksUseCase(
            trail=office.get(AuditTrail),
            signing=office.get(Signing),
            records=AuditedRecords(
                operations=operations,
                reports=office.get(ReportRepository),
                tasks=office.get(TaskRepository),
            ),
            files=AsyncMock(),
            clock=office.get(Clock),
        )
        return await use_case.verify()

    async def test_what_is_gone_with_its_task_is_no_flaw(self, office: Container) -> None:
        await office.get(FileOperationRepository).add(an_operation(task_id=TaskId("a name")))
        operations = AsyncMock(spec=FileOperationRepository)
        operations.find.return_value = {}

        assert (await self.found_with(office, operations)).sound

    async def test_nobody_looks_at_records_if_one_does_not_want_it(self, office: Container) -> None:
        await record_all(office)

        found = await office.get(AuditTasksUseCase).verify(records=False)
        assert (found.sound, found.records) == (True, 0)

    async def test_what_is_recorded_while_one_looks_is_no_flaw(self, office: Container) -> None:
        kept = office.get(FileOperationRepository)
        await record_all(office)
        operations = AsyncMock(spec=FileOperationRepository)

        async def meanwhile(ids: Any) -> Any:
            await kept.save(an_operation(phase=Phase.DONE, after=FileState("b3:1", 1, 0o644)))
            await kept.add(an_operation("o2"))
            return await kept.find(ids)

        operations.find.side_effect = meanwhile

        assert (await self.found_with(office, operations)).sound

    async def test_entries_in_another_form_are_no_matter(self) -> None:
        told = ToldRecords()
        for payload in ("", "[]", "7", "{}", '{"operation_id": [], "task_id": "t"}'):
            told.take(entry_after(NO_ENTRY, at=0, kind="file_operation", payload=payload))
            told.take(entry_after(NO_ENTRY, at=0, kind="withdrawal", payload=payload))

        assert told.records == {}

    async def test_what_was_withdrawn_need_not_be_there(self) -> None:
        told = ToldRecords()
        payload = '{"operation_id": "o", "task_id": "t"}'
        told.take(entry_after(NO_ENTRY, at=0, kind="file_operation", payload=payload))
        assert told.ids("file_operation") == ["o"]
        told.take(entry_after(NO_ENTRY, at=0, kind="withdrawal", payload=payload))

        assert told.records == {}


async def record_all(office: Container) -> None:
    """A task with an operation that is carried out, a report, and its completion."""
    task = a_running_task()
    await office.get(TaskRepository).add(task)
    await office.get(FileOperationRepository).add(an_operation(metadata={"a": {"1": 2.5}}))
    await office.get(FileOperationRepository).save(an_operation(phase=Phase.DONE))
    async with office.get(UnitOfWork)():
        await office.get(ReportRepository).add(a_report("r1"))
        done = task.complete(b"outcome", ReportId("r1"), NOW)
        await office.get(TaskRepository).complete(done, operations=1)
