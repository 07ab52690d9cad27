"""What is told of this machine is so, and looking changes nothing."""

import os
import platform
from datetime import UTC, datetime
from importlib import metadata

import pytest

from vespera.infrastructure.host.local_host import LocalHost
from vespera.infrastructure.threads import Threads


@pytest.fixture
def host():
    threads = Threads()
    yield LocalHost(threads)
    threads.close()


def test_the_interpreter_and_the_packages_are_told(host):
    facts = host.describe()

    assert platform.python_version() in facts.python
    assert platform.system() in facts.system
    assert facts.packages["msgspec"] == metadata.version("msgspec")
    assert facts.extras["cli"]["click"] == metadata.version("click")
    assert set(facts.extras) & {"dev"} == set()
    assert "vespera" not in facts.packages


async def test_a_file_is_told_as_it_is(host, tmp_path):
    path = tmp_path / "work.db"
    path.write_bytes(b"x" * 100)
    path.chmod(0o640)

    facts = await host.look_at(path)

    assert (facts.path, facts.mode, facts.is_directory, facts.size) == (
        str(path),
        0o640,
        False,
        100,
    )
    assert facts.modified == datetime.fromtimestamp(path.stat().st_mtime, UTC)
    assert (facts.readable, facts.writable, facts.case_matters) == (True, True, None)
    assert facts.free is not None
    assert facts.free > 0


async def test_a_relative_path_is_told_absolute(host, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    facts = await host.look_at(".")

    assert (facts.path, facts.is_directory) == (str(tmp_path), True)


async def test_of_what_is_not_there_the_nearest_directory_is_told(host, tmp_path):
    facts = await host.look_at(tmp_path / "a" / "b" / "work.db")

    assert (facts.mode, facts.size, facts.modified, facts.writable) == (None, 0, None, True)
    assert facts.free == (await host.look_at(tmp_path)).free or facts.free is not None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", ["/dev/null/x", "a\0b", "x" * 5000])
async def test_an_impossible_path_is_told_as_nothing(host, path):
    assert (await host.look_at(path)).mode is None


async def test_whether_case_matters_is_told_by_a_name_that_is_there(host, tmp_path):
    space = tmp_path / "space"
    space.mkdir()
    assert (await host.look_at(space)).case_matters is True
    (space / "Name").touch()
    assert (await host.look_at(space)).case_matters is True

    os.link(space / "Name", space / "nAME")  # as a file system without cases would have it
    assert (await host.look_at(space)).case_matters is False


async def test_names_are_sorted_and_a_directory_that_is_not_there_has_none(host, tmp_path):
    for name in ("b", "a"):
        (tmp_path / name).touch()

    assert await host.names_in(tmp_path) == ["a", "b"]
    assert await host.names_in(tmp_path / "c") == []
