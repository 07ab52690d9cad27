"""Taking contents out of packs: garbage, and what must not be kept. Packs are never changed: others
take their places, and each moment on the way leaves everything readable that stays.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from threading import Event
from typing import Final, NamedTuple

from vespera.domain.content import Removal
from vespera.domain.errors import StoreBusy
from vespera.infrastructure.files.packs import Pack, Record, copy_record
from vespera.infrastructure.files.packs_directory import PackDirectory
from vespera.infrastructure.files.packs_writing import PACK_SIZE

SMALL: Final = 1024 * 1024
MOST_SMALL: Final = 64
"""So many packs of less than ``SMALL`` bytes are merged into one."""

logger = logging.getLogger("vespera")


class _Plan(NamedTuple):
    """Packs, what of them goes into their successor, and what will be nowhere then."""

    packs: Sequence[Pack]
    kept: Sequence[tuple[Pack, Record]]
    dropped: frozenset[bytes]

    @property
    def size(self) -> int:
        return sum(pack.file_size for pack in self.packs)

    @property
    def share(self) -> float:
        """The part of the bytes that is not kept."""
        kept = sum(record.length for _, record in self.kept)
        total = sum(record.length for pack in self.packs for record in pack.records())
        return 1 - kept / max(total, 1)

    @property
    def is_idle(self) -> bool:
        """Whether everything would be as before."""
        return len(self.packs) == 1 and len(self.kept) == len(self.packs[0])


def remove(
    directory: PackDirectory,
    stays: Callable[[bytes], bool],
    stop: Event,
    *,
    share: float = 0.0,
    held: bool = True,
) -> Removal:
    """Take everything out that does not stay; who calls this holds ``directory.tidying``.

    Args:
        directory: the packs.
        stays: says of a key whether its content stays.
        stop: ends this after the pack that is being written.
        share: packs of which a smaller part would go are left alone.
        held: what somebody holds meanwhile stays, too.

    Raises:
        OSError: it cannot be done; some may have gone.
    """
    contents = size = 0
    for only_whole in (True, False):  # what needs no room first, if there should be none left
        directory.refresh()
        for plan in _plans(directory.packs(), stays):
            if stop.is_set():
                break
            if plan.is_idle or (plan.kept and (only_whole or plan.share < share)):
                continue
            gone = _carry_out(directory, plan, stop, held=held)
            contents += len(plan.dropped) if gone is not None else 0
            size += gone or 0
    directory.drop_drafts()
    return Removal(contents, size)


def remove_all(directory: PackDirectory) -> Removal:
    """Remove all packs, also damaged ones; who calls this holds ``directory.tidying``.

    Raises:
        OSError: one cannot be removed.
    """
    directory.refresh()
    contents, size = len(directory.known()), directory.size()
    for name in list(directory.damaged):
        (directory.path / name).unlink(missing_ok=True)
    directory.replace(directory.packs(), [], ())
    directory.drop_drafts()
    return Removal(contents, size - directory.size())


def merge_small(directory: PackDirectory, stop: Event) -> None:
    """Make one pack of many small ones, unless somebody tidies up just now. If that fails, they
    stay as they are.
    """
    small = [pack for pack in directory.packs() if pack.file_size < SMALL]
    if len(small) < MOST_SMALL:
        return
    try:
        with directory.tidying(stop, patience=0):
            directory.refresh()
            small = [pack for pack in directory.packs() if pack.file_size < SMALL]
            if len(small) >= MOST_SMALL:
                plan = next(_plans(small, lambda _: True))
                _carry_out(directory, plan, stop, held=True)
    except (StoreBusy, InterruptedError):
        pass
    except OSError as error:
        logger.warning("%s: small packs were not merged: %s", directory.path, error)


def _plans(packs: Sequence[Pack], stays: Callable[[bytes], bool]) -> Iterator[_Plan]:
    seen: set[bytes] = set()
    for group in _groups(packs):
        kept: dict[bytes, tuple[Pack, Record]] = {}
        dropped = set()
        for pack in group:
            for record in pack.records():
                if record.key in seen:
                    continue  # there are two of it, and one is enough
                if stays(record.key):
                    kept.setdefault(record.key, (pack, record))
                else:
                    dropped.add(record.key)
        seen.update(kept)
        yield _Plan(group, list(kept.values()), frozenset(dropped))


def _groups(packs: Sequence[Pack]) -> Iterator[Sequence[Pack]]:
    """Large packs one by one, small ones together."""
    small: list[Pack] = []
    size = 0
    for pack in packs:
        if pack.file_size >= SMALL:
            yield [pack]
            continue
        small.append(pack)
        size += pack.file_size
        if size >= PACK_SIZE:
            yield small
            small, size = [], 0
    if small:
        yield small


def _carry_out(directory: PackDirectory, plan: _Plan, stop: Event, *, held: bool) -> int | None:
    """The bytes that are free by that; None if nothing was done."""
    relied_on = plan.dropped if held else frozenset()
    if not plan.kept:
        return plan.size if directory.replace(plan.packs, [], relied_on) else None
    try:
        with directory.draft() as draft:
            for pack, records in groupby(plan.kept, key=lambda each: each[0]):
                with pack.opened() as descriptor:
                    for _, record in records:
                        copy_record(descriptor, record, draft)
                if stop.is_set():
                    return None
            draft.seal()
            done = directory.replace(plan.packs, [draft], relied_on)
            return plan.size - draft.size if done else None
    except ValueError as error:
        logger.warning("%s: a pack was left as it is: %s", directory.path, error)
        return None
