"""What other processes have sent to tasks that wait here."""

import logging
from collections.abc import Collection, Mapping
from datetime import timedelta

from vespera.application.ports.clock import Clock
from vespera.application.ports.persistence import TaskQueue
from vespera.application.runtime.notices import Notices
from vespera.domain.errors import StorageError
from vespera.domain.ids import OwnerId, TaskId

logger = logging.getLogger("vespera")


async def listen(
    awaiting: Collection[TaskId],
    *,
    owner: OwnerId,
    queue: TaskQueue,
    notices: Notices,
    clock: Clock,
    poll: timedelta,
) -> None:
    """Tell those of the ``awaiting`` tasks that there are news for them, until it is cancelled.

    Args:
        awaiting: the tasks, at each moment.
        owner: who holds the tasks.
        queue: where the news are counted.
        notices: what the tasks wait on.
        clock: what is slept by.
        poll: how long it is until the next look.
    """
    known: Mapping[TaskId, int] = {}
    while True:
        await clock.sleep(poll.total_seconds())
        try:
            found = await queue.news(owner)
        except StorageError:
            logger.exception("It cannot be told whether signals have come.")
            continue
        for task_id, number in found.items():
            if task_id in awaiting and number != known.get(task_id):
                notices.news(task_id)
        known = found
