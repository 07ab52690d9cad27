"""How a circuit breaker stands, for those who look at it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from vespera.domain.circuit import Circuit


class BreakerState(StrEnum):
    """How a breaker stands; ``HALF_OPEN``: one call may try, or is trying."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerStatus:
    """A breaker at a moment.

    Attributes:
        state: closed, open or half-open.
        failures: how many there were in a row.
        since: when it opened; None: it is closed.
        until: when it lets a call through to try; None: it is closed, or it does at once.
        reason: what the last failure was.
    """

    state: BreakerState
    failures: int
    since: datetime | None
    until: datetime | None
    reason: str


def status_of(circuit: Circuit, *, now: float, moment: datetime) -> BreakerStatus:
    """How it stands at a ``moment``, which is ``now`` on the scale of the circuit's moments."""
    if circuit.since is None:
        return BreakerStatus(
            state=BreakerState.CLOSED,
            failures=circuit.failures,
            since=None,
            until=None,
            reason=circuit.reason,
        )
    rests = circuit.rests(now)
    since, until = span_of(circuit, now=now, moment=moment)
    return BreakerStatus(
        state=BreakerState.OPEN if rests and not circuit.probe else BreakerState.HALF_OPEN,
        failures=circuit.failures,
        since=since,
        until=until if rests else None,
        reason=circuit.reason,
    )


def span_of(circuit: Circuit, *, now: float, moment: datetime) -> tuple[datetime, datetime]:
    """Since when it is open, and until when it rests, as moments."""
    since = now if circuit.since is None else circuit.since
    until = moment + timedelta(seconds=circuit.rests_until - now)
    return moment - timedelta(seconds=now - since), until
