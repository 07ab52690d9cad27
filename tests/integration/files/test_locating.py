"""Which paths lead into the workspace, and which are refused."""

from pathlib import Path
from typing import Any

import pytest

from vespera.domain.errors import PathRefused
from vespera.infrastructure.files.local_file_store import LocalFileStore
from vespera.infrastructure.threads import Threads


@pytest.mark.parametrize(
    ("given", "located"),
    [
        ("a.txt", "a.txt"),
        ("./a.txt", "a.txt"),
        ("a//b/./c.txt", "a/b/c.txt"),
        ("a/../b.txt", "b.txt"),
        ("a/b/../../c.txt", "c.txt"),
        ("a/", "a"),
        ("...", "..."),
        ("..a", "..a"),
        (" ", " "),
        ("a\nb", "a\nb"),
        ("a\\b", "a\\b"),
        ("~", "~"),
        ("a:b", "a:b"),
        ("caf\u00e9", "caf\u00e9"),
        ("cafe\u0301", "cafe\u0301"),
        ("\u202etxt.exe", "\u202etxt.exe"),
        (b"caf\xc3\xa9", "caf\u00e9"),
        (b"caf\xe9", "caf\udce9"),
        ("caf\udcc3\udca9", "caf\u00e9"),
        (Path("a") / "b.txt", "a/b.txt"),
        ("a" * 255, "a" * 255),
        ("\u00e9" * 127, "\u00e9" * 127),
        ("sub/.vespera/a", "sub/.vespera/a"),
        (".vespera2", ".vespera2"),
    ],
)
async def test_a_path_in_the_workspace_is_given_in_one_form(
    store: LocalFileStore, given: Any, located: str
) -> None:
    assert await store.locate(given) == located


@pytest.mark.parametrize(
    "given",
    [
        "",
        b"",
        ".",
        "./",
        "a/..",
        "..",
        "../a.txt",
        "a/../../b.txt",
        "a/../../workspace/b.txt",
        "/",
        "/etc/passwd",
        "../../../../../etc/passwd",
        "//etc/passwd",
        "a\0b",
        b"a\0b",
        "\ud800",
        "a" * 256,
        "\u00e9" * 128,
        "a/" + "b" * 256 + "/c",
        ".vespera",
        ".vespera/vespera.db",
        "./.vespera/../.vespera/x",
        ".VESPERA/x",
    ],
)
async def test_a_path_that_leads_elsewhere_is_refused(store: LocalFileStore, given: Any) -> None:
    with pytest.raises(PathRefused):
        await store.locate(given)


@pytest.mark.parametrize("given", [None, 5, 1.5, True, ["a.txt"], object()])
async def test_what_is_no_path_is_refused_by_its_type(store: LocalFileStore, given: Any) -> None:
    with pytest.raises(PathRefused, match=type(given).__name__):
        await store.locate(given)


async def test_an_absolute_path_in_the_workspace_is_accepted(
    store: LocalFileStore, workspace: Path
) -> None:
    assert await store.locate(workspace / "a" / "b.txt") == "a/b.txt"
    assert await store.locate(f"{workspace}/../workspace//a.txt") == "a.txt"


async def test_a_directory_whose_name_begins_alike_is_outside(
    store: LocalFileStore, workspace: Path
) -> None:
    with pytest.raises(PathRefused, match="outside the workspace"):
        await store.locate(f"{workspace}-evil/a.txt")


async def test_the_refusal_names_the_path_and_the_workspace(
    store: LocalFileStore, workspace: Path
) -> None:
    with pytest.raises(PathRefused) as refusal:
        await store.locate("../a.txt")

    assert "'../a.txt'" in str(refusal.value)
    assert str(workspace) in str(refusal.value)


async def test_a_workspace_behind_a_link_is_known_by_both_names(
    workspace: Path, tmp_path: Path, threads: Threads
) -> None:
    (tmp_path / "link").symlink_to(workspace)
    store = LocalFileStore(tmp_path / "link", threads)

    assert await store.locate(tmp_path / "link" / "a.txt") == "a.txt"
    assert await store.locate(workspace / "a.txt") == "a.txt"


async def test_a_relative_workspace_stays_where_it_was_given(
    workspace: Path, threads: Threads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(workspace)
    store = LocalFileStore(".", threads)
    monkeypatch.chdir("/")

    assert await store.locate(workspace / "a.txt") == "a.txt"


async def test_the_root_directory_may_be_the_workspace(threads: Threads) -> None:
    store = LocalFileStore("/", threads)

    assert await store.locate("/no/such/file") == "no/such/file"


@pytest.mark.parametrize("given", ["link/a.txt", "link/deeper/a.txt", "real/inner/a.txt"])
async def test_a_path_through_a_symbolic_link_is_refused(
    store: LocalFileStore, workspace: Path, outside: Path, given: str
) -> None:
    (workspace / "link").symlink_to(outside)
    (workspace / "real").mkdir()
    (workspace / "real" / "inner").symlink_to(workspace / "real")

    with pytest.raises(PathRefused, match="symbolic link") as refusal:
        await store.locate(given)
    assert repr(given) in str(refusal.value)


@pytest.mark.parametrize(
    "given",
    [
        "link/../a.txt",
        "link/./../a.txt",
        "link/sub/../../a.txt",
        "real/inner/../a.txt",
        "dead/../a",
    ],
)
async def test_a_way_up_from_a_symbolic_link_is_refused(
    store: LocalFileStore, workspace: Path, outside: Path, given: str
) -> None:
    (workspace / "link").symlink_to(outside)
    (workspace / "dead").symlink_to("nowhere")
    (workspace / "real").mkdir()
    (workspace / "real" / "inner").symlink_to(outside)

    for path in (given, workspace / given):
        with pytest.raises(PathRefused, match="symbolic link") as refusal:
            await store.locate(path)
        assert repr(str(path)) in str(refusal.value)


async def test_a_way_up_from_a_directory_or_from_nothing_is_plain(
    store: LocalFileStore, workspace: Path
) -> None:
    (workspace / "real").mkdir()

    assert await store.locate("real/../a.txt") == "a.txt"
    assert await store.locate(workspace / "real" / ".." / "a.txt") == "a.txt"
    assert await store.locate("absent/deeper/../../a.txt") == "a.txt"


async def test_a_symbolic_link_itself_can_be_located(
    store: LocalFileStore, workspace: Path, outside: Path
) -> None:
    (workspace / "link").symlink_to(outside)

    assert await store.locate("link") == "link"


async def test_a_path_below_a_file_leads_nowhere_but_not_outside(
    store: LocalFileStore, workspace: Path
) -> None:
    (workspace / "file").touch()

    assert await store.locate("file/a.txt") == "file/a.txt"


@pytest.mark.parametrize("kind", ["missing", "a file"])
async def test_a_workspace_that_is_no_directory_is_told(
    tmp_path: Path, threads: Threads, kind: str
) -> None:
    root = tmp_path / "nowhere"
    if kind == "a file":
        root.touch()
    with pytest.raises(PathRefused, match="create the directory") as refusal:
        await LocalFileStore(root, threads).locate("a.txt")

    assert str(root) in str(refusal.value)


@pytest.mark.parametrize(
    "given",
    [
        *("NUL", "nul", "Con", "PRN", "aux", "COM1", "lpt9", "com0", "COM\u00b9", "CONIN$"),
        *("nul.txt", "aux.tar.gz", "sub/con.log", "con/a.txt", "NUL ", "nul .txt", "com1:x"),
    ],
)
async def test_a_name_that_windows_has_for_a_device_is_refused(
    store: LocalFileStore, given: str
) -> None:
    with pytest.raises(PathRefused, match="device") as refusal:
        await store.locate(given)
    assert repr(given) in str(refusal.value)


@pytest.mark.parametrize(
    "given", ["null", "console.txt", "com", "com10", "lpt", "auxiliary", "a.nul"]
)
async def test_a_name_that_only_looks_like_one_is_a_name(store: LocalFileStore, given: str) -> None:
    assert await store.locate(given) == given


async def test_what_is_there_under_such_a_name_is_a_file_like_others(
    store: LocalFileStore, workspace: Path
) -> None:
    (workspace / "con").mkdir()
    (workspace / "con" / "aux.c").touch()

    assert await store.locate("con/aux.c") == "con/aux.c"
    assert await store.locate("con/new.c") == "con/new.c"
    with pytest.raises(PathRefused, match=r"'aux[.]h' is the name"):
        await store.locate("con/aux.h")
