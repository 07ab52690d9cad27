from datetime import timedelta

import pytest

from vespera.application.runtime.sign_off import Signed
from vespera.application.runtime.work_events import WorkEventKind, end_of
from vespera.domain.ids import OwnerId
from vespera.domain.task import Task, TaskFailure
from vespera.testing.conformance.samples import NOW, a_report, a_running_task, a_task

CLAIMED = a_running_task()
FAILURE = TaskFailure(error_types=("ValueError",), message="no")


@pytest.mark.parametrize(
    ("after", "kind"),
    [
        (CLAIMED.complete(b"{}", None, NOW), WorkEventKind.COMPLETED),
        (CLAIMED.execute(b"{}", NOW), WorkEventKind.EXECUTED),
        (CLAIMED.fail(FAILURE, NOW), WorkEventKind.FAILED),
        (CLAIMED.try_again(FAILURE, NOW, NOW), WorkEventKind.RETRYING),
        (CLAIMED.release(NOW), WorkEventKind.RELEASED),
        (CLAIMED.assign(NOW), WorkEventKind.ASSIGNED),
        (CLAIMED.cancel(FAILURE, NOW), WorkEventKind.CANCELLED),
        (
            CLAIMED.release(NOW).claim(OwnerId("other"), NOW + timedelta(seconds=9), NOW),
            WorkEventKind.LOST,
        ),
        (a_task(attempt=1, crashes=1), WorkEventKind.LOST),
    ],
    ids=lambda value: value.value if isinstance(value, WorkEventKind) else "",
)
def test_an_attempt_s_end_is_told_by_how_the_task_stands_after_it(
    after: Task, kind: WorkEventKind
) -> None:
    event = end_of(CLAIMED, Signed(after))

    assert (event.kind, event.task) == (kind, after)
    assert event.told == (str(after.error) if after.error else "")


def test_a_refusal_of_the_proof_gate_is_told_as_one() -> None:
    refused = CLAIMED.execute(b"{}", NOW, FAILURE)

    event = end_of(CLAIMED, Signed(refused, refused=tuple(a_report().findings)))

    assert (event.kind, event.told) == (WorkEventKind.REFUSED, "ValueError: no")
