"""What goes wrong with the next requests."""

from collections import deque
from dataclasses import dataclass
from enum import StrEnum, auto
from http import HTTPStatus

from vespera.testing.servers.messages import Reply, error_reply


class FaultKind(StrEnum):
    """The ways in which a request can go wrong."""

    FAILS = auto()
    RESETS = auto()
    STALLS = auto()
    TRUNCATES = auto()
    SAYS_WRONG_JSON = auto()


@dataclass(frozen=True, slots=True)
class Fault:
    """One request's misfortune; ``after`` is how much of the body is still sent."""

    kind: FaultKind
    after: int = 0
    reply: Reply | None = None


class FaultPlan:
    """The faults of the next requests: each call plans some, which come in the order of the calls.

    All take ``times``: how many requests are hit, from 1. Where one says ``after``, it is how much
    of the body is sent before the fault: events of a stream, bytes of anything else.
    """

    def __init__(self) -> None:
        self._faults: deque[Fault] = deque()

    def fails(
        self,
        status: int = 500,
        *,
        retry_after: float | None = None,
        message: str = "",
        times: int = 1,
    ) -> None:
        """Answer with an error.

        Args:
            status: from 400 to 599.
            retry_after: seconds, for the header ``Retry-After``.
            message: what the error says; by default, the status in words.
            times: how many requests.

        Raises:
            ValueError: the status is no error's, or ``times`` is under 1.
        """
        if not HTTPStatus.BAD_REQUEST <= status <= 599:  # noqa: PLR2004 - what HTTP has
            raise ValueError(f"fails: the status of an error is from 400 to 599, not {status}")
        headers = {} if retry_after is None else {"Retry-After": f"{retry_after:g}"}
        reply = error_reply(status, message or _in_words(status), headers=headers)
        self._plan(Fault(FaultKind.FAILS, reply=reply), times)

    def resets(self, *, times: int = 1) -> None:
        """Cut the connection (TCP RST) when the request has been read."""
        self._plan(Fault(FaultKind.RESETS), times)

    def stalls(self, *, after: int = 0, times: int = 1) -> None:
        """Say nothing more until the server is told to ``release()``; then answer, or go on."""
        self._plan(Fault(FaultKind.STALLS, after), times)

    def truncates(self, *, after: int = 0, times: int = 1) -> None:
        """Close the connection in the middle of the body, of which more was promised."""
        self._plan(Fault(FaultKind.TRUNCATES, after), times)

    def says_wrong_json(self, *, times: int = 1) -> None:
        """Answer with status 200 and JSON (in a stream, its last event) that ends too early."""
        self._plan(Fault(FaultKind.SAYS_WRONG_JSON), times)

    def next_fault(self) -> Fault | None:
        """The fault of the request that has just come; it is used up."""
        return self._faults.popleft() if self._faults else None

    def _plan(self, fault: Fault, times: int) -> None:
        if times < 1 or fault.after < 0:
            raise ValueError("a fault hits at least one request, after 0 or more of its body")
        self._faults.extend([fault] * times)


def _in_words(status: int) -> str:
    known = {each.value: each.phrase for each in HTTPStatus}
    return known.get(status, f"Status {status}")
