"""Sign the audit trail, find out whether it is as it was written, and attest what tasks did."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from vespera.application.ports.audit import AuditTrail, Signing
from vespera.application.ports.clock import Clock
from vespera.application.usecases.attested_files import AttestedFiles
from vespera.application.usecases.audited_records import AuditedRecords, ToldRecords
from vespera.domain.audit import (
    NO_ENTRY,
    AuditFlaw,
    AuditHead,
    canonical,
    flaw_against,
    flaw_of,
    head_at,
)
from vespera.domain.envelope import Envelope, envelope_from
from vespera.domain.errors import InvalidRequest, TaskNotFound
from vespera.domain.link_statement import PAYLOAD_TYPE

HEAD_TYPE = "application/vnd.vespera.audit-head+json"
_PAGE = 200
_NO_TRAIL = (
    "There is nothing to sign: the audit trail is empty. What is recorded while the setting 'audit'"
    " is True enters it."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKeysResult:
    """A private key and the public one that belongs to it, both as PEM."""

    private_key: bytes
    public_key: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class SignHeadResult:
    """The head of the audit trail, signed; or why it is not."""

    success: bool
    head: AuditHead | None = None
    envelope: Envelope | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyAuditResult:
    """What was found in the audit trail.

    ``success`` says that it was looked through, ``sound`` that nothing speaks against it.

    Attributes:
        head: the last entry that is sound.
        flaw: the first that is not, if any.
        heads: how many signed heads it was held against.
        records: how many stored records it was held against.
    """

    success: bool
    head: AuditHead = NO_ENTRY
    flaw: AuditFlaw | None = None
    heads: int = 0
    records: int = 0
    error: str | None = None

    @property
    def sound(self) -> bool:
        """Whether it was looked through, and nothing speaks against it."""
        return self.success and self.flaw is None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttestTaskResult:
    """The statement on what a task did to files, signed; or why there is none."""

    success: bool
    envelope: Envelope | None = None
    error: str | None = None


class AuditTasksUseCase:
    """Works on the audit trail, and only reads it. Keys are given and never kept.

    All methods that sign or check signatures raise ``MissingExtra``, where the extra ``audit`` is
    not installed.
    """

    def __init__(
        self,
        *,
        trail: AuditTrail,
        signing: Signing,
        records: AuditedRecords,
        files: AttestedFiles,
        clock: Clock,
    ) -> None:
        self._trail, self._signing = trail, signing
        self._records, self._files, self._clock = records, files, clock

    def new_keys(self) -> NewKeysResult:
        """A new pair of keys for Ed25519."""
        private_key, public_key = self._signing.new_keys()
        return NewKeysResult(private_key=private_key, public_key=public_key)

    async def sign_head(self, private_key: bytes) -> SignHeadResult:
        """Sign the number and the hash of the last entry; keep what this gives elsewhere.

        A trail that is not sound is not signed.

        Raises:
            StorageError: the database cannot do its work.
        """
        found = await self._walk([], ToldRecords())
        if found.flaw is not None:
            told = f"Entry {found.flaw.number}: {found.flaw.text}. Nothing was signed."
            return SignHeadResult(success=False, error=told)
        if not found.head.number:
            return SignHeadResult(success=False, error=_NO_TRAIL)
        form = {"number": found.head.number, "hash": found.head.hash}
        signed_at = self._clock.now().isoformat()
        payload = canonical({**form, "signed_at": signed_at}).encode()
        try:
            envelope = self._signed(HEAD_TYPE, payload, private_key)
        except InvalidRequest as error:
            return SignHeadResult(success=False, error=str(error))
        return SignHeadResult(success=True, head=found.head, envelope=envelope)

    async def verify(
        self,
        heads: Sequence[str | bytes] = (),
        public_key: bytes | None = None,
        *,
        records: bool = True,
    ) -> VerifyAuditResult:
        """Find the first entry that is not as it was written, or of which something else is stored.

        The chain alone shows what was changed, removed, inserted or reordered by somebody who did
        not write all later hashes anew. Whoever did, or cut off the end, is found out by a head
        that was signed before, and kept where they could not reach it.

        Args:
            heads: signed heads, as ``sign_head`` gave them, in JSON.
            public_key: of whoever signed them; needed with ``heads``.
            records: hold the records that entries tell of against these, too.

        Raises:
            StorageError: the database cannot do its work.
        """
        try:
            signed = [self._head_in(text, public_key) for text in heads]
        except InvalidRequest as error:
            return VerifyAuditResult(success=False, error=str(error))
        told = ToldRecords()
        found = await self._walk(signed, told)
        if not records or not found.sound:
            return found
        return await self._held_against_records(found, told)

    async def attest(
        self, task_id: str, private_key: bytes, name: str | None = None
    ) -> AttestTaskResult:
        """An in-toto Statement with the predicate Link v0.3, signed, in a DSSE envelope: which
        files the task left, and what they were before, each with BLAKE3 and, where the content is
        to be had, SHA-256.

        Args:
            task_id: the task, or a name that operations were recorded under.
            private_key: in PEM.
            name: of the step, as an in-toto layout knows it; by default the task's id.

        Raises:
            StorageError: the database cannot do its work.
        """
        try:
            statement = await self._files.statement_on(task_id, name, await self._trail.head())
            payload = canonical(statement).encode()
            envelope = self._signed(PAYLOAD_TYPE, payload, private_key)
        except (InvalidRequest, TaskNotFound) as error:
            return AttestTaskResult(success=False, error=str(error))
        return AttestTaskResult(success=True, envelope=envelope)

    async def _walk(self, signed: Sequence[AuditHead], told: ToldRecords) -> VerifyAuditResult:
        """Go along the chain as far as it is sound, past all the signed heads."""
        head = NO_ENTRY
        waiting = sorted(signed, key=lambda one: one.number)
        while page := await self._trail.page(after=head.number, limit=_PAGE):
            for entry in page:
                flaw = flaw_of(head, entry)
                if flaw is not None:
                    return VerifyAuditResult(success=True, head=head, flaw=flaw, heads=len(signed))
                head = head_at(entry)
                told.take(entry)
                while waiting and waiting[0].number == head.number:
                    flaw = flaw or flaw_against(waiting.pop(0), head)
                if flaw is not None:
                    return VerifyAuditResult(success=True, head=head, flaw=flaw, heads=len(signed))
        flaw = flaw_against(waiting[0], head) if waiting else None
        return VerifyAuditResult(success=True, head=head, flaw=flaw, heads=len(signed))

    async def _held_against_records(
        self, found: VerifyAuditResult, told: ToldRecords
    ) -> VerifyAuditResult:
        """Others may go on writing: what was entered after the records were read may be in them."""
        stored = await self._records.read(told)
        last = found.head.number
        while page := await self._trail.page(after=last, limit=_PAGE):
            for entry in page:
                told.take(entry, more=True)
            last = page[-1].number
        flaw = await self._records.flaw(told, stored)
        return replace(found, flaw=flaw, records=len(stored))

    def _head_in(self, text: str | bytes, public_key: bytes | None) -> AuditHead:
        if public_key is None:
            raise InvalidRequest("is needed to check a signed head", field="public_key")
        envelope = envelope_from(text)
        if envelope.payload_type != HEAD_TYPE:
            told = f"is no signed head of an audit trail, but {envelope.payload_type!r}"
            raise InvalidRequest(told, field="head")
        message = envelope.signed_bytes
        if not any(
            self._signing.is_signed(public_key, message, one.signature)
            for one in envelope.signatures
        ):
            raise InvalidRequest("was not signed with this key", field="head")
        return _head_from(envelope.payload)

    def _signed(self, payload_type: str, payload: bytes, private_key: bytes) -> Envelope:
        bare = Envelope(payload_type=payload_type, payload=payload)
        signature = self._signing.sign(private_key, bare.signed_bytes)
        return Envelope(payload_type=payload_type, payload=payload, signatures=[signature])


def _head_from(payload: bytes) -> AuditHead:
    try:
        form: Any = json.loads(payload)
        number, told = form["number"], form["hash"]
    except (ValueError, TypeError, KeyError):
        number = told = None
    if not isinstance(number, int) or not isinstance(told, str):
        raise InvalidRequest("holds no head, though it was signed with this key", field="head")
    return AuditHead(number, told)
