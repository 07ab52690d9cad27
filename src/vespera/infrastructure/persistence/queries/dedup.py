"""Tasks that are wanted once while one is under way."""

from typing import Any

import sqlalchemy as sa

from vespera.infrastructure.persistence.queries.compiling import (
    compiled,
    compiled_by_name,
    one_of_many,
)
from vespera.infrastructure.persistence.stored_values import StoredValue
from vespera.infrastructure.persistence.tables import (
    NONE,
    ONE,
    PENDING,
    UNFINISHED,
    task_dependencies,
    tasks,
)

TASKS_BY_DEDUP_KEY = compiled(
    sa.select(tasks).where(one_of_many(tasks.c.dedup_key), UNFINISHED),
)


def _given(name: str, kind: sa.types.TypeEngine[Any]) -> sa.BindParameter[Any]:
    return sa.bindparam(name, type_=kind)


_FORERUNNERS = sa.select(task_dependencies.c.depends_on).where(
    task_dependencies.c.task_id == _given("task", sa.Text())
)
_OTHERS = sa.exists().where(
    tasks.c.dedup_key == _given("key", sa.Text()),
    tasks.c.specialist_type == _given("kind", sa.Text()),
    UNFINISHED,
    tasks.c.id != _given("task", sa.Text()),
    tasks.c.id.not_in(_FORERUNNERS),
)
IS_ALONE = compiled_by_name(
    sa.select(ONE).where(~_OTHERS), "key", "kind", "task", expects=1, returns=True
)

_MOMENT = _given("moment", sa.BigInteger())
_LATEST = tasks.c.created_at + _given("within", sa.BigInteger())
DEBOUNCE = compiled_by_name(
    sa.update(tasks)
    .where(
        tasks.c.id == _given("task", sa.Text()),
        tasks.c.status == PENDING,
        tasks.c.attempt == NONE,
    )
    .values(
        title=_given("new_title", sa.Text()),
        description=_given("new_description", sa.Text()),
        payload=_given("new_payload", StoredValue()),
        priority=_given("new_priority", sa.BigInteger()),
        run_after=sa.func.min(_MOMENT, sa.func.coalesce(_LATEST, _MOMENT)),
        updated_at=_given("now", sa.BigInteger()),
        version=tasks.c.version + ONE,
    )
    .returning(tasks.c.run_after),
    "task",
    "new_title",
    "new_description",
    "new_payload",
    "new_priority",
    "moment",
    "within",
    "now",
    expects=1,
    returns=True,
)
