"""From a checked request to a task that can be stored."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from vespera.application.ports.clock import Clock
from vespera.application.ports.codec import Codec
from vespera.domain.ids import TaskId
from vespera.domain.request import request_digest
from vespera.domain.task import OnFailedDependency, Task, TaskRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """Makes tasks: their ids, their moments, the stored form of their payloads."""

    codec: Codec
    clock: Clock
    new_id: Callable[[], str]

    def task(self, request: TaskRequest) -> Task:
        """The task that was asked for, not stored yet.

        Raises:
            UnstorableValue, PayloadTooLarge: the payload cannot be stored.
        """
        payload = self.codec.encode(dict(request.payload), what="payload")
        now = self.clock.now()
        after, policy = request.run_after, request.on_failed_dependency
        if request.debounce is not None:  # it may come behind another one, however that one ends
            after, policy = now + timedelta(seconds=request.debounce), OnFailedDependency.RUN
        return Task(
            id=TaskId(request.task_id or self.new_id()),
            title=request.title,
            description=request.description,
            specialist_type=request.specialist_type,
            payload=payload,
            created_at=now,
            updated_at=now,
            completion=request.completion,
            parent_id=TaskId(request.parent_id) if request.parent_id else None,
            on_parent_end=request.on_parent_end,
            priority=request.priority,
            timeout=request.timeout,
            retry=request.retry,
            idempotency_key=request.idempotency_key,
            request_digest=request_digest(request) if request.idempotency_key else "",
            run_after=after,
            concurrency_key=request.concurrency_key,
            on_failed_dependency=policy,
            dedup_key=request.dedup_key,
        )
