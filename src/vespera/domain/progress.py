"""How far a task has come, as its handler says."""

from dataclasses import dataclass
from datetime import datetime

from vespera.domain.errors import InvalidRequest
from vespera.domain.ids import TaskId
from vespera.domain.request import text_of
from vespera.domain.retry import LARGEST_WHOLE, number_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """``done`` of ``total`` (of what, the handler knows; None: the end is not known)."""

    task_id: TaskId
    attempt: int
    done: float
    total: float | None
    message: str
    at: datetime

    @property
    def share(self) -> float | None:
        """From 0 to 1; None if the total is not known."""
        return None if self.total is None else min(self.done / self.total, 1.0)

    def __str__(self) -> str:
        of_total = "" if self.total is None else f" of {self.total:g}"
        return f"{self.done:g}{of_total}{f': {self.message}' if self.message else ''}"


def progress_of(
    task_id: TaskId, attempt: int, said: tuple[object, object, object], at: datetime
) -> Progress:
    """What a handler says by ``task.progress(done, total, message)``, checked.

    Raises:
        InvalidRequest: a number is none, or out of range, or the message is no text.
    """
    done, total, message = said
    checked = number_of(done, "done", least=0, most=LARGEST_WHOLE, what="a number")
    whole = None
    if total is not None:
        whole = number_of(total, "total", least=0, most=LARGEST_WHOLE, what="a number")
        if whole == 0:
            raise InvalidRequest("must be above 0; None if it is not known", field="total")
    return Progress(
        task_id=task_id,
        attempt=attempt,
        done=checked,
        total=whole,
        message=text_of(message, "message"),
        at=at,
    )
