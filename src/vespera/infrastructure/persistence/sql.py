"""Every SQL text of this room. Made from ``queries`` by ``make sql``; not to be edited.

So a task can run without SQLAlchemy, which takes longer to import than all else together.
"""

# ruff: noqa: E501
from vespera.infrastructure.persistence.statements import Statement

# The tables and their indexes.

TABLES = (
    "audit_entries",
    "breakers",
    "costs",
    "events",
    "file_operations",
    "gates",
    "resources",
    "rollbacks",
    "schedules",
    "snapshots",
    "starts",
    "task_counts",
    "tasks",
    "verification_reports",
    "waivers",
    "heartbeats",
    "progress",
    "rollback_steps",
    "signals",
    "steps",
    "task_dependencies",
)

SCHEMA = (
    "CREATE TABLE audit_entries ( number INTEGER NOT NULL, at BIGINT NOT NULL, kind TEXT NOT NULL, payload TEXT NOT NULL, hash TEXT NOT NULL, PRIMARY KEY (number) )",
    "CREATE TABLE breakers ( name TEXT NOT NULL, version BIGINT NOT NULL, era BIGINT NOT NULL, failures BIGINT NOT NULL, since DOUBLE, rests_from DOUBLE NOT NULL, rests_until DOUBLE NOT NULL, probe BIGINT NOT NULL, reason TEXT NOT NULL, PRIMARY KEY (name) ) WITHOUT ROWID",
    "CREATE TABLE costs ( id TEXT NOT NULL, operation TEXT NOT NULL, state TEXT NOT NULL, began_at BIGINT NOT NULL, task_id TEXT, attempt BIGINT NOT NULL, step TEXT NOT NULL, occurrence BIGINT NOT NULL, model TEXT NOT NULL, input_tokens BIGINT NOT NULL, output_tokens BIGINT NOT NULL, nanos BIGINT NOT NULL, currency TEXT NOT NULL, micros BIGINT NOT NULL, PRIMARY KEY (id) ) WITHOUT ROWID",
    "CREATE INDEX costs_of_task ON costs (task_id, operation)",
    "CREATE TABLE events ( id INTEGER NOT NULL, mark BIGINT NOT NULL, entries TEXT NOT NULL, PRIMARY KEY (id) )",
    """CREATE TABLE file_operations ( id TEXT NOT NULL, task_id TEXT, kind TEXT NOT NULL, phase TEXT NOT NULL, path BLOB NOT NULL, "before" TEXT NOT NULL, "after" TEXT NOT NULL, expected TEXT, destination BLOB, arrival TEXT, recorded_at BIGINT NOT NULL, context TEXT NOT NULL, metadata TEXT NOT NULL, attempt BIGINT, PRIMARY KEY (id) ) WITHOUT ROWID""",
    "CREATE INDEX file_operations_allowances ON file_operations (id) WHERE kind = 'scope'",
    "CREATE INDEX file_operations_of_task ON file_operations (task_id, id)",
    "CREATE INDEX file_operations_on_path ON file_operations (path, id)",
    "CREATE INDEX file_operations_to_path ON file_operations (destination, id) WHERE destination IS NOT NULL",
    "CREATE TABLE gates ( specialist_type TEXT NOT NULL, paused_at BIGINT, max_concurrent BIGINT, max_concurrent_per_key BIGINT, rate_count BIGINT, rate_per BIGINT, key_rate_count BIGINT, key_rate_per BIGINT, PRIMARY KEY (specialist_type) ) WITHOUT ROWID",
    "CREATE TABLE resources ( id TEXT NOT NULL, resource_type TEXT NOT NULL, owner TEXT NOT NULL, state TEXT NOT NULL, task_id TEXT, created_at BIGINT NOT NULL, released_at BIGINT, trace TEXT NOT NULL, error TEXT, PRIMARY KEY (id) ) WITHOUT ROWID",
    "CREATE INDEX resources_released ON resources (released_at) WHERE released_at IS NOT NULL",
    "CREATE INDEX resources_unreleased ON resources (id) WHERE state != 'released'",
    "CREATE TABLE rollbacks ( id TEXT NOT NULL, task_id TEXT NOT NULL, owner TEXT NOT NULL, began_at BIGINT NOT NULL, heard_at BIGINT NOT NULL, attempt BIGINT, tree BIGINT NOT NULL, partial BIGINT NOT NULL, state TEXT NOT NULL, under_way BIGINT, PRIMARY KEY (id) ) WITHOUT ROWID",
    "CREATE INDEX rollbacks_of_task ON rollbacks (task_id, id)",
    "CREATE UNIQUE INDEX rollbacks_under_way ON rollbacks (under_way)",
    "CREATE TABLE schedules ( name TEXT NOT NULL, version BIGINT NOT NULL, paused BIGINT NOT NULL, next_due BIGINT, last_due BIGINT, last_task_id TEXT, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, cron TEXT, every DOUBLE, time_zone TEXT NOT NULL, catch_up TEXT NOT NULL, most_catch_up BIGINT NOT NULL, overlap TEXT NOT NULL, title TEXT NOT NULL, specialist_type TEXT NOT NULL, request BLOB NOT NULL, PRIMARY KEY (name) ) WITHOUT ROWID",
    "CREATE INDEX schedules_due ON schedules (next_due) WHERE paused = 0 AND next_due IS NOT NULL",
    "CREATE INDEX schedules_spilled ON schedules (request) WHERE request < x''",
    "CREATE TABLE snapshots ( id TEXT NOT NULL, task_id TEXT, label TEXT NOT NULL, began_at BIGINT NOT NULL, ended_at BIGINT NOT NULL, digest TEXT NOT NULL, files BIGINT NOT NULL, directories BIGINT NOT NULL, ignored BIGINT NOT NULL, unknown BIGINT NOT NULL, hashed BIGINT NOT NULL, caution TEXT NOT NULL, kept BIGINT NOT NULL, base_id TEXT, content BLOB NOT NULL, PRIMARY KEY (id), FOREIGN KEY(base_id) REFERENCES snapshots (id) ) WITHOUT ROWID",
    "CREATE INDEX snapshots_by_base ON snapshots (base_id) WHERE base_id IS NOT NULL",
    "CREATE INDEX snapshots_of_task ON snapshots (task_id, id) WHERE task_id IS NOT NULL",
    "CREATE INDEX snapshots_spilled ON snapshots (content) WHERE content < x''",
    "CREATE TABLE starts ( number BIGINT NOT NULL, task_id TEXT NOT NULL, attempt BIGINT NOT NULL, specialist_type TEXT NOT NULL, concurrency_key TEXT, began_at BIGINT NOT NULL, kept_until BIGINT NOT NULL, PRIMARY KEY (number) ) WITHOUT ROWID",
    "CREATE INDEX starts_kept ON starts (kept_until)",
    "CREATE INDEX starts_of_key ON starts (specialist_type, concurrency_key, began_at) WHERE concurrency_key IS NOT NULL",
    "CREATE INDEX starts_of_type ON starts (specialist_type, began_at)",
    "CREATE TABLE task_counts ( specialist_type TEXT NOT NULL, status TEXT NOT NULL, total BIGINT NOT NULL, PRIMARY KEY (specialist_type, status) ) WITHOUT ROWID",
    "CREATE TABLE tasks ( id TEXT NOT NULL, status TEXT NOT NULL, priority BIGINT NOT NULL, blockers BIGINT NOT NULL, version BIGINT NOT NULL, attempt BIGINT NOT NULL, failures BIGINT NOT NULL, crashes BIGINT NOT NULL, owner TEXT, lease_until BIGINT, run_after BIGINT, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, completion TEXT NOT NULL, specialist_type TEXT NOT NULL, parent_id TEXT, timeout DOUBLE, idempotency_key TEXT, request_digest TEXT NOT NULL, report_id TEXT, retry TEXT NOT NULL, news BIGINT NOT NULL, spawned BIGINT NOT NULL, undoable BIGINT NOT NULL, on_parent_end TEXT NOT NULL, cancelling TEXT, concurrency_key TEXT, paused_at BIGINT, gate TEXT NOT NULL, on_failed_dependency TEXT NOT NULL, dedup_key TEXT, retries BIGINT NOT NULL, forked_from TEXT, handler_version TEXT, title TEXT NOT NULL, description TEXT NOT NULL, error TEXT, payload BLOB NOT NULL, outcome BLOB, PRIMARY KEY (id), FOREIGN KEY(parent_id) REFERENCES tasks (id) ) WITHOUT ROWID",
    "CREATE INDEX tasks_asleep ON tasks (run_after) WHERE status = 'waiting' AND owner IS NULL",
    "CREATE INDEX tasks_by_age ON tasks (created_at, id)",
    "CREATE INDEX tasks_by_dedup_key ON tasks (dedup_key, specialist_type) WHERE dedup_key IS NOT NULL AND status != 'completed' AND status != 'failed' AND status != 'cancelled'",
    "CREATE UNIQUE INDEX tasks_by_key ON tasks (idempotency_key) WHERE idempotency_key IS NOT NULL",
    "CREATE INDEX tasks_by_report ON tasks (report_id) WHERE report_id IS NOT NULL",
    "CREATE INDEX tasks_called_off ON tasks (id) WHERE cancelling IS NOT NULL",
    "CREATE INDEX tasks_children ON tasks (parent_id) WHERE parent_id IS NOT NULL",
    "CREATE INDEX tasks_delayed ON tasks (run_after) WHERE run_after IS NOT NULL AND status = 'pending' AND blockers = 0 AND paused_at IS NULL",
    "CREATE INDEX tasks_held ON tasks (owner, lease_until) WHERE owner IS NOT NULL",
    "CREATE INDEX tasks_held_back ON tasks (specialist_type) WHERE status = 'pending' AND (blockers > 0 OR paused_at IS NOT NULL OR run_after IS NOT NULL OR crashes >= 2)",
    "CREATE INDEX tasks_of_type ON tasks (specialist_type, created_at, id)",
    "CREATE INDEX tasks_ready ON tasks (gate, priority DESC, id) WHERE status = 'pending' AND blockers = 0 AND paused_at IS NULL AND run_after IS NULL AND crashes < 2 AND handler_version IS NULL",
    "CREATE INDEX tasks_ready_by_version ON tasks (specialist_type, handler_version, priority DESC, id) WHERE handler_version IS NOT NULL AND status = 'pending' AND blockers = 0 AND paused_at IS NULL AND run_after IS NULL AND crashes < 2",
    "CREATE INDEX tasks_running_through_gates ON tasks (gate, concurrency_key) WHERE status = 'running' AND gate != ''",
    "CREATE INDEX tasks_set_aside ON tasks (status, created_at, id, specialist_type) WHERE status = 'assigned' OR status = 'executed' OR status = 'failed' OR status = 'cancelled'",
    "CREATE INDEX tasks_spilled ON tasks (payload, outcome) WHERE payload < x'' OR outcome < x''",
    "CREATE INDEX tasks_suspicious ON tasks (id) WHERE crashes >= 2 AND status = 'pending' AND blockers = 0 AND paused_at IS NULL",
    "CREATE UNIQUE INDEX tasks_to_begin_by_dedup_key ON tasks (dedup_key, specialist_type) WHERE dedup_key IS NOT NULL AND status = 'pending' AND attempt = 0",
    "CREATE INDEX tasks_with_error ON tasks (created_at, id) WHERE error IS NOT NULL",
    "CREATE TABLE verification_reports ( id TEXT NOT NULL, task_id TEXT, verified_at BIGINT NOT NULL, findings TEXT NOT NULL, policy TEXT NOT NULL, operations BIGINT NOT NULL, survey TEXT, PRIMARY KEY (id) ) WITHOUT ROWID",
    "CREATE INDEX verification_reports_of_task ON verification_reports (task_id)",
    """CREATE TABLE waivers ( id TEXT NOT NULL, task_id TEXT NOT NULL, operation_id TEXT, kind TEXT NOT NULL, path BLOB NOT NULL, verdict TEXT NOT NULL, "before" TEXT NOT NULL, "after" TEXT NOT NULL, now TEXT NOT NULL, waived_by TEXT NOT NULL, reason TEXT NOT NULL, waived_at BIGINT NOT NULL, revoked_by TEXT, revoked_at BIGINT, PRIMARY KEY (id) ) WITHOUT ROWID""",
    "CREATE INDEX waivers_of_task ON waivers (task_id, id)",
    "CREATE TABLE heartbeats ( task_id TEXT NOT NULL, name TEXT NOT NULL, occurrence BIGINT NOT NULL, beaten_at BIGINT NOT NULL, detail BLOB NOT NULL, PRIMARY KEY (task_id, name, occurrence), FOREIGN KEY(task_id) REFERENCES tasks (id) ) WITHOUT ROWID",
    "CREATE INDEX heartbeats_spilled ON heartbeats (detail) WHERE detail < x''",
    "CREATE TABLE progress ( task_id TEXT NOT NULL, attempt BIGINT NOT NULL, done DOUBLE NOT NULL, total DOUBLE, at BIGINT NOT NULL, message TEXT NOT NULL, PRIMARY KEY (task_id), FOREIGN KEY(task_id) REFERENCES tasks (id) ) WITHOUT ROWID",
    """CREATE TABLE rollback_steps ( rollback_id TEXT NOT NULL, number BIGINT NOT NULL, path BLOB NOT NULL, found TEXT NOT NULL, wanted TEXT NOT NULL, takes_back TEXT NOT NULL, operations TEXT NOT NULL, begun BIGINT NOT NULL, over BIGINT NOT NULL, "conflict" TEXT, PRIMARY KEY (rollback_id, number), FOREIGN KEY(rollback_id) REFERENCES rollbacks (id) ) WITHOUT ROWID""",
    "CREATE TABLE signals ( task_id TEXT NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL, sent_at BIGINT NOT NULL, received_at BIGINT, seq BIGINT NOT NULL, payload BLOB NOT NULL, PRIMARY KEY (task_id, id), FOREIGN KEY(task_id) REFERENCES tasks (id) ) WITHOUT ROWID",
    "CREATE INDEX signals_spilled ON signals (payload) WHERE payload < x''",
    "CREATE TABLE steps ( task_id TEXT NOT NULL, name TEXT NOT NULL, occurrence BIGINT NOT NULL, seq BIGINT NOT NULL, epoch BIGINT NOT NULL, recorded_at BIGINT NOT NULL, wake_at BIGINT, awaits TEXT, value BLOB, error BLOB, PRIMARY KEY (task_id, name, occurrence), FOREIGN KEY(task_id) REFERENCES tasks (id) ) WITHOUT ROWID",
    "CREATE INDEX steps_spilled ON steps (value, error) WHERE value < x'' OR error < x''",
    "CREATE TABLE task_dependencies ( task_id TEXT NOT NULL, depends_on TEXT NOT NULL, position BIGINT NOT NULL, freed BIGINT NOT NULL, PRIMARY KEY (task_id, depends_on), FOREIGN KEY(task_id) REFERENCES tasks (id), FOREIGN KEY(depends_on) REFERENCES tasks (id) ) WITHOUT ROWID",
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
    "concurrency_key",
    "paused_at",
    "gate",
    "on_failed_dependency",
    "dedup_key",
    "retries",
    "forked_from",
    "handler_version",
    "title",
    "description",
    "error",
    "payload",
    "outcome",
)

INSERT_TASK = Statement(
    "INSERT INTO tasks (id, status, priority, blockers, version, attempt, failures, crashes, owner, lease_until, run_after, created_at, updated_at, completion, specialist_type, parent_id, timeout, idempotency_key, request_digest, report_id, retry, news, spawned, undoable, on_parent_end, cancelling, concurrency_key, paused_at, gate, on_failed_dependency, dedup_key, retries, forked_from, handler_version, title, description, error, payload, outcome) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, coalesce((SELECT gates.specialist_type FROM gates WHERE gates.specialist_type = ?), (SELECT gates.specialist_type FROM gates WHERE gates.specialist_type = '*'), ''), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    expects=1,
    stores=(37, 38),
)

INSERT_RUNNING_TASK = Statement(
    "INSERT INTO tasks (id, status, priority, blockers, version, attempt, failures, crashes, owner, lease_until, run_after, created_at, updated_at, completion, specialist_type, parent_id, timeout, idempotency_key, request_digest, report_id, retry, news, spawned, undoable, on_parent_end, cancelling, concurrency_key, paused_at, gate, on_failed_dependency, dedup_key, retries, forked_from, handler_version, title, description, error, payload, outcome) SELECT anon_1.id, anon_1.status, anon_1.priority, anon_1.blockers, anon_1.version, anon_1.attempt, anon_1.failures, anon_1.crashes, anon_1.owner, anon_1.lease_until, anon_1.run_after, anon_1.created_at, anon_1.updated_at, anon_1.completion, anon_1.specialist_type, anon_1.parent_id, anon_1.timeout, anon_1.idempotency_key, anon_1.request_digest, anon_1.report_id, anon_1.retry, anon_1.news, anon_1.spawned, anon_1.undoable, anon_1.on_parent_end, anon_1.cancelling, anon_1.concurrency_key, anon_1.paused_at, anon_1.gate, anon_1.on_failed_dependency, anon_1.dedup_key, anon_1.retries, anon_1.forked_from, anon_1.handler_version, anon_1.title, anon_1.description, anon_1.error, anon_1.payload, anon_1.outcome FROM (SELECT ? AS id, ? AS status, ? AS priority, ? AS blockers, ? AS version, ? AS attempt, ? AS failures, ? AS crashes, ? AS owner, ? AS lease_until, ? AS run_after, ? AS created_at, ? AS updated_at, ? AS completion, ? AS specialist_type, ? AS parent_id, ? AS timeout, ? AS idempotency_key, ? AS request_digest, ? AS report_id, ? AS retry, ? AS news, ? AS spawned, ? AS undoable, ? AS on_parent_end, ? AS cancelling, ? AS concurrency_key, ? AS paused_at, coalesce((SELECT gates.specialist_type FROM gates WHERE gates.specialist_type = ?), (SELECT gates.specialist_type FROM gates WHERE gates.specialist_type = '*'), '') AS gate, ? AS on_failed_dependency, ? AS dedup_key, ? AS retries, ? AS forked_from, ? AS handler_version, ? AS title, ? AS description, ? AS error, ? AS payload, ? AS outcome) AS anon_1 WHERE anon_1.gate = ''",
    expects=1,
    stores=(37, 38),
)

SELDOM_GIVEN = (
    "run_after",
    "parent_id",
    "timeout",
    "idempotency_key",
    "report_id",
    "cancelling",
    "concurrency_key",
    "paused_at",
    "dedup_key",
    "forked_from",
    "handler_version",
    "error",
    "outcome",
)

COUNTED_FROM_ZERO = ("blockers", "failures", "crashes", "news", "spawned", "undoable", "retries")

INSERT_BARE_TASK = Statement(
    "INSERT INTO tasks (id, status, priority, blockers, version, attempt, failures, crashes, owner, lease_until, created_at, updated_at, completion, specialist_type, request_digest, retry, news, spawned, undoable, on_parent_end, on_failed_dependency, retries, title, description, payload, gate) SELECT ? AS id, ? AS status, ? AS priority, 0 AS blockers, ? AS version, ? AS attempt, 0 AS failures, 0 AS crashes, ? AS owner, ? AS lease_until, ? AS created_at, ? AS updated_at, ? AS completion, ? AS specialist_type, ? AS request_digest, ? AS retry, 0 AS news, 0 AS spawned, 0 AS undoable, ? AS on_parent_end, ? AS on_failed_dependency, 0 AS retries, ? AS title, ? AS description, ? AS payload, coalesce((SELECT gates.specialist_type FROM gates WHERE gates.specialist_type = ?), (SELECT gates.specialist_type FROM gates WHERE gates.specialist_type = '*'), '') AS coalesce_1",
    expects=1,
    stores=(17,),
)

INSERT_BARE_RUNNING_TASK = Statement(
    "INSERT INTO tasks (id, status, priority, blockers, version, attempt, failures, crashes, owner, lease_until, created_at, updated_at, completion, specialist_type, request_digest, retry, news, spawned, undoable, on_parent_end, on_failed_dependency, retries, title, description, payload, gate) SELECT ? AS id, ? AS status, ? AS priority, 0 AS blockers, ? AS version, ? AS attempt, 0 AS failures, 0 AS crashes, ? AS owner, ? AS lease_until, ? AS created_at, ? AS updated_at, ? AS completion, ? AS specialist_type, ? AS request_digest, ? AS retry, 0 AS news, 0 AS spawned, 0 AS undoable, ? AS on_parent_end, ? AS on_failed_dependency, 0 AS retries, ? AS title, ? AS description, ? AS payload, '' WHERE NOT (EXISTS (SELECT * FROM gates WHERE gates.specialist_type = ?)) AND NOT (EXISTS (SELECT * FROM gates WHERE gates.specialist_type = '*'))",
    expects=1,
    stores=(17,),
)

INSERT_DEPENDENCY = Statement(
    "INSERT INTO task_dependencies (task_id, depends_on, position, freed) VALUES (?, ?, ?, ?)",
    expects=1,
)

TASK_EXISTS = Statement("SELECT tasks.id FROM tasks WHERE tasks.id = ?", expects=1, returns=True)

COUNT_BLOCKERS = Statement(
    "UPDATE tasks SET blockers=(SELECT count(*) AS count_1 FROM task_dependencies JOIN tasks AS dependency ON dependency.id = task_dependencies.depends_on WHERE task_dependencies.task_id = ? AND NOT (dependency.status = 'completed' OR tasks.on_failed_dependency = 'run' AND dependency.status IN ('failed', 'cancelled') OR task_dependencies.freed = 1)) WHERE tasks.id = ?",
    expects=1,
)

UPDATE_TASK = Statement(
    "UPDATE tasks SET status=?, version=(tasks.version + 1), attempt=?, failures=?, owner=?, lease_until=?, run_after=?, updated_at=?, report_id=?, error=?, outcome=? WHERE tasks.id = ? AND tasks.version = ?",
    expects=1,
    stores=(9,),
)

COMPLETE_TASK = Statement(
    "UPDATE tasks SET status=?, version=(tasks.version + 1), attempt=?, failures=?, owner=?, lease_until=?, run_after=?, updated_at=?, report_id=?, error=?, outcome=? WHERE tasks.id = ? AND tasks.version = ? AND ? = (SELECT count(*) AS count_1 FROM file_operations WHERE file_operations.task_id = ?)",
    expects=1,
    stores=(9,),
)

COMPLETE_BARE_TASK = Statement(
    "UPDATE tasks SET status=?, version=(tasks.version + 1), attempt=?, failures=?, owner=NULL, lease_until=NULL, run_after=NULL, updated_at=?, report_id=NULL, error=NULL, outcome=? WHERE tasks.id = ? AND tasks.version = ? AND ? = (SELECT count(*) AS count_1 FROM file_operations WHERE file_operations.task_id = ?)",
    expects=1,
    stores=(4,),
)

RELEASE_DEPENDENTS = Statement(
    "UPDATE tasks SET blockers=(tasks.blockers - 1) WHERE tasks.id IN (SELECT task_dependencies.task_id FROM task_dependencies WHERE task_dependencies.depends_on = ? AND task_dependencies.freed = 0)"
)

FREE_DEPENDENTS = Statement(
    "WITH RECURSIVE doomed(id) AS (SELECT :failed AS id UNION SELECT behind.id AS id FROM tasks AS behind JOIN task_dependencies ON task_dependencies.task_id = behind.id JOIN doomed ON task_dependencies.depends_on = doomed.id WHERE behind.on_failed_dependency = 'cancel' AND behind.status = 'pending') UPDATE tasks SET blockers=(tasks.blockers - (SELECT count(*) AS count_1 FROM task_dependencies AS edges WHERE edges.task_id = tasks.id AND edges.depends_on IN (SELECT doomed.id FROM doomed) AND edges.freed = 0)) WHERE tasks.id IN (SELECT task_dependencies.task_id FROM task_dependencies WHERE task_dependencies.depends_on IN (SELECT doomed.id FROM doomed)) AND tasks.on_failed_dependency = 'run'"
)

CANCEL_DEPENDENTS = Statement(
    "WITH RECURSIVE doomed(id) AS (SELECT :failed AS id UNION SELECT behind.id AS id FROM tasks AS behind JOIN task_dependencies ON task_dependencies.task_id = behind.id JOIN doomed ON task_dependencies.depends_on = doomed.id WHERE behind.on_failed_dependency = 'cancel' AND behind.status = 'pending') UPDATE tasks SET status='cancelled', version=(tasks.version + 1), updated_at=:now, error=(SELECT json_array(json_array('DependencyFailed'), printf('it waited for %s (%s), which is %s', dependency.id, dependency.title, dependency.status), '') AS json_array_1 FROM tasks AS dependency WHERE dependency.id = :failed) WHERE tasks.id IN (SELECT doomed.id FROM doomed) AND tasks.id != :failed RETURNING id, attempt, updated_at, error, specialist_type",
    returns=True,
)

CANCEL_IF_DOOMED = Statement(
    "UPDATE tasks SET status='cancelled', error=(SELECT json_array(json_array('DependencyFailed'), printf('it waited for %s (%s), which is %s', dependency.id, dependency.title, dependency.status), '') AS json_array_1 FROM tasks AS dependency JOIN task_dependencies ON task_dependencies.depends_on = dependency.id WHERE task_dependencies.task_id = :task AND dependency.status IN ('failed', 'cancelled') ORDER BY task_dependencies.position LIMIT 1 OFFSET 0) WHERE tasks.id = :task AND (EXISTS (SELECT json_array(json_array('DependencyFailed'), printf('it waited for %s (%s), which is %s', dependency.id, dependency.title, dependency.status), '') AS json_array_1 FROM tasks AS dependency JOIN task_dependencies ON task_dependencies.depends_on = dependency.id WHERE task_dependencies.task_id = :task AND dependency.status IN ('failed', 'cancelled') ORDER BY task_dependencies.position LIMIT 1 OFFSET 0)) RETURNING id, attempt, updated_at, error, specialist_type",
    returns=True,
)

TASKS_BY_ID = Statement(
    "SELECT tasks.id, tasks.status, tasks.priority, tasks.blockers, tasks.version, tasks.attempt, tasks.failures, tasks.crashes, tasks.owner, tasks.lease_until, tasks.run_after, tasks.created_at, tasks.updated_at, tasks.completion, tasks.specialist_type, tasks.parent_id, tasks.timeout, tasks.idempotency_key, tasks.request_digest, tasks.report_id, tasks.retry, tasks.news, tasks.spawned, tasks.undoable, tasks.on_parent_end, tasks.cancelling, tasks.concurrency_key, tasks.paused_at, tasks.gate, tasks.on_failed_dependency, tasks.dedup_key, tasks.retries, tasks.forked_from, tasks.handler_version, tasks.title, tasks.description, tasks.error, tasks.payload, tasks.outcome FROM tasks WHERE tasks.id IN (__many__)"
)

TASKS_BY_KEY = Statement(
    "SELECT tasks.id, tasks.status, tasks.priority, tasks.blockers, tasks.version, tasks.attempt, tasks.failures, tasks.crashes, tasks.owner, tasks.lease_until, tasks.run_after, tasks.created_at, tasks.updated_at, tasks.completion, tasks.specialist_type, tasks.parent_id, tasks.timeout, tasks.idempotency_key, tasks.request_digest, tasks.report_id, tasks.retry, tasks.news, tasks.spawned, tasks.undoable, tasks.on_parent_end, tasks.cancelling, tasks.concurrency_key, tasks.paused_at, tasks.gate, tasks.on_failed_dependency, tasks.dedup_key, tasks.retries, tasks.forked_from, tasks.handler_version, tasks.title, tasks.description, tasks.error, tasks.payload, tasks.outcome FROM tasks WHERE tasks.idempotency_key IN (__many__)"
)

PAGE_OF_TASKS = Statement(
    "SELECT tasks.id, tasks.status, tasks.priority, tasks.blockers, tasks.version, tasks.attempt, tasks.failures, tasks.crashes, tasks.owner, tasks.lease_until, tasks.run_after, tasks.created_at, tasks.updated_at, tasks.completion, tasks.specialist_type, tasks.parent_id, tasks.timeout, tasks.idempotency_key, tasks.request_digest, tasks.report_id, tasks.retry, tasks.news, tasks.spawned, tasks.undoable, tasks.on_parent_end, tasks.cancelling, tasks.concurrency_key, tasks.paused_at, tasks.gate, tasks.on_failed_dependency, tasks.dedup_key, tasks.retries, tasks.forked_from, tasks.handler_version, tasks.title, tasks.description, tasks.error, tasks.payload, tasks.outcome FROM tasks WHERE tasks.id > ? AND (? IS NULL OR tasks.status = ?) AND (? IS NULL OR tasks.specialist_type = ?) ORDER BY tasks.id LIMIT ? OFFSET 0"
)

COUNT_BY_TYPE = Statement(
    "SELECT counts.specialist_type, counts.status, counts.total FROM (SELECT task_counts.specialist_type AS specialist_type, task_counts.status AS status, task_counts.total AS total FROM task_counts UNION ALL SELECT coalesce(tasks.specialist_type, tasks.specialist_type) AS specialist_type, tasks.status AS status, count(*) AS total FROM tasks WHERE tasks.status = 'pending' AND tasks.blockers = 0 AND tasks.paused_at IS NULL AND tasks.run_after IS NULL AND tasks.crashes < 2 AND tasks.handler_version IS NULL GROUP BY coalesce(tasks.specialist_type, tasks.specialist_type), tasks.status UNION ALL SELECT coalesce(tasks.specialist_type, tasks.specialist_type) AS specialist_type, tasks.status AS status, count(*) AS total FROM tasks WHERE tasks.handler_version IS NOT NULL AND tasks.status = 'pending' AND tasks.blockers = 0 AND tasks.paused_at IS NULL AND tasks.run_after IS NULL AND tasks.crashes < 2 GROUP BY coalesce(tasks.specialist_type, tasks.specialist_type), tasks.status UNION ALL SELECT coalesce(tasks.specialist_type, tasks.specialist_type) AS specialist_type, tasks.status AS status, count(*) AS total FROM tasks WHERE tasks.status = 'pending' AND (tasks.blockers > 0 OR tasks.paused_at IS NOT NULL OR tasks.run_after IS NOT NULL OR tasks.crashes >= 2) GROUP BY coalesce(tasks.specialist_type, tasks.specialist_type), tasks.status UNION ALL SELECT coalesce(tasks.specialist_type, tasks.specialist_type) AS specialist_type, tasks.status AS status, count(*) AS total FROM tasks WHERE tasks.status IN ('running', 'waiting') AND tasks.owner IS NOT NULL GROUP BY coalesce(tasks.specialist_type, tasks.specialist_type), tasks.status UNION ALL SELECT coalesce(tasks.specialist_type, tasks.specialist_type) AS specialist_type, tasks.status AS status, count(*) AS total FROM tasks WHERE tasks.status = 'waiting' AND tasks.owner IS NULL GROUP BY coalesce(tasks.specialist_type, tasks.specialist_type), tasks.status UNION ALL SELECT coalesce(tasks.specialist_type, tasks.specialist_type) AS specialist_type, tasks.status AS status, count(*) AS total FROM tasks WHERE tasks.status = 'executed' AND (tasks.status = 'assigned' OR tasks.status = 'executed' OR tasks.status = 'failed' OR tasks.status = 'cancelled') GROUP BY coalesce(tasks.specialist_type, tasks.specialist_type), tasks.status UNION ALL SELECT coalesce(tasks.specialist_type, tasks.specialist_type) AS specialist_type, tasks.status AS status, count(*) AS total FROM tasks WHERE tasks.status = 'assigned' AND (tasks.status = 'assigned' OR tasks.status = 'executed' OR tasks.status = 'failed' OR tasks.status = 'cancelled') GROUP BY coalesce(tasks.specialist_type, tasks.specialist_type), tasks.status) AS counts WHERE counts.total > 0 ORDER BY counts.specialist_type, counts.status"
)

DEPENDENCIES_OF_TASK = Statement(
    "SELECT tasks.id, tasks.status, tasks.priority, tasks.blockers, tasks.version, tasks.attempt, tasks.failures, tasks.crashes, tasks.owner, tasks.lease_until, tasks.run_after, tasks.created_at, tasks.updated_at, tasks.completion, tasks.specialist_type, tasks.parent_id, tasks.timeout, tasks.idempotency_key, tasks.request_digest, tasks.report_id, tasks.retry, tasks.news, tasks.spawned, tasks.undoable, tasks.on_parent_end, tasks.cancelling, tasks.concurrency_key, tasks.paused_at, tasks.gate, tasks.on_failed_dependency, tasks.dedup_key, tasks.retries, tasks.forked_from, tasks.handler_version, tasks.title, tasks.description, tasks.error, tasks.payload, tasks.outcome FROM tasks JOIN task_dependencies ON task_dependencies.depends_on = tasks.id WHERE task_dependencies.task_id = ? ORDER BY task_dependencies.position"
)

DEAD_ENDS_OF_TASK = Statement(
    "WITH RECURSIVE awaited(id) AS (SELECT task_dependencies.depends_on AS id FROM task_dependencies JOIN tasks AS first ON first.id = task_dependencies.task_id JOIN tasks AS dependency ON dependency.id = task_dependencies.depends_on WHERE first.id = ? AND NOT (dependency.status = 'completed' OR first.on_failed_dependency = 'run' AND dependency.status IN ('failed', 'cancelled') OR task_dependencies.freed = 1) UNION SELECT task_dependencies.depends_on AS depends_on FROM task_dependencies JOIN tasks AS middle ON middle.id = task_dependencies.task_id JOIN tasks AS below ON below.id = task_dependencies.depends_on JOIN awaited ON awaited.id = middle.id WHERE middle.status != 'completed' AND NOT (below.status = 'completed' OR middle.on_failed_dependency = 'run' AND below.status IN ('failed', 'cancelled') OR task_dependencies.freed = 1)) SELECT tasks.id, tasks.status, tasks.priority, tasks.blockers, tasks.version, tasks.attempt, tasks.failures, tasks.crashes, tasks.owner, tasks.lease_until, tasks.run_after, tasks.created_at, tasks.updated_at, tasks.completion, tasks.specialist_type, tasks.parent_id, tasks.timeout, tasks.idempotency_key, tasks.request_digest, tasks.report_id, tasks.retry, tasks.news, tasks.spawned, tasks.undoable, tasks.on_parent_end, tasks.cancelling, tasks.concurrency_key, tasks.paused_at, tasks.gate, tasks.on_failed_dependency, tasks.dedup_key, tasks.retries, tasks.forked_from, tasks.handler_version, tasks.title, tasks.description, tasks.error, tasks.payload, tasks.outcome FROM tasks WHERE tasks.id IN (SELECT awaited.id FROM awaited) AND (tasks.status IN ('failed', 'cancelled') OR tasks.status = 'executed' AND tasks.completion = 'auto' AND tasks.error IS NOT NULL) ORDER BY tasks.id"
)

# Tasks that are wanted once while one is under way.

TASKS_BY_DEDUP_KEY = Statement(
    "SELECT tasks.id, tasks.status, tasks.priority, tasks.blockers, tasks.version, tasks.attempt, tasks.failures, tasks.crashes, tasks.owner, tasks.lease_until, tasks.run_after, tasks.created_at, tasks.updated_at, tasks.completion, tasks.specialist_type, tasks.parent_id, tasks.timeout, tasks.idempotency_key, tasks.request_digest, tasks.report_id, tasks.retry, tasks.news, tasks.spawned, tasks.undoable, tasks.on_parent_end, tasks.cancelling, tasks.concurrency_key, tasks.paused_at, tasks.gate, tasks.on_failed_dependency, tasks.dedup_key, tasks.retries, tasks.forked_from, tasks.handler_version, tasks.title, tasks.description, tasks.error, tasks.payload, tasks.outcome FROM tasks WHERE tasks.dedup_key IN (__many__) AND tasks.status != 'completed' AND tasks.status != 'failed' AND tasks.status != 'cancelled'"
)

IS_ALONE = Statement(
    "SELECT 1 WHERE NOT (EXISTS (SELECT * FROM tasks WHERE tasks.dedup_key = :key AND tasks.specialist_type = :kind AND tasks.status != 'completed' AND tasks.status != 'failed' AND tasks.status != 'cancelled' AND tasks.id != :task AND (tasks.id NOT IN (SELECT task_dependencies.depends_on FROM task_dependencies WHERE task_dependencies.task_id = :task))))",
    expects=1,
    returns=True,
)

DEBOUNCE = Statement(
    "UPDATE tasks SET priority=:new_priority, version=(tasks.version + 1), run_after=min(:moment, coalesce(tasks.created_at + :within, :moment)), updated_at=:now, title=:new_title, description=:new_description, payload=:new_payload WHERE tasks.id = :task AND tasks.status = 'pending' AND tasks.attempt = 0 RETURNING run_after",
    expects=1,
    returns=True,
    stores=("new_payload",),
)

# Who may run what, and until when.

CLAIM_READY = Statement(
    "WITH RECURSIVE versions(specialist_type, handler_version, gate) AS (SELECT one.specialist_type AS specialist_type, one.handler_version AS handler_version, one.gate AS gate FROM tasks AS one WHERE one.id = (SELECT tasks.id FROM tasks WHERE tasks.handler_version IS NOT NULL AND tasks.status = 'pending' AND tasks.blockers = 0 AND tasks.paused_at IS NULL AND tasks.run_after IS NULL AND tasks.crashes < 2 ORDER BY tasks.specialist_type, tasks.handler_version, tasks.priority DESC, tasks.id LIMIT 1 OFFSET 0) UNION ALL SELECT one.specialist_type AS specialist_type, one.handler_version AS handler_version, one.gate AS gate FROM versions JOIN tasks AS one ON one.id = coalesce((SELECT tasks.id FROM tasks WHERE tasks.handler_version IS NOT NULL AND tasks.status = 'pending' AND tasks.blockers = 0 AND tasks.paused_at IS NULL AND tasks.run_after IS NULL AND tasks.crashes < 2 AND tasks.specialist_type = versions.specialist_type AND tasks.handler_version > versions.handler_version ORDER BY tasks.specialist_type, tasks.handler_version, tasks.priority DESC, tasks.id LIMIT 1 OFFSET 0), (SELECT tasks.id FROM tasks WHERE tasks.handler_version IS NOT NULL AND tasks.status = 'pending' AND tasks.blockers = 0 AND tasks.paused_at IS NULL AND tasks.run_after IS NULL AND tasks.crashes < 2 AND tasks.specialist_type > versions.specialist_type ORDER BY tasks.specialist_type, tasks.handler_version, tasks.priority DESC, tasks.id LIMIT 1 OFFSET 0))), taken_versions AS (SELECT versions.specialist_type AS specialist_type, versions.handler_version AS handler_version, versions.gate AS gate FROM versions WHERE vespera_takes(versions.specialist_type, versions.handler_version) = 1) UPDATE tasks SET status='running', version=(tasks.version + 1), attempt=(tasks.attempt + 1), owner=?, lease_until=?, run_after=NULL, updated_at=?, handler_version=CASE WHEN (tasks.attempt = 0) THEN vespera_version(tasks.specialist_type, NULL) WHEN (tasks.handler_version IS NOT NULL) THEN vespera_version(tasks.specialist_type, tasks.handler_version) END WHERE tasks.id IN (SELECT anon_1.id FROM (SELECT anon_2.id AS id, anon_2.priority AS priority FROM (SELECT tasks.id AS id, tasks.priority AS priority FROM tasks WHERE tasks.status = 'pending' AND tasks.blockers = 0 AND tasks.paused_at IS NULL AND tasks.run_after IS NULL AND tasks.crashes < 2 AND tasks.handler_version IS NULL AND tasks.gate = '' ORDER BY tasks.priority DESC, tasks.id LIMIT ? OFFSET 0) AS anon_2 UNION ALL SELECT begun.id AS id, begun.priority AS priority FROM taken_versions JOIN tasks AS begun ON begun.id IN (SELECT tasks.id FROM tasks WHERE tasks.handler_version IS NOT NULL AND tasks.status = 'pending' AND tasks.blockers = 0 AND tasks.paused_at IS NULL AND tasks.run_after IS NULL AND tasks.crashes < 2 AND tasks.specialist_type = taken_versions.specialist_type AND tasks.handler_version = taken_versions.handler_version AND tasks.gate = taken_versions.gate ORDER BY tasks.priority DESC, tasks.id LIMIT ? OFFSET 0) WHERE taken_versions.gate = '') AS anon_1 ORDER BY anon_1.priority DESC, anon_1.id LIMIT ? OFFSET 0) RETURNING id, status, priority, blockers, version, attempt, failures, crashes, owner, lease_until, run_after, created_at, updated_at, completion, specialist_type, parent_id, timeout, idempotency_key, request_digest, report_id, retry, news, spawned, undoable, on_parent_end, cancelling, concurrency_key, paused_at, gate, on_failed_dependency, dedup_key, retries, forked_from, handler_version, title, description, error, payload, outcome",
    returns=True,
)

DUE_SUSPECT = Statement(
    "SELECT tasks.id FROM tasks WHERE tasks.status = 'pending' AND tasks.blockers = 0 AND tasks.paused_at IS NULL AND (tasks.handler_version IS NULL OR vespera_takes(tasks.specialist_type, tasks.handler_version) = 1) AND (tasks.run_after IS NULL OR tasks.run_after <= ?) AND tasks.gate = '' AND tasks.crashes >= 2 ORDER BY tasks.id LIMIT 1 OFFSET 0"
)

CLAIM_SUSPECT = Statement(
    "UPDATE tasks SET status='running', version=(tasks.version + 1), attempt=(tasks.attempt + 1), owner=?, lease_until=?, run_after=NULL, updated_at=?, handler_version=CASE WHEN (tasks.attempt = 0) THEN vespera_version(tasks.specialist_type, NULL) WHEN (tasks.handler_version IS NOT NULL) THEN vespera_version(tasks.specialist_type, tasks.handler_version) END WHERE tasks.id IN (SELECT tasks.id FROM tasks WHERE tasks.status = 'pending' AND tasks.blockers = 0 AND tasks.paused_at IS NULL AND (tasks.handler_version IS NULL OR vespera_takes(tasks.specialist_type, tasks.handler_version) = 1) AND (tasks.run_after IS NULL OR tasks.run_after <= ?) AND tasks.gate = '' AND tasks.crashes >= 2 ORDER BY tasks.id LIMIT 1 OFFSET 0) RETURNING id, status, priority, blockers, version, attempt, failures, crashes, owner, lease_until, run_after, created_at, updated_at, completion, specialist_type, parent_id, timeout, idempotency_key, request_digest, report_id, retry, news, spawned, undoable, on_parent_end, cancelling, concurrency_key, paused_at, gate, on_failed_dependency, dedup_key, retries, forked_from, handler_version, title, description, error, payload, outcome",
    returns=True,
)

CLAIM_TASK = Statement(
    "UPDATE tasks SET status='running', version=(tasks.version + 1), attempt=(tasks.attempt + 1), owner=?, lease_until=?, run_after=NULL, updated_at=?, handler_version=CASE WHEN (tasks.attempt = 0) THEN vespera_version(tasks.specialist_type, NULL) WHEN (tasks.handler_version IS NOT NULL) THEN vespera_version(tasks.specialist_type, tasks.handler_version) END WHERE tasks.id = ? AND tasks.status IN ('pending', 'assigned', 'waiting') AND tasks.owner IS NULL AND tasks.blockers = 0 AND tasks.paused_at IS NULL AND tasks.gate = '' AND (tasks.handler_version IS NULL OR vespera_takes(tasks.specialist_type, tasks.handler_version) = 1) RETURNING id, status, priority, blockers, version, attempt, failures, crashes, owner, lease_until, run_after, created_at, updated_at, completion, specialist_type, parent_id, timeout, idempotency_key, request_digest, report_id, retry, news, spawned, undoable, on_parent_end, cancelling, concurrency_key, paused_at, gate, on_failed_dependency, dedup_key, retries, forked_from, handler_version, title, description, error, payload, outcome",
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
    "UPDATE tasks SET status='pending', version=(tasks.version + 1), crashes=(tasks.crashes + CASE WHEN (tasks.status = 'running') THEN 1 ELSE 0 END), owner=NULL, lease_until=NULL, run_after=NULL, updated_at=? WHERE tasks.id IN (SELECT tasks.id FROM tasks WHERE tasks.owner IS NOT NULL AND tasks.lease_until <= ? LIMIT ? OFFSET 0) RETURNING id, attempt",
    returns=True,
)

TAKE_BACK_OF_OWNER = Statement(
    "UPDATE tasks SET status='pending', version=(tasks.version + 1), crashes=(tasks.crashes + CASE WHEN (tasks.status = 'running') THEN 1 ELSE 0 END), owner=NULL, lease_until=NULL, run_after=NULL, updated_at=? WHERE tasks.id IN (SELECT tasks.id FROM tasks WHERE tasks.owner IS NOT NULL AND tasks.owner = ? LIMIT ? OFFSET 0) RETURNING id, attempt",
    returns=True,
)

NEXT_DUE = Statement(
    "SELECT anon_1.run_after FROM (SELECT tasks.run_after AS run_after FROM tasks WHERE tasks.status = 'pending' AND tasks.blockers = 0 AND tasks.paused_at IS NULL AND (tasks.handler_version IS NULL OR vespera_takes(tasks.specialist_type, tasks.handler_version) = 1) AND tasks.run_after IS NOT NULL AND tasks.gate = '' ORDER BY tasks.run_after LIMIT 1 OFFSET 0) AS anon_1 UNION ALL SELECT anon_2.run_after FROM (SELECT tasks.run_after AS run_after FROM tasks WHERE tasks.status = 'waiting' AND tasks.owner IS NULL AND tasks.run_after IS NOT NULL AND tasks.paused_at IS NULL ORDER BY tasks.run_after LIMIT 1 OFFSET 0) AS anon_2 ORDER BY run_after"
)

WAKE_DUE = Statement(
    "UPDATE tasks SET status='pending', version=(tasks.version + CASE WHEN (tasks.status = 'waiting') THEN 1 ELSE 0 END), run_after=NULL, updated_at=:now WHERE tasks.id IN (SELECT tasks.id FROM tasks WHERE tasks.status = 'waiting' AND tasks.owner IS NULL AND tasks.run_after <= :now UNION ALL SELECT anon_1.id FROM (SELECT tasks.id AS id FROM tasks WHERE tasks.status = 'pending' AND tasks.blockers = 0 AND tasks.paused_at IS NULL AND tasks.run_after IS NOT NULL AND tasks.run_after <= :now ORDER BY tasks.run_after LIMIT 1000 OFFSET 0) AS anon_1)"
)

SUSPEND = Statement(
    "UPDATE tasks SET status='waiting', run_after=?, updated_at=? WHERE tasks.id = ? AND tasks.attempt = ? AND tasks.owner = ?",
    expects=1,
)

PARK = Statement(
    "UPDATE tasks SET version=(tasks.version + 1), owner=NULL, lease_until=NULL, updated_at=? WHERE tasks.id = ? AND tasks.attempt = ? AND tasks.owner = ? AND tasks.status = 'waiting' AND tasks.news = ? AND tasks.cancelling IS NULL RETURNING id",
    returns=True,
)

NEWS_OF_OWNER = Statement("SELECT tasks.id, tasks.news FROM tasks WHERE tasks.owner = ?")

# Who may begin where there are gates, and what is kept of those.

GATE_COLUMNS = (
    "specialist_type",
    "paused_at",
    "max_concurrent",
    "max_concurrent_per_key",
    "rate_count",
    "rate_per",
    "key_rate_count",
    "key_rate_per",
)

LIMIT_COLUMNS = (
    "max_concurrent",
    "max_concurrent_per_key",
    "rate_count",
    "rate_per",
    "key_rate_count",
    "key_rate_per",
)

START_FIRST = Statement(
    "WITH RECURSIVE versions(specialist_type, handler_version, gate) AS (SELECT one.specialist_type AS specialist_type, one.handler_version AS handler_version, one.gate AS gate FROM tasks AS one WHERE one.id = (SELECT tasks.id FROM tasks WHERE tasks.handler_version IS NOT NULL AND tasks.status = 'pending' AND tasks.blockers = 0 AND tasks.paused_at IS NULL AND tasks.run_after IS NULL AND tasks.crashes < 2 ORDER BY tasks.specialist_type, tasks.handler_version, tasks.priority DESC, tasks.id LIMIT 1 OFFSET 0) UNION ALL SELECT one.specialist_type AS specialist_type, one.handler_version AS handler_version, one.gate AS gate FROM versions JOIN tasks AS one ON one.id = coalesce((SELECT tasks.id FROM tasks WHERE tasks.handler_version IS NOT NULL AND tasks.status = 'pending' AND tasks.blockers = 0 AND tasks.paused_at IS NULL AND tasks.run_after IS NULL AND tasks.crashes < 2 AND tasks.specialist_type = versions.specialist_type AND tasks.handler_version > versions.handler_version ORDER BY tasks.specialist_type, tasks.handler_version, tasks.priority DESC, tasks.id LIMIT 1 OFFSET 0), (SELECT tasks.id FROM tasks WHERE tasks.handler_version IS NOT NULL AND tasks.status = 'pending' AND tasks.blockers = 0 AND tasks.paused_at IS NULL AND tasks.run_after IS NULL AND tasks.crashes < 2 AND tasks.specialist_type > versions.specialist_type ORDER BY tasks.specialist_type, tasks.handler_version, tasks.priority DESC, tasks.id LIMIT 1 OFFSET 0))), taken_versions AS (SELECT versions.specialist_type AS specialist_type, versions.handler_version AS handler_version, versions.gate AS gate FROM versions WHERE vespera_takes(versions.specialist_type, versions.handler_version) = 1) INSERT INTO starts (number, task_id, attempt, specialist_type, concurrency_key, began_at, kept_until) SELECT (SELECT coalesce(max(starts.number), 0) + 1 AS anon_2 FROM starts) AS anon_1, tasks.id, tasks.attempt + 1 AS anon_3, tasks.specialist_type, tasks.concurrency_key, :now AS anon_4, :now + max(coalesce(gates.rate_per, 0), coalesce(gates.key_rate_per, 0)) AS anon_5 FROM tasks LEFT OUTER JOIN gates ON gates.specialist_type = tasks.specialist_type WHERE tasks.id IN (SELECT (SELECT tasks.id FROM tasks WHERE tasks.status = 'pending' AND tasks.blockers = 0 AND tasks.paused_at IS NULL AND tasks.run_after IS NULL AND tasks.crashes < 2 AND tasks.handler_version IS NULL AND tasks.gate = gates.specialist_type AND (tasks.concurrency_key IS NULL OR ((tasks.gate, tasks.concurrency_key) NOT IN (SELECT running.gate, running.concurrency_key FROM tasks AS running JOIN gates AS full_gate ON full_gate.specialist_type = running.gate WHERE running.status = 'running' AND running.gate != '' AND running.concurrency_key IS NOT NULL GROUP BY running.gate, running.concurrency_key HAVING count(*) >= min(full_gate.max_concurrent_per_key) UNION ALL SELECT starts.specialist_type, starts.concurrency_key FROM starts JOIN gates AS worn_gate ON worn_gate.specialist_type = starts.specialist_type WHERE starts.concurrency_key IS NOT NULL AND starts.began_at > :now - worn_gate.key_rate_per AND starts.began_at <= :now GROUP BY starts.specialist_type, starts.concurrency_key HAVING count(*) >= min(worn_gate.key_rate_count)))) ORDER BY tasks.priority DESC, tasks.id LIMIT 1 OFFSET 0) AS anon_6 FROM gates WHERE gates.paused_at IS NULL AND (gates.max_concurrent IS NULL OR gates.max_concurrent > (SELECT count(*) AS count_1 FROM tasks AS running WHERE running.status = 'running' AND running.gate != '' AND running.gate = gates.specialist_type)) AND (gates.rate_count IS NULL OR gates.rate_count > (SELECT count(*) AS count_2 FROM starts WHERE starts.specialist_type = gates.specialist_type AND starts.began_at > :now - gates.rate_per AND starts.began_at <= :now)) UNION ALL SELECT (SELECT tasks.id FROM tasks WHERE tasks.status = 'pending' AND tasks.blockers = 0 AND tasks.paused_at IS NULL AND tasks.run_after IS NULL AND tasks.crashes < 2 AND tasks.handler_version IS NULL AND tasks.gate = '' ORDER BY tasks.priority DESC, tasks.id LIMIT 1 OFFSET 0) AS anon_7 UNION ALL SELECT (SELECT tasks.id FROM tasks WHERE tasks.handler_version IS NOT NULL AND tasks.status = 'pending' AND tasks.blockers = 0 AND tasks.paused_at IS NULL AND tasks.run_after IS NULL AND tasks.crashes < 2 AND tasks.specialist_type = taken_versions.specialist_type AND tasks.handler_version = taken_versions.handler_version AND tasks.gate = taken_versions.gate AND (tasks.concurrency_key IS NULL OR ((tasks.gate, tasks.concurrency_key) NOT IN (SELECT running.gate, running.concurrency_key FROM tasks AS running JOIN gates AS full_gate ON full_gate.specialist_type = running.gate WHERE running.status = 'running' AND running.gate != '' AND running.concurrency_key IS NOT NULL GROUP BY running.gate, running.concurrency_key HAVING count(*) >= min(full_gate.max_concurrent_per_key) UNION ALL SELECT starts.specialist_type, starts.concurrency_key FROM starts JOIN gates AS worn_gate ON worn_gate.specialist_type = starts.specialist_type WHERE starts.concurrency_key IS NOT NULL AND starts.began_at > :now - worn_gate.key_rate_per AND starts.began_at <= :now GROUP BY starts.specialist_type, starts.concurrency_key HAVING count(*) >= min(worn_gate.key_rate_count)))) ORDER BY tasks.priority DESC, tasks.id LIMIT 1 OFFSET 0) AS anon_8 FROM taken_versions WHERE taken_versions.gate = '' OR taken_versions.gate IN (SELECT gates.specialist_type FROM gates WHERE gates.paused_at IS NULL AND (gates.max_concurrent IS NULL OR gates.max_concurrent > (SELECT count(*) AS count_1 FROM tasks AS running WHERE running.status = 'running' AND running.gate != '' AND running.gate = gates.specialist_type)) AND (gates.rate_count IS NULL OR gates.rate_count > (SELECT count(*) AS count_2 FROM starts WHERE starts.specialist_type = gates.specialist_type AND starts.began_at > :now - gates.rate_per AND starts.began_at <= :now)))) AND NOT (EXISTS (SELECT * FROM gates AS whole WHERE whole.specialist_type = '*' AND whole.max_concurrent <= (SELECT count(*) AS count_3 FROM tasks AS running WHERE running.status = 'running' AND running.gate != ''))) ORDER BY tasks.priority DESC, tasks.id LIMIT 1 OFFSET 0"
)

START_SUSPECT = Statement(
    "INSERT INTO starts (number, task_id, attempt, specialist_type, concurrency_key, began_at, kept_until) SELECT (SELECT coalesce(max(starts.number), 0) + 1 AS anon_2 FROM starts) AS anon_1, tasks.id, tasks.attempt + 1 AS anon_3, tasks.specialist_type, tasks.concurrency_key, :now AS anon_4, :now + max(coalesce(gates.rate_per, 0), coalesce(gates.key_rate_per, 0)) AS anon_5 FROM tasks LEFT OUTER JOIN gates ON gates.specialist_type = tasks.specialist_type WHERE tasks.status = 'pending' AND tasks.blockers = 0 AND tasks.paused_at IS NULL AND (tasks.handler_version IS NULL OR vespera_takes(tasks.specialist_type, tasks.handler_version) = 1) AND (tasks.run_after IS NULL OR tasks.run_after <= :now) AND tasks.crashes >= 2 AND (gates.specialist_type IS NULL OR gates.paused_at IS NULL AND (gates.max_concurrent IS NULL OR gates.max_concurrent > (SELECT count(*) AS count_1 FROM tasks AS running WHERE running.status = 'running' AND running.gate != '' AND running.gate = gates.specialist_type)) AND (gates.rate_count IS NULL OR gates.rate_count > (SELECT count(*) AS count_2 FROM starts WHERE starts.specialist_type = gates.specialist_type AND starts.began_at > :now - gates.rate_per AND starts.began_at <= :now))) AND (tasks.concurrency_key IS NULL OR ((tasks.gate, tasks.concurrency_key) NOT IN (SELECT running.gate, running.concurrency_key FROM tasks AS running JOIN gates AS full_gate ON full_gate.specialist_type = running.gate WHERE running.status = 'running' AND running.gate != '' AND running.concurrency_key IS NOT NULL GROUP BY running.gate, running.concurrency_key HAVING count(*) >= min(full_gate.max_concurrent_per_key) UNION ALL SELECT starts.specialist_type, starts.concurrency_key FROM starts JOIN gates AS worn_gate ON worn_gate.specialist_type = starts.specialist_type WHERE starts.concurrency_key IS NOT NULL AND starts.began_at > :now - worn_gate.key_rate_per AND starts.began_at <= :now GROUP BY starts.specialist_type, starts.concurrency_key HAVING count(*) >= min(worn_gate.key_rate_count)))) AND NOT (EXISTS (SELECT * FROM gates AS whole WHERE whole.specialist_type = '*' AND whole.max_concurrent <= (SELECT count(*) AS count_3 FROM tasks AS running WHERE running.status = 'running' AND running.gate != ''))) ORDER BY tasks.id LIMIT 1 OFFSET 0"
)

START_TASK = Statement(
    "INSERT INTO starts (number, task_id, attempt, specialist_type, concurrency_key, began_at, kept_until) SELECT (SELECT coalesce(max(starts.number), 0) + 1 AS anon_2 FROM starts) AS anon_1, tasks.id, tasks.attempt + 1 AS anon_3, tasks.specialist_type, tasks.concurrency_key, :now AS anon_4, :now + max(coalesce(gates.rate_per, 0), coalesce(gates.key_rate_per, 0)) AS anon_5 FROM tasks LEFT OUTER JOIN gates ON gates.specialist_type = tasks.specialist_type WHERE tasks.id = :task AND tasks.status IN ('pending', 'assigned', 'waiting') AND tasks.owner IS NULL AND tasks.blockers = 0 AND tasks.paused_at IS NULL AND tasks.gate != '' AND (tasks.handler_version IS NULL OR vespera_takes(tasks.specialist_type, tasks.handler_version) = 1) AND (gates.specialist_type IS NULL OR gates.paused_at IS NULL AND (gates.max_concurrent IS NULL OR gates.max_concurrent > (SELECT count(*) AS count_1 FROM tasks AS running WHERE running.status = 'running' AND running.gate != '' AND running.gate = gates.specialist_type)) AND (gates.rate_count IS NULL OR gates.rate_count > (SELECT count(*) AS count_2 FROM starts WHERE starts.specialist_type = gates.specialist_type AND starts.began_at > :now - gates.rate_per AND starts.began_at <= :now))) AND (tasks.concurrency_key IS NULL OR ((tasks.gate, tasks.concurrency_key) NOT IN (SELECT running.gate, running.concurrency_key FROM tasks AS running JOIN gates AS full_gate ON full_gate.specialist_type = running.gate WHERE running.status = 'running' AND running.gate != '' AND running.concurrency_key IS NOT NULL GROUP BY running.gate, running.concurrency_key HAVING count(*) >= min(full_gate.max_concurrent_per_key) UNION ALL SELECT starts.specialist_type, starts.concurrency_key FROM starts JOIN gates AS worn_gate ON worn_gate.specialist_type = starts.specialist_type WHERE starts.concurrency_key IS NOT NULL AND starts.began_at > :now - worn_gate.key_rate_per AND starts.began_at <= :now GROUP BY starts.specialist_type, starts.concurrency_key HAVING count(*) >= min(worn_gate.key_rate_count)))) AND NOT (EXISTS (SELECT * FROM gates AS whole WHERE whole.specialist_type = '*' AND whole.max_concurrent <= (SELECT count(*) AS count_3 FROM tasks AS running WHERE running.status = 'running' AND running.gate != '')))"
)

AT_A_GATE = Statement(
    "SELECT tasks.id FROM tasks WHERE tasks.id = ? AND tasks.gate != '' AND tasks.status IN ('pending', 'assigned', 'waiting')"
)

OPEN_SUSPECT = Statement(
    "SELECT tasks.id FROM tasks LEFT OUTER JOIN gates ON gates.specialist_type = tasks.specialist_type WHERE tasks.status = 'pending' AND tasks.blockers = 0 AND tasks.paused_at IS NULL AND (tasks.handler_version IS NULL OR vespera_takes(tasks.specialist_type, tasks.handler_version) = 1) AND (tasks.run_after IS NULL OR tasks.run_after <= :now) AND tasks.crashes >= 2 AND (gates.specialist_type IS NULL OR gates.paused_at IS NULL AND (gates.max_concurrent IS NULL OR gates.max_concurrent > (SELECT count(*) AS count_1 FROM tasks AS running WHERE running.status = 'running' AND running.gate != '' AND running.gate = gates.specialist_type)) AND (gates.rate_count IS NULL OR gates.rate_count > (SELECT count(*) AS count_2 FROM starts WHERE starts.specialist_type = gates.specialist_type AND starts.began_at > :now - gates.rate_per AND starts.began_at <= :now))) AND (tasks.concurrency_key IS NULL OR ((tasks.gate, tasks.concurrency_key) NOT IN (SELECT running.gate, running.concurrency_key FROM tasks AS running JOIN gates AS full_gate ON full_gate.specialist_type = running.gate WHERE running.status = 'running' AND running.gate != '' AND running.concurrency_key IS NOT NULL GROUP BY running.gate, running.concurrency_key HAVING count(*) >= min(full_gate.max_concurrent_per_key) UNION ALL SELECT starts.specialist_type, starts.concurrency_key FROM starts JOIN gates AS worn_gate ON worn_gate.specialist_type = starts.specialist_type WHERE starts.concurrency_key IS NOT NULL AND starts.began_at > :now - worn_gate.key_rate_per AND starts.began_at <= :now GROUP BY starts.specialist_type, starts.concurrency_key HAVING count(*) >= min(worn_gate.key_rate_count)))) AND NOT (EXISTS (SELECT * FROM gates AS whole WHERE whole.specialist_type = '*' AND whole.max_concurrent <= (SELECT count(*) AS count_3 FROM tasks AS running WHERE running.status = 'running' AND running.gate != ''))) ORDER BY tasks.id LIMIT 1 OFFSET 0"
)

BEGIN_STARTED = Statement(
    "UPDATE tasks SET status='running', version=(tasks.version + 1), attempt=(tasks.attempt + 1), owner=?, lease_until=?, run_after=NULL, updated_at=?, handler_version=CASE WHEN (tasks.attempt = 0) THEN vespera_version(tasks.specialist_type, NULL) WHEN (tasks.handler_version IS NOT NULL) THEN vespera_version(tasks.specialist_type, tasks.handler_version) END WHERE tasks.id = (SELECT starts.task_id FROM starts ORDER BY starts.number DESC LIMIT 1 OFFSET 0) AND tasks.attempt + 1 = (SELECT starts.attempt FROM starts ORDER BY starts.number DESC LIMIT 1 OFFSET 0) RETURNING id, status, priority, blockers, version, attempt, failures, crashes, owner, lease_until, run_after, created_at, updated_at, completion, specialist_type, parent_id, timeout, idempotency_key, request_digest, report_id, retry, news, spawned, undoable, on_parent_end, cancelling, concurrency_key, paused_at, gate, on_failed_dependency, dedup_key, retries, forked_from, handler_version, title, description, error, payload, outcome",
    returns=True,
)

FORGET_STARTS = Statement("DELETE FROM starts WHERE starts.kept_until <= ?")

NEXT_TO_OPEN = Statement(
    "WITH RECURSIVE versions(specialist_type, handler_version, gate) AS (SELECT one.specialist_type AS specialist_type, one.handler_version AS handler_version, one.gate AS gate FROM tasks AS one WHERE one.id = (SELECT tasks.id FROM tasks WHERE tasks.handler_version IS NOT NULL AND tasks.status = 'pending' AND tasks.blockers = 0 AND tasks.paused_at IS NULL AND tasks.run_after IS NULL AND tasks.crashes < 2 ORDER BY tasks.specialist_type, tasks.handler_version, tasks.priority DESC, tasks.id LIMIT 1 OFFSET 0) UNION ALL SELECT one.specialist_type AS specialist_type, one.handler_version AS handler_version, one.gate AS gate FROM versions JOIN tasks AS one ON one.id = coalesce((SELECT tasks.id FROM tasks WHERE tasks.handler_version IS NOT NULL AND tasks.status = 'pending' AND tasks.blockers = 0 AND tasks.paused_at IS NULL AND tasks.run_after IS NULL AND tasks.crashes < 2 AND tasks.specialist_type = versions.specialist_type AND tasks.handler_version > versions.handler_version ORDER BY tasks.specialist_type, tasks.handler_version, tasks.priority DESC, tasks.id LIMIT 1 OFFSET 0), (SELECT tasks.id FROM tasks WHERE tasks.handler_version IS NOT NULL AND tasks.status = 'pending' AND tasks.blockers = 0 AND tasks.paused_at IS NULL AND tasks.run_after IS NULL AND tasks.crashes < 2 AND tasks.specialist_type > versions.specialist_type ORDER BY tasks.specialist_type, tasks.handler_version, tasks.priority DESC, tasks.id LIMIT 1 OFFSET 0))), taken_versions AS (SELECT versions.specialist_type AS specialist_type, versions.handler_version AS handler_version, versions.gate AS gate FROM versions WHERE vespera_takes(versions.specialist_type, versions.handler_version) = 1) SELECT min(anon_1.moment) AS min_1 FROM (SELECT (SELECT tasks.run_after FROM tasks WHERE tasks.status = 'pending' AND tasks.blockers = 0 AND tasks.paused_at IS NULL AND (tasks.handler_version IS NULL OR vespera_takes(tasks.specialist_type, tasks.handler_version) = 1) AND tasks.run_after IS NOT NULL AND (tasks.specialist_type NOT IN (SELECT gates.specialist_type FROM gates WHERE gates.paused_at IS NOT NULL)) ORDER BY tasks.run_after LIMIT 1 OFFSET 0) AS moment UNION ALL SELECT (SELECT tasks.run_after FROM tasks WHERE tasks.status = 'waiting' AND tasks.owner IS NULL AND tasks.run_after IS NOT NULL AND tasks.paused_at IS NULL AND (tasks.specialist_type NOT IN (SELECT gates.specialist_type FROM gates WHERE gates.paused_at IS NOT NULL)) ORDER BY tasks.run_after LIMIT 1 OFFSET 0) AS anon_2 UNION ALL SELECT (SELECT min(starts.began_at) AS min_2 FROM starts WHERE starts.specialist_type = gates.specialist_type AND starts.began_at > :now - gates.rate_per AND starts.began_at <= :now) + gates.rate_per AS anon_3 FROM gates WHERE gates.paused_at IS NULL AND gates.rate_count IS NOT NULL AND NOT (gates.rate_count IS NULL OR gates.rate_count > (SELECT count(*) AS count_1 FROM starts WHERE starts.specialist_type = gates.specialist_type AND starts.began_at > :now - gates.rate_per AND starts.began_at <= :now)) AND ((EXISTS (SELECT * FROM tasks WHERE tasks.status = 'pending' AND tasks.blockers = 0 AND tasks.paused_at IS NULL AND tasks.run_after IS NULL AND tasks.crashes < 2 AND tasks.handler_version IS NULL AND tasks.gate = gates.specialist_type)) OR (EXISTS (SELECT * FROM taken_versions WHERE taken_versions.gate = gates.specialist_type))) UNION ALL SELECT anon_4.opens_at AS opens_at FROM (SELECT starts.specialist_type AS specialist_type, starts.concurrency_key AS concurrency_key, min(starts.began_at) + min(worn_gate.key_rate_per) AS opens_at FROM starts JOIN gates AS worn_gate ON worn_gate.specialist_type = starts.specialist_type WHERE starts.concurrency_key IS NOT NULL AND starts.began_at > :now - worn_gate.key_rate_per AND starts.began_at <= :now GROUP BY starts.specialist_type, starts.concurrency_key HAVING count(*) >= min(worn_gate.key_rate_count)) AS anon_4 WHERE (anon_4.specialist_type, anon_4.concurrency_key) IN (SELECT tasks.gate, tasks.concurrency_key FROM tasks WHERE tasks.status = 'pending' AND tasks.blockers = 0 AND tasks.paused_at IS NULL AND tasks.run_after IS NULL AND tasks.crashes < 2 AND tasks.handler_version IS NULL AND (tasks.handler_version IS NULL OR vespera_takes(tasks.specialist_type, tasks.handler_version) = 1) AND tasks.gate != '' AND (tasks.gate NOT IN (SELECT gates.specialist_type FROM gates WHERE gates.paused_at IS NOT NULL)) UNION ALL SELECT tasks.gate, tasks.concurrency_key FROM tasks WHERE tasks.handler_version IS NOT NULL AND tasks.status = 'pending' AND tasks.blockers = 0 AND tasks.paused_at IS NULL AND tasks.run_after IS NULL AND tasks.crashes < 2 AND (tasks.handler_version IS NULL OR vespera_takes(tasks.specialist_type, tasks.handler_version) = 1) AND tasks.gate != '' AND (tasks.gate NOT IN (SELECT gates.specialist_type FROM gates WHERE gates.paused_at IS NOT NULL)))) AS anon_1"
)

ALL_GATES = Statement(
    "SELECT gates.specialist_type, gates.paused_at, gates.max_concurrent, gates.max_concurrent_per_key, gates.rate_count, gates.rate_per, gates.key_rate_count, gates.key_rate_per FROM gates ORDER BY gates.specialist_type"
)

SET_LIMITS = Statement(
    "INSERT INTO gates (specialist_type, paused_at, max_concurrent, max_concurrent_per_key, rate_count, rate_per, key_rate_count, key_rate_per) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (specialist_type) DO UPDATE SET max_concurrent = excluded.max_concurrent, max_concurrent_per_key = excluded.max_concurrent_per_key, rate_count = excluded.rate_count, rate_per = excluded.rate_per, key_rate_count = excluded.key_rate_count, key_rate_per = excluded.key_rate_per"
)

SET_PAUSED = Statement(
    "INSERT INTO gates (specialist_type, paused_at, max_concurrent, max_concurrent_per_key, rate_count, rate_per, key_rate_count, key_rate_per) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (specialist_type) DO UPDATE SET paused_at = coalesce(gates.paused_at, excluded.paused_at)"
)

PAUSE_GATE = Statement(
    "UPDATE gates SET paused_at=coalesce(gates.paused_at, ?) WHERE gates.specialist_type = ? RETURNING specialist_type",
    returns=True,
)

RESUME_GATE = Statement(
    "UPDATE gates SET paused_at=NULL WHERE gates.specialist_type = ? AND gates.paused_at IS NOT NULL RETURNING specialist_type",
    returns=True,
)

DROP_OPEN_GATE = Statement(
    "DELETE FROM gates WHERE gates.specialist_type = ? AND gates.paused_at IS NULL AND gates.max_concurrent IS NULL AND gates.max_concurrent_per_key IS NULL AND gates.rate_count IS NULL AND gates.rate_per IS NULL AND gates.key_rate_count IS NULL AND gates.key_rate_per IS NULL"
)

MARK_GATED = Statement(
    "UPDATE tasks SET gate=coalesce((SELECT gates.specialist_type FROM gates WHERE gates.specialist_type = tasks.specialist_type), (SELECT gates.specialist_type FROM gates WHERE gates.specialist_type = '*'), '') WHERE tasks.status != 'completed' AND tasks.status != 'failed' AND tasks.status != 'cancelled' AND tasks.gate != coalesce((SELECT gates.specialist_type FROM gates WHERE gates.specialist_type = tasks.specialist_type), (SELECT gates.specialist_type FROM gates WHERE gates.specialist_type = '*'), '') AND tasks.specialist_type = ?"
)

MARK_ALL_GATED = Statement(
    "UPDATE tasks SET gate=coalesce((SELECT gates.specialist_type FROM gates WHERE gates.specialist_type = tasks.specialist_type), (SELECT gates.specialist_type FROM gates WHERE gates.specialist_type = '*'), '') WHERE tasks.status != 'completed' AND tasks.status != 'failed' AND tasks.status != 'cancelled' AND tasks.gate != coalesce((SELECT gates.specialist_type FROM gates WHERE gates.specialist_type = tasks.specialist_type), (SELECT gates.specialist_type FROM gates WHERE gates.specialist_type = '*'), '')"
)

PAUSE_TASK = Statement(
    "UPDATE tasks SET paused_at=coalesce(tasks.paused_at, ?) WHERE tasks.id = ? AND (tasks.status NOT IN ('executed', 'assigned', 'completed', 'failed', 'cancelled')) RETURNING id",
    returns=True,
)

RESUME_TASK = Statement(
    "UPDATE tasks SET paused_at=NULL WHERE tasks.id = ? AND tasks.status != 'completed' AND tasks.status != 'failed' AND tasks.status != 'cancelled' AND tasks.paused_at IS NOT NULL RETURNING id",
    returns=True,
)

# What is told of gates: how full they are, and what waits for those that are paused.

TRAFFIC = Statement(
    "SELECT (SELECT count(*) AS count_1 FROM tasks AS running WHERE running.status = 'running' AND running.gate != '') AS anon_1, (SELECT count(*) AS count_2 FROM tasks AS running WHERE running.status = 'running' AND running.gate != '' AND running.gate = :type) AS anon_2, (SELECT count(*) AS count_3 FROM tasks AS running WHERE running.status = 'running' AND running.gate != '' AND running.gate = :type AND running.concurrency_key = :key) AS anon_3, (SELECT count(*) AS count_4 FROM starts WHERE starts.specialist_type = :type AND starts.began_at <= :now AND starts.began_at > :now - :per) AS anon_4, (SELECT count(*) AS count_5 FROM starts WHERE starts.specialist_type = :type AND starts.began_at <= :now AND starts.began_at > :now - :key_per AND starts.concurrency_key = :key) AS anon_5"
)

PAUSED_BEFORE_TASK = Statement(
    "WITH RECURSIVE awaited(id) AS (SELECT ? AS id UNION SELECT task_dependencies.depends_on AS depends_on FROM task_dependencies JOIN tasks AS middle ON middle.id = task_dependencies.task_id JOIN awaited ON middle.id = awaited.id WHERE middle.status = 'pending' AND task_dependencies.freed = 0) SELECT tasks.id, tasks.status, tasks.priority, tasks.blockers, tasks.version, tasks.attempt, tasks.failures, tasks.crashes, tasks.owner, tasks.lease_until, tasks.run_after, tasks.created_at, tasks.updated_at, tasks.completion, tasks.specialist_type, tasks.parent_id, tasks.timeout, tasks.idempotency_key, tasks.request_digest, tasks.report_id, tasks.retry, tasks.news, tasks.spawned, tasks.undoable, tasks.on_parent_end, tasks.cancelling, tasks.concurrency_key, tasks.paused_at, tasks.gate, tasks.on_failed_dependency, tasks.dedup_key, tasks.retries, tasks.forked_from, tasks.handler_version, tasks.title, tasks.description, tasks.error, tasks.payload, tasks.outcome FROM tasks WHERE tasks.id IN (SELECT awaited.id FROM awaited) AND tasks.status = 'pending' AND (tasks.paused_at IS NOT NULL OR tasks.gate != '' AND tasks.specialist_type IN (SELECT gates.specialist_type FROM gates WHERE gates.paused_at IS NOT NULL)) ORDER BY tasks.id"
)

# Only who holds a task may write for it.

HOLDS_TASK = Statement(
    "SELECT tasks.paused_at FROM tasks WHERE tasks.id = ? AND tasks.attempt = ? AND tasks.owner = ?",
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
    "UPDATE tasks SET status='running', crashes=0, lease_until=?, run_after=NULL WHERE tasks.id = ? AND tasks.attempt = ? AND tasks.owner = ? RETURNING paused_at",
    expects=1,
    returns=True,
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
    stores=(8, 9),
)

RECORD_RESULT = Statement(
    "INSERT INTO steps (task_id, name, occurrence, seq, epoch, recorded_at, value) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (task_id, name, occurrence) DO UPDATE SET seq = excluded.seq, epoch = excluded.epoch, recorded_at = excluded.recorded_at, wake_at = excluded.wake_at, awaits = excluded.awaits, value = excluded.value, error = excluded.error WHERE steps.awaits IS NOT NULL OR steps.error IS NOT NULL AND steps.epoch < excluded.epoch",
    expects=1,
    stores=(6,),
)

STEPS_OF_TASK = Statement(
    "SELECT steps.task_id, steps.name, steps.occurrence, steps.seq, steps.epoch, steps.recorded_at, steps.wake_at, steps.awaits, steps.value, steps.error FROM steps WHERE steps.task_id = ? ORDER BY steps.seq"
)

HEARTBEAT_COLUMNS = ("task_id", "name", "occurrence", "beaten_at", "detail")

RECORD_HEARTBEAT = Statement(
    "INSERT INTO heartbeats (task_id, name, occurrence, beaten_at, detail) VALUES (?, ?, ?, ?, ?) ON CONFLICT (task_id, name, occurrence) DO UPDATE SET beaten_at = excluded.beaten_at, detail = excluded.detail",
    expects=1,
    stores=(4,),
)

HEARTBEATS_OF_TASK = Statement(
    "SELECT heartbeats.task_id, heartbeats.name, heartbeats.occurrence, heartbeats.beaten_at, heartbeats.detail FROM heartbeats WHERE heartbeats.task_id = ? ORDER BY heartbeats.name, heartbeats.occurrence"
)

# What is sent to tasks.

SIGNAL_COLUMNS = ("task_id", "id", "name", "sent_at", "received_at", "seq", "payload")

INSERT_SIGNAL = Statement(
    "INSERT INTO signals (task_id, id, name, sent_at, received_at, seq, payload) VALUES (?, ?, ?, ?, ?, (SELECT tasks.news FROM tasks WHERE tasks.id = ?), ?)",
    expects=1,
    stores=(6,),
)

NEWS_FOR_PARENT = Statement(
    "UPDATE tasks SET status=CASE WHEN (tasks.status = 'waiting' AND tasks.owner IS NULL) THEN 'pending' ELSE tasks.status END, version=(tasks.version + CASE WHEN (tasks.status = 'waiting' AND tasks.owner IS NULL) THEN 1 ELSE 0 END), run_after=CASE WHEN (tasks.status = 'waiting' AND tasks.owner IS NULL) THEN NULL ELSE tasks.run_after END, news=(tasks.news + 1) WHERE tasks.id = ? AND tasks.status != 'completed' AND tasks.status != 'failed' AND tasks.status != 'cancelled'"
)

NEWS_OF_DOOMED = Statement(
    "WITH RECURSIVE doomed(id) AS (SELECT :failed AS id UNION SELECT behind.id AS id FROM tasks AS behind JOIN task_dependencies ON task_dependencies.task_id = behind.id JOIN doomed ON task_dependencies.depends_on = doomed.id WHERE behind.on_failed_dependency = 'cancel' AND behind.status = 'pending') UPDATE tasks SET status=CASE WHEN (tasks.status = 'waiting' AND tasks.owner IS NULL) THEN 'pending' ELSE tasks.status END, version=(tasks.version + CASE WHEN (tasks.status = 'waiting' AND tasks.owner IS NULL) THEN 1 ELSE 0 END), run_after=CASE WHEN (tasks.status = 'waiting' AND tasks.owner IS NULL) THEN NULL ELSE tasks.run_after END, news=(tasks.news + 1) WHERE tasks.id IN (SELECT tasks.parent_id FROM tasks WHERE tasks.id IN (SELECT doomed.id FROM doomed) AND tasks.id != :failed) AND tasks.status != 'completed' AND tasks.status != 'failed' AND tasks.status != 'cancelled'"
)

CALL_CHILDREN_OFF = Statement(
    "UPDATE tasks SET status=CASE WHEN (tasks.status = 'waiting' AND tasks.owner IS NULL) THEN 'pending' ELSE tasks.status END, version=(tasks.version + CASE WHEN (tasks.status = 'waiting' AND tasks.owner IS NULL) THEN 1 ELSE 0 END), run_after=CASE WHEN (tasks.status = 'waiting' AND tasks.owner IS NULL) THEN NULL ELSE tasks.run_after END, news=(tasks.news + 1), cancelling=? WHERE tasks.parent_id = ? AND tasks.on_parent_end = 'cancel' AND tasks.status != 'completed' AND tasks.status != 'failed' AND tasks.status != 'cancelled'"
)

CALL_OFF = Statement(
    "UPDATE tasks SET status=CASE WHEN (tasks.status = 'waiting' AND tasks.owner IS NULL) THEN 'pending' ELSE tasks.status END, version=(tasks.version + CASE WHEN (tasks.status = 'waiting' AND tasks.owner IS NULL) THEN 1 ELSE 0 END), run_after=CASE WHEN (tasks.status = 'waiting' AND tasks.owner IS NULL) THEN NULL ELSE tasks.run_after END, news=(tasks.news + 1), cancelling=? WHERE tasks.id = ? AND tasks.status != 'completed' AND tasks.status != 'failed' AND tasks.status != 'cancelled'",
    expects=1,
)

CALLED_OFF = Statement(
    "SELECT tasks.id, tasks.status, tasks.priority, tasks.blockers, tasks.version, tasks.attempt, tasks.failures, tasks.crashes, tasks.owner, tasks.lease_until, tasks.run_after, tasks.created_at, tasks.updated_at, tasks.completion, tasks.specialist_type, tasks.parent_id, tasks.timeout, tasks.idempotency_key, tasks.request_digest, tasks.report_id, tasks.retry, tasks.news, tasks.spawned, tasks.undoable, tasks.on_parent_end, tasks.cancelling, tasks.concurrency_key, tasks.paused_at, tasks.gate, tasks.on_failed_dependency, tasks.dedup_key, tasks.retries, tasks.forked_from, tasks.handler_version, tasks.title, tasks.description, tasks.error, tasks.payload, tasks.outcome FROM tasks WHERE tasks.cancelling IS NOT NULL AND (tasks.owner IS NULL OR tasks.owner = ?) AND tasks.status != 'completed' AND tasks.status != 'failed' AND tasks.status != 'cancelled' ORDER BY tasks.id"
)

TELL = Statement(
    "UPDATE tasks SET status=CASE WHEN (tasks.status = 'waiting' AND tasks.owner IS NULL) THEN 'pending' ELSE tasks.status END, version=(tasks.version + CASE WHEN (tasks.status = 'waiting' AND tasks.owner IS NULL) THEN 1 ELSE 0 END), run_after=CASE WHEN (tasks.status = 'waiting' AND tasks.owner IS NULL) THEN NULL ELSE tasks.run_after END, news=(tasks.news + 1) WHERE tasks.id = ? AND tasks.status != 'completed' AND tasks.status != 'failed' AND tasks.status != 'cancelled'",
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

# What else is read and written of a task as a whole.

TASK_BY_ID = Statement(
    "SELECT tasks.id, tasks.status, tasks.priority, tasks.blockers, tasks.version, tasks.attempt, tasks.failures, tasks.crashes, tasks.owner, tasks.lease_until, tasks.run_after, tasks.created_at, tasks.updated_at, tasks.completion, tasks.specialist_type, tasks.parent_id, tasks.timeout, tasks.idempotency_key, tasks.request_digest, tasks.report_id, tasks.retry, tasks.news, tasks.spawned, tasks.undoable, tasks.on_parent_end, tasks.cancelling, tasks.concurrency_key, tasks.paused_at, tasks.gate, tasks.on_failed_dependency, tasks.dedup_key, tasks.retries, tasks.forked_from, tasks.handler_version, tasks.title, tasks.description, tasks.error, tasks.payload, tasks.outcome FROM tasks WHERE tasks.id = ?"
)

RELATIVES_AWAITED = Statement(
    "SELECT tasks.id, tasks.title, tasks.status, task_dependencies.freed FROM tasks JOIN task_dependencies ON task_dependencies.depends_on = tasks.id WHERE task_dependencies.task_id = ? ORDER BY task_dependencies.position"
)

RELATIVES_SPAWNED = Statement(
    "SELECT tasks.id, tasks.title, tasks.status FROM tasks WHERE tasks.parent_id = ? ORDER BY tasks.id"
)

REPORT_OF_TASK = Statement(
    "SELECT verification_reports.id, verification_reports.task_id, verification_reports.verified_at, verification_reports.findings, verification_reports.policy, verification_reports.operations, verification_reports.survey FROM verification_reports JOIN tasks ON tasks.report_id = verification_reports.id WHERE tasks.id = ?"
)

INSERT_OLD_SIGNAL = Statement(
    "INSERT INTO signals (task_id, id, name, sent_at, received_at, seq, payload) VALUES (?, ?, ?, ?, ?, ?, ?)",
    expects=1,
    stores=(6,),
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
    "destination",
    "arrival",
    "recorded_at",
    "context",
    "metadata",
    "attempt",
)

INSERT_OPERATION = Statement(
    """INSERT INTO file_operations (id, task_id, kind, phase, path, "before", "after", expected, destination, arrival, recorded_at, context, metadata, attempt) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
    expects=1,
)

UPDATE_OPERATION = Statement(
    """UPDATE file_operations SET task_id=?, kind=?, phase=?, path=?, "before"=?, "after"=?, expected=?, destination=?, arrival=?, recorded_at=?, context=?, metadata=?, attempt=? WHERE file_operations.id = ?""",
    expects=1,
)

OPERATIONS_BY_ID = Statement(
    """SELECT file_operations.id, file_operations.task_id, file_operations.kind, file_operations.phase, file_operations.path, file_operations."before", file_operations."after", file_operations.expected, file_operations.destination, file_operations.arrival, file_operations.recorded_at, file_operations.context, file_operations.metadata, file_operations.attempt FROM file_operations WHERE file_operations.id IN (__many__)"""
)

OPERATIONS_BY_PATH = Statement(
    """SELECT file_operations.id, file_operations.task_id, file_operations.kind, file_operations.phase, file_operations.path, file_operations."before", file_operations."after", file_operations.expected, file_operations.destination, file_operations.arrival, file_operations.recorded_at, file_operations.context, file_operations.metadata, file_operations.attempt FROM file_operations WHERE file_operations.path IN (__many__)"""
)

OPERATIONS_BY_DESTINATION = Statement(
    """SELECT file_operations.id, file_operations.task_id, file_operations.kind, file_operations.phase, file_operations.path, file_operations."before", file_operations."after", file_operations.expected, file_operations.destination, file_operations.arrival, file_operations.recorded_at, file_operations.context, file_operations.metadata, file_operations.attempt FROM file_operations WHERE file_operations.destination IN (__many__) AND file_operations.destination IS NOT NULL"""
)

OPERATIONS_OF_TASK = Statement(
    """SELECT file_operations.id, file_operations.task_id, file_operations.kind, file_operations.phase, file_operations.path, file_operations."before", file_operations."after", file_operations.expected, file_operations.destination, file_operations.arrival, file_operations.recorded_at, file_operations.context, file_operations.metadata, file_operations.attempt FROM file_operations WHERE file_operations.task_id = ? ORDER BY file_operations.id"""
)

ALLOWANCES = Statement(
    """SELECT file_operations.id, file_operations.task_id, file_operations.kind, file_operations.phase, file_operations.path, file_operations."before", file_operations."after", file_operations.expected, file_operations.destination, file_operations.arrival, file_operations.recorded_at, file_operations.context, file_operations.metadata, file_operations.attempt FROM file_operations WHERE file_operations.kind = 'scope' ORDER BY file_operations.id"""
)

REFUSED_OPERATIONS = Statement(
    """SELECT file_operations.id, file_operations.task_id, file_operations.kind, file_operations.phase, file_operations.path, file_operations."before", file_operations."after", file_operations.expected, file_operations.destination, file_operations.arrival, file_operations.recorded_at, file_operations.context, file_operations.metadata, file_operations.attempt FROM file_operations WHERE file_operations.phase = 'refused' ORDER BY file_operations.id"""
)

OPERATION_PATHS = Statement(
    "SELECT file_operations.path FROM file_operations WHERE file_operations.kind != 'scope' AND file_operations.phase != 'refused' UNION SELECT file_operations.destination FROM file_operations WHERE file_operations.destination IS NOT NULL"
)

CONTENTS_OF_OPERATIONS = Statement(
    """SELECT file_operations.path, json_extract(file_operations."before", '$[1]') AS digest FROM file_operations WHERE (file_operations."before" LIKE '["file",' || '%') AND file_operations.recorded_at >= :since UNION SELECT file_operations.path, json_extract(file_operations."after", '$[1]') AS digest FROM file_operations WHERE (file_operations."after" LIKE '["file",' || '%') AND file_operations.recorded_at >= :since UNION SELECT file_operations.path, json_extract(file_operations.expected, '$[1]') AS digest FROM file_operations WHERE (file_operations.expected LIKE '["file",' || '%') AND file_operations.recorded_at >= :since UNION SELECT file_operations.destination, json_extract(file_operations.arrival, '$[0][1]') AS json_extract_1 FROM file_operations WHERE file_operations.destination IS NOT NULL AND json_extract(file_operations.arrival, '$[0][0]') = 'file' AND file_operations.recorded_at >= :since UNION SELECT file_operations.destination, json_extract(file_operations.arrival, '$[1][1]') AS json_extract_2 FROM file_operations WHERE file_operations.destination IS NOT NULL AND json_extract(file_operations.arrival, '$[1][0]') = 'file' AND file_operations.recorded_at >= :since"""
)

# Verification reports.

INSERT_REPORT = Statement(
    "INSERT INTO verification_reports (id, task_id, verified_at, findings, policy, operations, survey) VALUES (?, ?, ?, ?, ?, ?, ?)",
    expects=1,
)

REPORT_BY_ID = Statement(
    "SELECT verification_reports.id, verification_reports.task_id, verification_reports.verified_at, verification_reports.findings, verification_reports.policy, verification_reports.operations, verification_reports.survey FROM verification_reports WHERE verification_reports.id = ?"
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
    stores=(16,),
)

UPDATE_SCHEDULE = Statement(
    "UPDATE schedules SET version=?, paused=?, next_due=?, last_due=?, last_task_id=?, updated_at=?, cron=?, every=?, time_zone=?, catch_up=?, most_catch_up=?, overlap=?, title=?, specialist_type=?, request=? WHERE schedules.name = ? AND schedules.version = ?",
    expects=1,
    stores=(14,),
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

# What happened, how far tasks have come, and how many are finished.

TELL_EVENTS = Statement(
    "INSERT INTO events (mark, entries) SELECT max(?, coalesce((SELECT last.mark FROM events AS last ORDER BY last.id DESC LIMIT 1 OFFSET 0), 0)) AS max_1, ? AS anon_1",
    expects=1,
)

PAGE_OF_EVENTS = Statement(
    "SELECT events.id, events.entries FROM events WHERE events.id >= ? ORDER BY events.id LIMIT ? OFFSET 0"
)

PAGE_OF_EVENTS_ABOUT = Statement(
    "SELECT events.id, events.entries FROM events WHERE events.id >= ? AND instr(events.entries, ?) > 0 ORDER BY events.id LIMIT ? OFFSET 0"
)

RANGE_OF_EVENTS = Statement("SELECT min(events.id) AS min_1, max(events.id) AS max_1 FROM events")

MARK_FROM = Statement(
    "SELECT events.id, events.mark FROM events WHERE events.id >= ? ORDER BY events.id LIMIT 1 OFFSET 0"
)

NEWEST_EVENTS = Statement(
    "SELECT events.id, json_array_length(events.entries) AS json_array_length_1 FROM events ORDER BY events.id DESC LIMIT 1 OFFSET 0"
)

FORGET_EVENTS = Statement(
    "DELETE FROM events WHERE events.id IN (SELECT events.id FROM events ORDER BY events.id LIMIT ? OFFSET 0) AND events.mark < ? AND events.id < (SELECT max(last.id) AS max_1 FROM events AS last) RETURNING id",
    returns=True,
)

PROGRESS_COLUMNS = ("task_id", "attempt", "done", "total", "at", "message")

RECORD_PROGRESS = Statement(
    "INSERT INTO progress (task_id, attempt, done, total, at, message) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (task_id) DO UPDATE SET attempt = excluded.attempt, done = excluded.done, total = excluded.total, at = excluded.at, message = excluded.message",
    expects=1,
)

PROGRESS_OF_TASK = Statement(
    "SELECT progress.task_id, progress.attempt, progress.done, progress.total, progress.at, progress.message FROM progress WHERE progress.task_id = ?"
)

COUNT_TASKS = Statement(
    "INSERT INTO task_counts (specialist_type, status, total) VALUES (?, ?, ?) ON CONFLICT (specialist_type, status) DO UPDATE SET total = (task_counts.total + excluded.total)",
    expects=1,
)

# Which finished tasks may go, and all that goes with them.

PURGEABLE_COMPLETED = Statement(
    "SELECT tasks.id FROM tasks WHERE tasks.status = 'completed' AND tasks.created_at < ? AND tasks.updated_at < ? AND NOT ((EXISTS (SELECT * FROM task_dependencies, tasks AS dependent WHERE task_dependencies.depends_on = tasks.id AND dependent.id = task_dependencies.task_id AND (dependent.status NOT IN ('completed', 'failed', 'cancelled')))) OR (EXISTS (SELECT * FROM tasks AS parent WHERE parent.id = tasks.parent_id AND (parent.status NOT IN ('completed', 'failed', 'cancelled')))) OR (EXISTS (SELECT * FROM tasks AS child WHERE child.parent_id = tasks.id)) OR (EXISTS (SELECT * FROM file_operations AS own, file_operations AS older WHERE own.task_id = tasks.id AND (older.path = own.path OR older.path = own.destination OR older.destination = own.path OR older.destination = own.destination) AND older.id < own.id AND older.task_id IS NOT tasks.id))) ORDER BY tasks.created_at, tasks.id LIMIT ? OFFSET 0"
)

PURGEABLE_FAILED = Statement(
    "SELECT tasks.id FROM tasks WHERE tasks.status = 'failed' AND (tasks.status = 'assigned' OR tasks.status = 'executed' OR tasks.status = 'failed' OR tasks.status = 'cancelled') AND tasks.created_at < ? AND tasks.updated_at < ? AND NOT ((EXISTS (SELECT * FROM task_dependencies, tasks AS dependent WHERE task_dependencies.depends_on = tasks.id AND dependent.id = task_dependencies.task_id AND (dependent.status NOT IN ('completed', 'failed', 'cancelled')))) OR (EXISTS (SELECT * FROM tasks AS parent WHERE parent.id = tasks.parent_id AND (parent.status NOT IN ('completed', 'failed', 'cancelled')))) OR (EXISTS (SELECT * FROM tasks AS child WHERE child.parent_id = tasks.id)) OR (EXISTS (SELECT * FROM file_operations AS own, file_operations AS older WHERE own.task_id = tasks.id AND (older.path = own.path OR older.path = own.destination OR older.destination = own.path OR older.destination = own.destination) AND older.id < own.id AND older.task_id IS NOT tasks.id))) ORDER BY tasks.created_at, tasks.id LIMIT ? OFFSET 0"
)

PURGEABLE_CANCELLED = Statement(
    "SELECT tasks.id FROM tasks WHERE tasks.status = 'cancelled' AND (tasks.status = 'assigned' OR tasks.status = 'executed' OR tasks.status = 'failed' OR tasks.status = 'cancelled') AND tasks.created_at < ? AND tasks.updated_at < ? AND NOT ((EXISTS (SELECT * FROM task_dependencies, tasks AS dependent WHERE task_dependencies.depends_on = tasks.id AND dependent.id = task_dependencies.task_id AND (dependent.status NOT IN ('completed', 'failed', 'cancelled')))) OR (EXISTS (SELECT * FROM tasks AS parent WHERE parent.id = tasks.parent_id AND (parent.status NOT IN ('completed', 'failed', 'cancelled')))) OR (EXISTS (SELECT * FROM tasks AS child WHERE child.parent_id = tasks.id)) OR (EXISTS (SELECT * FROM file_operations AS own, file_operations AS older WHERE own.task_id = tasks.id AND (older.path = own.path OR older.path = own.destination OR older.destination = own.path OR older.destination = own.destination) AND older.id < own.id AND older.task_id IS NOT tasks.id))) ORDER BY tasks.created_at, tasks.id LIMIT ? OFFSET 0"
)

COUNT_PURGEABLE_COMPLETED = Statement(
    "SELECT count(*) AS count_1 FROM tasks WHERE tasks.status = 'completed' AND tasks.created_at < ? AND tasks.updated_at < ? AND NOT ((EXISTS (SELECT * FROM task_dependencies, tasks AS dependent WHERE task_dependencies.depends_on = tasks.id AND dependent.id = task_dependencies.task_id AND (dependent.status NOT IN ('completed', 'failed', 'cancelled')))) OR (EXISTS (SELECT * FROM tasks AS parent WHERE parent.id = tasks.parent_id AND (parent.status NOT IN ('completed', 'failed', 'cancelled')))) OR (EXISTS (SELECT * FROM tasks AS child WHERE child.parent_id = tasks.id)) OR (EXISTS (SELECT * FROM file_operations AS own, file_operations AS older WHERE own.task_id = tasks.id AND (older.path = own.path OR older.path = own.destination OR older.destination = own.path OR older.destination = own.destination) AND older.id < own.id AND older.task_id IS NOT tasks.id)))"
)

COUNT_PURGEABLE_FAILED = Statement(
    "SELECT count(*) AS count_1 FROM tasks WHERE tasks.status = 'failed' AND (tasks.status = 'assigned' OR tasks.status = 'executed' OR tasks.status = 'failed' OR tasks.status = 'cancelled') AND tasks.created_at < ? AND tasks.updated_at < ? AND NOT ((EXISTS (SELECT * FROM task_dependencies, tasks AS dependent WHERE task_dependencies.depends_on = tasks.id AND dependent.id = task_dependencies.task_id AND (dependent.status NOT IN ('completed', 'failed', 'cancelled')))) OR (EXISTS (SELECT * FROM tasks AS parent WHERE parent.id = tasks.parent_id AND (parent.status NOT IN ('completed', 'failed', 'cancelled')))) OR (EXISTS (SELECT * FROM tasks AS child WHERE child.parent_id = tasks.id)) OR (EXISTS (SELECT * FROM file_operations AS own, file_operations AS older WHERE own.task_id = tasks.id AND (older.path = own.path OR older.path = own.destination OR older.destination = own.path OR older.destination = own.destination) AND older.id < own.id AND older.task_id IS NOT tasks.id)))"
)

COUNT_PURGEABLE_CANCELLED = Statement(
    "SELECT count(*) AS count_1 FROM tasks WHERE tasks.status = 'cancelled' AND (tasks.status = 'assigned' OR tasks.status = 'executed' OR tasks.status = 'failed' OR tasks.status = 'cancelled') AND tasks.created_at < ? AND tasks.updated_at < ? AND NOT ((EXISTS (SELECT * FROM task_dependencies, tasks AS dependent WHERE task_dependencies.depends_on = tasks.id AND dependent.id = task_dependencies.task_id AND (dependent.status NOT IN ('completed', 'failed', 'cancelled')))) OR (EXISTS (SELECT * FROM tasks AS parent WHERE parent.id = tasks.parent_id AND (parent.status NOT IN ('completed', 'failed', 'cancelled')))) OR (EXISTS (SELECT * FROM tasks AS child WHERE child.parent_id = tasks.id)) OR (EXISTS (SELECT * FROM file_operations AS own, file_operations AS older WHERE own.task_id = tasks.id AND (older.path = own.path OR older.path = own.destination OR older.destination = own.path OR older.destination = own.destination) AND older.id < own.id AND older.task_id IS NOT tasks.id)))"
)

STILL_PURGEABLE = Statement(
    "SELECT tasks.id FROM tasks WHERE tasks.id IN (__many__) AND tasks.status IN ('completed', 'failed', 'cancelled') AND NOT ((EXISTS (SELECT * FROM task_dependencies, tasks AS dependent WHERE task_dependencies.depends_on = tasks.id AND dependent.id = task_dependencies.task_id AND (dependent.status NOT IN ('completed', 'failed', 'cancelled')))) OR (EXISTS (SELECT * FROM tasks AS parent WHERE parent.id = tasks.parent_id AND (parent.status NOT IN ('completed', 'failed', 'cancelled')))) OR (EXISTS (SELECT * FROM tasks AS child WHERE child.parent_id = tasks.id)) OR (EXISTS (SELECT * FROM file_operations AS own, file_operations AS older WHERE own.task_id = tasks.id AND (older.path = own.path OR older.path = own.destination OR older.destination = own.path OR older.destination = own.destination) AND older.id < own.id AND older.task_id IS NOT tasks.id)))",
    returns=True,
)

UNCOUNT_TASKS = Statement(
    "INSERT INTO task_counts (specialist_type, status, total) SELECT tasks.specialist_type, tasks.status, -count(*) AS anon_1 FROM tasks WHERE tasks.id IN (__many__) GROUP BY tasks.specialist_type, tasks.status ON CONFLICT (specialist_type, status) DO UPDATE SET total = (task_counts.total + excluded.total)"
)

PURGE_WHAT_POINTS = (
    "DELETE FROM task_dependencies WHERE task_dependencies.depends_on IN (__many__)",
    "DELETE FROM task_dependencies WHERE task_dependencies.task_id IN (__many__)",
    "DELETE FROM steps WHERE steps.task_id IN (__many__)",
    "DELETE FROM signals WHERE signals.task_id IN (__many__)",
    "DELETE FROM progress WHERE progress.task_id IN (__many__)",
    "DELETE FROM heartbeats WHERE heartbeats.task_id IN (__many__)",
)

PURGE_TASKS = Statement("DELETE FROM tasks WHERE tasks.id IN (__many__)")

PURGE_OPERATIONS = Statement(
    "DELETE FROM file_operations WHERE file_operations.task_id IN (__many__)"
)

PURGE_REPORTS = Statement(
    "DELETE FROM verification_reports WHERE verification_reports.task_id IN (__many__) AND NOT (EXISTS (SELECT * FROM tasks WHERE tasks.report_id = verification_reports.id))"
)

PURGE_WAIVERS = Statement("DELETE FROM waivers WHERE waivers.task_id IN (__many__)")

# What runs again after its end, and copies of its history.

REVIVE_TASK = Statement(
    "UPDATE tasks SET status='pending', version=(tasks.version + 1), failures=0, crashes=0, run_after=NULL, updated_at=?, report_id=NULL, undoable=?, cancelling=NULL, paused_at=NULL, gate=coalesce((SELECT gates.specialist_type FROM gates WHERE gates.specialist_type = tasks.specialist_type), (SELECT gates.specialist_type FROM gates WHERE gates.specialist_type = '*'), ''), retries=(tasks.retries + 1), error=NULL, outcome=NULL WHERE tasks.id = ? AND tasks.version = ? AND tasks.owner IS NULL AND NOT (EXISTS (SELECT * FROM tasks AS parent WHERE parent.id = tasks.parent_id AND parent.status IN ('completed', 'failed', 'cancelled') AND tasks.on_parent_end = 'cancel'))",
    expects=1,
)

AGE_STEPS = Statement("UPDATE steps SET epoch=(steps.epoch - ?) WHERE steps.task_id = ?")

UNDO_STEP = Statement(
    "UPDATE steps SET value=NULL, error=? WHERE steps.task_id = ? AND steps.name = ? AND steps.occurrence = ?",
    expects=1,
    stores=(0,),
)

FORGET_STEP = Statement(
    "DELETE FROM steps WHERE steps.task_id = ? AND steps.name = ? AND steps.occurrence = ?",
    expects=1,
)

WITHDRAW_OPERATION = Statement(
    "DELETE FROM file_operations WHERE file_operations.id = ? AND file_operations.task_id = ?",
    expects=1,
)

FREE_FOR_GOOD = Statement(
    "UPDATE task_dependencies SET freed=1 WHERE task_dependencies.depends_on = ? AND task_dependencies.task_id IN (SELECT tasks.id FROM tasks WHERE tasks.on_failed_dependency = 'run')"
)

CHILDREN_OF_TASKS = Statement(
    "SELECT tasks.id, tasks.status, tasks.priority, tasks.blockers, tasks.version, tasks.attempt, tasks.failures, tasks.crashes, tasks.owner, tasks.lease_until, tasks.run_after, tasks.created_at, tasks.updated_at, tasks.completion, tasks.specialist_type, tasks.parent_id, tasks.timeout, tasks.idempotency_key, tasks.request_digest, tasks.report_id, tasks.retry, tasks.news, tasks.spawned, tasks.undoable, tasks.on_parent_end, tasks.cancelling, tasks.concurrency_key, tasks.paused_at, tasks.gate, tasks.on_failed_dependency, tasks.dedup_key, tasks.retries, tasks.forked_from, tasks.handler_version, tasks.title, tasks.description, tasks.error, tasks.payload, tasks.outcome FROM tasks WHERE tasks.parent_id IN (__many__) ORDER BY tasks.id"
)

DEPENDENTS_OF_TASKS = Statement(
    "SELECT tasks.id, tasks.status, tasks.priority, tasks.blockers, tasks.version, tasks.attempt, tasks.failures, tasks.crashes, tasks.owner, tasks.lease_until, tasks.run_after, tasks.created_at, tasks.updated_at, tasks.completion, tasks.specialist_type, tasks.parent_id, tasks.timeout, tasks.idempotency_key, tasks.request_digest, tasks.report_id, tasks.retry, tasks.news, tasks.spawned, tasks.undoable, tasks.on_parent_end, tasks.cancelling, tasks.concurrency_key, tasks.paused_at, tasks.gate, tasks.on_failed_dependency, tasks.dedup_key, tasks.retries, tasks.forked_from, tasks.handler_version, tasks.title, tasks.description, tasks.error, tasks.payload, tasks.outcome FROM tasks WHERE tasks.id IN (SELECT task_dependencies.task_id FROM task_dependencies WHERE task_dependencies.depends_on IN (__many__)) ORDER BY tasks.id"
)

COPY_STEP = Statement(
    "INSERT INTO steps (task_id, name, occurrence, seq, epoch, recorded_at, wake_at, awaits, value, error) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    expects=1,
    stores=(8, 9),
)

# Values that are in files beside the database.

REFERENCES = Statement(
    """SELECT schedules.request, 'schedules' AS holder, 'request' AS place, json_array(schedules.name) AS "row" FROM schedules WHERE schedules.request < x'' AND schedules.request < x'' UNION ALL SELECT snapshots.content, 'snapshots' AS holder, 'content' AS place, json_array(snapshots.id) AS "row" FROM snapshots WHERE snapshots.content < x'' AND snapshots.content < x'' UNION ALL SELECT tasks.payload, 'tasks' AS holder, 'payload' AS place, json_array(tasks.id) AS "row" FROM tasks WHERE (tasks.payload < x'' OR tasks.outcome < x'') AND tasks.payload < x'' UNION ALL SELECT tasks.outcome, 'tasks' AS holder, 'outcome' AS place, json_array(tasks.id) AS "row" FROM tasks WHERE (tasks.payload < x'' OR tasks.outcome < x'') AND tasks.outcome < x'' UNION ALL SELECT heartbeats.detail, 'heartbeats' AS holder, 'detail' AS place, json_array(heartbeats.task_id, heartbeats.name, heartbeats.occurrence) AS "row" FROM heartbeats WHERE heartbeats.detail < x'' AND heartbeats.detail < x'' UNION ALL SELECT signals.payload, 'signals' AS holder, 'payload' AS place, json_array(signals.task_id, signals.id) AS "row" FROM signals WHERE signals.payload < x'' AND signals.payload < x'' UNION ALL SELECT steps.value, 'steps' AS holder, 'value' AS place, json_array(steps.task_id, steps.name, steps.occurrence) AS "row" FROM steps WHERE (steps.value < x'' OR steps.error < x'') AND steps.value < x'' UNION ALL SELECT steps.error, 'steps' AS holder, 'error' AS place, json_array(steps.task_id, steps.name, steps.occurrence) AS "row" FROM steps WHERE (steps.value < x'' OR steps.error < x'') AND steps.error < x''"""
)

IS_KEPT = Statement("SELECT 1 WHERE vespera_renewed(?)", expects=1, returns=True)

SET_STRAYS_ASIDE = Statement(
    "SELECT vespera_set_aside(anon_1.value, ?) AS vespera_set_aside_1 FROM json_each(?) AS anon_1 WHERE (anon_1.value NOT IN (SELECT substr(schedules.request, 8, 64) AS substr_1 FROM schedules WHERE schedules.request < x'' AND schedules.request < x'' UNION ALL SELECT substr(snapshots.content, 8, 64) AS substr_2 FROM snapshots WHERE snapshots.content < x'' AND snapshots.content < x'' UNION ALL SELECT substr(tasks.payload, 8, 64) AS substr_3 FROM tasks WHERE (tasks.payload < x'' OR tasks.outcome < x'') AND tasks.payload < x'' UNION ALL SELECT substr(tasks.outcome, 8, 64) AS substr_4 FROM tasks WHERE (tasks.payload < x'' OR tasks.outcome < x'') AND tasks.outcome < x'' UNION ALL SELECT substr(heartbeats.detail, 8, 64) AS substr_5 FROM heartbeats WHERE heartbeats.detail < x'' AND heartbeats.detail < x'' UNION ALL SELECT substr(signals.payload, 8, 64) AS substr_6 FROM signals WHERE signals.payload < x'' AND signals.payload < x'' UNION ALL SELECT substr(steps.value, 8, 64) AS substr_7 FROM steps WHERE (steps.value < x'' OR steps.error < x'') AND steps.value < x'' UNION ALL SELECT substr(steps.error, 8, 64) AS substr_8 FROM steps WHERE (steps.value < x'' OR steps.error < x'') AND steps.error < x''))",
    returns=True,
)

# Snapshots.

SNAPSHOT_COLUMNS = (
    "id",
    "task_id",
    "label",
    "began_at",
    "ended_at",
    "digest",
    "files",
    "directories",
    "ignored",
    "unknown",
    "hashed",
    "caution",
    "kept",
    "base_id",
    "content",
)

SNAPSHOT_FACTS = (
    "id",
    "task_id",
    "label",
    "began_at",
    "ended_at",
    "digest",
    "files",
    "directories",
    "ignored",
    "unknown",
    "hashed",
    "caution",
    "kept",
)

INSERT_SNAPSHOT = Statement(
    "INSERT INTO snapshots (id, task_id, label, began_at, ended_at, digest, files, directories, ignored, unknown, hashed, caution, kept, base_id, content) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    expects=1,
    stores=(14,),
)

IS_SNAPSHOT = Statement("SELECT 1 FROM snapshots WHERE snapshots.id = ?", expects=1, returns=True)

SNAPSHOT_BY_ID = Statement(
    "SELECT snapshots.id, snapshots.task_id, snapshots.label, snapshots.began_at, snapshots.ended_at, snapshots.digest, snapshots.files, snapshots.directories, snapshots.ignored, snapshots.unknown, snapshots.hashed, snapshots.caution, snapshots.kept, snapshots.base_id, snapshots.content FROM snapshots WHERE snapshots.id = ?"
)

FACTS_OF_SNAPSHOT = Statement(
    "SELECT snapshots.id, snapshots.task_id, snapshots.label, snapshots.began_at, snapshots.ended_at, snapshots.digest, snapshots.files, snapshots.directories, snapshots.ignored, snapshots.unknown, snapshots.hashed, snapshots.caution, snapshots.kept FROM snapshots WHERE snapshots.id = ?"
)

PAGE_OF_SNAPSHOTS = Statement(
    "SELECT snapshots.id, snapshots.task_id, snapshots.label, snapshots.began_at, snapshots.ended_at, snapshots.digest, snapshots.files, snapshots.directories, snapshots.ignored, snapshots.unknown, snapshots.hashed, snapshots.caution, snapshots.kept FROM snapshots WHERE snapshots.id < ? ORDER BY snapshots.id DESC LIMIT ? OFFSET 0"
)

OLDEST_SNAPSHOT_OF_TASK = Statement(
    "SELECT snapshots.id, snapshots.task_id, snapshots.label, snapshots.began_at, snapshots.ended_at, snapshots.digest, snapshots.files, snapshots.directories, snapshots.ignored, snapshots.unknown, snapshots.hashed, snapshots.caution, snapshots.kept FROM snapshots WHERE snapshots.task_id = ? ORDER BY snapshots.id LIMIT 1 OFFSET 0"
)

SNAPSHOTS_WITH_CONTENTS = Statement(
    "SELECT snapshots.id FROM snapshots WHERE snapshots.kept > 0 AND snapshots.ended_at >= ? ORDER BY snapshots.id"
)

FORGET_DELTAS = Statement(
    "DELETE FROM snapshots WHERE snapshots.base_id IS NOT NULL AND (snapshots.ended_at < ? OR (snapshots.id NOT IN (SELECT newer.id FROM snapshots AS newer ORDER BY newer.id DESC LIMIT ? OFFSET 0))) AND NOT (EXISTS (SELECT * FROM tasks WHERE tasks.id = snapshots.task_id AND tasks.status != 'completed' AND tasks.status != 'failed' AND tasks.status != 'cancelled')) RETURNING id",
    returns=True,
)

FORGET_BASES = Statement(
    "DELETE FROM snapshots WHERE snapshots.base_id IS NULL AND (snapshots.ended_at < ? OR (snapshots.id NOT IN (SELECT newer.id FROM snapshots AS newer ORDER BY newer.id DESC LIMIT ? OFFSET 0))) AND NOT (EXISTS (SELECT * FROM tasks WHERE tasks.id = snapshots.task_id AND tasks.status != 'completed' AND tasks.status != 'failed' AND tasks.status != 'cancelled')) AND NOT (EXISTS (SELECT * FROM snapshots AS delta WHERE delta.base_id = snapshots.id)) RETURNING id",
    returns=True,
)

# The journal of rollbacks.

ROLLBACK_COLUMNS = (
    "id",
    "task_id",
    "owner",
    "began_at",
    "heard_at",
    "attempt",
    "tree",
    "partial",
    "state",
    "under_way",
)

ROLLBACK_STEP_COLUMNS = (
    "rollback_id",
    "number",
    "path",
    "found",
    "wanted",
    "takes_back",
    "operations",
    "begun",
    "over",
    "conflict",
)

INSERT_ROLLBACK = Statement(
    "INSERT INTO rollbacks (id, task_id, owner, began_at, heard_at, attempt, tree, partial, state, under_way) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    expects=1,
)

TAKE_ROLLBACK_OVER = Statement(
    "UPDATE rollbacks SET owner=?, heard_at=? WHERE rollbacks.id = ? AND rollbacks.owner = ? AND rollbacks.under_way = 1",
    expects=1,
)

HEAR_OF_ROLLBACK = Statement(
    "UPDATE rollbacks SET heard_at=?, state=? WHERE rollbacks.id = ? AND rollbacks.owner = ? AND rollbacks.under_way = 1 AND rollbacks.state = ?",
    expects=1,
)

FINISH_ROLLBACK = Statement(
    "UPDATE rollbacks SET heard_at=?, state=?, under_way=NULL WHERE rollbacks.id = ? AND rollbacks.owner = ? AND rollbacks.under_way = 1",
    expects=1,
)

ROLLBACK_BY_ID = Statement(
    "SELECT rollbacks.id, rollbacks.task_id, rollbacks.owner, rollbacks.began_at, rollbacks.heard_at, rollbacks.attempt, rollbacks.tree, rollbacks.partial, rollbacks.state, rollbacks.under_way FROM rollbacks WHERE rollbacks.id = ?"
)

ROLLBACKS_OF_TASK = Statement(
    "SELECT rollbacks.id, rollbacks.task_id, rollbacks.owner, rollbacks.began_at, rollbacks.heard_at, rollbacks.attempt, rollbacks.tree, rollbacks.partial, rollbacks.state, rollbacks.under_way FROM rollbacks WHERE rollbacks.task_id = ? ORDER BY rollbacks.id"
)

ROLLBACK_UNDER_WAY = Statement(
    "SELECT rollbacks.id, rollbacks.task_id, rollbacks.owner, rollbacks.began_at, rollbacks.heard_at, rollbacks.attempt, rollbacks.tree, rollbacks.partial, rollbacks.state, rollbacks.under_way FROM rollbacks WHERE rollbacks.under_way = 1"
)

INSERT_ROLLBACK_STEP = Statement(
    """INSERT INTO rollback_steps (rollback_id, number, path, found, wanted, takes_back, operations, begun, over, "conflict") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
    expects=1,
)

UPDATE_ROLLBACK_STEP = Statement(
    """UPDATE rollback_steps SET begun=?, over=?, "conflict"=? WHERE rollback_steps.rollback_id = ? AND rollback_steps.number = ?""",
    expects=1,
)

STEPS_OF_ROLLBACK = Statement(
    """SELECT rollback_steps.rollback_id, rollback_steps.number, rollback_steps.path, rollback_steps.found, rollback_steps.wanted, rollback_steps.takes_back, rollback_steps.operations, rollback_steps.begun, rollback_steps.over, rollback_steps."conflict" FROM rollback_steps WHERE rollback_steps.rollback_id = ? ORDER BY rollback_steps.number"""
)

WITHDRAW_INTENT = Statement("DELETE FROM file_operations WHERE file_operations.id = ?")

# Waivers.

INSERT_WAIVER = Statement(
    """INSERT INTO waivers (id, task_id, operation_id, kind, path, verdict, "before", "after", now, waived_by, reason, waived_at, revoked_by, revoked_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
    expects=1,
)

WAIVER_BY_ID = Statement(
    """SELECT waivers.id, waivers.task_id, waivers.operation_id, waivers.kind, waivers.path, waivers.verdict, waivers."before", waivers."after", waivers.now, waivers.waived_by, waivers.reason, waivers.waived_at, waivers.revoked_by, waivers.revoked_at FROM waivers WHERE waivers.id = ?"""
)

WAIVERS_OF_TASKS = Statement(
    """SELECT waivers.id, waivers.task_id, waivers.operation_id, waivers.kind, waivers.path, waivers.verdict, waivers."before", waivers."after", waivers.now, waivers.waived_by, waivers.reason, waivers.waived_at, waivers.revoked_by, waivers.revoked_at FROM waivers WHERE waivers.task_id IN (__many__)"""
)

PAGE_OF_WAIVERS = Statement(
    """SELECT waivers.id, waivers.task_id, waivers.operation_id, waivers.kind, waivers.path, waivers.verdict, waivers."before", waivers."after", waivers.now, waivers.waived_by, waivers.reason, waivers.waived_at, waivers.revoked_by, waivers.revoked_at FROM waivers WHERE waivers.id < ? ORDER BY waivers.id DESC LIMIT ? OFFSET 0"""
)

REVOKE_WAIVER = Statement(
    "UPDATE waivers SET revoked_by=?, revoked_at=? WHERE waivers.id = ? AND waivers.revoked_at IS NULL"
)

# The audit trail.

ENTER_AUDIT = Statement(
    "INSERT INTO audit_entries (number, at, kind, payload, hash) VALUES (?, ?, ?, ?, ?)", expects=1
)

PAGE_OF_AUDIT = Statement(
    "SELECT audit_entries.number, audit_entries.at, audit_entries.kind, audit_entries.payload, audit_entries.hash FROM audit_entries WHERE audit_entries.number > ? ORDER BY audit_entries.number LIMIT ? OFFSET 0"
)

HEAD_OF_AUDIT = Statement(
    "SELECT audit_entries.number, audit_entries.hash FROM audit_entries ORDER BY audit_entries.number DESC LIMIT 1 OFFSET 0"
)

NOTHING = Statement("SELECT 1", returns=True)

# Circuit breakers.

BREAKER_COLUMNS = (
    "name",
    "version",
    "era",
    "failures",
    "since",
    "rests_from",
    "rests_until",
    "probe",
    "reason",
)

BREAKER_BY_NAME = Statement(
    "SELECT breakers.name, breakers.version, breakers.era, breakers.failures, breakers.since, breakers.rests_from, breakers.rests_until, breakers.probe, breakers.reason FROM breakers WHERE breakers.name = ?"
)

ALL_BREAKERS = Statement(
    "SELECT breakers.name, breakers.version, breakers.era, breakers.failures, breakers.since, breakers.rests_from, breakers.rests_until, breakers.probe, breakers.reason FROM breakers ORDER BY breakers.name"
)

INSERT_BREAKER = Statement(
    "INSERT INTO breakers (name, version, era, failures, since, rests_from, rests_until, probe, reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING version",
    returns=True,
)

UPDATE_BREAKER = Statement(
    "UPDATE breakers SET version=?, era=?, failures=?, since=?, rests_from=?, rests_until=?, probe=?, reason=? WHERE breakers.name = ? AND breakers.version = ? RETURNING version",
    returns=True,
)

# What was acquired for a while.

INSERT_RESOURCE = Statement(
    "INSERT INTO resources (id, resource_type, owner, state, task_id, created_at, released_at, trace, error) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    expects=1,
)

UPDATE_RESOURCE = Statement(
    "UPDATE resources SET state=?, released_at=?, trace=?, error=? WHERE resources.id = ? AND resources.state != 'released'"
)

RESOURCE_BY_ID = Statement(
    "SELECT resources.id, resources.resource_type, resources.owner, resources.state, resources.task_id, resources.created_at, resources.released_at, resources.trace, resources.error FROM resources WHERE resources.id = ?"
)

UNRELEASED_RESOURCES = Statement(
    "SELECT resources.id, resources.resource_type, resources.owner, resources.state, resources.task_id, resources.created_at, resources.released_at, resources.trace, resources.error FROM resources WHERE resources.state != 'released' ORDER BY resources.id"
)

PAGE_OF_RESOURCES = Statement(
    "SELECT resources.id, resources.resource_type, resources.owner, resources.state, resources.task_id, resources.created_at, resources.released_at, resources.trace, resources.error FROM resources WHERE resources.id < ? ORDER BY resources.id DESC LIMIT ? OFFSET 0"
)

ANY_OLD_RESOURCE = Statement(
    "SELECT count(*) AS count_1 FROM resources WHERE resources.released_at < ?"
)

FORGET_RESOURCES = Statement("DELETE FROM resources WHERE resources.released_at < ?")

# What operations cost.

INSERT_COST = Statement(
    "INSERT INTO costs (id, operation, state, began_at, task_id, attempt, step, occurrence, model, input_tokens, output_tokens, nanos, currency, micros) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    expects=1,
)

SETTLE_COST = Statement(
    "UPDATE costs SET operation=?, state=?, model=?, input_tokens=?, output_tokens=?, nanos=?, currency=?, micros=? WHERE costs.id = ?"
)

ADD_COST = Statement(
    "INSERT INTO costs (id, operation, state, began_at, task_id, attempt, step, occurrence, model, input_tokens, output_tokens, nanos, currency, micros) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING RETURNING id",
    returns=True,
)

ENTRIES_OF_TASK = Statement(
    "SELECT costs.id, costs.operation, costs.state, costs.began_at, costs.task_id, costs.attempt, costs.step, costs.occurrence, costs.model, costs.input_tokens, costs.output_tokens, costs.nanos, costs.currency, costs.micros FROM costs WHERE costs.task_id = ? ORDER BY costs.began_at, costs.id"
)

PURGE_COSTS = Statement("DELETE FROM costs WHERE costs.task_id IN (__many__)")

COSTS_OF_ALL = Statement(
    "SELECT costs.operation, costs.state = 'open' AS is_open, costs.task_id, costs.step, costs.occurrence, costs.model, costs.currency, count(*) AS count_1, coalesce(sum(costs.input_tokens), 0) AS coalesce_1, coalesce(sum(costs.output_tokens), 0) AS coalesce_2, coalesce(sum(costs.nanos), 0) AS coalesce_3, coalesce(sum(costs.micros), 0) AS coalesce_4 FROM costs WHERE :operation IS NULL OR costs.operation = :operation GROUP BY costs.operation, costs.state = 'open', costs.task_id, costs.step, costs.occurrence, costs.model, costs.currency ORDER BY costs.task_id, min(costs.began_at), min(costs.id)"
)

COSTS_OF_TASK = Statement(
    "SELECT costs.operation, costs.state = 'open' AS is_open, costs.task_id, costs.step, costs.occurrence, costs.model, costs.currency, count(*) AS count_1, coalesce(sum(costs.input_tokens), 0) AS coalesce_1, coalesce(sum(costs.output_tokens), 0) AS coalesce_2, coalesce(sum(costs.nanos), 0) AS coalesce_3, coalesce(sum(costs.micros), 0) AS coalesce_4 FROM costs WHERE costs.task_id = :task AND (:operation IS NULL OR costs.operation = :operation) GROUP BY costs.operation, costs.state = 'open', costs.task_id, costs.step, costs.occurrence, costs.model, costs.currency ORDER BY costs.task_id, min(costs.began_at), min(costs.id)"
)

COSTS_OF_TREE = Statement(
    "WITH RECURSIVE tree(id) AS (SELECT :task AS id UNION ALL SELECT tasks.id AS id FROM tasks, tree WHERE tasks.parent_id = tree.id) SELECT costs.operation, costs.state = 'open' AS is_open, costs.task_id, costs.step, costs.occurrence, costs.model, costs.currency, count(*) AS count_1, coalesce(sum(costs.input_tokens), 0) AS coalesce_1, coalesce(sum(costs.output_tokens), 0) AS coalesce_2, coalesce(sum(costs.nanos), 0) AS coalesce_3, coalesce(sum(costs.micros), 0) AS coalesce_4 FROM costs WHERE costs.task_id IN (SELECT tree.id FROM tree) AND (:operation IS NULL OR costs.operation = :operation) GROUP BY costs.operation, costs.state = 'open', costs.task_id, costs.step, costs.occurrence, costs.model, costs.currency ORDER BY costs.task_id, min(costs.began_at), min(costs.id)"
)

COSTS_OF_NO_TASK = Statement(
    "SELECT costs.operation, costs.state = 'open' AS is_open, costs.task_id, costs.step, costs.occurrence, costs.model, costs.currency, count(*) AS count_1, coalesce(sum(costs.input_tokens), 0) AS coalesce_1, coalesce(sum(costs.output_tokens), 0) AS coalesce_2, coalesce(sum(costs.nanos), 0) AS coalesce_3, coalesce(sum(costs.micros), 0) AS coalesce_4 FROM costs WHERE costs.task_id IS NULL AND (:operation IS NULL OR costs.operation = :operation) GROUP BY costs.operation, costs.state = 'open', costs.task_id, costs.step, costs.occurrence, costs.model, costs.currency ORDER BY costs.task_id, min(costs.began_at), min(costs.id)"
)

ALL_ALLOW = Statement(
    "SELECT 1 FROM (SELECT count(*) AS calls, coalesce(sum(costs.input_tokens + costs.output_tokens), 0) AS tokens, coalesce(sum(CASE WHEN (costs.currency = :currency) THEN costs.nanos ELSE 0 END), 0) AS nanos, coalesce(sum(costs.micros), 0) AS micros, coalesce(sum(CASE WHEN (costs.currency IN ('', :currency)) THEN 0 ELSE 1 END), 0) AS foreign_ones FROM costs WHERE :operation IS NULL OR costs.operation = :operation) AS spent WHERE spent.calls + :needs_calls <= :most_calls AND spent.tokens + :needs_tokens <= :most_tokens AND spent.nanos + :needs_nanos <= :most_nanos AND spent.micros + :needs_micros <= :most_micros AND spent.foreign_ones + :needs_foreign_ones <= :most_foreign_ones",
    expects=1,
    returns=True,
)

TASK_ALLOWS = Statement(
    "SELECT 1 FROM (SELECT count(*) AS calls, coalesce(sum(costs.input_tokens + costs.output_tokens), 0) AS tokens, coalesce(sum(CASE WHEN (costs.currency = :currency) THEN costs.nanos ELSE 0 END), 0) AS nanos, coalesce(sum(costs.micros), 0) AS micros, coalesce(sum(CASE WHEN (costs.currency IN ('', :currency)) THEN 0 ELSE 1 END), 0) AS foreign_ones FROM costs WHERE costs.task_id = :task AND (:operation IS NULL OR costs.operation = :operation)) AS spent WHERE spent.calls + :needs_calls <= :most_calls AND spent.tokens + :needs_tokens <= :most_tokens AND spent.nanos + :needs_nanos <= :most_nanos AND spent.micros + :needs_micros <= :most_micros AND spent.foreign_ones + :needs_foreign_ones <= :most_foreign_ones",
    expects=1,
    returns=True,
)

TREE_ALLOWS = Statement(
    "WITH RECURSIVE tree(id) AS (SELECT :task AS id UNION ALL SELECT tasks.id AS id FROM tasks, tree WHERE tasks.parent_id = tree.id) SELECT 1 FROM (SELECT count(*) AS calls, coalesce(sum(costs.input_tokens + costs.output_tokens), 0) AS tokens, coalesce(sum(CASE WHEN (costs.currency = :currency) THEN costs.nanos ELSE 0 END), 0) AS nanos, coalesce(sum(costs.micros), 0) AS micros, coalesce(sum(CASE WHEN (costs.currency IN ('', :currency)) THEN 0 ELSE 1 END), 0) AS foreign_ones FROM costs WHERE costs.task_id IN (SELECT tree.id FROM tree) AND (:operation IS NULL OR costs.operation = :operation)) AS spent WHERE spent.calls + :needs_calls <= :most_calls AND spent.tokens + :needs_tokens <= :most_tokens AND spent.nanos + :needs_nanos <= :most_nanos AND spent.micros + :needs_micros <= :most_micros AND spent.foreign_ones + :needs_foreign_ones <= :most_foreign_ones",
    expects=1,
    returns=True,
)

NO_TASK_ALLOWS = Statement(
    "SELECT 1 FROM (SELECT count(*) AS calls, coalesce(sum(costs.input_tokens + costs.output_tokens), 0) AS tokens, coalesce(sum(CASE WHEN (costs.currency = :currency) THEN costs.nanos ELSE 0 END), 0) AS nanos, coalesce(sum(costs.micros), 0) AS micros, coalesce(sum(CASE WHEN (costs.currency IN ('', :currency)) THEN 0 ELSE 1 END), 0) AS foreign_ones FROM costs WHERE costs.task_id IS NULL AND (:operation IS NULL OR costs.operation = :operation)) AS spent WHERE spent.calls + :needs_calls <= :most_calls AND spent.tokens + :needs_tokens <= :most_tokens AND spent.nanos + :needs_nanos <= :most_nanos AND spent.micros + :needs_micros <= :most_micros AND spent.foreign_ones + :needs_foreign_ones <= :most_foreign_ones",
    expects=1,
    returns=True,
)
