"""The table of verdicts: what may be said of a file, and when it counts as proven."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vespera.domain.file_operation import (
    NOT_OBSERVED,
    Absent,
    DirectoryState,
    FileOperation,
    FileState,
    OperationKind,
    PathState,
    Phase,
    SpecialState,
    SymlinkState,
    UnknownState,
)
from vespera.domain.ids import OperationId, ReportId, TaskId
from vespera.domain.verdict import PASSING, Verdict
from vespera.domain.verification import Finding, Report, judge, refusal_of

NOW = datetime(2030, 1, 1, tzinfo=UTC)
GONE = Absent()
V1, V2, V3 = (FileState(f"b3:{n}{n}", 10 + n, 0o644) for n in (1, 2, 3))
LINK = SymlinkState("elsewhere")
DIRECTORY = DirectoryState(0o755)
FIFO = SpecialState("fifo")
UNREADABLE = UnknownState("unreadable")

CREATE, MODIFY, DELETE, READ, *_ = OperationKind
VERIFIED, SUPERSEDED = Verdict.VERIFIED, Verdict.SUPERSEDED
REFUTED, UNVERIFIABLE = Verdict.REFUTED, Verdict.UNVERIFIABLE
NO_EFFECT, CHANGED_SINCE = Verdict.NO_EFFECT, Verdict.CHANGED_SINCE
INTERFERED = Verdict.INTERFERED
ALL_PHASES = [Phase.INTENT, Phase.CLAIM, Phase.DONE]


def operation(
    kind: OperationKind,
    phase: Phase,
    before: PathState,
    after: PathState,
    *,
    by: str | None = "task",
    expected: PathState | None = None,
) -> FileOperation:
    return FileOperation(
        id=OperationId("an id"),
        task_id=None if by is None else TaskId(by),
        kind=kind,
        phase=phase,
        path="a.txt",
        before=before,
        after=after,
        recorded_at=NOW,
        expected=expected,
    )


def intent(kind: OperationKind, before: PathState, **more: Any) -> FileOperation:
    return operation(kind, Phase.INTENT, before, NOT_OBSERVED, **more)


def claim(kind: OperationKind, after: PathState, **more: Any) -> FileOperation:
    return operation(kind, Phase.CLAIM, NOT_OBSERVED, after, **more)


def done(kind: OperationKind, before: PathState, after: PathState, **more: Any) -> FileOperation:
    return operation(kind, Phase.DONE, before, after, **more)


def judged(chain: Sequence[FileOperation], found: PathState) -> list[Finding]:
    return judge(chain, {"a.txt": found})


def verdicts(*chain: FileOperation, found: PathState) -> list[Verdict]:
    return [finding.verdict for finding in judged(chain, found)]


def verdict(*chain: FileOperation, found: PathState) -> Verdict:
    return verdicts(*chain, found=found)[-1]


class TestOneOperation:
    """What one operation alone needs to be proven."""

    @pytest.mark.parametrize(
        ("kind", "before", "found", "expected"),
        [
            (CREATE, GONE, V1, VERIFIED),
            (CREATE, GONE, DIRECTORY, VERIFIED),
            (CREATE, GONE, LINK, VERIFIED),
            (CREATE, GONE, GONE, REFUTED),
            (CREATE, GONE, UNREADABLE, UNVERIFIABLE),
            (CREATE, V1, V1, REFUTED),
            (CREATE, V1, V2, REFUTED),
            (CREATE, V1, GONE, REFUTED),
            (CREATE, UNREADABLE, V1, UNVERIFIABLE),
            (CREATE, UNREADABLE, GONE, REFUTED),
            (MODIFY, V1, V2, VERIFIED),
            (MODIFY, V1, FileState(V1.digest, V1.size, 0o755), VERIFIED),
            (MODIFY, LINK, V1, VERIFIED),
            (MODIFY, V1, V1, NO_EFFECT),
            (MODIFY, GONE, V1, REFUTED),
            (MODIFY, GONE, GONE, REFUTED),
            (MODIFY, V1, GONE, REFUTED),
            (MODIFY, V1, LINK, REFUTED),
            (MODIFY, V1, DIRECTORY, REFUTED),
            (MODIFY, DIRECTORY, V1, REFUTED),
            (MODIFY, FIFO, V1, REFUTED),
            (MODIFY, UNREADABLE, V1, UNVERIFIABLE),
            (MODIFY, V1, UNREADABLE, UNVERIFIABLE),
            (DELETE, V1, GONE, VERIFIED),
            (DELETE, LINK, GONE, VERIFIED),
            (DELETE, FIFO, GONE, VERIFIED),
            (DELETE, DIRECTORY, GONE, VERIFIED),
            (DELETE, GONE, GONE, REFUTED),
            (DELETE, GONE, V1, REFUTED),
            (DELETE, V1, V1, REFUTED),
            (DELETE, V1, V2, REFUTED),
            (DELETE, LINK, LINK, REFUTED),
            (DELETE, UNREADABLE, GONE, UNVERIFIABLE),
            (DELETE, V1, UNREADABLE, UNVERIFIABLE),
            (READ, V1, V1, VERIFIED),
            (READ, V1, V2, CHANGED_SINCE),
            (READ, V1, GONE, CHANGED_SINCE),
            (READ, V1, UNREADABLE, UNVERIFIABLE),
            (READ, GONE, GONE, REFUTED),
            (READ, GONE, V1, REFUTED),
            (READ, LINK, LINK, REFUTED),
            (READ, DIRECTORY, DIRECTORY, REFUTED),
            (READ, FIFO, FIFO, REFUTED),
            (READ, UNREADABLE, V1, UNVERIFIABLE),
        ],
    )
    def test_an_intent_is_judged_by_what_is_there_now(
        self, kind: OperationKind, before: PathState, found: PathState, expected: Verdict
    ) -> None:
        assert verdict(intent(kind, before), found=found) is expected

    @pytest.mark.parametrize(
        ("kind", "after", "found", "expected"),
        [
            (CREATE, V1, V1, UNVERIFIABLE),
            (CREATE, GONE, GONE, REFUTED),
            (CREATE, GONE, V1, REFUTED),
            (MODIFY, V1, V1, UNVERIFIABLE),
            (MODIFY, GONE, GONE, REFUTED),
            (DELETE, GONE, GONE, UNVERIFIABLE),
            (DELETE, V1, V1, REFUTED),
            (DELETE, LINK, LINK, REFUTED),
            (READ, V1, V1, VERIFIED),
            (READ, V1, V2, CHANGED_SINCE),
            (READ, GONE, GONE, REFUTED),
        ],
    )
    def test_a_first_claim_proves_nothing_of_what_was_there_before(
        self, kind: OperationKind, after: PathState, found: PathState, expected: Verdict
    ) -> None:
        assert verdict(claim(kind, after), found=found) is expected

    @pytest.mark.parametrize(
        ("kind", "before", "after"), [(CREATE, GONE, V1), (MODIFY, V1, V2), (DELETE, V1, GONE)]
    )
    def test_what_was_done_must_still_stand(
        self, kind: OperationKind, before: PathState, after: PathState
    ) -> None:
        assert verdict(done(kind, before, after), found=after) is VERIFIED
        assert verdict(done(kind, before, after), found=V3) is CHANGED_SINCE
        assert verdict(done(kind, before, after), found=UNREADABLE) is UNVERIFIABLE

    def test_a_changed_mode_is_a_change(self) -> None:
        assert verdict(done(CREATE, GONE, V1), found=FileState(V1.digest, V1.size, 0)) is (
            CHANGED_SINCE
        )

    def test_an_act_that_left_something_else_than_expected_is_refuted(self) -> None:
        assert verdict(intent(CREATE, GONE, expected=V1), found=V2) is REFUTED
        assert verdict(done(MODIFY, V1, V2, expected=V3), found=V2) is REFUTED

    def test_an_act_that_left_what_was_expected_is_verified(self) -> None:
        assert verdict(intent(CREATE, GONE, expected=V1), found=V1) is VERIFIED

    def test_a_file_that_vespera_wrote_as_it_was_already_is_verified(self) -> None:
        assert verdict(done(MODIFY, V1, V1, expected=V1), found=V1) is VERIFIED
        assert verdict(done(MODIFY, V1, V1, expected=V1), found=V2) is CHANGED_SINCE

    def test_a_modification_that_somebody_else_says_needs_an_effect(self) -> None:
        assert verdict(intent(MODIFY, V1, expected=V1), found=V1) is NO_EFFECT
        assert verdict(done(MODIFY, V1, V1), found=V1) is NO_EFFECT

    def test_unknown_states_that_look_alike_are_no_evidence(self) -> None:
        assert verdict(done(MODIFY, UNREADABLE, UNREADABLE), found=UNREADABLE) is UNVERIFIABLE


class TestHonestChains:
    """Sequences in which everything is as said; each is proven whole."""

    def test_create_modify_and_read_announced_before_each_act(self) -> None:
        chain = [intent(CREATE, GONE), intent(MODIFY, V1), intent(READ, V2)]

        assert verdicts(*chain, found=V2) == [VERIFIED] * 3

    def test_create_modify_read_delete_announced_before_each_act(self) -> None:
        chain = [intent(CREATE, GONE), intent(MODIFY, V1), intent(READ, V2), intent(DELETE, V2)]

        assert verdicts(*chain, found=GONE) == [VERIFIED] * 4

    def test_create_then_delete(self) -> None:
        assert verdicts(intent(CREATE, GONE), intent(DELETE, V1), found=GONE) == [VERIFIED] * 2

    def test_delete_then_create_again(self) -> None:
        assert verdicts(intent(DELETE, V1), intent(CREATE, GONE), found=V2) == [VERIFIED] * 2

    def test_modify_twice(self) -> None:
        assert verdicts(intent(MODIFY, V1), intent(MODIFY, V2), found=V3) == [VERIFIED] * 2

    def test_a_tracked_write_followed_by_a_tracked_delete(self) -> None:
        chain = [done(CREATE, GONE, V1), done(DELETE, V1, GONE)]

        assert verdicts(*chain, found=GONE) == [VERIFIED] * 2

    def test_a_tracked_write_followed_by_an_announced_change(self) -> None:
        assert verdicts(done(CREATE, GONE, V1), intent(MODIFY, V1), found=V2) == [VERIFIED] * 2

    def test_an_announced_creation_followed_by_a_tracked_write(self) -> None:
        assert verdicts(intent(CREATE, GONE), done(MODIFY, V1, V2), found=V2) == [VERIFIED] * 2

    def test_a_claim_continues_what_a_tracked_write_left(self) -> None:
        chain = [done(CREATE, GONE, V1), claim(MODIFY, V2), claim(DELETE, GONE)]

        assert verdicts(*chain, found=GONE) == [VERIFIED] * 3

    def test_a_claim_after_a_deletion_proves_a_creation(self) -> None:
        assert verdicts(done(DELETE, V1, GONE), claim(CREATE, V2), found=V2) == [VERIFIED] * 2

    def test_a_claim_that_closes_an_intent(self) -> None:
        assert verdicts(intent(CREATE, GONE), claim(CREATE, V1), found=V1) == [VERIFIED] * 2
        assert verdicts(intent(MODIFY, V1), claim(MODIFY, V2), found=V2) == [VERIFIED] * 2

    def test_a_claim_that_closes_an_intent_after_a_reading(self) -> None:
        chain = [intent(CREATE, GONE), intent(READ, V1), claim(CREATE, V1)]

        assert verdicts(*chain, found=V1) == [VERIFIED] * 3

    def test_the_next_act_announced_before_the_last_one_is_claimed(self) -> None:
        chain = [intent(CREATE, GONE), intent(MODIFY, V1), claim(CREATE, V1), claim(MODIFY, V2)]

        assert verdicts(*chain, found=V2) == [VERIFIED] * 4

    def test_two_acts_announced_together(self) -> None:
        chain = [intent(MODIFY, V1), intent(DELETE, V1), claim(MODIFY, V2), claim(DELETE, GONE)]

        assert verdicts(*chain, found=GONE) == [VERIFIED] * 4

    def test_a_change_announced_before_the_file_is_read_for_it(self) -> None:
        chain = [intent(MODIFY, V1), intent(READ, V1)]

        assert verdicts(*chain, found=V2) == [VERIFIED, SUPERSEDED]

    def test_a_reading_before_the_announced_change_that_others_follow(self) -> None:
        chain = [intent(MODIFY, V1), intent(READ, V1), intent(DELETE, V2)]

        assert verdicts(*chain, found=GONE) == [VERIFIED] * 3

    def test_a_reading_that_could_not_see_the_file_hides_nothing(self) -> None:
        chain = [intent(MODIFY, V1), intent(READ, UNREADABLE), intent(DELETE, V2)]

        assert verdicts(*chain, found=GONE) == [VERIFIED, UNVERIFIABLE, VERIFIED]

    def test_reading_twice(self) -> None:
        assert verdicts(intent(READ, V1), claim(READ, V1), found=V1) == [VERIFIED] * 2

    def test_operations_of_nobody(self) -> None:
        chain = [intent(CREATE, GONE, by=None), intent(MODIFY, V1, by=None)]

        assert verdicts(*chain, found=V2) == [VERIFIED] * 2

    def test_nothing_recorded_gives_no_finding(self) -> None:
        assert judged([], V1) == []


class TestLies:
    """Sequences in which something is not as said; it is told where."""

    def test_an_intent_that_was_never_carried_out(self) -> None:
        assert verdict(intent(CREATE, GONE), found=GONE) is REFUTED

    def test_an_intent_that_the_next_intent_shows_not_carried_out(self) -> None:
        chain = [intent(CREATE, GONE), intent(CREATE, GONE)]

        assert verdicts(*chain, found=V1) == [REFUTED, VERIFIED]

    def test_a_file_that_is_read_before_it_was_created(self) -> None:
        chain = [intent(CREATE, GONE), intent(READ, GONE)]

        assert verdicts(*chain, found=V1) == [VERIFIED, REFUTED]

    def test_a_creation_claimed_of_an_old_untouched_file(self) -> None:
        assert verdict(intent(READ, V1), claim(CREATE, V1), found=V1) is REFUTED

    def test_a_modification_claimed_where_nothing_was_modified(self) -> None:
        assert verdict(done(CREATE, GONE, V1), claim(MODIFY, V1), found=V1) is NO_EFFECT

    def test_a_second_claim_of_one_creation(self) -> None:
        assert verdict(done(CREATE, GONE, V1), claim(CREATE, V1), found=V1) is REFUTED

    def test_a_second_claim_of_one_deletion(self) -> None:
        assert verdict(done(DELETE, V1, GONE), claim(DELETE, GONE), found=GONE) is REFUTED

    def test_a_deletion_while_a_dangling_link_sits_there(self) -> None:
        assert verdict(intent(DELETE, LINK), found=LINK) is REFUTED
        assert verdict(done(CREATE, GONE, V1), claim(DELETE, LINK), found=LINK) is REFUTED

    def test_content_exchanged_after_the_last_operation(self) -> None:
        swapped = FileState("b3:ee", V1.size, V1.mode)

        assert verdict(done(CREATE, GONE, V1), found=swapped) is CHANGED_SINCE

    def test_content_exchanged_between_two_operations(self) -> None:
        chain = [done(CREATE, GONE, V1), intent(MODIFY, V2)]

        assert verdicts(*chain, found=V3) == [CHANGED_SINCE, INTERFERED]

    def test_a_file_removed_between_two_operations(self) -> None:
        chain = [done(CREATE, GONE, V1), intent(DELETE, GONE)]

        assert verdicts(*chain, found=GONE) == [CHANGED_SINCE, INTERFERED]

    def test_content_exchanged_before_it_is_read(self) -> None:
        chain = [done(CREATE, GONE, V1), claim(READ, V2)]

        assert verdicts(*chain, found=V2) == [CHANGED_SINCE, INTERFERED]

    def test_content_exchanged_after_it_was_read(self) -> None:
        chain = [intent(READ, V1), intent(MODIFY, V2)]

        assert verdicts(*chain, found=V3) == [CHANGED_SINCE, INTERFERED]

    def test_a_reading_does_not_hide_a_change_made_after_it(self) -> None:
        chain = [done(CREATE, GONE, V1), intent(READ, V1, by="reader")]

        assert verdicts(*chain, found=V2) == [CHANGED_SINCE, CHANGED_SINCE]

    def test_a_reading_that_saw_the_announced_change_pins_it(self) -> None:
        chain = [intent(CREATE, GONE), intent(READ, V1)]

        assert verdicts(*chain, found=V2) == [CHANGED_SINCE, CHANGED_SINCE]

    def test_an_unknown_state_between_two_operations_is_no_interference(self) -> None:
        chain = [done(CREATE, GONE, V1), intent(MODIFY, UNREADABLE)]

        assert verdicts(*chain, found=V2) == [VERIFIED, UNVERIFIABLE]

    def test_an_effect_that_nobody_observed_is_not_proven_and_proves_nothing_of_the_next(
        self,
    ) -> None:
        chain = [intent(MODIFY, V1), claim(DELETE, GONE)]

        assert verdicts(*chain, found=GONE) == [UNVERIFIABLE, UNVERIFIABLE]

    def test_a_claim_does_not_close_the_intent_of_another_task(self) -> None:
        chain = [intent(CREATE, GONE, by="a"), claim(CREATE, V1, by="b")]

        assert verdicts(*chain, found=V1) == [UNVERIFIABLE, UNVERIFIABLE]

    @pytest.mark.parametrize("left", [V1, V2])
    @pytest.mark.parametrize("kind", [CREATE, MODIFY])
    def test_a_deletion_never_done_does_not_hide_behind_the_claim_of_another_task(
        self, kind: OperationKind, left: FileState
    ) -> None:
        chain = [intent(DELETE, V1, by="a"), claim(kind, left, by="b")]

        assert verdicts(*chain, found=left) == [UNVERIFIABLE, UNVERIFIABLE]

    def test_a_modification_never_done_does_not_hide_behind_the_claim_of_another_task(
        self,
    ) -> None:
        chain = [intent(MODIFY, V1, by="a"), claim(MODIFY, V2, by="b")]

        assert verdicts(*chain, found=V2) == [UNVERIFIABLE, UNVERIFIABLE]

    def test_a_creation_never_done_does_not_hide_behind_a_claimed_deletion(self) -> None:
        chain = [intent(CREATE, GONE, by="a"), claim(DELETE, GONE, by="b")]

        assert verdicts(*chain, found=GONE) == [UNVERIFIABLE, UNVERIFIABLE]

    def test_a_creation_is_not_proven_by_a_reading_that_found_nothing(self) -> None:
        assert verdicts(intent(READ, GONE), claim(CREATE, V1), found=V1) == [REFUTED, UNVERIFIABLE]

    def test_a_deletion_proves_a_claimed_creation_although_nothing_was_read_in_between(
        self,
    ) -> None:
        chain = [done(DELETE, V1, GONE), intent(READ, GONE), claim(CREATE, V2)]

        assert verdicts(*chain, found=V2) == [VERIFIED, REFUTED, VERIFIED]

    def test_one_change_does_not_prove_two_claims(self) -> None:
        chain = [
            intent(MODIFY, V1, by="a"),
            intent(MODIFY, V1, by="b"),
            claim(MODIFY, V2, by="a"),
            claim(MODIFY, V2, by="b"),
        ]

        assert verdicts(*chain, found=V2) == [VERIFIED, NO_EFFECT, VERIFIED, NO_EFFECT]

    def test_an_announcement_is_not_closed_by_what_its_task_does_after_another_act(self) -> None:
        chain = [
            intent(MODIFY, V1),
            done(DELETE, V1, GONE),
            done(CREATE, GONE, V2),
            claim(MODIFY, V3),
        ]

        assert verdicts(*chain, found=V3) == [NO_EFFECT, VERIFIED, VERIFIED, VERIFIED]

    def test_a_claim_of_a_creation_over_a_file_that_appeared_undeclared(self) -> None:
        chain = [done(DELETE, V1, GONE), intent(READ, V2), claim(CREATE, V2)]

        assert verdicts(*chain, found=V2) == [CHANGED_SINCE, INTERFERED, REFUTED]

    def test_a_claim_behind_a_reading_in_doubt_proves_nothing(self) -> None:
        chain = [intent(MODIFY, V1, by="a"), intent(READ, V1), claim(MODIFY, V2, by="b")]

        assert verdicts(*chain, found=V2) == [UNVERIFIABLE, SUPERSEDED, UNVERIFIABLE]

    def test_a_creation_of_what_was_there_stays_a_lie_when_another_operation_hides_its_effect(
        self,
    ) -> None:
        assert verdicts(intent(CREATE, V1), claim(DELETE, GONE), found=GONE)[0] is REFUTED


class TestSeveralTasks:
    """One path, several tasks: each change is taken from the one who declared it."""

    def test_what_another_task_changed_later_is_superseded(self) -> None:
        chain = [done(CREATE, GONE, V1, by="a"), done(MODIFY, V1, V2, by="b")]

        assert verdicts(*chain, found=V2) == [SUPERSEDED, VERIFIED]

    def test_what_another_task_read_before_the_change_is_superseded(self) -> None:
        chain = [intent(READ, V1, by="a"), intent(MODIFY, V1, by="b")]

        assert verdicts(*chain, found=V2) == [SUPERSEDED, VERIFIED]

    def test_a_later_reading_supersedes_nothing(self) -> None:
        chain = [done(CREATE, GONE, V1, by="a"), intent(READ, V1, by="b")]

        assert verdicts(*chain, found=V1) == [VERIFIED, VERIFIED]

    def test_a_later_intent_that_changed_nothing_supersedes_nothing(self) -> None:
        chain = [done(CREATE, GONE, V1, by="a"), intent(MODIFY, V1, by="b")]

        assert verdicts(*chain, found=V1) == [VERIFIED, NO_EFFECT]

    def test_a_lie_is_not_superseded(self) -> None:
        chain = [intent(DELETE, V1, by="a"), done(MODIFY, V1, V2, by="b")]

        assert verdicts(*chain, found=V2) == [REFUTED, VERIFIED]

    def test_writing_over_a_change_one_has_not_seen_is_interference(self) -> None:
        chain = [done(MODIFY, V1, V2, by="a"), done(MODIFY, V1, V3, by="b")]

        assert verdicts(*chain, found=V3) == [CHANGED_SINCE, INTERFERED]

    def test_an_intent_recorded_while_another_task_was_writing_takes_nothing_from_it(self) -> None:
        chain = [done(MODIFY, V1, V2, by="a"), intent(MODIFY, V1, by="b")]

        assert verdicts(*chain, found=V2) == [SUPERSEDED, INTERFERED]

    def test_both_announce_then_both_write_and_claim(self) -> None:
        chain = [
            intent(MODIFY, V1, by="a"),
            intent(MODIFY, V1, by="b"),
            claim(MODIFY, V2, by="a"),
            claim(MODIFY, V3, by="b"),
        ]

        assert verdicts(*chain, found=V3) == [SUPERSEDED, VERIFIED, SUPERSEDED, VERIFIED]

    def test_both_announce_then_the_later_one_writes_and_claims_first(self) -> None:
        chain = [
            intent(MODIFY, V1, by="a"),
            intent(MODIFY, V1, by="b"),
            claim(MODIFY, V2, by="b"),
            claim(MODIFY, V3, by="a"),
        ]

        assert verdicts(*chain, found=V3) == [VERIFIED, SUPERSEDED, SUPERSEDED, VERIFIED]

    def test_a_creation_and_a_modification_announced_before_either_is_carried_out(self) -> None:
        chain = [
            intent(CREATE, GONE, by="a"),
            intent(MODIFY, GONE, by="b"),
            claim(CREATE, V1, by="a"),
            claim(MODIFY, V2, by="b"),
        ]

        assert verdicts(*chain, found=V2) == [SUPERSEDED, VERIFIED, SUPERSEDED, VERIFIED]

    def test_another_task_writes_between_an_intent_and_its_claim(self) -> None:
        chain = [
            intent(MODIFY, V1, by="a"),
            done(MODIFY, V1, V2, by="b"),
            claim(MODIFY, V3, by="a"),
        ]

        assert verdicts(*chain, found=V3) == [VERIFIED, SUPERSEDED, VERIFIED]

    def test_another_task_announces_between_an_act_and_its_claim(self) -> None:
        chain = [
            intent(MODIFY, V1, by="a"),
            intent(MODIFY, V2, by="b"),
            claim(MODIFY, V2, by="a"),
        ]

        assert verdicts(*chain, found=V3) == [SUPERSEDED, VERIFIED, SUPERSEDED]

    def test_a_late_claim_takes_the_change_from_an_intent_that_nobody_claims(self) -> None:
        chain = [
            intent(MODIFY, V1, by="a"),
            intent(MODIFY, V1, by="b"),
            intent(READ, V2, by="c"),
            claim(MODIFY, V2, by="a"),
        ]

        assert verdicts(*chain, found=V2) == [VERIFIED, UNVERIFIABLE, VERIFIED, VERIFIED]

    def test_an_intent_after_a_claim_of_another_task_is_still_seen_to_be_carried_out(self) -> None:
        chain = [
            intent(MODIFY, V1, by="a"),
            intent(MODIFY, V1, by="b"),
            claim(MODIFY, V2, by="a"),
        ]

        assert verdicts(*chain, found=V3) == [SUPERSEDED, VERIFIED, SUPERSEDED]
        assert verdicts(*chain, found=V2) == [VERIFIED, NO_EFFECT, VERIFIED]

    def test_a_creation_nobody_looked_at_is_borne_out_by_whoever_modified_the_file(self) -> None:
        chain = [intent(CREATE, GONE, by="a"), claim(MODIFY, V1, by="b")]

        assert verdicts(*chain, found=V1) == [SUPERSEDED, UNVERIFIABLE]

    @pytest.mark.parametrize("left", [GONE, UNREADABLE])
    def test_a_modification_that_left_no_file_does_not_vouch_for_the_creation(
        self, left: PathState
    ) -> None:
        chain = (intent(CREATE, GONE), claim(MODIFY, left, by="other"))

        assert verdicts(*chain, found=GONE)[0] is UNVERIFIABLE


class TestChangesUndeclared:
    """Whoever acts later does not answer for a change that nobody declared before."""

    @pytest.mark.parametrize("later", [MODIFY, DELETE])
    def test_an_intent_never_carried_out_does_not_hide_it(self, later: OperationKind) -> None:
        chain = [done(CREATE, GONE, V1, by="a"), intent(later, V2, by="b")]

        assert verdicts(*chain, found=V2) == [CHANGED_SINCE, INTERFERED]

    def test_an_intent_that_changed_nothing_does_not_hide_what_came_after_the_next_one(
        self,
    ) -> None:
        chain = [
            done(CREATE, GONE, V1, by="a"),
            intent(MODIFY, V1, by="b"),
            intent(MODIFY, V1, by="c"),
            claim(DELETE, V2, by="d"),
        ]

        assert verdicts(*chain, found=V2)[0] is CHANGED_SINCE

    def test_a_write_over_it_does_not_hide_it(self) -> None:
        chain = [done(CREATE, GONE, V1, by="a"), done(MODIFY, V2, V3, by="b")]

        assert verdicts(*chain, found=V3) == [CHANGED_SINCE, INTERFERED]

    def test_a_later_intent_of_the_same_task_does_not_hide_it(self) -> None:
        chain = [done(CREATE, GONE, V1), intent(MODIFY, V2)]

        assert verdicts(*chain, found=V2) == [CHANGED_SINCE, INTERFERED]

    def test_a_false_claim_does_not_hide_it(self) -> None:
        chain = [done(CREATE, GONE, V1, by="a"), claim(DELETE, V2, by="b")]

        assert verdicts(*chain, found=V2) == [CHANGED_SINCE, REFUTED]

    def test_an_intent_of_another_kind_does_not_hide_it(self) -> None:
        chain = [done(CREATE, GONE, V1, by="a"), intent(DELETE, V1, by="b")]

        assert verdicts(*chain, found=V2) == [CHANGED_SINCE, REFUTED]

    def test_a_reading_before_it_does_not_stand_either(self) -> None:
        chain = [
            done(CREATE, GONE, V1, by="a"),
            intent(READ, V1, by="b"),
            intent(MODIFY, V2, by="c"),
        ]

        assert verdicts(*chain, found=V2) == [CHANGED_SINCE, CHANGED_SINCE, INTERFERED]

    def test_reading_what_it_left_does_not_declare_it(self) -> None:
        chain = [
            done(CREATE, GONE, V1, by="a"),
            intent(MODIFY, V2, by="b"),
            intent(READ, V2, by="b"),
        ]

        assert verdicts(*chain, found=V2) == [CHANGED_SINCE, INTERFERED, VERIFIED]

    def test_what_another_task_replaced_before_it_is_superseded(self) -> None:
        chain = [
            done(CREATE, GONE, V1, by="a"),
            done(MODIFY, V1, V2, by="b"),
            intent(DELETE, V3, by="c"),
        ]

        assert verdicts(*chain, found=V3) == [SUPERSEDED, CHANGED_SINCE, INTERFERED]

    def test_what_was_put_back_stands_again(self) -> None:
        chain = [done(CREATE, GONE, V1, by="a"), intent(DELETE, V2, by="b")]

        assert verdicts(*chain, found=V1) == [VERIFIED, INTERFERED]

    def test_a_file_that_can_no_longer_be_seen_proves_nothing_behind_an_idle_intent(self) -> None:
        chain = [done(CREATE, GONE, V1, by="a"), intent(MODIFY, V1, by="b")]

        assert verdicts(*chain, found=UNREADABLE) == [UNVERIFIABLE, UNVERIFIABLE]


class TestAnnouncedWrites:
    """A task announces a change and then lets Vespera carry it out."""

    @pytest.mark.parametrize(
        ("kind", "before", "after"), [(CREATE, GONE, V1), (MODIFY, V1, V2), (DELETE, V1, GONE)]
    )
    def test_both_are_proven(
        self, kind: OperationKind, before: PathState, after: PathState
    ) -> None:
        chain = [intent(kind, before), done(kind, before, after)]

        assert verdicts(*chain, found=after) == [VERIFIED, VERIFIED]

    def test_so_is_a_claim_after_them(self) -> None:
        chain = [intent(CREATE, GONE), done(CREATE, GONE, V1), claim(CREATE, V1)]

        assert verdicts(*chain, found=V1) == [VERIFIED] * 3
        assert verdicts(*chain, found=V2) == [VERIFIED, CHANGED_SINCE, CHANGED_SINCE]

    def test_content_that_was_there_already_is_written_all_the_same(self) -> None:
        chain = [intent(MODIFY, V1), done(MODIFY, V1, V1, expected=V1), claim(MODIFY, V1)]

        assert verdicts(*chain, found=V1) == [VERIFIED] * 3

    def test_an_announcement_is_not_kept_by_a_write_of_another_task(self) -> None:
        chain = [intent(CREATE, GONE, by="a"), done(CREATE, GONE, V1, by="b")]

        assert verdicts(*chain, found=V1) == [REFUTED, VERIFIED]

    def test_nor_by_a_write_of_another_kind(self) -> None:
        assert verdicts(intent(DELETE, V1), done(MODIFY, V1, V2), found=V2) == [REFUTED, VERIFIED]

    def test_nor_by_a_write_over_what_another_task_left(self) -> None:
        chain = [
            intent(MODIFY, V1, by="a"),
            done(MODIFY, V1, V2, by="b"),
            done(MODIFY, V2, V3, by="a"),
        ]

        assert verdicts(*chain, found=V3) == [NO_EFFECT, SUPERSEDED, VERIFIED]

    def test_what_it_promised_must_have_been_written(self) -> None:
        chain = [intent(CREATE, GONE, expected=V2), done(CREATE, GONE, V1)]

        assert verdicts(*chain, found=V1) == [REFUTED, VERIFIED]

    def test_a_change_carried_out_by_hand_and_then_written_over_are_two(self) -> None:
        assert verdicts(intent(MODIFY, V1), done(MODIFY, V2, V3), found=V3) == [VERIFIED] * 2


class TestFindings:
    """What a finding tells."""

    def test_it_tells_both_states_and_the_reason(self) -> None:
        [finding] = judged([done(CREATE, GONE, V1)], V2)

        assert (finding.before, finding.after) == (GONE, V1)
        assert "11 bytes" in finding.reason
        assert "12 bytes" in finding.reason

    def test_it_tells_whether_the_undeclared_change_is_what_is_there_now(self) -> None:
        chain = [done(CREATE, GONE, V1, by="a"), done(MODIFY, V2, V3, by="b")]

        assert "; now there is a file of 12 bytes" in judged(chain[:1], V2)[0].reason
        assert "; then, undeclared, there was a file of 12 bytes" in judged(chain, V3)[0].reason

    def test_an_effect_that_nobody_observed_is_told_as_such(self) -> None:
        assert judged([intent(MODIFY, V1), claim(DELETE, GONE)], GONE)[0].after == NOT_OBSERVED

    @pytest.mark.parametrize("state", [LINK, DIRECTORY, FIFO, UNREADABLE, GONE, V1])
    def test_every_state_has_a_name(self, state: PathState) -> None:
        [finding] = judged([intent(CREATE, GONE, expected=V3)], state)

        assert finding.reason

    def test_an_expectation_of_the_unknown_is_told(self) -> None:
        [finding] = judged([intent(CREATE, GONE, expected=UNREADABLE)], V1)

        assert "unreadable" in finding.reason

    @pytest.mark.parametrize("value", Verdict)
    def test_only_what_does_not_pass_needs_something_done(self, value: Verdict) -> None:
        finding = a_finding(value)

        assert finding.passes == (value in PASSING)
        assert bool(finding.remedy) != finding.passes


class TestReports:
    """A report passes whole, or names what does not."""

    def test_a_report_without_findings_is_verified(self) -> None:
        assert a_report().verified

    def test_a_report_names_what_does_not_pass(self) -> None:
        good, bad = a_finding(SUPERSEDED), a_finding(NO_EFFECT)

        assert a_report(good).verified
        assert not a_report(good, bad).verified
        assert a_report(good, bad).refused == [bad]


def a_finding(value: Verdict) -> Finding:
    return Finding(
        operation_id=OperationId("an id"),
        task_id=None,
        kind=CREATE,
        path="a.txt",
        verdict=value,
        reason="",
        before=GONE,
        after=V1,
    )


def a_report(*findings: Finding) -> Report:
    return Report(id=ReportId("a report"), task_id=None, findings=findings, verified_at=NOW)


@dataclass
class History:
    """A simulated path: operations as honest tasks record them, and what is really there."""

    now: PathState = GONE
    version: int = 0
    chain: list[FileOperation] = field(default_factory=list)
    promised: OperationKind | None = None

    def act(
        self, kind: OperationKind, phase: Phase, *, really: bool = True, by: str = "task"
    ) -> None:
        before = self.now
        if really:
            self.change(kind)
        seen_before = NOT_OBSERVED if phase is Phase.CLAIM else before
        seen_after = NOT_OBSERVED if phase is Phase.INTENT else self.now
        self.chain.append(operation(kind, phase, seen_before, seen_after, by=by))

    def tamper(self) -> None:
        self.change(MODIFY)

    def fitting(self) -> Sequence[OperationKind]:
        return [CREATE] if self.now == GONE else [MODIFY, DELETE, READ]

    def change(self, kind: OperationKind) -> None:
        if kind is DELETE:
            self.now = GONE
        elif kind is not READ:
            self.version += 1
            self.now = FileState(f"b3:{self.version}", self.version, 0o644)


def honest_act(history: History, draw: st.DataObject) -> None:
    last = history.chain[-1] if history.chain else None
    # Behind an open intent a claim cannot know what was there before.
    blind = last is None or (last.phase is Phase.INTENT and last.kind is not READ)
    phases = [Phase.INTENT, Phase.DONE] if blind else ALL_PHASES
    kind = draw.draw(st.sampled_from(history.fitting()))
    # What was announced falsely and is done after all is no lie any more.
    phases = [Phase.INTENT] if kind is history.promised else phases
    history.promised = history.promised if kind is READ else None
    history.act(kind, draw.draw(st.sampled_from(phases)))


def pretended_act(history: History, draw: st.DataObject) -> None:
    kind = draw.draw(st.sampled_from([kind for kind in history.fitting() if kind is not READ]))
    last = next((said for said in reversed(history.chain) if said.kind is not READ), None)
    # A claim of the kind that was announced last says that this was done, which is true.
    closes = last is not None and (last.kind, last.phase) == (kind, Phase.INTENT)
    phase = draw.draw(st.sampled_from([Phase.INTENT, Phase.DONE] if closes else ALL_PHASES))
    history.act(kind, phase, really=False)
    history.promised = kind if phase is Phase.INTENT else None


@dataclass
class Workshop(History):
    """Several tasks at one file: they announce, act and claim in turns that overlap."""

    open_intents: list[str] = field(default_factory=list)

    def turn(self, draw: st.DataObject, *, really: bool = True) -> None:
        idle = [task for task in "abc" if task not in self.open_intents]
        turns: list[tuple[str, str]] = [("write", task) for task in idle]
        turns += [("announce", task) for task in idle]
        turns += [("read", task) for task in "abc"]
        turns += [("claim", task) for task in self.open_intents]
        what, task = draw.draw(st.sampled_from(turns))
        if what == "read":
            self.act(READ, draw.draw(st.sampled_from(ALL_PHASES)), by=task)
        elif what == "write":
            self.act(MODIFY, Phase.DONE, by=task)
        elif what == "announce":
            self.act(MODIFY, Phase.INTENT, really=False, by=task)
            self.open_intents.append(task)
        else:
            self.keep(task, draw, really=really)

    def keep(self, task: str, draw: st.DataObject, *, really: bool = True) -> None:
        """Carry out what the task announced, and claim it; perhaps only after others have come."""
        if really:
            self.change(MODIFY)
        comers = [comer for comer in "abc" if comer not in self.open_intents]
        for comer in comers if draw.draw(st.booleans()) else ():
            self.act(MODIFY, Phase.INTENT, really=False, by=comer)
            self.open_intents.append(comer)
        self.act(MODIFY, Phase.CLAIM, really=False, by=task)
        self.open_intents.remove(task)

    def finish(self, draw: st.DataObject) -> None:
        while self.open_intents:
            self.keep(draw.draw(st.sampled_from(self.open_intents)), draw)

    def passes(self) -> bool:
        return all(finding.passes for finding in judged(self.chain, self.now))


@settings(deadline=None)
@given(draw=st.data(), starts_there=st.booleans(), length=st.integers(1, 12))
def test_every_honest_history_is_proven_whole(
    draw: st.DataObject, *, starts_there: bool, length: int
) -> None:
    history = History(now=V1 if starts_there else GONE)
    for _ in range(length):
        honest_act(history, draw)

    assert {f.verdict for f in judged(history.chain, history.now)} == {VERIFIED}


@settings(deadline=None)
@given(draw=st.data(), starts_there=st.booleans(), before=st.integers(0, 6), more=st.integers(0, 6))
def test_no_history_with_an_act_that_never_happened_passes(
    draw: st.DataObject, *, starts_there: bool, before: int, more: int
) -> None:
    history = History(now=V1 if starts_there else GONE)
    for _ in range(before):
        honest_act(history, draw)
    pretended_act(history, draw)
    for _ in range(more):
        honest_act(history, draw)

    assert not all(finding.passes for finding in judged(history.chain, history.now))


@settings(deadline=None)
@given(draw=st.data(), before=st.integers(1, 6), more=st.integers(0, 6))
def test_no_history_with_a_change_nobody_declared_passes(
    draw: st.DataObject, *, before: int, more: int
) -> None:
    history = History()
    for _ in range(before):
        honest_act(history, draw)
    # A change right behind an open intent cannot be told from the announced act itself.
    history.act(READ, Phase.INTENT) if history.now != GONE else history.act(CREATE, Phase.DONE)
    history.tamper()
    history.act(READ, Phase.INTENT)
    for _ in range(more):
        honest_act(history, draw)

    assert not all(finding.passes for finding in judged(history.chain, history.now))


@settings(deadline=None)
@given(draw=st.data(), length=st.integers(1, 12))
def test_every_honest_history_of_several_tasks_passes(draw: st.DataObject, length: int) -> None:
    workshop = Workshop(now=V1)
    for _ in range(length):
        workshop.turn(draw)
    workshop.finish(draw)

    assert workshop.passes()


@settings(deadline=None)
@given(draw=st.data(), before=st.integers(0, 8), more=st.integers(0, 8))
def test_no_history_of_several_tasks_with_a_false_claim_passes(
    draw: st.DataObject, before: int, more: int
) -> None:
    workshop = Workshop(now=V1)
    for _ in range(before):
        workshop.turn(draw)
    if not workshop.open_intents:
        workshop.act(MODIFY, Phase.INTENT, really=False, by="a")
        workshop.open_intents.append("a")
    workshop.keep(draw.draw(st.sampled_from(workshop.open_intents)), draw, really=False)
    for _ in range(more):
        workshop.turn(draw)
    workshop.finish(draw)

    assert not workshop.passes()


@settings(deadline=None)
@given(draw=st.data(), before=st.integers(0, 8), more=st.integers(0, 8))
def test_no_history_of_several_tasks_with_a_change_nobody_declared_passes(
    draw: st.DataObject, before: int, more: int
) -> None:
    workshop = Workshop(now=V1)
    for _ in range(before):
        workshop.turn(draw)
    # While an intent is open, a change cannot be told from the announced act itself.
    workshop.finish(draw)
    workshop.act(READ, Phase.INTENT, by="a")
    workshop.tamper()
    for _ in range(more):
        workshop.turn(draw)
    workshop.finish(draw)

    assert not workshop.passes()


def test_an_allowance_is_no_claim_and_no_part_of_the_chain() -> None:
    allowance = intent(OperationKind.SCOPE, NOT_OBSERVED)
    [finding] = judged([allowance, intent(CREATE, GONE)], V1)

    assert (finding.kind, finding.verdict) == (CREATE, VERIFIED)


def test_what_was_refused_is_no_part_of_the_chain_and_a_finding_of_its_own() -> None:
    reason = UnknownState("it lies outside")
    refused = operation(CREATE, Phase.REFUSED, NOT_OBSERVED, reason)
    [made] = judged([refused, intent(CREATE, GONE)], V1)
    finding = refusal_of(refused)

    assert made.verdict is VERIFIED
    assert finding.verdict is Verdict.REFUSED
    assert finding.reason == "it was attempted and not done: it lies outside"
    assert refusal_of(operation(CREATE, Phase.REFUSED, NOT_OBSERVED, GONE)).blocks
