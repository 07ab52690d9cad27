"""The SQL texts that are kept are those that the queries over the tables come to."""

import pytest

from vespera.infrastructure.persistence import sql
from vespera.infrastructure.persistence.queries.rendering import TOPICS, defined_in, rendered

DEFINED = {name: value for topic in TOPICS for name, value in defined_in(topic).items()}


@pytest.mark.parametrize("name", DEFINED)
def test_a_text_is_what_its_query_comes_to_or_else_run_make_sql(name: str):
    assert getattr(sql, name) == DEFINED[name]


def test_there_is_no_text_without_a_query():
    assert {name for name in vars(sql) if name.isupper()} == DEFINED.keys()


def test_every_topic_brings_names_of_its_own():
    assert sum(len(defined_in(topic)) for topic in TOPICS) == len(DEFINED)


def test_what_is_written_down_reads_as_the_same():
    read: dict[str, object] = {}

    exec(rendered(), read)

    assert {name: read[name] for name in DEFINED} == DEFINED


def test_a_statement_says_what_it_expects_and_whether_it_returns():
    assert sql.TASK_EXISTS.expects == 1
    assert sql.TASK_EXISTS.returns
    assert not sql.RELEASE_DEPENDENTS.returns
