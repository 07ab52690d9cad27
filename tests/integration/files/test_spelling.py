"""A directory that knows a name by several spellings: each file has one history all the same."""

import os
from collections.abc import AsyncIterator, Collection
from pathlib import Path
from unicodedata import normalize

import pytest

from vespera import Container, TrackFileOperationsUseCase, Verdict
from vespera.application.ports.files import FileStore
from vespera.domain.errors import PathRefused
from vespera.infrastructure.files.local_file_store import LocalFileStore
from vespera.infrastructure.files.spelling import NamesOnDisk
from vespera.infrastructure.threads import Threads


class FoldingNames:
    """What a volume says that tells neither cases apart nor forms of Unicode."""

    def __init__(self, *, cases: bool = True, forms: bool = True) -> None:
        self._real = NamesOnDisk()
        self._cases, self._forms = cases, forms

    def found(self, directory: int, name: bytes) -> os.stat_result | None:
        for one in self._real.listed(directory):
            if self._folded(one) == self._folded(name):
                return self._real.found(directory, one)
        return None

    def listed(self, directory: int) -> Collection[bytes]:
        return self._real.listed(directory)

    def _folded(self, name: bytes) -> str:
        text = name.decode("utf-8", "surrogateescape")
        text = normalize("NFD", text) if self._forms else text
        return text.casefold() if self._cases else text


class CountingNames(NamesOnDisk):
    """The disk, and how often a directory was read."""

    def __init__(self) -> None:
        self.read = 0

    def listed(self, directory: int) -> Collection[bytes]:
        self.read += 1
        return super().listed(directory)


@pytest.fixture
def folding(workspace: Path, threads: Threads) -> LocalFileStore:
    (workspace / "src").mkdir()
    (workspace / "src" / "Main.py").write_text("1")
    (workspace / "caf\u00e9").write_text("1")
    return LocalFileStore(workspace, threads, names=FoldingNames())


@pytest.mark.parametrize(
    ("given", "located"),
    [
        ("src/Main.py", "src/Main.py"),
        ("src/main.py", "src/Main.py"),
        ("SRC/MAIN.PY", "src/Main.py"),
        ("sRC/New.py", "src/New.py"),
        ("SRC/New/Deep.py", "src/New/Deep.py"),
        ("Src", "src"),
        ("CAF\u00c9", "caf\u00e9"),
        ("cafe\u0301", "caf\u00e9"),
        ("other.txt", "other.txt"),
        ("1", "1"),
    ],
)
async def test_a_path_is_recorded_as_the_disk_spells_it(
    folding: LocalFileStore, given: str, located: str
) -> None:
    assert await folding.locate(given) == located


async def test_cases_may_be_told_apart_where_forms_of_unicode_are_not(
    workspace: Path, threads: Threads
) -> None:
    (workspace / "caf\u00e9").write_text("1")
    store = LocalFileStore(workspace, threads, names=FoldingNames(cases=False))

    assert await store.locate("cafe\u0301") == "caf\u00e9"
    assert await store.locate("CAF\u00c9") == "CAF\u00c9"


async def test_names_that_are_no_utf_8_are_found_by_another_case(
    workspace: Path, threads: Threads
) -> None:
    (workspace / os.fsdecode(b"odd \xff")).write_text("1")
    store = LocalFileStore(workspace, threads, names=FoldingNames())

    assert await store.locate(b"ODD \xff") == os.fsdecode(b"odd \xff")


async def test_where_the_disk_tells_names_apart_they_stay_as_given(
    workspace: Path, threads: Threads
) -> None:
    for name in ("a.txt", "A.TXT", "b.txt", "caf\u00e9", "cafe\u0301"):
        (workspace / name).write_text(name)
    names = CountingNames()
    store = LocalFileStore(workspace, threads, names=names)

    for name in ("a.txt", "A.TXT", "B.TXT", "caf\u00e9", "cafe\u0301"):
        assert await store.locate(name) == name
    assert names.read == 0


async def test_two_hard_links_with_such_names_are_two_names(
    workspace: Path, store: LocalFileStore
) -> None:
    (workspace / "a.txt").write_text("1")
    (workspace / "A.TXT").hardlink_to(workspace / "a.txt")

    assert await store.locate("a.txt") == "a.txt"
    assert await store.locate("A.TXT") == "A.TXT"


async def test_hard_links_of_which_the_name_is_no_spelling_do_not_mislead(
    workspace: Path, threads: Threads
) -> None:
    """Three names that fold to one, and none of them is the one that was given."""

    class Confused(FoldingNames):
        def listed(self, directory: int) -> Collection[bytes]:
            return [b"a.TXT", b"A.txt"]

    (workspace / "a.txt").write_text("1")
    (workspace / "A.TXT").hardlink_to(workspace / "a.txt")
    store = LocalFileStore(workspace, threads, names=Confused())

    assert await store.locate("a.txt") == "a.txt"


@pytest.mark.parametrize("given", ["WORK.DB", "work.db", "Work.Db-WAL", "WORK.db-contents/a"])
async def test_the_database_is_known_by_every_spelling(
    workspace: Path, threads: Threads, given: str
) -> None:
    for name in ("work.db", "work.db-wal"):
        (workspace / name).touch()
    (workspace / "work.db-contents").mkdir()
    store = LocalFileStore(workspace, threads, database=workspace / "work.db", names=FoldingNames())

    with pytest.raises(PathRefused, match="database"):
        await store.locate(given)


async def test_no_symbolic_link_is_followed_to_find_a_spelling(
    workspace: Path, outside: Path, threads: Threads
) -> None:
    (workspace / "link").symlink_to(outside)
    store = LocalFileStore(workspace, threads, names=FoldingNames())

    with pytest.raises(PathRefused, match="symbolic link"):
        await store.locate("LINK/SECRET.TXT")


@pytest.fixture
async def tracking(
    workspace: Path, folding: LocalFileStore
) -> AsyncIterator[TrackFileOperationsUseCase]:
    container = Container(workspace=str(workspace))
    container.override(FileStore, folding)
    async with container:
        yield container.get(TrackFileOperationsUseCase)


async def test_operations_under_two_spellings_are_one_chain(
    tracking: TrackFileOperationsUseCase, workspace: Path
) -> None:
    tracker = tracking.tracker_for("t")
    await tracker.track_file_modify("src/main.py")
    (workspace / "src" / "Main.py").write_text("2")
    await tracker.track_file_modify("SRC/Main.py")
    (workspace / "src" / "Main.py").write_text("3")
    result = await tracking.verify_task("t")

    assert result.verified
    assert result.report is not None
    told = [(f.path, f.verdict) for f in result.report.findings]
    assert told == [("src/Main.py", Verdict.VERIFIED)] * 2
