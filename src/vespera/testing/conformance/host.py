"""The promises of ``Host``."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from vespera.application.ports.host import Host
from vespera.testing.conformance.suite import AdapterSuite, Made, adapter_of


class HostConformance(AdapterSuite):
    """Give ``make_host``; it is to see the files of the machine that the tests run on."""

    ports = (Host,)

    def make_host(self) -> Made[Host]:
        """The host to be tested."""
        raise self.missing("make_host", "a Host")

    @pytest_asyncio.fixture
    async def host(self) -> AsyncIterator[Host]:
        """The host of ``make_host``."""
        async with adapter_of(self.make_host) as host:
            yield host

    async def test_the_interpreter_and_the_system_are_named(self, host: Host) -> None:
        facts = host.describe()

        assert facts.python.strip()
        assert facts.system.strip()

    async def test_of_each_package_there_is_a_version_or_none(self, host: Host) -> None:
        facts = host.describe()
        versions = [*facts.packages.values()]
        for packages in facts.extras.values():
            versions += packages.values()

        assert all(version is None or version.strip() for version in versions)

    async def test_what_is_described_again_is_the_same(self, host: Host) -> None:
        assert host.describe() == host.describe()

    async def test_a_file_is_told_as_it_is(self, host: Host, tmp_path: Path) -> None:
        path = tmp_path / "Bücher.db"
        path.write_bytes(b"x" * 100)
        path.chmod(0o640)
        told = await host.look_at(path)

        assert (told.path, told.mode, told.is_directory) == (str(path), 0o640, False)
        assert (told.size, told.readable, told.writable) == (100, True, True)

    async def test_the_moment_of_a_change_is_aware(self, host: Host, tmp_path: Path) -> None:
        (tmp_path / "a").touch()
        told = await host.look_at(tmp_path / "a")

        assert told.modified is not None
        assert told.modified.utcoffset() == timedelta()
        assert abs(told.modified.timestamp() - (tmp_path / "a").stat().st_mtime) < 1

    async def test_a_directory_is_told_as_one_and_has_no_size(
        self, host: Host, tmp_path: Path
    ) -> None:
        tmp_path.chmod(0o750)
        told = await host.look_at(tmp_path)

        assert (told.path, told.mode, told.is_directory) == (str(tmp_path), 0o750, True)
        assert (told.size, told.readable, told.writable) == (0, True, True)

    async def test_whether_cases_matter_is_unknown_or_so(self, host: Host, tmp_path: Path) -> None:
        (tmp_path / "Name").touch()
        told = await host.look_at(tmp_path)

        assert told.case_matters in {None, not (tmp_path / "nAME").exists()}

    async def test_the_room_that_is_free_is_unknown_or_some(
        self, host: Host, tmp_path: Path
    ) -> None:
        told = await host.look_at(tmp_path)

        assert told.free is None or told.free >= 0

    async def test_a_path_may_be_given_as_text(self, host: Host, tmp_path: Path) -> None:
        (tmp_path / "a").write_text("a", encoding="utf-8")

        told = await host.look_at(str(tmp_path / "a"))
        assert (told.path, told.size) == (str(tmp_path / "a"), 1)
        assert list(await host.names_in(str(tmp_path))) == ["a"]

    async def test_of_what_is_not_there_the_nearest_directory_is_told(
        self, host: Host, tmp_path: Path
    ) -> None:
        path = tmp_path / "a" / "b" / "work.db"
        told = await host.look_at(path)

        assert (told.path, told.mode, told.is_directory) == (str(path), None, False)
        assert (told.size, told.modified, told.writable) == (0, None, True)

    @pytest.mark.parametrize("name", ["a file/below it", "a\0b", "x" * 5000])
    async def test_of_a_path_that_cannot_be_nothing_is_told_and_nothing_fails(
        self, host: Host, tmp_path: Path, name: str
    ) -> None:
        (tmp_path / "a file").touch()
        told = await host.look_at(f"{tmp_path}/{name}")

        assert (told.mode, told.is_directory, told.size) == (None, False, 0)
        assert list(await host.names_in(f"{tmp_path}/{name}")) == []

    async def test_names_are_all_there_and_sorted(self, host: Host, tmp_path: Path) -> None:
        names = ["b", "a", "Z", ".hidden", "ä", "a b"]
        for name in names:
            (tmp_path / name).touch()

        assert list(await host.names_in(tmp_path)) == sorted(names)

    async def test_what_is_no_directory_has_no_names(self, host: Host, tmp_path: Path) -> None:
        (tmp_path / "a file").touch()

        assert list(await host.names_in(tmp_path / "a file")) == []
        assert list(await host.names_in(tmp_path / "not there")) == []

    async def test_looking_changes_nothing(self, host: Host, tmp_path: Path) -> None:
        (tmp_path / "a").write_text("a", encoding="utf-8")
        before = _all_of(tmp_path)
        host.describe()
        for path in (tmp_path, tmp_path / "a", tmp_path / "b" / "c"):
            await host.look_at(path)
            await host.names_in(path)

        assert _all_of(tmp_path) == before


def _all_of(directory: Path) -> dict[str, tuple[int, int]]:
    paths = [directory, *directory.rglob("*")]
    return {str(path): (path.stat().st_mode, path.stat().st_mtime_ns) for path in paths}
