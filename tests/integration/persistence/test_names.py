"""One file is one database, by whatever name and however often it is opened."""

import asyncio
from pathlib import Path

import pytest

from vespera.domain.errors import InvalidRequest
from vespera.infrastructure.persistence.database import AsyncDatabaseManager
from vespera.infrastructure.persistence.location import location_of
from vespera.infrastructure.persistence.task_repository import SqlTaskRepository


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, list[Path]]:
    """A file, and other names of it."""
    real = tmp_path / "real" / "work.db"
    real.parent.mkdir()
    (tmp_path / "link.db").symlink_to(real)
    (tmp_path / "linked").symlink_to(real.parent)
    return real, [tmp_path / "link.db", tmp_path / "linked" / "work.db"]


def test_a_link_leads_to_the_name_of_the_file_itself(places):
    real, names = places
    assert [location_of(name).path for name in names] == [real, real]


def test_links_in_a_circle_are_refused(tmp_path):
    (tmp_path / "one.db").symlink_to(tmp_path / "other.db")
    (tmp_path / "other.db").symlink_to(tmp_path / "one.db")
    with pytest.raises(InvalidRequest, match="database_url"):
        location_of(tmp_path / "one.db" / "work.db")


async def test_a_file_with_many_names_has_one_set_of_files_beside_it(places, make_task):
    real, names = places
    databases = [AsyncDatabaseManager(name) for name in (real, *names)]
    for number, database in enumerate(databases):
        await SqlTaskRepository(database).add(make_task(f"{number}"))

    assert len(await SqlTaskRepository(databases[0]).page()) == 3
    assert sorted(file.name for file in real.parent.parent.iterdir()) == [
        "link.db",
        "linked",
        "real",
    ]
    await asyncio.gather(*(database.stop() for database in databases))


PASSER_BY = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
print(connection.execute("SELECT group_concat(id) FROM tasks").fetchone()[0])
connection.close()
"""


async def test_opening_a_file_twice_leaves_it_locked_against_those_who_would_clear_up(
    path, program, make_task
):
    first, second = (AsyncDatabaseManager(str(path)) for _ in range(2))
    tasks = SqlTaskRepository(first)
    await tasks.add(make_task("a"))
    await second.start()
    assert program(PASSER_BY, path).communicate(timeout=60) == ("a\n", "")
    await tasks.add(make_task("b"))

    assert program(PASSER_BY, path).communicate(timeout=60) == ("a,b\n", "")
    await first.stop()
    await second.stop()
