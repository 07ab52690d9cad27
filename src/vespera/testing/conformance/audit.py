"""The promises of ``AuditTrail`` and ``Signing``."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence

import pytest
import pytest_asyncio

from vespera.application.ports.audit import AuditTrail, Signing
from vespera.domain.audit import NO_ENTRY, AuditEntry, flaw_of, head_at
from vespera.domain.errors import InvalidRequest
from vespera.domain.file_operation import Phase
from vespera.domain.ids import ReportId
from vespera.testing.conformance.samples import NOW, a_report, a_running_task, an_operation
from vespera.testing.conformance.stores import PersistenceSuite, Stores
from vespera.testing.conformance.suite import AdapterSuite, Made, adapter_of


class AuditTrailConformance(PersistenceSuite):
    """Give ``make_stores``; their trail is on."""

    ports = (AuditTrail,)

    async def test_where_nothing_was_recorded_there_is_no_entry(self, stores: Stores) -> None:
        assert await stores.audit.page() == []
        assert await stores.audit.head() == NO_ENTRY
        assert stores.audit.is_on

    async def test_what_is_appended_is_entered_with_its_moment(self, stores: Stores) -> None:
        await stores.audit.append("waiver", NOW, {"who": "me", "path": "\udcff"})
        [entry] = await _sound(stores)

        assert (entry.number, entry.kind) == (1, "waiver")
        assert json.loads(entry.payload) == {"who": "me", "path": "\udcff"}
        assert entry.at == round(NOW.timestamp() * 1_000_000)
        assert await stores.audit.head() == head_at(entry)

    async def test_what_cannot_be_an_entry_is_refused(self, stores: Stores) -> None:
        for kind, payload in (("", {}), ("a b", {}), ("x" * 101, {}), ("a", {"a": object()})):
            with pytest.raises(InvalidRequest):
                await stores.audit.append(kind, NOW, payload)
        assert await stores.audit.page() == []

    async def test_file_operations_are_entered_when_they_are_recorded_and_carried_out(
        self, stores: Stores
    ) -> None:
        await stores.operations.add(an_operation(phase=Phase.INTENT))
        await stores.operations.save(an_operation(phase=Phase.DONE))
        told = [json.loads(entry.payload) for entry in await _sound(stores)]

        assert [one["phase"] for one in told] == ["intent", "done"]
        assert {one["operation_id"] for one in told} == {an_operation().id}

    async def test_reports_and_completions_are_entered(self, stores: Stores) -> None:
        task = a_running_task()
        await stores.tasks.add(task)
        done = task.complete(b"outcome", ReportId("r1"), NOW)
        async with stores.unit_of_work():
            await stores.reports.add(a_report("r1"))
            await stores.tasks.complete(done, operations=0)
        report, completion = await _sound(stores)

        assert (report.kind, completion.kind) == ("report", "completion")
        assert json.loads(completion.payload)["report_id"] == "r1"

    async def test_what_is_not_committed_is_not_entered(self, stores: Stores) -> None:
        with pytest.raises(RuntimeError):
            async with stores.unit_of_work():
                await stores.operations.add(an_operation())
                await stores.audit.append("waiver", NOW, {})
                raise RuntimeError
        async with stores.unit_of_work():
            await stores.audit.append("waiver", NOW, {})
            assert await stores.audit.page() == []

        assert [entry.number for entry in await _sound(stores)] == [1]

    async def test_the_chain_has_no_fork_and_no_gap_however_many_write(
        self, stores: Stores
    ) -> None:
        await asyncio.gather(
            *(stores.audit.append("waiver", NOW, {"number": number}) for number in range(20)),
            *(stores.operations.add(an_operation(f"o{number}")) for number in range(20)),
        )

        assert len(await _sound(stores)) == 40

    async def test_entries_come_page_by_page(self, stores: Stores) -> None:
        for number in range(5):
            await stores.audit.append("waiver", NOW, {"number": number})

        first = await stores.audit.page(limit=3)
        rest = await stores.audit.page(after=first[-1].number)
        assert [entry.number for entry in (*first, *rest)] == [1, 2, 3, 4, 5]
        assert await stores.audit.page(limit=0) == []


class SigningConformance(AdapterSuite):
    """Give ``make_signing``."""

    ports = (Signing,)

    def make_signing(self) -> Made[Signing]:
        """The adapter to be tested."""
        raise self.missing("make_signing", "a Signing")

    @pytest_asyncio.fixture
    async def signing(self) -> AsyncIterator[Signing]:
        """The adapter of ``make_signing``."""
        async with adapter_of(self.make_signing) as signing:
            yield signing

    async def test_a_signature_is_known_by_the_public_key(self, signing: Signing) -> None:
        private_key, public_key = signing.new_keys()
        signed = signing.sign(private_key, b"message")

        assert signing.is_signed(public_key, b"message", signed.signature)

    async def test_nothing_else_is_signed_by_it(self, signing: Signing) -> None:
        private_key, public_key = signing.new_keys()
        _, others = signing.new_keys()
        signature = signing.sign(private_key, b"message").signature

        assert not signing.is_signed(public_key, b"another", signature)
        assert not signing.is_signed(others, b"message", signature)
        assert not signing.is_signed(public_key, b"message", signature[::-1])
        assert not signing.is_signed(public_key, b"message", b"")

    async def test_the_hint_is_that_of_the_key(self, signing: Signing) -> None:
        one, other = signing.new_keys()[0], signing.new_keys()[0]
        hints = [signing.sign(key, told).key_id for key, told in ((one, b"a"), (one, b"b"))]

        assert len({*hints, signing.sign(other, b"a").key_id}) == 2

    async def test_what_is_no_key_is_refused_and_not_told(self, signing: Signing) -> None:
        private_key, public_key = signing.new_keys()
        for wrong in (public_key, b"", b"no key at all", b"\xff"):
            with pytest.raises(InvalidRequest):
                signing.sign(wrong, b"message")
        for wrong in (private_key, b"", b"no key at all", b"\xff"):
            with pytest.raises(InvalidRequest) as refused:
                signing.is_signed(wrong, b"message", b"signature")
            assert str(private_key) not in str(refused.value)


async def _sound(stores: Stores) -> Sequence[AuditEntry]:
    """All entries, once each is known to belong behind the one before."""
    entries, head = await stores.audit.page(), NO_ENTRY
    for entry in entries:
        assert flaw_of(head, entry) is None
        head = head_at(entry)
    return entries
