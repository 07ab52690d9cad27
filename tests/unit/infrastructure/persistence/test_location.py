import re
from pathlib import Path

import pytest

from vespera.domain.errors import InvalidRequest
from vespera.infrastructure.persistence.location import location_of


@pytest.mark.parametrize(
    "url", ["sqlite+aiosqlite:///:memory:", "sqlite+aiosqlite://", "sqlite://", ":memory:"]
)
def test_a_database_in_memory_has_no_path(url):
    assert location_of(url).path is None


@pytest.mark.parametrize(
    "url",
    ["sqlite+aiosqlite:////data/work.db", "sqlite:////data/work.db", "/data/work.db"],
)
def test_an_absolute_path_is_taken_as_it_is(url):
    assert location_of(url).path == Path("/data/work.db")


@pytest.mark.parametrize("url", ["sqlite+aiosqlite:///data/work.db", "data/work.db"])
def test_a_relative_path_is_fixed_when_it_is_given(url):
    assert location_of(url).path == Path.cwd() / "data" / "work.db"


def test_a_path_object_will_do():
    assert location_of(Path("/data/work.db")).path == Path("/data/work.db")


def test_a_plain_path_may_hold_any_character():
    assert location_of("/data/what?#100%.db").path == Path("/data/what?#100%.db")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "postgresql+asyncpg://localhost/work",
        "mysql:///work",
        "sqlite+aiosqlite:///",
        "sqlite+aiosqlite://work.db",
        "sqlite+aiosqlite:///work.db?timeout=5",
        "work\0.db",
        "file::memory:?cache=shared",
        "file:work.db?mode=ro",
        "sqlite+aiosqlite:///file::memory:",
        "sqlite+aiosqlite:///:memory:?cache=shared",
        ":memory:?cache=shared",
        None,
        7,
        b"work.db",
    ],
)
def test_what_names_no_database_is_refused_by_field(url):
    with pytest.raises(InvalidRequest, match="database_url") as refused:
        location_of(url)

    assert refused.value.field == "database_url"
    assert repr(url) in str(refused.value)


@pytest.mark.parametrize("url", ["file::memory:?cache=shared", ":memory:?cache=shared"])
def test_who_wants_memory_by_an_uri_of_sqlite_is_told_the_form_to_use(url):
    with pytest.raises(InvalidRequest, match=re.escape("'sqlite+aiosqlite:///:memory:'")):
        location_of(url)


def test_a_location_says_where_it_is():
    assert str(location_of("/data/work.db")) == "/data/work.db"
    assert str(location_of(":memory:")) == "in-memory database"


def test_memory_may_have_a_name():
    shared = location_of("sqlite+aiosqlite:///:memory:shop-1")

    assert (shared.path, shared.memory) == (None, "shop-1")
    assert str(shared) == "in-memory database 'shop-1'"
