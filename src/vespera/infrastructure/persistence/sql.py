"""Every SQL text of this room. Made from ``queries`` by ``make sql``; not to be edited.

So a task can run without SQLAlchemy, which takes longer to import than all else together.
"""

# ruff: noqa: E501
from vespera.infrastructure.persistence.statements import Statement

# The tables and their indexes.

TABLES = (
    "file_operations",
    "schedules",
    "tasks",
    "verification_reports",
    "heartbeats",
    "signals",
    "steps",
    "task_dependencies",
)

SCHEMA = (
    """CREATE TABLE file_operations ( id TEXT NOT NULL, task_id TEXT, kind TEXT NOT NULL, phase TEXT NOT NULL, path BLOB NOT NULL, "before" TEXT NOT NULL, "after" TEXT NOT NULL, expected TEXT, recorded_at BIGINT NOT NULL, context TEXT NOT NULL, metadata TEXT NOT NULL, PRIMARY KEY (id) ) WITHOUT ROWID""",
    "CREATE INDEX file_operations_of_task ON file_operations (task_id, id)",
    "CREATE INDEX file_operations_on_path ON file_operations (path, id)",
    "CREATE TABLE schedules ( name TEXT NOT NULL, version BIGINT NOT NULL, paused BIGINT NOT NULL, next_due BIGINT, last_due BIGINT, last_task_id TEXT, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, cron TEXT, every DOUBLE, time_zone TEXT NOT NULL, catch_up TEXT NOT NULL, most_catch_up BIGINT NOT NULL, overlap TEXT NOT NULL, title TEXT NOT NULL, specialist_type TEXT NOT NULL, request BLOB NOT NULL, PRIMARY KEY (name) ) WITHOUT ROWID",
    "CREATE INDEX schedules_due ON schedules (next_due) WHERE paused = 0 AND next_due IS NOT NULL",
    "CREATE TABLE tasks ( id TEXT NOT NULL, status TEXT NOT NULL, priority BIGINT NOT NULL, blockers BIGINT NOT NULL, version BIGINT NOT NULL, attempt BIGINT NOT NULL, failures BIGINT NOT NULL, crashes BIGINT NOT NULL, owner TEXT, lease_until BIGINT, run_after BIGINT, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, completion TEXT NOT NULL, specialist_type TEXT NOT NULL, parent_id TEXT, timeout DOUBLE, idempotency_key TEXT, request_digest TEXT NOT NULL, report_id TEXT, retry TEXT NOT NULL, news BIGINT NOT NULL, spawned BIGINT NOT NULL, undoable BIGINT NOT NULL, on_parent_end TEXT NOT NULL, cancelling TEXT, title TEXT NOT NULL, description TEXT NOT NULL, error TEXT, payload BLOB NOT NULL, outcome BLOB, PRIMARY KEY (id), FOREIGN KEY(parent_id) REFERENCES tasks (id) ) WITHOUT ROWID",
    "CREATE INDEX tasks_asleep ON tasks (run_after) WHERE status = 'waiting' AND owner IS NULL",
    "CREATE UNIQUE INDEX tasks_by_key ON tasks (idempotency_key) WHERE idempotency_key IS NOT NULL",
    "CREATE INDEX tasks_called_off ON tasks (id) WHERE cancelling IS NOT NULL",
    "CREATE INDEX tasks_children ON tasks (parent_id) WHERE parent_id IS NOT NULL",
    "CREATE INDEX tasks_delayed ON tasks (run_after) WHERE status = 'pending' AND blockers = 0 AND run_after IS NOT NULL",
    "CREATE INDEX tasks_held ON tasks (owner, lease_until) WHERE owner IS NOT NULL",
    "CREATE INDEX tasks_ready ON tasks (priority DESC, id) WHERE status = 'pending' AND blockers = 0",
    "CREATE INDEX tasks_suspicious ON tasks (id) WHERE status = 'pending' AND blockers = 0 AND crashes >= 2",
    "CREATE TABLE verification_reports ( id TEXT NOT NULL, task_id TEXT, verified_at BIGINT NOT NULL, findings TEXT NOT NULL, PRIMARY KEY (id) ) WITHOUT ROWID",
    "CREATE TABLE heartbeats ( task_id TEXT NOT NULL, name TEXT NOT NULL, occurrence BIGINT NOT NULL, beaten_at BIGINT NOT NULL, detail BLOB NOT NULL, PRIMARY KEY (task_id, name, occurrence), FOREIGN KEY(task_id) REFERENCES tasks (id) ) WITHOUT ROWID",
    "CREATE TABLE signals ( task_id TEXT NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL, sent_at BIGINT NOT NULL, received_at BIGINT, seq BIGINT NOT NULL, payload BLOB NOT NULL, PRIMARY KEY (task_id, id), FOREIGN KEY(task_id) REFERENCES tasks (id) ) WITHOUT ROWID",
    "CREATE TABLE steps ( task_id TEXT NOT NULL, name TEXT NOT NULL, occurrence BIGINT NOT NULL, seq BIGINT NOT NULL, epoch BIGINT NOT NULL, recorded_at BIGINT NOT NULL, wake_at BIGINT, awaits TEXT, value BLOB, error BLOB, PRIMARY KEY (task_id, name, occurrence), FOREIGN KEY(task_id) REFERENCES tasks (id) ) WITHOUT ROWID",
    "CREATE TABLE task_dependencies ( task_id TEXT NOT NULL, depends_on TEXT NOT NULL, position BIGINT NOT NULL, PRIMARY KEY (task_id, depends_on), FOREIGN KEY(task_id) REFERENCES tasks (id), FOREIGN KEY(depends_on) REFERENCES tasks (id) ) WITHOUT ROWID",
    "CREATE INDEX task_dependencies_dependents ON task_dependencies (depends_on)",
)

# The tasks, and what they wait for.

TASK_COLUMNS = (
    "id",
    "status",
    "priority",
    "blockers",
    "version",
    "attempt",
    "failures",
    "crashes",
    "owner",
    "lease_until",
    "run_after",
    "created_at",
    "updated_at",
    "completion",
    "specialist_type",
    "parent_id",
    "timeout",
    "idempotency_key",
    "request_digest",
    "report_id",
    "retry",
    "news",
    "spawned",
    "undoable",
    "on_parent_end",
    "cancelling",
    "title",
    "description",
    "error",
    "payload",
    "outcome",
)

INSERT_TASK = Statement(
    "INSERT INTO tasks (id, status, priority, blockers, version, attempt, failures, crashes, owner, lease_until, run_after, created_at, updated_at, completion, specialist_type, parent_id, timeout, idempotency_key, request_digest, report_id, retry, news, spawned, undoable, on_parent_end, cancelling, title, description, error, payload, outcome) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    expects=1,
)

INSERT_DEPENDENCY = Statement(
    "INSERT INTO task_dependencies (task_id, depends_on, position) VALUES (?, ?, ?)", expects=1
)

TASK_EXISTS = Statement("SELECT tasks.id FROM tasks WHERE tasks.id = ?", expects=1, returns=True)

COUNT_BLOCKERS = Statement(
    "UPDATE tasks SET blockers=(SELECT count(*) AS count_1 FROM task_dependencies JOIN tasks AS dependency ON dependency.id = task_dependencies.depends_on WHERE task_dependencies.task_id = ? AND dependency.status != 'completed') WHERE tasks.id = ?",
    expects=1,
)

UPDATE_TASK = Statement(
    "UPDATE tasks SET status=?, version=(tasks.version + 1), attempt=?, failures=?, owner=?, lease_until=?, run_after=?, updated_at=?, report_id=?, error=?, outcome=? WHERE tasks.id = ? AND tasks.version = ?",
    expects=1,
)

COMPLETE_TASK = Statement(
    "UPDATE tasks SET status=?, version=(tasks.version + 1), attempt=?, failures=?, owner=?, lease_until=?, run_after=?, updated_at=?, report_id=?, error=?, outcome=? WHERE tasks.id = ? AND tasks.version = ? AND ? = (SELECT count(*) AS count_1 FROM file_operations WHERE file_operations.task_id = ?)",
    expects=1,
)

RELEASE_DEPENDENTS = Statement(
    "UPDATE tasks SET blockers=(tasks.blockers - 1) WHERE tasks.id IN (SELECT task_dependencies.task_id FROM task_dependencies WHERE task_dependencies.depends_on = ?)"
)

TASKS_BY_ID = Statement(
    "SELECT tasks.id, tasks.status, tasks.priority, tasks.blockers, tasks.version, tasks.attempt, tasks.failures, tasks.crashes, tasks.owner, tasks.lease_until, tasks.run_after, tasks.created_at, tasks.updated_at, tasks.completion, tasks.specialist_type, tasks.parent_id, tasks.timeout, tasks.idempotency_key, tasks.request_digest, tasks.report_id, tasks.retry, tasks.news, tasks.spawned, tasks.undoable, tasks.on_parent_end, tasks.cancelling, tasks.title, tasks.description, tasks.error, tasks.payload, tasks.outcome FROM tasks WHERE tasks.id IN (__many__)"
)

TASKS_BY_KEY = Statement(
    "SELECT tasks.id, tasks.status, tasks.priority, tasks.blockers, tasks.version, tasks.attempt, tasks.failures, tasks.crashes, tasks.owner, tasks.lease_until, tasks.run_after, tasks.created_at, tasks.updated_at, tasks.completion, tasks.specialist_type, tasks.parent_id, tasks.timeout, tasks.idempotency_key, tasks.request_digest, tasks.report_id, tasks.retry, tasks.news, tasks.spawned, tasks.undoable, tasks.on_parent_end, tasks.cancelling, tasks.title, tasks.description, tasks.error, tasks.payload, tasks.outcome FROM tasks WHERE tasks.idempotency_key IN (__many__)"
)

PAGE_OF_TASKS = Statement(
    "SELECT tasks.id, tasks.status, tasks.priority, tasks.blockers, tasks.version, tasks.attempt, tasks.failures, tasks.crashes, tasks.owner, tasks.lease_until, tasks.run_after, tasks.created_at, tasks.updated_at, tasks.completion, tasks.specialist_type, tasks.parent_id, tasks.timeout, tasks.idempotency_key, tasks.request_digest, tasks.report_id, tasks.retry, tasks.news, tasks.spawned, tasks.undoable, tasks.on_parent_end, tasks.cancelling, tasks.title, tasks.description, tasks.error, tasks.payload, tasks.outcome FROM tasks WHERE tasks.id > ? AND (? IS NULL OR tasks.status = ?) AND (? IS NULL OR tasks.specialist_type = ?) ORDER BY tasks.id LIMIT ? OFFSET 0"
)

COUNT_BY_STATUS = Statement(
    "SELECT tasks.status, count(*) AS count_1 FROM tasks GROUP BY tasks.status"
)

DEPENDENCIES_OF_TASK = Statement(
    "SELECT tasks.id, tasks.status, tasks.priority, tasks.blockers, tasks.version, tasks.attempt, tasks.failures, tasks.crashes, tasks.owner, tasks.lease_until, tasks.run_after, tasks.created_at, tasks.updated_at, tasks.completion, tasks.specialist_type, tasks.parent_id, tasks.timeout, tasks.idempotency_key, tasks.request_digest, tasks.report_id, tasks.retry, tasks.news, tasks.spawned, tasks.undoable, tasks.on_parent_end, tasks.cancelling, tasks.title, tasks.description, tasks.error, tasks.payload, tasks.outcome FROM tasks JOIN task_dependencies ON task_dependencies.depends_on = tasks.id WHERE task_dependencies.task_id = ? ORDER BY task_dependencies.position"
)

DEAD_ENDS_OF_TASK = Statement(
    "WITH RECURSIVE awaited(id) AS (SELECT task_dependencies.depends_on AS id FROM task_dependencies WHERE task_dependencies.task_id = ? UNION SELECT task_dependencies.depends_on AS depends_on FROM task_dependencies JOIN tasks AS middle ON middle.id = task_dependencies.task_id JOIN awaited ON awaited.id = middle.id WHERE middle.status != 'completed') SELECT tasks.id, tasks.status, tasks.priority, tasks.blockers, tasks.version, tasks.attempt, tasks.failures, tasks.crashes, tasks.owner, tasks.lease_until, tasks.run_after, tasks.created_at, tasks.updated_at, tasks.completion, tasks.specialist_type, tasks.parent_id, tasks.timeout, tasks.idempotency_key, tasks.request_digest, tasks.report_id, tasks.retry, tasks.news, tasks.spawned, tasks.undoable, tasks.on_parent_end, tasks.cancelling, tasks.title, tasks.description, tasks.error, tasks.payload, tasks.outcome FROM tasks WHERE tasks.id IN (SELECT awaited.id FROM awaited) AND (tasks.status IN ('failed', 'cancelled') OR tasks.status = 'executed' AND tasks.completion = 'auto' AND tasks.error IS NOT NULL) ORDER BY tasks.id"
)

# Who may run what, and until when.

CLAIM_READY = Statement(
    "UPDATE tasks SET status='running', version=(tasks.version + 1), attempt=(tasks.attempt + 1), owner=?, lease_until=?, run_after=NULL, updated_at=? WHERE tasks.id IN (SELECT tasks.id FROM tasks WHERE tasks.status = 'pending' AND tasks.blockers = 0 AND (tasks.run_after IS NULL OR tasks.run_after <= ?) AND tasks.crashes < 2 ORDER BY tasks.priority DESC, tasks.id LIMIT ? OFFSET 0) RETURNING id, status, priority, blockers, version, attempt, failures, crashes, owner, lease_until, run_after, created_at, updated_at, completion, specialist_type, parent_id, timeout, idempotency_key, request_digest, report_id, retry, news, spawned, undoable, on_parent_end, cancelling, title, description, error, payload, outcome",
    returns=True,
)

DUE_SUSPECT = Statement(
    "SELECT tasks.id FROM tasks WHERE tasks.status = 'pending' AND tasks.blockers = 0 AND (tasks.run_after IS NULL OR tasks.run_after <= ?) AND tasks.crashes >= 2 ORDER BY tasks.id LIMIT 1 OFFSET 0"
)

CLAIM_SUSPECT = Statement(
    "UPDATE tasks SET status='running', version=(tasks.version + 1), attempt=(tasks.attempt + 1), owner=?, lease_until=?, run_after=NULL, updated_at=? WHERE tasks.id IN (SELECT tasks.id FROM tasks WHERE tasks.status = 'pending' AND tasks.blockers = 0 AND (tasks.run_after IS NULL OR tasks.run_after <= ?) AND tasks.crashes >= 2 ORDER BY tasks.id LIMIT 1 OFFSET 0) RETURNING id, status, priority, blockers, version, attempt, failures, crashes, owner, lease_until, run_after, created_at, updated_at, completion, specialist_type, parent_id, timeout, idempotency_key, request_digest, report_id, retry, news, spawned, undoable, on_parent_end, cancelling, title, description, error, payload, outcome",
    returns=True,
)

CLAIM_TASK = Statement(
    "UPDATE tasks SET status='running', version=(tasks.version + 1), attempt=(tasks.attempt + 1), owner=?, lease_until=?, run_after=NULL, updated_at=? WHERE tasks.id = ? AND tasks.status IN ('pending', 'assigned', 'waiting') AND tasks.owner IS NULL AND tasks.blockers = 0 RETURNING id, status, priority, blockers, version, attempt, failures, crashes, owner, lease_until, run_after, created_at, updated_at, completion, specialist_type, parent_id, timeout, idempotency_key, request_digest, report_id, retry, news, spawned, undoable, on_parent_end, cancelling, title, description, error, payload, outcome",
    returns=True,
)

EXTEND_LEASE = Statement(
    "UPDATE tasks SET lease_until=? WHERE tasks.id = ? AND tasks.attempt = ? AND tasks.owner = ? RETURNING id",
    returns=True,
)

OWNERS = Statement(
    "SELECT DISTINCT tasks.owner FROM tasks WHERE tasks.owner IS NOT NULL ORDER BY tasks.owner"
)

TAKE_BACK_EXPIRED = Statement(
    "UPDATE tasks SET status='pending', version=(tasks.version + 1), crashes=(tasks.crashes + CASE WHEN (tasks.status = 'running') THEN 1 ELSE 0 END), owner=NULL, lease_until=NULL, run_after=NULL, updated_at=? WHERE tasks.owner IS NOT NULL AND tasks.lease_until <= ? RETURNING id",
    returns=True,
)

TAKE_BACK_OF_OWNER = Statement(
    "UPDATE tasks SET status='pending', version=(tasks.version + 1), crashes=(tasks.crashes + CASE WHEN (tasks.status = 'running') THEN 1 ELSE 0 END), owner=NULL, lease_until=NULL, run_after=NULL, updated_at=? WHERE tasks.owner IS NOT NULL AND tasks.owner = ? RETURNING id",
    returns=True,
)

NEXT_DUE = Statement(
    "SELECT anon_1.run_after FROM (SELECT tasks.run_after AS run_after FROM tasks WHERE tasks.status = 'pending' AND tasks.blockers = 0 AND tasks.run_after IS NOT NULL ORDER BY tasks.run_after LIMIT 1 OFFSET 0) AS anon_1 UNION ALL SELECT anon_2.run_after FROM (SELECT tasks.run_after AS run_after FROM tasks WHERE tasks.status = 'waiting' AND tasks.owner IS NULL AND tasks.run_after IS NOT NULL ORDER BY tasks.run_after LIMIT 1 OFFSET 0) AS anon_2 ORDER BY run_after"
)

WAKE_DUE = Statement(
    "UPDATE tasks SET status='pending', version=(tasks.version + 1), run_after=NULL, updated_at=? WHERE tasks.status = 'waiting' AND tasks.owner IS NULL AND tasks.run_after <= ?"
)

SUSPEND = Statement(
    "UPDATE tasks SET status='waiting', run_after=?, updated_at=? WHERE tasks.id = ? AND tasks.attempt = ? AND tasks.owner = ?",
    expects=1,
)

PARK = Statement(
    "UPDATE tasks SET version=(tasks.version + 1), owner=NULL, lease_until=NULL, updated_at=? WHERE tasks.id = ? AND tasks.attempt = ? AND tasks.owner = ? AND tasks.status = 'waiting' AND tasks.news = ? RETURNING id",
    returns=True,
)

NEWS_OF_OWNER = Statement("SELECT tasks.id, tasks.news FROM tasks WHERE tasks.owner = ?")

# Only who holds a task may write for it.

HOLDS_TASK = Statement(
    "SELECT tasks.id FROM tasks WHERE tasks.id = ? AND tasks.attempt = ? AND tasks.owner = ?",
    expects=1,
    returns=True,
)

MARK_SPAWNED = Statement(
    "UPDATE tasks SET spawned=1 WHERE tasks.id = ? AND tasks.attempt = ? AND tasks.owner = ?"
)

MARK_UNDOABLE = Statement(
    "UPDATE tasks SET undoable=1 WHERE tasks.id = ? AND tasks.attempt = ? AND tasks.owner = ?"
)

HOLDS_AND_EXTENDS = Statement(
    "UPDATE tasks SET status='running', crashes=0, lease_until=?, run_after=NULL WHERE tasks.id = ? AND tasks.attempt = ? AND tasks.owner = ?",
    expects=1,
)

# The steps of a task.

STEP_COLUMNS = (
    "task_id",
    "name",
    "occurrence",
    "seq",
    "epoch",
    "recorded_at",
    "wake_at",
    "awaits",
    "value",
    "error",
)

RECORD_STEP = Statement(
    "INSERT INTO steps (task_id, name, occurrence, seq, epoch, recorded_at, wake_at, awaits, value, error) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (task_id, name, occurrence) DO UPDATE SET seq = excluded.seq, epoch = excluded.epoch, recorded_at = excluded.recorded_at, wake_at = excluded.wake_at, awaits = excluded.awaits, value = excluded.value, error = excluded.error WHERE steps.awaits IS NOT NULL OR steps.error IS NOT NULL AND steps.epoch < excluded.epoch",
    expects=1,
)

STEPS_OF_TASK = Statement(
    "SELECT steps.task_id, steps.name, steps.occurrence, steps.seq, steps.epoch, steps.recorded_at, steps.wake_at, steps.awaits, steps.value, steps.error FROM steps WHERE steps.task_id = ? ORDER BY steps.seq"
)

HEARTBEAT_COLUMNS = ("task_id", "name", "occurrence", "beaten_at", "detail")

RECORD_HEARTBEAT = Statement(
    "INSERT INTO heartbeats (task_id, name, occurrence, beaten_at, detail) VALUES (?, ?, ?, ?, ?) ON CONFLICT (task_id, name, occurrence) DO UPDATE SET beaten_at = excluded.beaten_at, detail = excluded.detail",
    expects=1,
)

HEARTBEATS_OF_TASK = Statement(
    "SELECT heartbeats.task_id, heartbeats.name, heartbeats.occurrence, heartbeats.beaten_at, heartbeats.detail FROM heartbeats WHERE heartbeats.task_id = ? ORDER BY heartbeats.name, heartbeats.occurrence"
)

# What is sent to tasks.

SIGNAL_COLUMNS = ("task_id", "id", "name", "sent_at", "received_at", "seq", "payload")

INSERT_SIGNAL = Statement(
    "INSERT INTO signals (task_id, id, name, sent_at, received_at, seq, payload) VALUES (?, ?, ?, ?, ?, (SELECT tasks.news FROM tasks WHERE tasks.id = ?), ?)",
    expects=1,
)

NEWS_FOR_PARENT = Statement(
    "UPDATE tasks SET status=CASE WHEN (tasks.status = 'waiting' AND tasks.owner IS NULL) THEN 'pending' ELSE tasks.status END, version=(tasks.version + CASE WHEN (tasks.status = 'waiting' AND tasks.owner IS NULL) THEN 1 ELSE 0 END), run_after=CASE WHEN (tasks.status = 'waiting' AND tasks.owner IS NULL) THEN NULL ELSE tasks.run_after END, news=(tasks.news + 1) WHERE tasks.id = ? AND (tasks.status NOT IN ('completed', 'failed', 'cancelled'))"
)

CALL_CHILDREN_OFF = Statement(
    "UPDATE tasks SET status=CASE WHEN (tasks.status = 'waiting' AND tasks.owner IS NULL) THEN 'pending' ELSE tasks.status END, version=(tasks.version + CASE WHEN (tasks.status = 'waiting' AND tasks.owner IS NULL) THEN 1 ELSE 0 END), run_after=CASE WHEN (tasks.status = 'waiting' AND tasks.owner IS NULL) THEN NULL ELSE tasks.run_after END, news=(tasks.news + 1), cancelling=? WHERE tasks.parent_id = ? AND tasks.on_parent_end = 'cancel' AND (tasks.status NOT IN ('completed', 'failed', 'cancelled'))"
)

CALL_OFF = Statement(
    "UPDATE tasks SET status=CASE WHEN (tasks.status = 'waiting' AND tasks.owner IS NULL) THEN 'pending' ELSE tasks.status END, version=(tasks.version + CASE WHEN (tasks.status = 'waiting' AND tasks.owner IS NULL) THEN 1 ELSE 0 END), run_after=CASE WHEN (tasks.status = 'waiting' AND tasks.owner IS NULL) THEN NULL ELSE tasks.run_after END, news=(tasks.news + 1), cancelling=? WHERE tasks.id = ? AND (tasks.status NOT IN ('completed', 'failed', 'cancelled'))",
    expects=1,
)

CALLED_OFF = Statement(
    "SELECT tasks.id, tasks.status, tasks.priority, tasks.blockers, tasks.version, tasks.attempt, tasks.failures, tasks.crashes, tasks.owner, tasks.lease_until, tasks.run_after, tasks.created_at, tasks.updated_at, tasks.completion, tasks.specialist_type, tasks.parent_id, tasks.timeout, tasks.idempotency_key, tasks.request_digest, tasks.report_id, tasks.retry, tasks.news, tasks.spawned, tasks.undoable, tasks.on_parent_end, tasks.cancelling, tasks.title, tasks.description, tasks.error, tasks.payload, tasks.outcome FROM tasks WHERE tasks.cancelling IS NOT NULL AND (tasks.owner IS NULL OR tasks.owner = ?) AND (tasks.status NOT IN ('completed', 'failed', 'cancelled')) ORDER BY tasks.id"
)

TELL = Statement(
    "UPDATE tasks SET status=CASE WHEN (tasks.status = 'waiting' AND tasks.owner IS NULL) THEN 'pending' ELSE tasks.status END, version=(tasks.version + CASE WHEN (tasks.status = 'waiting' AND tasks.owner IS NULL) THEN 1 ELSE 0 END), run_after=CASE WHEN (tasks.status = 'waiting' AND tasks.owner IS NULL) THEN NULL ELSE tasks.run_after END, news=(tasks.news + 1) WHERE tasks.id = ? AND (tasks.status NOT IN ('completed', 'failed', 'cancelled'))",
    expects=1,
)

OLDEST_SIGNAL = Statement(
    "SELECT signals.task_id, signals.id, signals.name, signals.sent_at, signals.received_at, signals.seq, signals.payload FROM signals WHERE signals.task_id = ? AND signals.name = ? AND signals.received_at IS NULL ORDER BY signals.seq LIMIT 1 OFFSET 0"
)

SIGNALS_OF_TASK = Statement(
    "SELECT signals.task_id, signals.id, signals.name, signals.sent_at, signals.received_at, signals.seq, signals.payload FROM signals WHERE signals.task_id = ? ORDER BY signals.seq"
)

RECEIVE_SIGNAL = Statement(
    "UPDATE signals SET received_at=? WHERE signals.task_id = ? AND signals.id = ? AND signals.received_at IS NULL",
    expects=1,
)

# Operations on files.

OPERATION_COLUMNS = (
    "id",
    "task_id",
    "kind",
    "phase",
    "path",
    "before",
    "after",
    "expected",
    "recorded_at",
    "context",
    "metadata",
)

INSERT_OPERATION = Statement(
    """INSERT INTO file_operations (id, task_id, kind, phase, path, "before", "after", expected, recorded_at, context, metadata) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
    expects=1,
)

UPDATE_OPERATION = Statement(
    """UPDATE file_operations SET task_id=?, kind=?, phase=?, path=?, "before"=?, "after"=?, expected=?, recorded_at=?, context=?, metadata=? WHERE file_operations.id = ?""",
    expects=1,
)

OPERATIONS_BY_ID = Statement(
    """SELECT file_operations.id, file_operations.task_id, file_operations.kind, file_operations.phase, file_operations.path, file_operations."before", file_operations."after", file_operations.expected, file_operations.recorded_at, file_operations.context, file_operations.metadata FROM file_operations WHERE file_operations.id IN (__many__)"""
)

OPERATIONS_BY_PATH = Statement(
    """SELECT file_operations.id, file_operations.task_id, file_operations.kind, file_operations.phase, file_operations.path, file_operations."before", file_operations."after", file_operations.expected, file_operations.recorded_at, file_operations.context, file_operations.metadata FROM file_operations WHERE file_operations.path IN (__many__)"""
)

OPERATIONS_OF_TASK = Statement(
    """SELECT file_operations.id, file_operations.task_id, file_operations.kind, file_operations.phase, file_operations.path, file_operations."before", file_operations."after", file_operations.expected, file_operations.recorded_at, file_operations.context, file_operations.metadata FROM file_operations WHERE file_operations.task_id = ? ORDER BY file_operations.id"""
)

OPERATION_PATHS = Statement("SELECT DISTINCT file_operations.path FROM file_operations")

# Verification reports.

INSERT_REPORT = Statement(
    "INSERT INTO verification_reports (id, task_id, verified_at, findings) VALUES (?, ?, ?, ?)",
    expects=1,
)

REPORT_BY_ID = Statement(
    "SELECT verification_reports.id, verification_reports.task_id, verification_reports.verified_at, verification_reports.findings FROM verification_reports WHERE verification_reports.id = ?"
)

# Schedules.

SCHEDULE_COLUMNS = (
    "name",
    "version",
    "paused",
    "next_due",
    "last_due",
    "last_task_id",
    "created_at",
    "updated_at",
    "cron",
    "every",
    "time_zone",
    "catch_up",
    "most_catch_up",
    "overlap",
    "title",
    "specialist_type",
    "request",
)

INSERT_SCHEDULE = Statement(
    "INSERT INTO schedules (name, version, paused, next_due, last_due, last_task_id, created_at, updated_at, cron, every, time_zone, catch_up, most_catch_up, overlap, title, specialist_type, request) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    expects=1,
)

UPDATE_SCHEDULE = Statement(
    "UPDATE schedules SET version=?, paused=?, next_due=?, last_due=?, last_task_id=?, updated_at=?, cron=?, every=?, time_zone=?, catch_up=?, most_catch_up=?, overlap=?, title=?, specialist_type=?, request=? WHERE schedules.name = ? AND schedules.version = ?",
    expects=1,
)

DELETE_SCHEDULE = Statement(
    "DELETE FROM schedules WHERE schedules.name = ? AND schedules.version = ?", expects=1
)

SCHEDULE_BY_NAME = Statement(
    "SELECT schedules.name, schedules.version, schedules.paused, schedules.next_due, schedules.last_due, schedules.last_task_id, schedules.created_at, schedules.updated_at, schedules.cron, schedules.every, schedules.time_zone, schedules.catch_up, schedules.most_catch_up, schedules.overlap, schedules.title, schedules.specialist_type, schedules.request FROM schedules WHERE schedules.name = ?"
)

ALL_SCHEDULES = Statement(
    "SELECT schedules.name, schedules.version, schedules.paused, schedules.next_due, schedules.last_due, schedules.last_task_id, schedules.created_at, schedules.updated_at, schedules.cron, schedules.every, schedules.time_zone, schedules.catch_up, schedules.most_catch_up, schedules.overlap, schedules.title, schedules.specialist_type, schedules.request FROM schedules ORDER BY schedules.name"
)

DUE_SCHEDULES = Statement(
    "SELECT schedules.name, schedules.version, schedules.paused, schedules.next_due, schedules.last_due, schedules.last_task_id, schedules.created_at, schedules.updated_at, schedules.cron, schedules.every, schedules.time_zone, schedules.catch_up, schedules.most_catch_up, schedules.overlap, schedules.title, schedules.specialist_type, schedules.request FROM schedules WHERE schedules.paused = 0 AND schedules.next_due IS NOT NULL AND schedules.next_due <= ? ORDER BY schedules.next_due, schedules.name"
)

NEXT_SCHEDULE_DUE = Statement(
    "SELECT min(schedules.next_due) AS min_1 FROM schedules WHERE schedules.paused = 0 AND schedules.next_due IS NOT NULL AND schedules.next_due > ?"
)
