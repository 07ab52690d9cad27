"""Tasks that are wanted once while one is under way: which request means which of them."""

from vespera.domain.errors import InvalidRequest
from vespera.domain.task import OnFailedDependency, Task, TaskRequest

DedupKey = tuple[str, str]
"""A specialist type, and a ``dedup_key`` of its tasks."""


def dedup_key_of(asked: Task | TaskRequest) -> DedupKey | None:
    """What tells whether two are wanted once; None: nothing does."""
    return None if asked.dedup_key is None else (asked.specialist_type, asked.dedup_key)


def check_dedup(request: TaskRequest) -> None:
    """Refuse what makes no sense together with a dedup key, or without one.

    Raises:
        InvalidRequest: there is something; the error names the field.
    """
    if request.dedup_key is not None and request.idempotency_key is not None:
        raise InvalidRequest(
            "means one task while it is under way, an idempotency_key one task for ever; give one"
            " of them",
            field="dedup_key",
        )
    if request.debounce is not None:
        _check_debounce(request, request.debounce)
    elif request.debounce_at_most is not None:
        raise InvalidRequest("needs a debounce, which it limits", field="debounce_at_most")


def _check_debounce(request: TaskRequest, debounce: float) -> None:
    if request.dedup_key is None:
        raise InvalidRequest(
            "needs a dedup_key, by which repeated requests are known", field="debounce"
        )
    if request.debounce_at_most is not None and request.debounce_at_most < debounce:
        raise InvalidRequest(
            f"is shorter than the debounce of {debounce:g} seconds", field="debounce_at_most"
        )
    if request.run_after is not None:
        raise InvalidRequest("is said by debounce; give one of them", field="run_after")
    if request.depends_on:
        raise InvalidRequest(
            "a debounced task waits for its moment, and for its forerunner, alone",
            field="depends_on",
        )
    if request.on_failed_dependency is OnFailedDependency.CANCEL:
        raise InvalidRequest(
            "a debounced task runs however its forerunner ends", field="on_failed_dependency"
        )
