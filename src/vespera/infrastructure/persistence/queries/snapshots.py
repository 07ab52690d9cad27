"""Snapshots."""

import sqlalchemy as sa

from vespera.infrastructure.persistence.file_tables import snapshots
from vespera.infrastructure.persistence.queries.compiling import compiled, compiled_insert
from vespera.infrastructure.persistence.tables import NONE, ONE, UNFINISHED, tasks

SNAPSHOT_COLUMNS = tuple(snapshots.c.keys())
SNAPSHOT_FACTS = SNAPSHOT_COLUMNS[:-2]
_FACTS = [snapshots.c[name] for name in SNAPSHOT_FACTS]
_DELTA, _NEWER = snapshots.alias("delta"), snapshots.alias("newer")
_NEWEST = (
    sa.select(_NEWER.c.id).order_by(_NEWER.c.id.desc()).limit(sa.bindparam("keep")).offset(NONE)
)
_MAY_GO = sa.and_(
    sa.or_(
        snapshots.c.ended_at < sa.bindparam("before"),
        snapshots.c.id.not_in(_NEWEST.scalar_subquery()),
    ),
    ~sa.exists().where(tasks.c.id == snapshots.c.task_id, UNFINISHED),
)

INSERT_SNAPSHOT = compiled_insert(snapshots)
IS_SNAPSHOT = compiled(
    sa.select(ONE).where(snapshots.c.id == sa.bindparam("snapshot")),
    "snapshot",
    expects=1,
    returns=True,
)
SNAPSHOT_BY_ID = compiled(
    sa.select(snapshots).where(snapshots.c.id == sa.bindparam("snapshot")), "snapshot"
)
FACTS_OF_SNAPSHOT = compiled(
    sa.select(*_FACTS).where(snapshots.c.id == sa.bindparam("snapshot")), "snapshot"
)
PAGE_OF_SNAPSHOTS = compiled(
    sa.select(*_FACTS)
    .where(snapshots.c.id < sa.bindparam("before"))
    .order_by(snapshots.c.id.desc())
    .limit(sa.bindparam("rows"))
    .offset(NONE),
    "before",
    "rows",
)
SNAPSHOTS_WITH_CONTENTS = compiled(
    sa.select(snapshots.c.id)
    .where(snapshots.c.kept > NONE, snapshots.c.ended_at >= sa.bindparam("since"))
    .order_by(snapshots.c.id),
    "since",
)
FORGET_DELTAS = compiled(
    sa.delete(snapshots).where(snapshots.c.base_id.is_not(None), _MAY_GO).returning(snapshots.c.id),
    "before",
    "keep",
    returns=True,
)
FORGET_BASES = compiled(
    sa.delete(snapshots)
    .where(
        snapshots.c.base_id.is_(None),
        _MAY_GO,
        ~sa.exists().where(_DELTA.c.base_id == snapshots.c.id),
    )
    .returning(snapshots.c.id),
    "before",
    "keep",
    returns=True,
)
