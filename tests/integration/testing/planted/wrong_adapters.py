"""Adapters that break promises, each in its own way, and the tests that catch them.

Run by ``test_conformance_suites.py`` as somebody else's test file.
"""

import asyncio
import json
import shutil
from contextlib import asynccontextmanager, nullcontext, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

from vespera import Container
from vespera.application.ports.care import (
    Backup,
    Compaction,
    DatabaseFacts,
    Inspection,
    Migration,
)
from vespera.application.ports.events import EventPage
from vespera.application.ports.histories import TaskHistory
from vespera.application.ports.resources import Held
from vespera.domain.audit import NO_ENTRY, AuditHead, entry_after
from vespera.domain.budget import CostScope
from vespera.domain.content import ContentFlaw, PutResult, Removal
from vespera.domain.envelope import EnvelopeSignature
from vespera.domain.errors import (
    DuplicateRow,
    LeaseLost,
    OperationNotFound,
    StaleTask,
    TaskNotFound,
    TaskOver,
)
from vespera.domain.file_operation import Absent, FileState
from vespera.domain.health import HostFacts, PlaceFacts
from vespera.domain.ids import OwnerId
from vespera.domain.manifest import Manifest
from vespera.domain.search import TaskSearch
from vespera.domain.task import TaskStatus
from vespera.infrastructure.clock import SystemClock
from vespera.infrastructure.codec.msgspec_codec import MsgspecCodec
from vespera.infrastructure.files.local_file_store import LocalFileStore
from vespera.infrastructure.files.local_restorer import LocalRestorer
from vespera.infrastructure.files.local_workspace_scanner import LocalWorkspaceScanner
from vespera.infrastructure.files.packed_contents import PackedContents
from vespera.infrastructure.owners import LockFileOwners
from vespera.infrastructure.persistence import sql
from vespera.infrastructure.persistence.audit_trail import SqlAuditTrail
from vespera.infrastructure.persistence.breakers import SqlBreakers
from vespera.infrastructure.persistence.content_references import SqlContentReferences
from vespera.infrastructure.persistence.cost_ledger import SqlCostLedger
from vespera.infrastructure.persistence.database import AsyncDatabaseManager
from vespera.infrastructure.persistence.event_log import SqlEventLog, SqlProgressRepository
from vespera.infrastructure.persistence.file_operation_repository import SqlFileOperationRepository
from vespera.infrastructure.persistence.gates import SqlGates
from vespera.infrastructure.persistence.report_repository import SqlReportRepository
from vespera.infrastructure.persistence.resource_repository import SqlResourceRepository
from vespera.infrastructure.persistence.revivals import SqlRevivals
from vespera.infrastructure.persistence.rollback_repository import SqlRollbackRepository
from vespera.infrastructure.persistence.schedule_repository import SqlScheduleRepository
from vespera.infrastructure.persistence.signal_repository import SqlSignalRepository
from vespera.infrastructure.persistence.snapshot_repository import SqlSnapshotRepository
from vespera.infrastructure.persistence.statements import AuditNote, Statement, Write
from vespera.infrastructure.persistence.step_repository import SqlStepRepository
from vespera.infrastructure.persistence.task_archive import SqlTaskArchive
from vespera.infrastructure.persistence.task_histories import SqlTaskHistories
from vespera.infrastructure.persistence.task_queue import SqlTaskQueue
from vespera.infrastructure.persistence.task_repository import SqlTaskRepository
from vespera.infrastructure.persistence.unit_of_work import store
from vespera.infrastructure.persistence.values import to_micros
from vespera.infrastructure.persistence.waiver_repository import SqlWaivers
from vespera.infrastructure.threads import Threads
from vespera.infrastructure.timetable import CronTimetable
from vespera.testing import SampleResources, VirtualClock
from vespera.testing.conformance import (
    AuditTrailConformance,
    BlockingCallsConformance,
    BreakersConformance,
    ClockConformance,
    CodecConformance,
    ContentReferencesConformance,
    ContentStoreConformance,
    CostLedgerConformance,
    DatabaseCareConformance,
    DirectoryTreeConformance,
    EventLogConformance,
    FileOperationRepositoryConformance,
    GatesConformance,
    HostConformance,
    OwnersOfOneHostConformance,
    ProgressRepositoryConformance,
    ReportRepositoryConformance,
    ResourceRepositoryConformance,
    ResourceTypeConformance,
    RestorerConformance,
    RevivalsConformance,
    RollbackRepositoryConformance,
    ScheduleRepositoryConformance,
    SignalRepositoryConformance,
    SigningConformance,
    SnapshotRepositoryConformance,
    StepRepositoryConformance,
    Stores,
    TaskArchiveConformance,
    TaskHistoriesConformance,
    TaskQueueConformance,
    TaskRepositoryConformance,
    TaskSearchConformance,
    TimetableConformance,
    UnitOfWorkConformance,
    ValueFormsConformance,
    WaiversConformance,
    WorkspaceScannerConformance,
)
from vespera.testing.conformance.breakers import a_circuit
from vespera.testing.conformance.contents import digest as known_as
from vespera.testing.conformance.rollbacks import a_rollback
from vespera.testing.conformance.samples import a_task
from vespera.testing.conformance.schedules import a_schedule


def caught_by(*tests):
    """These tests of its suite fail for the plant."""

    def mark(plant):
        plant.caught_by = tests
        return plant

    return mark


def rest_of(suite, *others):
    """All tests of the suite but these."""
    return [name for name in dir(suite) if name.startswith("test_") and name not in others]


class PlantedStores:
    parts: dict = {}

    async def make_stores(self):
        async with Container(workspace="/nonexistent/vespera") as container:
            database = container.get(AsyncDatabaseManager)
            made = {name: make(database) for name, make in self.parts.items()}
            yield replace(Stores.of(container), **made)


# ------------------------------------------------------------------------------- units of work


class KeepsNothing(SqlTaskRepository):
    async def add(self, task, depends_on=()):
        pass


class IgnoresUnits:
    def __init__(self, database):
        pass

    @asynccontextmanager
    async def __call__(self):
        yield


class NeedsWrites:
    def __init__(self, database):
        self.database = database

    @asynccontextmanager
    async def __call__(self):
        yield
        raise ValueError("nothing to commit")


class ClaimsNothing(SqlTaskQueue):
    async def claim_ready(self, **_):
        return []

    async def claim(self, task_id, **_):
        return None


@caught_by(
    "test_a_write_outside_of_a_unit_is_durable_when_it_returns",
    "test_a_unit_commits_the_writes_of_all_repositories",
    "test_units_may_follow_each_other",
    "test_a_unit_may_follow_one_that_failed",
    "test_a_task_begun_in_a_unit_is_free_when_the_unit_has_ended",
    "test_a_task_begun_in_a_unit_may_open_one_of_its_own",
    "test_of_units_that_are_committed_at_once_the_guilty_fail_alone",
    "test_of_two_units_that_change_one_version_the_second_is_refused",
)
class TestKeepsNothing(PlantedStores, UnitOfWorkConformance):
    parts = {"tasks": KeepsNothing}


@caught_by(
    "test_what_an_open_unit_writes_is_seen_by_nobody",
    "test_an_error_in_the_block_passes_and_drops_all_writes",
    "test_one_refused_write_drops_the_whole_unit",
    "test_a_unit_within_a_unit_is_refused",
    "test_another_asyncio_task_cannot_write_into_an_open_unit",
    "test_units_of_tasks_that_run_at_once_do_not_mix",
    "test_a_cancelled_block_drops_its_writes",
    "test_a_unit_cancelled_anywhere_is_whole_and_its_outcome_is_told",
)
class TestIgnoresUnits(PlantedStores, UnitOfWorkConformance):
    parts = {"unit_of_work": IgnoresUnits}


@caught_by("test_an_empty_unit_is_fine")
class TestNeedsWrites(PlantedStores, UnitOfWorkConformance):
    parts = {"unit_of_work": NeedsWrites}


@caught_by("test_a_claim_is_a_transaction_of_its_own_also_inside_a_unit")
class TestClaimsNothingInUnits(PlantedStores, UnitOfWorkConformance):
    parts = {"queue": ClaimsNothing}


# --------------------------------------------------------------------------------------- tasks


class FindsNothing(SqlTaskRepository):
    async def find(self, task_ids):
        return {}

    async def find_by_keys(self, keys):
        return {}

    async def dependencies_of(self, task_id):
        return []

    async def dead_ends_of(self, task_id):
        return []

    async def count_by_status(self):
        return {}


class Lenient(SqlTaskRepository):
    async def add(self, task, depends_on=()):
        with suppress(DuplicateRow, TaskNotFound):
            await super().add(task, depends_on)

    async def save(self, task):
        with suppress(StaleTask):
            await super().save(task)

    async def complete(self, task, *, operations):
        with suppress(StaleTask):
            await super().complete(task, operations=operations)

    async def call_off(self, task_id, reason):
        with suppress(TaskOver):
            await super().call_off(task_id, reason)


class Careless(SqlTaskRepository):
    async def get(self, task_id):
        try:
            return await super().get(task_id)
        except TaskNotFound:
            raise TaskNotFound("?") from None

    async def page(self, **_):
        return [*await super().page(limit=1000)]

    async def dead_ends_of(self, task_id):
        return await super().page(status="failed")

    async def called_off(self, holder):
        return await super().page(limit=1000)


@caught_by(
    "test_a_task_comes_back_as_it_was_stored",
    "test_a_task_with_defaults_comes_back_as_it_was_stored",
    "test_moments_keep_their_microseconds",
    "test_tasks_without_a_key_do_not_collide",
    "test_a_dependency_may_be_added_in_the_same_unit",
    "test_a_new_task_is_blocked_by_what_is_not_completed",
    "test_dependencies_come_in_the_order_they_were_given",
    "test_a_completed_task_releases_those_that_waited_for_it",
    "test_what_it_waited_for_is_still_told_afterwards",
    "test_save_stores_every_change_of_a_transition",
    "test_save_does_not_undo_a_release",
    "test_complete_stores_what_save_would",
    "test_find_gives_those_that_exist",
    "test_find_takes_any_number_of_ids",
    "test_find_by_keys_gives_those_that_exist_by_their_key",
    "test_tasks_are_counted_by_status",
    "test_dead_ends_are_found_through_other_tasks",
)
class TestFindsNothing(PlantedStores, TaskRepositoryConformance):
    parts = {"tasks": FindsNothing}


@caught_by(
    "test_the_same_id_twice_is_refused_and_the_first_stays",
    "test_the_same_idempotency_key_twice_is_refused",
    "test_of_many_that_add_one_key_at_once_one_succeeds",
    "test_an_unknown_dependency_is_named_and_nothing_is_stored",
    "test_save_of_what_somebody_else_changed_is_refused",
    "test_save_of_a_task_that_is_not_there_is_refused",
    "test_of_many_that_save_one_version_at_once_one_succeeds",
    "test_complete_is_refused_if_a_file_operation_was_recorded_since",
    "test_complete_of_what_somebody_else_changed_is_refused",
    "test_a_dedup_key_is_taken_while_its_task_is_not_finished",
    "test_of_many_that_add_one_dedup_key_at_once_one_succeeds",
    "test_only_one_may_come_behind",
    "test_what_is_over_or_not_there_is_not_called_off",
)
class TestLenient(PlantedStores, TaskRepositoryConformance):
    parts = {"tasks": Lenient}


@caught_by(
    "test_a_task_that_is_not_there_is_named",
    "test_pages_follow_each_other_in_the_order_of_ids",
    "test_a_page_has_a_hundred_tasks_at_most_if_nothing_is_said",
    "test_a_page_may_be_of_one_status_and_of_one_type",
    "test_what_a_completed_task_waited_for_is_no_dead_end",
    "test_a_task_that_waits_for_nothing_has_no_dead_ends",
    "test_what_is_to_be_called_off_is_told_to_who_holds_it_or_where_nobody_does",
)
class TestCareless(PlantedStores, TaskRepositoryConformance):
    parts = {"tasks": Careless}


class Rough(SqlTaskHistories):
    """Keeps the task alone, without its rights: in a unit for each of its parts."""

    async def get(self, task_id):
        return TaskHistory(task=a_task(task_id))

    async def add(self, history):
        with suppress(DuplicateRow, TaskNotFound):
            await super().add(TaskHistory(task=replace(history.task, dedup_key=None)))


class AsIfNew(SqlTaskHistories):
    """Stores the task as if it was new."""

    async def add(self, history):
        awaited = [each.id for each in history.depends_on]
        await SqlTaskRepository(self._database).add(history.task, awaited)


@caught_by(
    "test_a_history_comes_back_as_it_was_stored",
    "test_what_is_stored_is_known_to_the_other_repositories",
    "test_children_are_part_of_a_history",
    "test_a_signal_that_comes_later_is_behind_those_of_the_history",
    "test_blockers_are_counted_here",
    "test_what_a_task_was_freed_of_it_does_not_wait_for",
    "test_a_history_that_is_not_there_is_named",
    "test_of_a_history_whose_task_is_there_nothing_is_stored",
    "test_of_a_history_whose_parent_is_missing_nothing_is_stored",
    "test_the_dedup_key_of_what_is_under_way_is_taken",
)
class TestRough(PlantedStores, TaskHistoriesConformance):
    parts = {"histories": Rough}


@caught_by("test_what_a_finished_task_waited_for_does_not_change_it")
class TestAsIfNew(PlantedStores, TaskHistoriesConformance):
    parts = {"histories": AsIfNew}


class Forgetful(SqlTaskRepository):
    async def under_way(self, keys):
        return {}

    async def debounce(self, waiting, newest, *, within):
        pass


class Clinging(SqlTaskRepository):
    async def add(self, task, depends_on=()):
        await super().add(replace(task, on_failed_dependency="block"), depends_on)

    async def under_way(self, keys):
        return dict(zip(keys, await super().page(), strict=False))


@caught_by(
    "test_a_dedup_key_is_free_when_its_task_is_finished_and_for_other_types",
    "test_a_task_may_come_behind_the_one_of_its_dedup_key",
    "test_a_task_takes_over_what_is_newer",
    "test_it_is_due_within_a_span_after_its_creation",
    "test_a_task_that_has_begun_takes_nothing_over",
)
class TestForgetful(PlantedStores, TaskRepositoryConformance):
    parts = {"tasks": Forgetful}


@caught_by(
    "test_one_behind_goes_on_however_the_other_ends",
    "test_only_what_is_not_finished_is_under_way",
)
class TestClinging(PlantedStores, TaskRepositoryConformance):
    parts = {"tasks": Clinging}


class Blind(SqlTaskRepository):
    async def search(self, search):
        return []

    async def count_by_type(self):
        return {}


class Stubborn(SqlTaskRepository):
    async def search(self, search):
        return await super().search(TaskSearch())


@caught_by(
    "test_the_newest_come_first_and_the_oldest_if_asked_for",
    "test_tasks_are_found_and_counted_by_status",
    "test_each_type_is_counted_by_itself_whatever_becomes_of_it",
)
class TestBlind(PlantedStores, TaskSearchConformance):
    parts = {"tasks": Blind}


@caught_by(
    "test_pages_follow_each_other_behind_a_place",
    "test_tasks_are_found_by_what_they_are",
    "test_several_statuses_may_be_asked_for",
    "test_moments_are_exclusive",
    "test_a_text_in_the_title_is_taken_as_it_is",
)
class TestStubborn(PlantedStores, TaskSearchConformance):
    parts = {"tasks": Stubborn}


# -------------------------------------------------------------------------- events, progress, purge


class Silent(SqlEventLog):
    async def page(self, after=0, **_):
        return EventPage([], after, more=False)

    async def newest(self):
        return 1

    def heard(self, news):
        return nullcontext()


class Mumbling(SqlProgressRepository):
    async def record(self, progress, fence):
        pass

    async def of_task(self, task_id):
        return "soon"


class Hoarding(SqlTaskArchive):
    async def purge(self, statuses, before, *, limit):
        return 0


class Reckless(SqlTaskArchive):
    async def purge(self, statuses, before, *, limit):
        await self._database.commit([Write(Statement("DELETE FROM verification_reports"), ())])
        return limit

    async def sweep(self, before):
        await self._database.commit([Write(Statement("DELETE FROM tasks"), ())])
        return 1


@caught_by(
    "test_an_empty_log_has_no_events_and_no_newest",
    "test_what_is_committed_is_told_in_that_order",
    "test_a_unit_tells_all_or_nothing",
    "test_units_that_share_a_commit_with_a_guilty_one_are_told",
    "test_pages_follow_each_other",
    "test_events_are_found_by_task_and_by_type",
    "test_the_beginning_of_a_moment_is_found",
    "test_old_events_are_forgotten_but_never_the_newest",
    "test_a_commit_is_heard",
)
class TestSilent(PlantedStores, EventLogConformance):
    parts = {"events": Silent}


@caught_by(
    "test_progress_comes_back_as_it_was_said",
    "test_newer_progress_takes_the_place_of_older",
    "test_who_does_not_hold_the_task_says_nothing",
    "test_a_task_that_is_not_there_has_none",
)
class TestMumbling(PlantedStores, ProgressRepositoryConformance):
    parts = {"progress": Mumbling}


@caught_by(
    "test_a_finished_task_goes_with_all_that_belongs_to_it",
    "test_its_idempotency_key_is_free_again",
    "test_status_and_age_decide",
    "test_the_oldest_go_first_and_no_more_than_the_limit",
    "test_what_an_unfinished_task_depends_on_stays",
    "test_a_parent_stays_as_long_as_its_child",
)
class TestHoarding(PlantedStores, TaskArchiveConformance):
    parts = {"archive": Hoarding}


@caught_by(
    "test_a_child_stays_as_long_as_its_parent_may_ask_for_its_result",
    "test_operations_by_which_older_ones_are_judged_stay",
    "test_the_ground_of_another_tasks_completion_stays",
    "test_nothing_that_a_task_needs_is_swept_away",
)
class TestReckless(PlantedStores, TaskArchiveConformance):
    parts = {"archive": Reckless}


# --------------------------------------------------------------------------------------- queue


class IgnoresVersions(SqlTaskQueue):
    def heed(self, current, takes):
        pass


@caught_by(
    "test_an_attempt_begins_with_the_version_that_is_heeded",
    "test_what_another_version_has_begun_is_not_claimed",
)
class TestIgnoresVersions(PlantedStores, TaskQueueConformance):
    parts = {"queue": IgnoresVersions}


class Greedy(SqlTaskQueue):
    async def claim_ready(self, **_):
        return [a_task("anything")]

    async def has_suspects(self, **_):
        return True

    async def claim_suspect(self, **_):
        return a_task("anything")

    async def claim(self, task_id, **_):
        return a_task("anything")


class Deaf(SqlTaskQueue):
    def __init__(self, database):
        super().__init__(database)
        self.tasks = SqlTaskRepository(database)

    async def extend(self, attempts, **_):
        if not attempts:
            raise ValueError("nothing to extend")
        for task in (await self.tasks.find(attempts)).values():
            await self.tasks.save(replace(task, version=task.version + 1))
        return attempts

    async def owners(self):
        return []

    async def take_back(self, **_):
        return []

    async def next_due(self):
        return None


class Clings(SqlTaskQueue):
    """Never lets go of a task, hears nothing, and wakes nobody."""

    async def park(self, fence, *, news, now):
        return False

    async def news(self, owner):
        return {}


class LetsGoBlindly(SqlTaskQueue):
    """Asks for no fence and no news."""

    def __init__(self, database):
        super().__init__(database)
        self.tasks = SqlTaskRepository(database)

    async def park(self, fence, *, news, now):
        for task in await self.tasks.page():
            if task.owner is not None:
                await self.tasks.save(replace(task, owner=None, version=task.version + 1))
        return True


@caught_by(
    "test_a_claim_begins_an_attempt_as_the_domain_would",
    "test_the_claim_of_one_task_begins_an_attempt_as_the_domain_would",
    "test_higher_priority_comes_first_then_the_oldest",
    "test_no_more_are_claimed_than_the_limit",
    "test_a_task_is_not_claimed_before_it_is_due",
    "test_of_many_that_claim_at_once_nobody_gets_what_another_got",
    "test_of_many_that_claim_one_task_at_once_one_succeeds",
    "test_one_task_can_be_claimed_due_or_not",
    "test_what_was_taken_back_can_be_claimed_anew",
    "test_a_waiting_task_is_claimed_from_its_moment_on",
    "test_a_waiting_task_that_nobody_holds_can_be_claimed_before_its_moment",
)
class TestClaimsNothing(PlantedStores, TaskQueueConformance):
    parts = {"queue": ClaimsNothing}


@caught_by(
    "test_a_waiting_task_is_let_go_of_and_stays_waiting",
    "test_a_task_that_has_other_news_is_not_let_go_of",
    "test_news_are_told_of_the_tasks_that_the_owner_holds",
)
class TestClings(PlantedStores, TaskQueueConformance):
    parts = {"queue": Clings}


@caught_by(
    "test_a_task_that_is_called_off_is_not_let_go_of",
    "test_who_lost_the_task_does_not_let_go_of_it",
    "test_a_running_task_is_not_let_go_of",
)
class TestLetsGoBlindly(PlantedStores, TaskQueueConformance):
    parts = {"queue": LetsGoBlindly}


@caught_by(
    "test_a_blocked_task_is_not_claimed",
    "test_a_task_that_crashed_twice_is_suspicious_and_claimed_as_such",
    "test_a_suspicious_task_that_is_blocked_or_not_due_is_left_alone",
    "test_a_suspicious_task_is_due_at_its_moment_and_no_other_one_is_run_alone",
    "test_what_is_under_way_or_over_cannot_be_claimed",
    "test_what_is_not_there_cannot_be_claimed",
    "test_a_waiting_task_that_is_held_is_not_claimed",
    "test_an_assigned_task_is_left_to_those_it_is_assigned_to",
)
class TestGreedy(PlantedStores, TaskQueueConformance):
    parts = {"queue": Greedy}


@caught_by(
    "test_leases_are_extended_for_those_still_held",
    "test_extending_a_lease_does_not_outdate_what_the_worker_read",
    "test_to_extend_no_lease_is_fine",
    "test_owners_are_those_who_hold_tasks_each_once",
    "test_tasks_of_expired_leases_and_of_dead_owners_are_pending_again",
    "test_each_taking_back_counts_as_a_crash",
    "test_a_lease_is_judged_by_another_moment_if_one_is_given",
    "test_with_a_limit_so_many_are_taken_back_of_each",
    "test_a_lease_holds_until_its_last_microsecond",
    "test_the_next_due_moment_is_that_of_a_pending_task_without_blockers",
    "test_the_lease_of_a_waiting_task_is_extended",
    "test_owners_are_also_those_who_hold_waiting_tasks",
    "test_a_waiting_task_that_is_taken_back_has_not_crashed",
    "test_the_next_due_moment_may_be_that_of_a_waiting_task",
)
class TestDeaf(PlantedStores, TaskQueueConformance):
    parts = {"queue": Deaf}


# --------------------------------------------------------------------------------------- gates


class Gateless(SqlGates):
    async def declare(self, limits):
        pass

    async def pause_type(self, specialist_type, **_):
        pass

    async def pause_task(self, task_id, **_):
        return True


class Shut(SqlGates):
    async def claim_ready(self, **_):
        return []

    async def claim_suspect(self, **_):
        return None

    async def claim(self, task_id, **_):
        return None

    async def next_due(self, **_):
        return None

    async def resume_task(self, task_id):
        return False


@caught_by(
    "test_limits_come_back_as_they_were_declared",
    "test_a_gate_lasts_as_long_as_it_is_paused_or_limited",
    "test_a_limit_outlasts_a_pause",
    "test_a_paused_type_is_claimed_by_nobody_until_it_is_resumed",
    "test_no_task_of_a_gated_type_is_stored_as_running",
    "test_a_paused_task_is_claimed_by_nobody_until_it_is_resumed",
    "test_what_nobody_here_goes_on_with_cannot_be_paused",
    "test_of_many_that_claim_at_once_no_more_begin_than_may",
    "test_of_all_types_together_no_more_begin_than_may",
    "test_a_type_s_own_limits_hold_beside_those_of_all_types",
    "test_the_limits_of_all_types_hold_for_every_task_until_they_are_lifted",
    "test_a_suspicious_task_waits_for_its_turn_among_all_types_too",
    "test_what_ends_or_is_taken_back_makes_room",
    "test_a_key_s_limit_does_not_hold_up_other_keys",
    "test_a_rate_counts_the_attempts_of_a_window",
    "test_a_key_s_rate_counts_those_of_the_key",
    "test_the_next_due_moment_is_of_a_task_that_is_not_paused",
    "test_a_suspicious_task_passes_its_gate_too",
    "test_traffic_is_told_of_the_type_and_of_the_key",
    "test_what_is_paused_is_found_through_what_a_task_waits_for",
)
class TestGateless(PlantedStores, GatesConformance):
    parts = {"gates": Gateless}


@caught_by(
    "test_a_claim_begins_an_attempt_as_the_domain_would",
    "test_tasks_with_and_without_gates_come_by_priority_then_by_age",
)
class TestShut(PlantedStores, GatesConformance):
    parts = {"gates": Shut}


# ------------------------------------------------------------------------------------- records


class ForgetsSteps(SqlStepRepository):
    async def record(self, step, fence, **_):
        pass

    async def suspend(self, wait, fence, **_):
        pass

    async def beat(self, beat, fence, *, lease_until):
        pass


class Unfenced(SqlStepRepository):
    async def record(self, step, fence, *, lease_until=None, received=None):
        with suppress(LeaseLost, DuplicateRow):
            await super().record(step, fence)

    async def suspend(self, wait, fence, **more):
        with suppress(LeaseLost, DuplicateRow):
            await super().suspend(wait, fence, **more)

    async def beat(self, beat, fence, *, lease_until):
        with suppress(LeaseLost):
            await super().beat(beat, fence, lease_until=lease_until)


@caught_by(
    "test_steps_come_back_as_they_were_in_the_order_of_recording",
    "test_steps_are_those_of_the_task",
    "test_of_many_that_record_one_step_at_once_one_succeeds",
    "test_a_failure_of_an_earlier_epoch_is_replaced",
    "test_a_record_is_a_transaction_of_its_own_also_inside_a_unit",
    "test_a_wait_is_remembered_and_its_task_is_waiting",
    "test_a_task_can_wait_again_for_what_is_remembered",
    "test_what_came_replaces_the_wait_and_the_task_is_running",
    "test_a_wait_replaces_the_failure_of_an_earlier_epoch",
    "test_a_signal_is_received_with_the_record_of_it_once",
    "test_to_wait_is_a_transaction_of_its_own_also_inside_a_unit",
    "test_the_last_heartbeat_of_each_step_is_kept",
)
class TestForgetsSteps(PlantedStores, StepRepositoryConformance):
    parts = {"steps": ForgetsSteps}


@caught_by(
    "test_recording_extends_the_lease_and_forgets_crashes_if_asked_to",
    "test_who_lost_the_task_records_nothing_and_extends_nothing",
    "test_a_task_that_no_longer_runs_takes_no_steps",
    "test_a_result_is_never_replaced",
    "test_a_failure_of_the_same_epoch_is_not_replaced",
    "test_who_lost_the_task_does_not_let_it_wait",
    "test_a_result_is_not_replaced_by_a_wait",
    "test_who_lost_the_task_receives_nothing",
    "test_who_lost_the_task_keeps_no_heartbeat",
)
class TestUnfenced(PlantedStores, StepRepositoryConformance):
    parts = {"steps": Unfenced}


class ForgetsSignals(SqlSignalRepository):
    async def send(self, signal):
        pass


class TakesAnything(SqlSignalRepository):
    """Keeps what it is sent in memory, for whomever, and tells the task at once."""

    def __init__(self, database):
        super().__init__(database)
        self.sent = []
        self.tasks = SqlTaskRepository(database)

    async def send(self, signal):
        self.sent.append(signal)
        for task in (await self.tasks.find([signal.task_id])).values():
            ready = replace(task, status=TaskStatus.PENDING, run_after=None)
            await self.tasks.save(replace(ready, version=task.version + 1))

    async def of_task(self, task_id):
        return sorted(self.sent, key=lambda signal: signal.id)


@caught_by(
    "test_signals_come_back_as_they_were_in_the_order_of_storing",
    "test_the_oldest_is_the_first_of_its_name_that_was_not_received",
    "test_what_was_received_says_when",
    "test_a_second_signal_of_one_id_is_refused",
    "test_of_many_that_send_one_id_at_once_one_succeeds",
    "test_a_finished_task_takes_no_signals",
    "test_what_is_not_there_takes_no_signals",
    "test_a_waiting_task_that_nobody_holds_is_pending_again",
    "test_a_task_that_is_held_hears_of_it_by_its_news_alone",
)
class TestForgetsSignals(PlantedStores, SignalRepositoryConformance):
    parts = {"signals": ForgetsSignals}


@caught_by(
    "test_signals_are_those_of_the_task",
    "test_a_task_that_nobody_holds_keeps_its_state_and_the_signal",
    "test_what_was_not_stored_is_no_news",
)
class TestTakesAnything(PlantedStores, SignalRepositoryConformance):
    parts = {"signals": TakesAnything}


class LeavesThemAlone(SqlRevivals):
    async def revive(self, revived, *, reason, now):
        pass

    async def children_of(self, task_ids):
        return []

    async def fork(self, task, depends_on, records):
        pass


@caught_by(*rest_of(RevivalsConformance))
class TestLeavesThemAlone(PlantedStores, RevivalsConformance):
    parts = {"revivals": LeavesThemAlone}


class AlwaysTheLast(SqlBreakers):
    """Keeps the last circuit that anybody stored, and never a closed one."""

    last = None

    async def get(self, name):
        return self.last or a_circuit(9)

    async def save(self, name, circuit):
        self.last = replace(circuit, since=circuit.since or 0.0, reason="")
        return True


class InUnits(SqlBreakers):
    """Waits for the end of the unit of work."""

    async def save(self, name, circuit):
        values = [getattr(circuit, field) for field in sql.BREAKER_COLUMNS[1:]]
        await store(self._database, [Write(sql.INSERT_BREAKER, (name, *values))])
        return True


UNITS = "test_it_is_stored_though_the_unit_of_work_around_it_is_dropped"


@caught_by(*rest_of(BreakersConformance, UNITS))
class TestAlwaysTheLast(PlantedStores, BreakersConformance):
    parts = {"breakers": AlwaysTheLast}


@caught_by(UNITS)
class TestInUnits(PlantedStores, BreakersConformance):
    parts = {"breakers": InUnits}


class ForgetsOperations(SqlFileOperationRepository):
    async def add(self, operation, fence=None):
        pass

    async def save(self, operation, fence=None):
        pass

    async def get(self, operation_id):
        raise OperationNotFound("?")


@caught_by(*rest_of(FileOperationRepositoryConformance))
class TestForgetsOperations(PlantedStores, FileOperationRepositoryConformance):
    parts = {"operations": ForgetsOperations}


class ForgetsReports(SqlReportRepository):
    async def add(self, report):
        pass

    async def get(self, report_id):
        raise KeyError(report_id)


@caught_by(*rest_of(ReportRepositoryConformance))
class TestForgetsReports(PlantedStores, ReportRepositoryConformance):
    parts = {"reports": ForgetsReports}


# --------------------------------------------------------------------------------------- clock


class PlantedClock(VirtualClock):
    """A right clock to spoil."""


class Sleepless(PlantedClock):
    sleeping = 0

    def now(self):
        return datetime.now()  # noqa: DTZ005 -- planted

    async def sleep(self, seconds):
        self.sleeping += 1
        if self.sleeping > 100:
            raise ValueError("too many")
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait() if seconds > 10_000 else None


class Hasty(PlantedClock):
    """Its limits end everything, with the wrong error, and say that they did not."""

    @asynccontextmanager
    async def timeout(self, seconds):
        class Limit:
            def expired(self):
                return True

        async with asyncio.timeout(0.01):
            try:
                yield Limit()
            except BaseException as error:
                raise ValueError("the wrong error") from error


class Unlimited(VirtualClock):
    """Whose limits end nothing: the suite must end all the same."""

    @asynccontextmanager
    async def timeout(self, seconds):
        async with super().timeout(None) as limit:
            yield limit


class Set(PlantedClock):
    """Its monotonic clock can be set, too."""

    def monotonic(self):
        return -self.now().timestamp()


class PlantedClocks:
    async def make_clock(self):
        clock = self.clock_class()
        async with clock.running():
            yield clock


@caught_by(
    "test_now_is_aware_and_in_utc",
    "test_a_sleep_returns_after_its_seconds_and_not_before",
    "test_the_monotonic_clock_counts_the_seconds_that_pass",
    "test_sleepers_sleep_at_the_same_time_and_wake_in_the_order_they_are_due",
    "test_any_number_may_sleep",
    "test_a_sleep_of_nothing_lets_others_run_and_returns",
    "test_a_cancelled_sleep_ends_at_once",
)
class TestSleepless(PlantedClocks, ClockConformance):
    clock_class = Sleepless


@caught_by(
    "test_a_block_that_takes_too_long_is_cancelled_and_raises_timeout_error",
    "test_a_block_that_ends_in_time_is_left_alone_for_good",
    "test_without_seconds_a_block_may_take_any_time",
    "test_a_limit_of_nothing_ends_the_block_where_it_first_waits",
    "test_an_inner_limit_ends_the_inner_block_only",
    "test_an_outer_limit_ends_the_inner_block_and_is_the_one_that_expired",
    "test_an_error_of_the_block_passes_and_is_not_taken_for_the_limit",
    "test_a_cancellation_from_outside_passes_and_is_not_taken_for_the_limit",
)
class TestHasty(PlantedClocks, ClockConformance):
    clock_class = Hasty


@caught_by(
    "test_a_block_that_takes_too_long_is_cancelled_and_raises_timeout_error",
    "test_a_limit_of_nothing_ends_the_block_where_it_first_waits",
    "test_an_inner_limit_ends_the_inner_block_only",
    "test_an_outer_limit_ends_the_inner_block_and_is_the_one_that_expired",
)
class TestUnlimited(PlantedClocks, ClockConformance):
    clock_class = Unlimited


@caught_by("test_the_monotonic_clock_counts_the_seconds_that_pass")
class TestSet(PlantedClocks, ClockConformance):
    clock_class = Set


# --------------------------------------------------------------------------------------- codec


class PlainJson:
    """What everybody writes first."""

    def encode(self, value, *, what):
        return json.dumps(value, default=str, skipkeys=True).encode()

    def decode(self, data):
        return json.loads(data)

    def plain(self, data):
        return self.decode(data)


class Strange(MsgspecCodec):
    """Gives text for bytes, always the same list, and sets to those who want JSON."""

    known: list = [[]]

    def encode(self, value, *, what):
        super().encode(value, what=what)
        return "text"

    def decode(self, data):
        return self.known

    def same(self, one, other):
        return one is other

    def plain(self, data):
        return {1}


@caught_by(
    "test_types_come_back_as_they_went_in",
    "test_what_has_no_stored_form_is_refused_with_the_path_to_it",
    "test_what_is_over_the_limit_is_refused_and_named",
    "test_damaged_data_is_unreadable_or_a_value_and_never_another_error",
    "test_what_was_never_stored_is_unreadable",
    "test_a_type_that_the_program_no_longer_has_is_unreadable",
    "test_plain_never_raises",
)
class TestPlainJson(CodecConformance):
    too_large = 2**20

    def make_codec(self):
        return PlainJson()


@caught_by(
    "test_a_plain_value_comes_back_equal_and_of_its_type",
    "test_the_stored_form_is_bytes",
    "test_what_comes_back_is_a_value_of_its_own",
    "test_plain_is_in_json_types",
    "test_two_forms_of_one_value_are_the_same",
    "test_the_order_of_entries_does_not_count_and_that_of_items_does",
    "test_what_was_lost_is_unreadable",
)
class TestStrange(CodecConformance):
    def make_codec(self):
        return Strange()


class LooseForms:
    """Takes anything, and loses the types."""

    def __init__(self, codec):
        self.codec = codec

    def to_json(self, data):
        return json.dumps(self.codec.plain(data)).encode()

    def from_json(self, text, *, what):
        return text


@caught_by(
    "test_a_value_survives_the_way_through_json",
    "test_what_is_no_json_is_refused",
    "test_what_is_over_the_limit_is_named",
    "test_damage_is_unreadable",
)
class TestLooseForms(ValueFormsConformance):
    too_large = 2**20 + 1

    def make_forms(self):
        codec = MsgspecCodec()
        return codec, LooseForms(codec)


# --------------------------------------------------------------------------------------- files


class PlainFiles:
    """What everybody writes first: no refusals, no translation of errors, writing in place."""

    def __init__(self, root):
        self.root = root

    def digest(self, content):
        return "b3:always the same"

    async def locate(self, path):
        return str(path)

    async def observe(self, paths):
        states = []
        for path in reversed(paths):
            size = (self.root / path).stat().st_size
            states.append(FileState(self.digest(b""), size, 0o644))
        return states

    async def read(self, path):
        return (self.root / path).read_bytes()

    async def write(self, path, content, *, token, mode=None):
        with (self.root / path).open("wb") as file:
            file.write(content[:1])
            file.flush()
            await asyncio.sleep(0)
            file.write(content[1:])
        (self.root / f".{token}").touch()
        return FileState(self.digest(content), 0, 0o600)

    async def delete(self, path):
        (self.root / path).unlink()

    async def move(self, path, destination, *, overwrite=False):
        (self.root / path).replace(self.root / destination)

    async def copy(self, path, destination, *, token, overwrite=False):
        shutil.copyfile(self.root / path, self.root / destination)

    async def make_directory(self, path):
        (self.root / path).mkdir(parents=True, exist_ok=True)

    async def remove_directory(self, path):
        shutil.rmtree(self.root / path)

    async def make_link(self, path, target):
        (self.root / path).symlink_to(target)

    async def change_mode(self, path, mode):
        (self.root / path).chmod(mode)

    async def sync(self, paths):
        for path in paths:
            (self.root / path).write_bytes(b"")


class WritesNothing(LocalFileStore):
    async def write(self, path, content, *, token, mode=None):
        return FileState(self.digest(content), len(content), 0o640)

    async def delete(self, path):
        pass

    async def observe(self, paths):
        return [Absent() for _ in paths]


@caught_by(
    "test_a_write_gives_the_state_that_is_then_observed",
    "test_other_content_has_another_digest",
    "test_missing_directories_are_made",
    "test_a_replaced_file_keeps_its_mode",
    "test_a_mode_can_be_given",
    "test_whoever_reads_meanwhile_sees_the_old_or_the_new_whole",
    "test_a_cancelled_write_has_happened_whole_or_not_at_all",
    "test_what_is_not_there_is_absent",
    "test_what_is_not_there_cannot_be_read_and_is_named",
    "test_a_look_at_many_keeps_their_order",
    "test_to_delete_what_is_absent_is_fine",
    "test_a_directory_is_neither_read_nor_replaced_nor_deleted",
    "test_nothing_is_written_below_a_file",
    "test_a_path_has_one_form",
    "test_a_path_that_leads_elsewhere_is_refused_and_named",
    "test_a_path_that_was_not_located_leads_nowhere_either",
    "test_a_content_exchanged_under_the_same_time_stamp_is_seen",
    "test_nothing_but_the_file_is_left",
    "test_a_new_file_has_the_mode_that_the_umask_leaves",
    "test_an_absolute_path_inside_is_accepted",
    "test_a_directory_whose_name_begins_alike_is_outside",
    "test_a_link_is_seen_and_never_followed",
    "test_a_link_is_replaced_or_deleted_and_its_target_stays",
    "test_another_name_of_a_replaced_file_keeps_the_old_content",
    "test_nothing_is_done_through_a_link",
    "test_a_fifo_is_seen_and_never_opened",
    "test_what_was_moved_is_there_and_here_no_more",
    "test_a_directory_moves_with_all_that_is_in_it",
    "test_a_link_is_moved_as_a_link",
    "test_a_move_takes_no_place_that_is_taken",
    "test_what_is_not_there_is_not_moved_and_is_named",
    "test_a_copy_has_the_content_and_the_mode",
    "test_a_copy_takes_no_place_that_is_taken",
    "test_nothing_but_a_file_is_copied",
    "test_a_directory_is_made_with_those_above_it",
    "test_an_empty_directory_is_removed_and_no_other",
    "test_a_link_leads_where_it_was_to_and_takes_no_place",
    "test_a_mode_is_given_to_files_and_directories_alone",
    "test_to_sync_changes_nothing",
    "test_nothing_is_placed_where_no_path_leads",
)
class TestPlainFiles(DirectoryTreeConformance):
    def make_store(self, workspace: Path):
        return PlainFiles(workspace)


@caught_by(
    "test_what_was_written_is_read",
    "test_a_write_may_be_repeated",
    "test_many_may_write_at_once",
    "test_a_name_that_is_no_utf8_can_be_written_and_read",
    "test_what_others_put_there_is_seen_and_read",
    "test_a_move_may_take_the_place_of_a_file_or_a_link",
)
class TestWritesNothing(DirectoryTreeConformance):
    def make_store(self, workspace: Path):
        threads = Threads()
        yield WritesNothing(workspace, threads)
        threads.close()


class KeepsDeleted(LocalFileStore):
    """And tells what it saw before."""

    def __init__(self, root, threads):
        super().__init__(root, threads)
        self.seen = {}

    async def observe(self, paths):
        for path in paths:
            if path not in self.seen:
                self.seen[path] = (await super().observe([path]))[0]
        return [self.seen[path] for path in paths]

    async def delete(self, path):
        pass


@caught_by("test_what_was_deleted_is_absent", "test_content_is_hashed_anew_at_each_look")
class TestKeepsDeleted(DirectoryTreeConformance):
    def make_store(self, workspace: Path):
        threads = Threads()
        yield KeepsDeleted(workspace, threads)
        threads.close()


# ------------------------------------------------------------------------------------ contents


class PlantedContents:
    kind: type = PackedContents
    more: dict = {}

    async def make_contents(self, directory: Path, workspace: Path, live):
        references = SimpleNamespace(digests=lambda _: live())
        given = {"quota": self.quota, "clock": SystemClock(), "references": references}
        threads = Threads()
        store = self.kind(directory, workspace, threads, **(given | self.more))
        try:
            yield store
        finally:
            await store.stop()
            threads.close()


class Swallows(PackedContents):
    async def put(self, sources):
        read = {
            s: s.data if s.data is not None else Path(self._workspace, s.path).read_bytes()
            for s in sources
        }
        return [PutResult(known_as(data), len(data)) for data in read.values()]

    async def usage(self):
        return replace(await super().usage(), size=1, plain=1, contents=7, packs=1)


@caught_by(
    "test_what_was_put_is_given_back_by_its_digest",
    "test_a_stream_gives_the_content_in_blocks",
    "test_a_stream_can_be_left_early",
    "test_each_content_is_kept_once",
    "test_files_are_read_in_the_workspace",
    "test_what_is_there_already_needs_no_file",
    "test_has_gives_those_that_are_there",
    "test_usage_tells_how_much_there_is",
    "test_another_process_finds_it",
    "test_what_was_put_just_now_is_no_garbage",
    "test_garbage_may_be_put_anew",
    "test_what_does_not_fit_is_refused_and_nothing_is_lost",
    "test_garbage_makes_room",
    "test_all_may_be_purged",
    "test_what_is_purged_is_gone_whatever_refers_to_it",
)
class TestSwallows(PlantedContents, ContentStoreConformance):
    kind = Swallows


class TakesEverything(PackedContents):
    async def put(self, sources):
        results = await super().put([replace(source, digest=None) for source in sources])
        return [replace(r, reason=None) for r in sorted(results, key=lambda r: str(r.digest))]


@caught_by(
    "test_results_come_in_the_order_of_the_sources",
    "test_what_is_not_as_it_was_seen_is_not_kept",
    "test_what_is_no_file_that_can_be_read_is_told",
    "test_secrets_are_never_kept",
)
class TestTakesEverything(PlantedContents, ContentStoreConformance):
    kind = TakesEverything
    more = {"never": ()}


class NothingIsMissing(PackedContents):
    async def get(self, digest):
        return b""

    async def has(self, digests):
        return set(digests)

    async def check(self):
        return [ContentFlaw("pack", None, "suspicious")]


@caught_by(
    "test_what_is_missing_is_told",
    "test_what_is_no_digest_is_refused",
    "test_nothing_is_made_before_something_is_put",
    "test_what_is_sound_has_no_flaws",
)
class TestNothingIsMissing(PlantedContents, ContentStoreConformance):
    kind = NothingIsMissing


class NeverTidiesUp(PackedContents):
    async def gc(self, live=None, *, share=0.0):
        return Removal()

    async def purge(self, digests):
        return Removal()


@caught_by(
    "test_garbage_goes_and_the_rest_stays",
    "test_another_opinion_of_what_is_garbage_may_be_given",
    "test_a_pack_with_little_garbage_may_be_left_alone",
    "test_garbage_makes_room",
    "test_what_is_purged_is_gone_whatever_refers_to_it",
    "test_all_may_be_purged",
)
class TestNeverTidiesUp(PlantedContents, ContentStoreConformance):
    kind = NeverTidiesUp


class CollectsAll(PackedContents):
    async def gc(self, live=None, *, share=0.0):
        return await self.purge(None)


@caught_by(
    "test_what_was_put_just_now_is_no_garbage",
    "test_garbage_goes_and_the_rest_stays",
    "test_a_pack_with_little_garbage_may_be_left_alone",
)
class TestCollectsAll(PlantedContents, ContentStoreConformance):
    kind = CollectsAll


@caught_by("test_what_does_not_fit_is_refused_and_nothing_is_lost")
class TestWithoutAQuota(PlantedContents, ContentStoreConformance):
    more = {"quota": 2**60}


class ForgetsWhatIsReferredTo(SqlContentReferences):
    def __init__(self, database):
        super().__init__(database, None, None)

    async def digests(self, since):
        return {digest for _, digest in await self.digests_by_path()}

    async def digests_by_path(self):
        return [("a.txt", "b3:0")]


@caught_by(*rest_of(ContentReferencesConformance))
class TestForgetsWhatIsReferredTo(PlantedStores, ContentReferencesConformance):
    parts = {"references": ForgetsWhatIsReferredTo}


# --------------------------------------------------------------------------------------- audit


class PlantedTrail(PlantedStores):
    more: dict = {"audit": True}

    async def make_stores(self):
        async with Container(workspace="/nonexistent/vespera", **self.more) as container:
            database = container.get(AsyncDatabaseManager)
            made = {name: make(database) for name, make in self.parts.items()}
            yield replace(Stores.of(container), **made)


class BeginsAnewEachTime(SqlAuditTrail):
    async def page(self, *, after=0, limit=1000):
        return [
            entry_after(NO_ENTRY, at=0, kind="x", payload="{}") for _ in await super().page(after=0)
        ]


class EntersAtOnce(SqlAuditTrail):
    async def append(self, kind, at, payload):
        note = AuditNote(to_micros(at), kind, json.dumps(payload, default=str))
        await self._database.commit([Write(sql.NOTHING, (), audited=(note,))])


class IsNeverEmpty(SqlAuditTrail):
    async def head(self):
        return AuditHead(1, "x")


@caught_by(
    "test_file_operations_are_entered_when_they_are_recorded_and_carried_out",
    "test_reports_and_completions_are_entered",
    "test_the_chain_has_no_fork_and_no_gap_however_many_write",
    "test_entries_come_page_by_page",
    "test_what_is_appended_is_entered_with_its_moment",
)
class TestBeginsAnewEachTime(PlantedTrail, AuditTrailConformance):
    parts = {"audit": BeginsAnewEachTime}


@caught_by("test_what_is_not_committed_is_not_entered", "test_what_cannot_be_an_entry_is_refused")
class TestEntersAtOnce(PlantedTrail, AuditTrailConformance):
    parts = {"audit": EntersAtOnce}


@caught_by("test_where_nothing_was_recorded_there_is_no_entry")
class TestIsNeverEmpty(PlantedTrail, AuditTrailConformance):
    parts = {"audit": IsNeverEmpty}


class SignsAnything:
    def new_keys(self):
        return b"same", b"same"

    def sign(self, private_key, message):
        return EnvelopeSignature("always me", b"signed")

    def is_signed(self, public_key, message, signature):
        return True


class TrustsNobody(SignsAnything):
    def is_signed(self, public_key, message, signature):
        return False


@caught_by(*rest_of(SigningConformance, "test_a_signature_is_known_by_the_public_key"))
class TestSignsAnything(SigningConformance):
    def make_signing(self):
        return SignsAnything()


@caught_by("test_a_signature_is_known_by_the_public_key")
class TestTrustsNobody(SigningConformance):
    def make_signing(self):
        return TrustsNobody()


# -------------------------------------------------------------------------------------- owners


class SameId(LockFileOwners):
    def register(self):
        return OwnerId("always-me")


class AllDead(LockFileOwners):
    def dead(self, owners):
        return [*owners, OwnerId("always-me")]

    def strangers(self, owners):
        return owners


class NoneDead(LockFileOwners):
    def dead(self, owners):
        return []


PROGRAM = "import sys; print('always-me', flush=True); sys.stdin.read()"


@caught_by("test_every_owner_has_an_id_of_its_own")
class TestSameId(OwnersOfOneHostConformance):
    def make_owners(self, directory: Path):
        return SameId(directory)


@caught_by(
    "test_an_owner_that_lives_is_not_called_dead",
    "test_who_leaves_takes_nobody_along",
    "test_who_cannot_be_told_is_left_to_the_lease",
    "test_of_nobody_nobody_is_dead",
    "test_only_those_of_other_hosts_are_strangers",
    "test_an_owner_whose_process_stands_still_is_not_dead",
)
class TestAllDead(OwnersOfOneHostConformance):
    def make_owners(self, directory: Path):
        return AllDead(directory)

    def program(self, directory: Path):
        return PROGRAM


@caught_by(
    "test_an_owner_of_another_process_lives_as_long_as_that",
    "test_an_owner_whose_process_ended_without_leaving_is_dead",
    "test_a_death_is_told_to_everybody_who_asks_and_again",
)
class TestNoneDead(OwnersOfOneHostConformance):
    def make_owners(self, directory: Path):
        return NoneDead(directory)

    def program(self, directory: Path):
        return PROGRAM


# ----------------------------------------------------------------------------------- schedules


class ForgetsSchedules(SqlScheduleRepository):
    async def add(self, schedule):
        pass

    async def save(self, schedule):
        pass

    async def remove(self, schedule):
        pass

    async def get(self, name):
        return a_schedule("?")

    async def all(self):
        return []

    async def due(self, now):
        return []

    async def next_due(self, after):
        return None


@caught_by(*rest_of(ScheduleRepositoryConformance))
class TestForgetsSchedules(PlantedStores, ScheduleRepositoryConformance):
    parts = {"schedules": ForgetsSchedules}


class Midnight:
    """Every day has a midnight, and that is all there is."""

    def after(self, cron, time_zone, moment):
        day = moment.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
        return iter([day, day, day])


class Gapped(CronTimetable):
    """Leaves out the days on which clocks jump, and looks back in the hour that comes twice."""

    def after(self, cron, time_zone, moment):
        found = super().after(cron, time_zone, moment)
        if time_zone == "UTC" or moment.minute:
            return iter([moment - timedelta(minutes=45)])
        return (each for each in found if each.day not in {25, 29})


@caught_by(
    "test_moments_come_in_order_in_utc_and_after_the_one_that_was_given",
    "test_the_text_is_read_in_its_time_zone",
    "test_what_is_no_cron_text_is_refused_at_once",
    "test_a_time_zone_that_nobody_knows_is_refused_at_once",
)
class TestMidnight(TimetableConformance):
    def make_timetable(self):
        return Midnight()


@caught_by(
    "test_a_local_time_that_comes_twice_counts_once",
    "test_a_moment_between_the_two_is_not_followed_by_one_before_it",
    "test_a_local_time_that_is_left_out_is_not_forgotten",
)
class TestGapped(TimetableConformance):
    def make_timetable(self):
        return Gapped()


# ------------------------------------------------------------------------------ blocking calls


class OnTheLoop:
    """Holds the loop up, and forgets what it was asked for."""

    in_flight = 0

    async def call(self, function, *, what=""):
        with suppress(BaseException):
            function()


@caught_by(
    "test_a_call_gives_what_its_function_gives",
    "test_whatever_the_function_raises_is_raised",
    "test_a_call_has_the_context_variables_of_its_caller",
    "test_the_loop_goes_on_while_a_function_blocks",
    "test_a_cancelled_call_that_has_begun_goes_on_alone_and_is_counted",
)
class TestOnTheLoop(BlockingCallsConformance):
    patience = 0.05

    def make_blocking_calls(self):
        return OnTheLoop()


# ---------------------------------------------------------------------------------------- host


class Dreamer:
    """Sees what is not there, leaves traces, and says something else each time."""

    asked = 0

    def describe(self):
        self.asked += 1
        return HostFacts(python=" ", system="", packages={"a": ""}, extras={"b": {"c": self.asked}})

    async def look_at(self, path):
        self.leave_a_trace(path)
        return PlaceFacts(
            path="somewhere",
            mode=None,
            is_directory=True,
            readable=False,
            writable=False,
            size=7,
            modified=datetime(2030, 1, 1),  # noqa: DTZ001 -- planted
            free=-1,
            case_matters=Path("/tmp").exists() and Path("/TMP").exists(),
        )

    async def names_in(self, directory):
        return ["b", "a"]

    def leave_a_trace(self, path):
        with suppress(OSError, ValueError):
            Path(path, "was here").touch()


@caught_by(*rest_of(HostConformance))
class TestDreamer(HostConformance):
    def make_host(self):
        return Dreamer()


# ---------------------------------------------------------------------------------------- care


class Negligent:
    """Does nothing, leaves a mess, and says that all is well."""

    def __init__(self, path):
        self.path = path or Path("/nonexistent/vespera.db")

    def facts(self):
        return DatabaseFacts(
            path="somewhere", sqlite="3", takes_turns=False, durability="full", newest="1"
        )

    async def revision(self):
        self.make_a_mess(self.path)
        return "0"

    async def migrate(self):
        self.make_a_mess(self.path)
        return Migration(path="somewhere", before="0", after="2")

    async def check(self):
        return Inspection(path="somewhere", revision="0", flaws=[])

    async def back_up(self, copy, *, overwrite=False):
        self.make_a_mess(Path(copy))
        return Backup(path="somewhere", copy=str(copy), size=0)

    async def compact(self):
        return Compaction(path="somewhere", before=1, after=2)

    def make_a_mess(self, path):
        with suppress(OSError):
            path.with_name(f"{path.name}.half").touch()


@caught_by(*rest_of(DatabaseCareConformance))
class TestNegligent(DatabaseCareConformance):
    def make_care(self, path):
        return Negligent(path)


# ----------------------------------------------------------------------------------- snapshots


class ForgetsSnapshots(SqlSnapshotRepository):
    async def add(self, snapshot, manifest):
        pass

    async def forget(self, *, before=None, keep=None):
        return 1


class OneForAll(SqlSnapshotRepository):
    async def get(self, snapshot_id):
        return await self.newest()

    async def manifest_of(self, snapshot_id):
        newest = await self.newest()
        return await super().manifest_of(newest.id)


class Overwriting(SqlSnapshotRepository):
    async def add(self, snapshot, manifest):
        with suppress(DuplicateRow):
            await super().add(snapshot, manifest)

    async def forget(self, *, before=None, keep=None):
        return await super().forget(keep=1)


@caught_by(
    *rest_of(
        SnapshotRepositoryConformance,
        "test_what_is_not_there_is_none_and_has_no_manifest",
        "test_the_same_id_twice_is_refused_and_the_first_stays",
    )
)
class TestForgetsSnapshots(PlantedStores, SnapshotRepositoryConformance):
    parts = {"snapshots": lambda database: ForgetsSnapshots(database, Threads())}


@caught_by(
    "test_each_of_many_that_differ_a_little_comes_back_as_it_was",
    "test_what_is_not_there_is_none_and_has_no_manifest",
)
class TestOneForAll(PlantedStores, SnapshotRepositoryConformance):
    parts = {"snapshots": lambda database: OneForAll(database, Threads())}


@caught_by(
    "test_the_same_id_twice_is_refused_and_the_first_stays",
    "test_all_but_the_newest_are_forgotten",
    "test_those_that_are_older_are_forgotten",
)
class TestOverwriting(PlantedStores, SnapshotRepositoryConformance):
    parts = {"snapshots": lambda database: Overwriting(database, Threads())}


# ----------------------------------------------------------------------------------- rollbacks


class ForgetsRollbacks(SqlRollbackRepository):
    async def begin(self, rollback):
        pass

    async def take_over(self, rollback, owner, now):
        return rollback

    async def plan(self, rollback, steps, now):
        pass

    async def announce(self, rollback, steps, operations, now):
        pass

    async def settle(self, rollback, steps, operations, withdrawn, now):
        pass

    async def finish(self, rollback, state, now):
        pass


class KnowsOneRollback(SqlRollbackRepository):
    async def get(self, rollback_id):
        return a_rollback()


@caught_by(*rest_of(RollbackRepositoryConformance, "test_what_is_not_there_is_none"))
class TestForgetsRollbacks(PlantedStores, RollbackRepositoryConformance):
    parts = {"rollbacks": ForgetsRollbacks}


@caught_by("test_what_is_not_there_is_none")
class TestKnowsOneRollback(PlantedStores, RollbackRepositoryConformance):
    parts = {"rollbacks": KnowsOneRollback}


class RestoresNothing:
    async def names_in(self, paths):
        return {}

    async def stage(self, rollback_id, number, state, content=None):
        pass

    async def carry_out(self, rollback_id, number, step):
        pass

    async def tidy(self, rollback_id, unused):
        pass

    async def displaced(self, rollback_id):
        return {}

    async def content(self, rollback_id, number):
        yield b""

    async def quarantined(self):
        return []

    async def clear(self, rollback_ids):
        pass


class WritesOverAll(LocalRestorer):
    """Restores without looking."""

    def __init__(self, workspace):
        super().__init__(workspace, Threads())
        self._workspace = workspace

    async def stage(self, rollback_id, number, state, content=None):
        self._content = b"".join([block async for block in content])

    async def carry_out(self, rollback_id, number, step):
        beside = self._workspace / "beside"
        beside.write_bytes(self._content)
        beside.replace(self._workspace / step.path)


class HoardsAll(LocalRestorer):
    async def tidy(self, rollback_id, unused):
        pass

    async def clear(self, rollback_ids):
        pass


class TidiesAll(LocalRestorer):
    async def tidy(self, rollback_id, unused):
        await self.clear([rollback_id])


@caught_by(
    *rest_of(
        RestorerConformance,
        "test_what_is_as_wanted_already_is_left_alone",
        "test_doing_it_twice_is_doing_it_once",
        "test_what_is_cleared_is_gone",
        "test_what_was_staged_for_nothing_is_tidied_away",
    )
)
class TestRestoresNothing(RestorerConformance):
    def make_restorer(self, workspace):
        return RestoresNothing()


@caught_by(
    "test_what_is_as_wanted_already_is_left_alone",
    "test_doing_it_twice_is_doing_it_once",
    "test_what_somebody_edited_stays",
)
class TestWritesOverAll(RestorerConformance):
    def make_restorer(self, workspace):
        return WritesOverAll(workspace)


@caught_by(
    "test_what_is_cleared_is_gone",
    "test_what_was_staged_for_nothing_is_tidied_away",
)
class TestHoardsAll(RestorerConformance):
    def make_restorer(self, workspace):
        return HoardsAll(workspace, Threads())


@caught_by("test_what_was_displaced_is_not_tidied_away")
class TestTidiesAll(RestorerConformance):
    def make_restorer(self, workspace):
        return TidiesAll(workspace, Threads())


# ------------------------------------------------------------------------------------- scanners


# ------------------------------------------------------------------------------------- resources


class ForgetsResources(SqlResourceRepository):
    async def add(self, record):
        pass


class RevivesResources(SqlResourceRepository):
    """Keeps them beside the database, and believes whoever comes last."""

    def __init__(self, database):
        self._records = {}

    async def add(self, record):
        self._records[record.id] = record

    async def save(self, record):
        self._records[record.id] = record

    async def get(self, resource_id):
        return self._records[resource_id]

    async def unreleased(self, task_id=None):
        return list(self._records.values())

    async def page(self, *, before=None, limit):
        return list(self._records.values())[:limit]

    async def forget(self, before):
        return len(self._records)


@caught_by(
    *rest_of(ResourceRepositoryConformance, "test_one_that_is_not_there_is_not_found_and_not_made")
)
class TestForgetsResources(PlantedStores, ResourceRepositoryConformance):
    parts = {"resources": ForgetsResources}


@caught_by(
    "test_what_is_released_stays_so",
    "test_one_that_is_not_there_is_not_found_and_not_made",
    "test_an_id_is_given_once",
    "test_those_that_are_not_released_are_given_in_order",
    "test_all_are_listed_newest_first_and_page_by_page",
    "test_what_was_released_before_is_forgotten",
)
class TestRevivesResources(PlantedStores, ResourceRepositoryConformance):
    parts = {"resources": RevivesResources}


class LeavesResources(SampleResources):
    """Neither checks what it is asked for, nor tells them apart, nor tidies up."""

    def announce(self, resource_id, configuration):
        return {"name": "the one"}

    @asynccontextmanager
    async def hold(self, trace, configuration):
        self.there.append(trace["name"])
        yield Held(value=None)

    async def reclaim(self, trace):
        if not self.there:
            raise FileNotFoundError
        self.there.clear()


@caught_by(*rest_of(ResourceTypeConformance, "test_it_is_found_by_what_was_announced"))
class TestLeavesResources(ResourceTypeConformance):
    def make_type(self, directory):
        return LeavesResources()


class TracesLate(SampleResources):
    """Is found by what nobody has announced."""

    def announce(self, resource_id, configuration):
        return {"name": ""}

    @asynccontextmanager
    async def hold(self, trace, configuration):
        async with super().hold({"name": "another name"}, configuration) as held:
            yield held


@caught_by(
    "test_two_are_told_apart",
    "test_it_is_found_by_what_was_announced",
    "test_another_one_is_not_touched",
    "test_nothing_is_there_before_and_after",
)
class TestTracesLate(ResourceTypeConformance):
    nonsense = ()

    def make_type(self, directory):
        return TracesLate()


# --------------------------------------------------------------------------------------- costs


class ForgetsCosts(SqlCostLedger):
    """Believes that all is free."""

    async def begin(self, entry, budgets):
        pass

    async def settle(self, entry):
        pass

    async def add(self, entry):
        return True


class BelievesEverybody(SqlCostLedger):
    """Looks at no budget, and at no id."""

    async def begin(self, entry, budgets):
        await self.add(entry)

    async def add(self, entry):
        await super().add(entry)
        return True

    async def groups(self, scope):
        return await super().groups(CostScope(everything=True))


@caught_by(*rest_of(CostLedgerConformance))
class TestForgetsCosts(PlantedStores, CostLedgerConformance):
    parts = {"costs": ForgetsCosts}


@caught_by(
    "test_it_is_kept_once",
    "test_an_operation_begins_once",
    "test_a_tree_is_a_task_and_all_below_it",
    "test_an_operation_a_task_or_none_can_be_meant",
    "test_all_budgets_must_allow_it",
)
class TestBelievesEverybody(PlantedStores, CostLedgerConformance):
    parts = {"costs": BelievesEverybody}


# ------------------------------------------------------------------------------------- waivers


class ForgetsWaivers(SqlWaivers):
    async def add(self, waivers):
        pass


class WaivesOneByOne(SqlWaivers):
    async def add(self, waivers):
        for waiver in waivers:
            await super().add([waiver])

    async def revoke(self, waiver_id, *, by, at):
        return (await self.page(limit=1))[0]


@caught_by(
    *rest_of(WaiversConformance, "test_what_is_not_there_cannot_be_revoked"),
)
class TestForgetsWaivers(PlantedStores, WaiversConformance):
    parts = {"waivers": ForgetsWaivers}


@caught_by(
    "test_of_many_with_an_id_that_is_there_none_is_kept",
    "test_a_revoked_one_says_who_revoked_it_first",
    "test_what_is_not_there_cannot_be_revoked",
)
class TestWaivesOneByOne(PlantedStores, WaiversConformance):
    parts = {"waivers": WaivesOneByOne}


class SeesNothing:
    async def scan(self, previous=None, *, full=False, progress=None):
        clock = VirtualClock()
        return Manifest(folders={}, began_at=clock.now(), ended_at=clock.now(), digest="b3:")


class RemembersAll:
    """Believes that nothing changes once it has been seen."""

    def __init__(self, workspace):
        self._scanner = LocalWorkspaceScanner(workspace, Threads(), VirtualClock())
        self._first = None

    async def scan(self, previous=None, *, full=False, progress=None):
        self._first = self._first or await self._scanner.scan()
        return self._first


@caught_by(*rest_of(WorkspaceScannerConformance))
class TestSeesNothing(WorkspaceScannerConformance):
    def make_scanner(self, workspace):
        return SeesNothing()


@caught_by(
    "test_what_has_changed_is_found",
    "test_a_content_exchanged_under_the_same_time_stamp_is_found",
    "test_the_same_states_have_the_same_digest",
    "test_progress_is_told_in_the_event_loop",
)
class TestRemembersAll(WorkspaceScannerConformance):
    def make_scanner(self, workspace):
        return RemembersAll(workspace)
