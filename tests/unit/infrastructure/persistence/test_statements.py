import pytest
import sqlalchemy as sa

from vespera.infrastructure.persistence.queries.compiling import (
    compiled,
    compiled_insert,
    one_of_many,
)
from vespera.infrastructure.persistence.statements import in_chunks
from vespera.infrastructure.persistence.tables import steps, tasks


def test_values_in_another_order_than_the_parameters_are_refused_when_compiled():
    query = sa.select(tasks.c.id).where(
        tasks.c.owner == sa.bindparam("who"), tasks.c.attempt == sa.bindparam("which")
    )

    with pytest.raises(ValueError, match="who"):
        compiled(query, "which", "who")


def test_an_insert_takes_a_value_for_each_column_in_order():
    assert compiled_insert(steps).sql.count("?") == len(steps.c)


@pytest.mark.parametrize("count", [0, 1, 499, 500, 501, 1234])
def test_many_values_are_covered_by_chunks_that_every_sqlite_takes(count):
    query = compiled(sa.select(tasks.c.id).where(one_of_many(tasks.c.id)))

    chunks = list(in_chunks(query, [str(number) for number in range(count)]))

    assert [value for _, chunk in chunks for value in chunk] == [str(n) for n in range(count)]
    assert all(sql.count("?") == len(chunk) <= 500 for sql, chunk in chunks)
