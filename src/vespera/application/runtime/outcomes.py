"""What specialists hand back, as a ``TaskOutcome`` and as bytes."""

from dataclasses import dataclass
from typing import cast

from vespera.application.ports.codec import Codec
from vespera.domain.request import parse_outcome
from vespera.domain.task import TaskOutcome

Stored = tuple[str, list[str], str, object]


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Stores outcomes through the codec."""

    codec: Codec

    def encode(self, returned: object) -> bytes:
        """The stored form of what a specialist returned: a ``TaskOutcome``, or any storable value,
        which becomes its ``result``.

        Raises:
            InvalidRequest: a field of the ``TaskOutcome`` is wrong; the error names it.
            UnstorableValue, PayloadTooLarge: it cannot be stored; the path begins with "outcome".
        """
        if type(returned) is TaskOutcome:
            outcome = parse_outcome(returned, {}, TaskOutcome())
        else:
            outcome = TaskOutcome(result=returned)
        artifacts = list(outcome.artifacts)
        stored = [outcome.summary, artifacts, outcome.next_action, outcome.result]
        return self.codec.encode(stored, what="outcome")

    def decode(self, data: bytes) -> TaskOutcome:
        """The outcome again.

        Raises:
            UnreadableValue: a type in it is not known to this program, or the data is damaged.
        """
        summary, artifacts, next_action, result = cast("Stored", self.codec.decode(data))
        return TaskOutcome(
            summary=summary, artifacts=tuple(artifacts), next_action=next_action, result=result
        )
