"""The directory of the packs: which there are, what is in them, and how they come and go."""

import os
import secrets
import stat
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from threading import Event, Lock

from vespera.domain.errors import ContentDamaged
from vespera.infrastructure.files.packs import Pack, PackDraft
from vespera.infrastructure.files.packs_locks import (
    PATIENCE,
    Holds,
    drop_if_abandoned,
    held_in,
    locked,
    made_and_locked,
)
from vespera.infrastructure.files.paths import OWN_DIRECTORY
from vespera.infrastructure.files.tree import sync_directory

_PACK, _DRAFT = ".pack", ".draft"
_MODE = 0o700


class PackDirectory:
    """Packs are found by their names, and each is read once. All of it blocks; thread-safe.

    Who removes packs (garbage collection, purge) holds ``tidying``, and takes the lock ``present``
    for as long as names change; who finds that a content is there, and relies on it, holds it under
    the same lock, shared. So nothing that somebody relies on goes.
    """

    def __init__(self, path: Path, monotonic: Callable[[], float]) -> None:
        """Nothing is made before the first draft."""
        self.path = path
        self._holds = Holds(path, monotonic)
        self._packs: dict[str, Pack] = {}
        self._where: dict[bytes, Pack] = {}
        self._turn, self._flush = Lock(), Lock()
        self._is_made = self._is_synced = False
        self.damaged: dict[str, str] = {}

    def make(self) -> None:
        """Make the directory, for its owner alone, if need be; remove what dead writers left.

        Raises:
            OSError: it cannot be made.
        """
        if self._is_made and self.path.is_dir():
            return
        above = self.path.parent
        above.mkdir(
            parents=True, exist_ok=True, mode=_MODE if above.name == OWN_DIRECTORY else 0o777
        )
        with suppress(FileExistsError):
            self.path.mkdir(mode=_MODE)
            _sync(self.path.parent)
        if stat.S_IMODE(self.path.stat().st_mode) != _MODE:
            self.path.chmod(_MODE)
        self.drop_drafts()
        self._is_made = True

    def refresh(self) -> None:
        """Learn of packs that came and went.

        Raises:
            OSError: the directory cannot be read; that there is none is fine.
        """
        with self._turn:
            names = set(self._names(_PACK))
            gone = self._packs.keys() - names
            for name in gone:
                del self._packs[name]
            for name in self.damaged.keys() - names:
                del self.damaged[name]
            new = [pack for name in names if (pack := self._loaded(name))]
            self._packs.update((pack.name, pack) for pack in new)
            self._is_synced = self._is_synced and not new
            where = {} if gone else self._where
            for pack in self._packs.values() if gone else new:
                where.update(dict.fromkeys(pack.keys, pack))
            self._where = where

    def packs(self) -> Sequence[Pack]:
        """Those known, in the order of their names."""
        with self._turn:
            return [self._packs[name] for name in sorted(self._packs)]

    def find(self, key: bytes) -> Pack | None:
        """The pack that has the content, as far as is known."""
        return self._where.get(key)

    def known(self) -> Collection[bytes]:
        """The keys of all contents."""
        return self._where.keys()

    @contextmanager
    def present(self, keys: Collection[bytes], stop: Event) -> Iterator[Collection[bytes]]:
        """Hold the keys; gives those whose contents are there, and stay.

        Raises:
            StoreBusy, InterruptedError, OSError: as for ``locked``.
        """
        with locked(self.path / "lock", shared=True, stop=stop):
            self.refresh()
            self._holds.add(keys)
            where = self._where
            yield {key for key in keys if key in where}

    @contextmanager
    def draft(self) -> Iterator[PackDraft]:
        """A new pack to be written; once sealed, ``publish`` it within the block, or it is gone.

        Raises:
            OSError: it cannot be made.
        """
        self.make()
        path, descriptor = made_and_locked(lambda: self._new_path(f".{{}}{_DRAFT}"))
        draft = PackDraft(descriptor, path)
        try:
            yield draft
        finally:
            try:
                path.unlink(missing_ok=True)
            finally:
                os.close(descriptor)

    def publish(self, draft: PackDraft) -> None:
        """Give a sealed draft its name. It is there for good after ``sync``."""
        draft.path.rename(self._new_path(f"{{}}{_PACK}"))
        self._is_synced = False

    def sync(self) -> None:
        """Have all names on the disk that were published, or found.

        Raises:
            OSError: that cannot be done.
        """
        with self._flush:  # nobody returns before the flush that he relies on
            if not self._is_synced:
                self._is_synced = True
                try:
                    _sync(self.path)
                except OSError:
                    self._is_synced = False
                    raise

    def tidying(
        self, stop: Event | None = None, *, patience: float = PATIENCE
    ) -> AbstractContextManager[None]:
        """Hold the lock of those who remove packs; raises as ``locked``."""
        return locked(self.path / "tidy.lock", stop=stop, patience=patience)

    def replace(
        self, old: Iterable[Pack], drafts: Iterable[PackDraft], dropped: Collection[bytes]
    ) -> bool:
        """Put drafts in the place of packs. Does nothing if somebody holds what would be gone by
        that, and tells so. Who calls this holds ``tidying``.

        Raises:
            OSError: it cannot be done; nothing is lost.
        """
        with locked(self.path / "lock"):
            if dropped and not held_in(self.path).isdisjoint(dropped):
                return False
            for draft in drafts:
                self.publish(draft)
            self.sync()
            for pack in old:
                pack.path.unlink(missing_ok=True)
            _sync(self.path)
            self.refresh()
        return True

    def held(self) -> set[bytes]:
        """The keys that living processes have put lately; raises as ``held_in``."""
        return held_in(self.path)

    def size(self) -> int:
        """Bytes of all packs, also of those that are being written.

        Raises:
            OSError: the directory cannot be read.
        """
        size = 0
        with suppress(FileNotFoundError), os.scandir(self.path) as found:
            for entry in found:
                if entry.name.endswith((_PACK, _DRAFT)):
                    with suppress(FileNotFoundError):
                        size += entry.stat(follow_symlinks=False).st_size
        return size

    def drop_drafts(self) -> None:
        """Remove the drafts of processes that have ended.

        Raises:
            OSError: one cannot be removed.
        """
        for name in self._names(_DRAFT):
            drop_if_abandoned(self.path / name)

    def close(self) -> None:
        """Hold nothing any more; the next use begins anew."""
        self._holds.close()

    def _names(self, ending: str) -> list[str]:
        try:
            found = os.listdir(self.path)  # noqa: PTH208 -- asked often, of thousands of names
        except FileNotFoundError:
            return []
        return [name for name in found if name.endswith(ending)]

    def _loaded(self, name: str) -> Pack | None:
        if name in self._packs or name in self.damaged:
            return None
        try:
            return Pack(self.path / name)
        except FileNotFoundError:
            return None
        except ContentDamaged as error:
            self.damaged[name] = str(error)
            return None

    def _new_path(self, form: str) -> Path:
        return self.path / form.format(secrets.token_hex(8))


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        sync_directory(descriptor)
    finally:
        os.close(descriptor)
