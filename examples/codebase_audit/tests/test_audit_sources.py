"""Finding modules on a disk that holds all kinds of things."""

import os
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from codebase_audit.sources import (
    MOST_BYTES,
    DiskReader,
    Source,
    Unreadable,
    find_modules,
    name_notes,
    standard_library,
)


def grow(root: Path, *files: str) -> Path:
    for file in files:
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'"""{path.stem}"""\n')
    return root


def names_in(root: Path) -> list[str]:
    return [module.name for module in find_modules(Source(root=root))]


def why_unreadable(root: Path, file: str) -> str:
    with pytest.raises(Unreadable) as caught:
        DiskReader().read(str(root), file)
    return str(caught.value)


def test_modules_get_dotted_names_in_the_order_of_their_paths(tmp_path: Path):
    grow(tmp_path, "b.py", "a/z.py", "a/__init__.py", "a/b/c.py", "notes.txt")

    assert names_in(tmp_path) == ["a.__init__", "a.b.c", "a.z", "b"]


def test_a_prefix_goes_before_the_names(tmp_path: Path):
    grow(tmp_path, "a.py")

    (module,) = find_modules(Source(root=tmp_path, prefix="odd"))

    assert (module.name, module.report) == ("odd.a", "odd.a")


def test_hidden_and_installed_things_are_skipped(tmp_path: Path):
    grow(tmp_path, "a.py", ".hidden.py", ".venv/b.py", "__pycache__/c.py", "site-packages/d.py")

    assert names_in(tmp_path) == ["a"]


def test_reports_have_names_of_their_own_for_any_file_system(tmp_path: Path):
    long = "/".join(["deep" * 20] * 12)
    grow(tmp_path, "a/b.py", "a.b.py", "a-b.py", "a_b.py", "ä.py", "CON .py", f"{long}/m.py")

    reports = [module.report for module in find_modules(Source(root=tmp_path))]

    assert len({report.lower() for report in reports}) == 7
    assert all(report.isascii() and len(report) <= 200 for report in reports)
    assert {"a.b", "a_b"} <= set(reports)


def test_a_name_that_is_no_utf_8_is_found_and_read(tmp_path: Path):
    name = os.fsdecode(b"caf\xe9.py")
    (tmp_path / name).write_bytes(b"x = 1\n")

    (module,) = find_modules(Source(root=tmp_path))

    assert module.name == "caf\\udce9"
    assert DiskReader().read(module.root, module.file) == b"x = 1\n"
    assert name_notes(module.file) == ("cannot be imported: its name is not plain text",)


@pytest.mark.parametrize("name", ["not-a-module.py", "2to3.py", "a b.py", ".py"])
def test_a_name_that_cannot_be_imported_is_noted(name: str):
    assert name_notes(f"package/{name}") == ("cannot be imported: its name is no identifier",)


def test_a_name_that_is_a_keyword_is_noted():
    assert name_notes("package/class.py") == ("cannot be imported: its name is a keyword",)


@pytest.mark.parametrize("name", ["a.py", "__main__.py", "größe.py", "match.py"])
def test_a_name_that_can_be_imported_is_not_noted(name: str):
    assert name_notes(f"some-dir/{name}") == ()


def test_a_directory_named_like_a_module_is_told_and_looked_into(tmp_path: Path):
    grow(tmp_path, "odd.py/inner.py")

    assert names_in(tmp_path) == ["odd", "odd.py.inner"]
    assert why_unreadable(tmp_path, "odd.py") == "is a directory"


def test_a_fifo_is_told_and_never_opened(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe.py")

    assert names_in(tmp_path) == ["pipe"]
    assert why_unreadable(tmp_path, "pipe.py") == "is no regular file"


def test_a_link_inside_the_source_is_followed(tmp_path: Path):
    grow(tmp_path, "a.py")
    (tmp_path / "link.py").symlink_to("a.py")

    assert names_in(tmp_path) == ["a", "link"]
    assert DiskReader().read(str(tmp_path), "link.py") == b'"""a"""\n'


def test_a_link_out_of_the_source_is_told_and_not_followed(tmp_path: Path):
    root = grow(tmp_path / "inside", "a.py")
    grow(tmp_path, "secret.py")
    (root / "link.py").symlink_to(tmp_path / "secret.py")

    assert why_unreadable(root, "link.py") == "is a symbolic link that leads out of the source"


def test_a_source_that_is_itself_behind_a_link_is_read(tmp_path: Path):
    root = grow(tmp_path / "real", "a.py")
    (tmp_path / "link").symlink_to(root)

    assert DiskReader().read(str(tmp_path / "link"), "a.py") == b'"""a"""\n'


def test_a_cycle_of_directories_is_told_and_not_followed(tmp_path: Path):
    grow(tmp_path, "package/a.py")
    (tmp_path / "package/again").symlink_to(tmp_path)

    assert names_in(tmp_path) == ["package.a", "package.again"]
    assert "is a symbolic link to a directory" in why_unreadable(tmp_path, "package/again")


def test_links_that_lead_nowhere_or_in_a_circle_are_told(tmp_path: Path):
    (tmp_path / "gone.py").symlink_to("nothing.py")
    (tmp_path / "circle.py").symlink_to("circle.py")

    assert names_in(tmp_path) == ["circle", "gone"]
    assert why_unreadable(tmp_path, "gone.py").startswith("cannot be read: No such file")
    assert why_unreadable(tmp_path, "circle.py").startswith("cannot be read: Too many levels")


def test_a_file_that_vanished_is_told(tmp_path: Path):
    assert why_unreadable(tmp_path, "a.py").startswith("cannot be read: No such file")


def test_a_file_that_is_too_large_is_told_and_not_read(tmp_path: Path):
    with (tmp_path / "a.py").open("wb") as file:
        file.truncate(MOST_BYTES + 1)

    assert why_unreadable(tmp_path, "a.py") == "has 4,194,305 bytes; up to 4,194,304 are audited"


@contextmanager
def somebody_elses_directory() -> Iterator[Path]:
    """A directory to be looked at by one who may not do everything, which root may."""
    with TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@contextmanager
def as_nobody() -> Iterator[None]:
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_what_may_not_be_read_is_told():
    with somebody_elses_directory() as root:
        grow(root, "a.py", "package/b.py")
        (root / "a.py").chmod(0)
        (root / "package").chmod(0)

        with as_nobody():
            names = names_in(root)
            reasons = [why_unreadable(root, file) for file in ("a.py", "package")]

        (root / "package").chmod(0o700)
    assert names == ["a", "package"]
    assert reasons == ["cannot be read: Permission denied"] * 2


def test_the_standard_library_is_found_without_its_tests():
    names = {module.name for module in find_modules(standard_library())}

    assert {"ast", "json.decoder", "asyncio.__init__"} <= names
    assert len(names) > 300
    assert not any(".tests." in name or name.startswith("test.") for name in names)
    assert Path(sysconfig.get_paths()["stdlib"]) == standard_library().root
