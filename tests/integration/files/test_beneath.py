"""A directory is reached in one call of the system, if nothing leads away on the way there."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from vespera.domain.errors import PathRefused
from vespera.infrastructure.files.beneath import open_beneath
from vespera.infrastructure.files.tree import hold_directory, hold_root


@pytest.fixture
def root(workspace: Path) -> Iterator[int]:
    (workspace / "a" / "b\udcff").mkdir(parents=True)
    (workspace / "a" / "file").touch()
    with hold_root(str(workspace)) as root:
        yield root


def test_the_directory_that_is_meant_is_opened_and_not_handed_on(
    workspace: Path, root: int
) -> None:
    found = open_beneath(root, b"a/b\xff")

    assert found is not None, "this system has openat2"
    assert os.path.samestat(os.fstat(found), (workspace / "a" / "b\udcff").stat())
    assert not os.get_inheritable(found)
    os.close(found)


@pytest.mark.parametrize(
    "path", [b"", b"..", b"a/../..", b"/etc", b"a/none", b"a/file", b"link", b"a/link", b"a/in/b"]
)
def test_whatever_else_is_there_is_left_to_those_who_walk(
    workspace: Path, root: int, outside: Path, path: bytes
) -> None:
    (workspace / "link").symlink_to("a")
    (workspace / "a" / "link").symlink_to(outside)
    (workspace / "a" / "in").symlink_to(".")

    assert open_beneath(root, path) is None


def test_what_is_missing_is_made_and_a_link_is_named(workspace: Path, root: int) -> None:
    (workspace / "a" / "link").symlink_to(".")

    with hold_directory(root, ["a", "new", "below"], make=True) as held:
        assert os.path.samestat(os.fstat(held), (workspace / "a" / "new" / "below").stat())
    with (
        pytest.raises(PathRefused, match="its part 'link' is a symbolic link"),
        hold_directory(root, ["a", "link", "new"]),
    ):
        pytest.fail("nobody gets here")
