"""The parts are asked, and the answers judged; trouble with the database is a remark."""

from dataclasses import replace
from datetime import UTC, datetime
from unittest.mock import AsyncMock, Mock

import pytest

from vespera.application.ports.care import DatabaseCare, DatabaseFacts
from vespera.application.ports.clock import Clock
from vespera.application.ports.contents import ContentStore
from vespera.application.ports.host import Host
from vespera.application.ports.owners import Owners
from vespera.application.usecases.examine_installation import ExamineInstallationUseCase
from vespera.domain.content import StoreUsage
from vespera.domain.errors import ContentError, DatabaseTooNew
from vespera.domain.health import HostFacts, Level, PlaceFacts

NOW = datetime(2030, 1, 1, tzinfo=UTC)
FACTS = DatabaseFacts(
    path="/data/work.db", sqlite="3.60.0", takes_turns=False, durability="full", newest="0001"
)


def place(path):
    return PlaceFacts(
        path=str(path), mode=0o755, is_directory=True, readable=True, writable=True, modified=NOW
    )


@pytest.fixture
def host():
    host = AsyncMock(spec=Host)
    host.describe = Mock(
        return_value=HostFacts(python="3.11", system="Linux", packages={"a": "1"}, extras={})
    )
    host.look_at.side_effect = place
    host.names_in.return_value = ["mine", "dead", "strange"]
    return host


@pytest.fixture
def care():
    care = AsyncMock(spec=DatabaseCare)
    care.facts = Mock(return_value=FACTS)
    care.revision.return_value = "0001"
    return care


@pytest.fixture
def owners():
    owners = Mock(spec=Owners)
    owners.dead.return_value = []
    owners.strangers.return_value = []
    return owners


@pytest.fixture
def contents():
    contents = AsyncMock(spec=ContentStore)
    contents.usage.return_value = StoreUsage(directory=None, quota=1000)
    return contents


@pytest.fixture
def make(host, care, owners, contents):
    def make(owners_directory="/data/work.db.owners"):
        return ExamineInstallationUseCase(
            host=host,
            care=care,
            owners=owners,
            clock=Mock(spec=Clock, **{"now.return_value": NOW}),
            owners_directory=owners_directory,
            workspace="/space",
            contents=contents,
        )

    return make


async def test_an_installation_in_order_is_fine(make, host):
    result = await make().examine()

    assert result.success
    assert {remark.level for remark in result.remarks} == {Level.OK}
    seen = [call.args[0] for call in host.look_at.await_args_list]
    assert seen == ["/data/work.db", "/data", "/data/work.db-wal", "/space"]


async def test_a_database_that_cannot_be_read_is_an_error_among_the_remarks(make, care):
    care.revision.side_effect = DatabaseTooNew("a newer version wrote it; upgrade")

    result = await make().examine()

    assert not result.success
    assert [r.text for r in result.remarks if r.level is Level.ERROR] == [
        "a newer version wrote it; upgrade"
    ]


async def test_warnings_and_notes_do_not_keep_it_from_working(make, care, owners):
    care.revision.return_value = None
    owners.dead.return_value = ["dead"]
    owners.strangers.return_value = ["strange"]

    result = await make().examine()

    assert result.success
    assert [r.about for r in result.remarks if r.level is Level.WARNING] == ["leftovers"] * 2
    owners.dead.assert_called_once_with(["mine", "dead", "strange"])
    (workers,) = [r for r in result.remarks if r.about == "workers"]
    assert (workers.level, workers.text) == (Level.OK, "1 alive on this machine: mine")


async def test_a_database_in_memory_has_neither_file_nor_lock_files(make, care, host):
    care.facts.return_value = replace(FACTS, path=None)

    result = await make(owners_directory=None).examine()

    assert result.success
    care.revision.assert_not_awaited()
    host.names_in.assert_not_awaited()
    assert [call.args[0] for call in host.look_at.await_args_list] == ["/space"]


async def test_the_store_of_contents_is_looked_at_if_there_is_one(make, contents, host):
    contents.usage.return_value = StoreUsage(directory="/data/contents", size=990, quota=1000)
    host.look_at.side_effect = lambda path: replace(place(path), mode=0o700)

    (remark,) = [r for r in (await make().examine()).remarks if r.about == "store"]

    assert (remark.level, "/data/contents" in remark.text) == (Level.WARNING, True)


async def test_a_store_that_cannot_be_read_is_an_error_among_the_remarks(make, contents):
    contents.usage.side_effect = ContentError("it cannot be read")

    result = await make().examine()

    assert [r.text for r in result.remarks if r.level is Level.ERROR] == ["it cannot be read"]
