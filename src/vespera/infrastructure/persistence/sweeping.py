"""Files of values that no row refers to any more go."""

from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Protocol

from vespera.infrastructure.persistence import sql
from vespera.infrastructure.persistence.spilling import Query, Spill
from vespera.infrastructure.persistence.statements import Rows, Write
from vespera.infrastructure.persistence.syncing import sync
from vespera.infrastructure.persistence.value_files import ValueFiles, ValueReference
from vespera.infrastructure.persistence.values import to_json

_AT_ONCE = 200


class _Rows(Protocol):
    @property
    def path(self) -> Path | None: ...
    async def read_together(self, queries: Sequence[Query]) -> Sequence[Rows]: ...
    async def commit(self, writes: Sequence[Write]) -> Sequence[Rows]: ...


async def swept(database: _Rows, spill: Spill, before: datetime) -> int:
    """Remove files that are older than ``before`` and that no row refers to; gives how many.

    A file is a stray if no committed row refers to it, and neither does one when it is set aside,
    in a transaction: before and after that, whoever stores its value makes it young, and finds out
    if it is gone.
    """
    moment = before.timestamp()
    nothing: list[str] = []
    old = await spill.in_files(lambda files: _old(files, moment), nothing)
    if not old:
        return 0
    (rows,) = await database.read_together([(sql.REFERENCES.sql, ())])
    names = _strays(old, rows)
    removed = 0
    if names:
        await spill.in_files(lambda _: _flush_log(database.path), None)
    for start in range(0, len(names), _AT_ONCE):
        chunk = to_json(names[start : start + _AT_ONCE], what="names")
        (aside,) = await database.commit([Write(sql.SET_STRAYS_ASIDE, (moment, chunk))])
        removed += sum(was for (was,) in aside)
    await spill.in_files(lambda files: files.drop_drafts(moment), None)
    return removed


def _old(files: ValueFiles, moment: float) -> list[str]:
    files.drop_drafts(moment)
    return files.names(moment)


def _strays(old: Collection[str], references: Rows) -> list[str]:
    """The names among ``old`` that none of the references has."""
    known = {found.digest for row in references if (found := ValueReference.of(row[0]))}
    return [name for name in old if name not in known]


def _flush_log(path: Path | None) -> None:
    """No power cut may bring a row back whose file is gone; with the smaller durability, what was
    committed is perhaps not on disk yet.
    """
    if path is not None:
        with suppress(FileNotFoundError):
            sync(path.with_name(f"{path.name}-wal"))
