"""The parts are asked, and the answers judged; trouble with the database is a remark."""

from dataclasses import replace
from datetime import UTC, datetime
from unittest.mock import AsyncMock, Mock

import pytest

from vespera.application.ports.care import DatabaseCare, DatabaseFacts
from vespera.application.ports.clock import Clock
from vespera.application.ports.host import Host
from vespera.application.ports.owners import Owners
from vespera.application.usecases.examine_installation import ExamineInstallationUseCase
from vespera.domain.errors import DatabaseTooNew
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
def make(host, care, owners):
    def make(owners_directory="/data/work.db.owners"):
        return ExamineInstallationUseCase(
            host=host,
            care=care,
            owners=owners,
            clock=Mock(spec=Clock, **{"now.return_value": NOW}),
            owners_directory=owners_directory,
            workspace="/space",
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
