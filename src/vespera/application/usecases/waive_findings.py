"""Answer for what could not be proven, so that a task may complete all the same."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vespera.application.ports.clock import Clock
from vespera.application.ports.waivers import Waivers
from vespera.application.usecases.file_statements import checked_id
from vespera.application.usecases.track_file_operations import TrackFileOperationsUseCase
from vespera.domain.errors import FileUnreadable, InvalidRequest, RequestError
from vespera.domain.ids import TaskId, WaiverId
from vespera.domain.retry import whole_number_of
from vespera.domain.verification import Finding
from vespera.domain.waiver import Waiver, why_not_waivable

LONGEST_NAME = 200
LONGEST_REASON = 10_000
LARGEST_PAGE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class WaiveResult:
    """The waivers that hold now (or, if one was revoked, hold no more); ``error`` says why there
    are none.
    """

    success: bool
    waivers: Sequence[Waiver] = ()
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListWaiversResult:
    """Waivers, the newest first; ``next`` goes on behind them, None if there are no more."""

    success: bool
    waivers: Sequence[Waiver] = ()
    next: WaiverId | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WaiveFindingsUseCase:
    """Waives findings, revokes waivers, and lists them.

    A waiver tells who answers for which finding, why and since when. It holds for that finding as
    it is: if the verdict becomes another, or what is on the disk, the gate refuses again. A refused
    task is then completed by ``complete_task``, as after any other correction. Whoever can call
    this can waive; ``by`` is a name that is kept, not one that is proven.
    """

    tracking: TrackFileOperationsUseCase
    waivers: Waivers
    clock: Clock
    new_id: Callable[[], str]

    async def waive(
        self,
        task_id: str,
        operation_id: str | None = None,
        *,
        path: str | None = None,
        by: str,
        reason: str,
    ) -> WaiveResult:
        """Let findings of a task, or of one that it has spawned, pass as they are now; durable when
        it returns. What is waived already stays so, by its first waiver.

        Args:
            task_id: whose completion it is about.
            operation_id: of one operation; or
            path: all findings on this path that are not proven, as the report names it.
            by: who answers for it, at most 200 characters.
            reason: why it may pass, at most 10,000 characters.

        Returns:
            ``success=False`` with an ``error``, if there is no such finding, or nothing to waive.

        Raises:
            StorageError: the database cannot do its work.
        """
        try:
            task = TaskId(checked_id(task_id, "task_id"))
            check_words(by=by, reason=reason)
            found = await self._found(task, operation_id, path)
            waivers = [await self._waiver(finding, by, reason) for finding in found]
        except (RequestError, FileUnreadable) as refusal:
            return WaiveResult(success=False, error=str(refusal))
        new = [waiver for waiver, is_new in waivers if is_new]
        if new:
            await self.waivers.add(new)
        return WaiveResult(success=True, waivers=tuple(waiver for waiver, _ in waivers))

    async def revoke(self, waiver_id: str, *, by: str) -> WaiveResult:
        """Let a waiver hold no more, and keep who revoked it. A task that has completed stays so.

        One that was revoked before stays as it is.
        """
        try:
            known = WaiverId(checked_id(waiver_id, "waiver_id"))
            _check_text(by, "by", LONGEST_NAME)
            revoked = await self.waivers.revoke(known, by=by, at=self.clock.now())
        except RequestError as refusal:
            return WaiveResult(success=False, error=str(refusal))
        return WaiveResult(success=True, waivers=(revoked,))

    async def list(
        self, task_id: str | None = None, *, limit: int = 100, before: str | None = None
    ) -> ListWaiversResult:
        """Waivers, the newest first, also what was revoked.

        Args:
            task_id: all of this task; None: of all tasks, a page of them.
            limit: how many of all tasks, 1 to 1000.
            before: begin behind the waiver of this id.
        """
        try:
            whole_number_of(limit, "limit", least=1, most=LARGEST_PAGE)
            behind = None if before is None else WaiverId(checked_id(before, "before"))
            task = None if task_id is None else TaskId(checked_id(task_id, "task_id"))
        except InvalidRequest as error:
            return ListWaiversResult(success=False, error=str(error))
        if task is not None:
            found = await self.waivers.of_tasks([task])
            return ListWaiversResult(success=True, waivers=tuple(reversed(found)))
        found = await self.waivers.page(before=behind, limit=limit + 1)
        more = found[limit - 1].id if len(found) > limit else None
        return ListWaiversResult(success=True, waivers=tuple(found[:limit]), next=more)

    async def _found(
        self, task: TaskId, operation_id: str | None, path: str | None
    ) -> Sequence[Finding]:
        if (operation_id is None) is (path is None):
            raise InvalidRequest("give this, or 'path'", field="operation_id")
        report = await self.tracking.examine(task)
        if operation_id is not None:
            found = [f for f in report.findings if f.operation_id == operation_id]
        else:
            there = [f for f in report.findings if path in {f.path, f.destination}]
            found = [f for f in there if not f.passes] or there
        if not found:
            what = f"no operation {operation_id!r}" if path is None else f"nothing of {path!r}"
            raise InvalidRequest(f"the report on task {task!r} has {what}", field="task_id")
        return found

    async def _waiver(self, finding: Finding, by: str, reason: str) -> tuple[Waiver, bool]:
        """The waiver of a finding, and whether it is a new one."""
        if why := why_not_waivable(finding):
            raise InvalidRequest(f"{finding.path!r} ({finding.kind}): {why}", field="finding")
        assert finding.task_id is not None, "else it cannot be waived"
        for known in await self.waivers.of_tasks([finding.task_id]):
            if known.is_of(finding):
                return known, False
        waiver = Waiver(
            id=WaiverId(self.new_id()),
            task_id=finding.task_id,
            operation_id=finding.operation_id,
            kind=finding.kind,
            path=finding.path,
            verdict=finding.verdict,
            before=finding.before,
            after=finding.after,
            now=finding.now,
            by=by,
            reason=reason,
            waived_at=self.clock.now(),
        )
        return waiver, True


def check_words(*, by: object, reason: object = "none") -> None:
    """Refuse what cannot be said of a waiver.

    Args:
        by: who answers for it.
        reason: why it may pass.

    Raises:
        InvalidRequest: one of them is no text, blank, too long, or cannot be stored.
    """
    _check_text(by, "by", LONGEST_NAME)
    _check_text(reason, "reason", LONGEST_REASON)


def _check_text(given: object, field: str, longest: int) -> None:
    if not isinstance(given, str) or not given.strip() or len(given) > longest:
        told = f"must be text that is not blank, of at most {longest:,} characters"
        raise InvalidRequest(told, field=field)
    try:
        given.encode()
    except UnicodeEncodeError:
        raise InvalidRequest("has a lone surrogate, which cannot be stored", field=field) from None
