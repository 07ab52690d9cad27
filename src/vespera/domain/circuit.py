"""When a service that fails is not asked any more, and when it is tried again."""

from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from vespera.domain.errors import InvalidRequest
from vespera.domain.retry import LARGEST_WHOLE, TEN_YEARS, number_of, whole_number_of

LONGEST_NAME: Final = 200
LONGEST_REASON: Final = 500
_SHORTEST_LEASE: Final = 0.001  # in seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitRule:
    """After ``failure_threshold`` failures in a row the circuit opens for ``reset_after`` seconds.

    Then one caller may try, and has ``probe_seconds`` to do so before another one may.
    """

    failure_threshold: int = 5
    reset_after: float = 30.0
    probe_seconds: float = 30.0

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            InvalidRequest: a value makes no sense; the error names it.
        """
        whole_number_of(self.failure_threshold, "failure_threshold", least=1, most=LARGEST_WHOLE)
        seconds = "a number of seconds"
        number_of(self.reset_after, "reset_after", least=0, most=TEN_YEARS, what=seconds)
        number_of(
            self.probe_seconds, "probe_seconds", least=_SHORTEST_LEASE, most=TEN_YEARS, what=seconds
        )


class Admission(Enum):
    """Whether a call is let through; ``PROBE``: as the one that tries."""

    PASS = "pass"  # noqa: S105  (no password)
    PROBE = "probe"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Circuit:
    """A breaker's state at a moment. All moments are seconds on one scale, whichever it is.

    Attributes:
        version: how often it was changed.
        era: the version in which it last opened or closed. A call that began in another era says
            nothing of this one.
        failures: how many there were in a row.
        since: when it opened; None: it is closed.
        rests_from, rests_until: when no call is let through. A clock that was set back behind the
            beginning ends the rest.
        probe: the version in which a caller was allowed to try; 0: nobody is trying.
        reason: what the last failure was.
    """

    version: int = 0
    era: int = 0
    failures: int = 0
    since: float | None = None
    rests_from: float = 0.0
    rests_until: float = 0.0
    probe: int = 0
    reason: str = ""

    def admits(self, now: float) -> Admission:
        """Whether a call that begins now is let through."""
        if self.since is None:
            return Admission.PASS
        return Admission.REFUSED if self.rests(now) else Admission.PROBE

    def rests(self, now: float) -> bool:
        """Whether it is open, and lets nobody through."""
        return self.since is not None and self.rests_from <= now < self.rests_until

    def leased(self, rule: CircuitRule, now: float) -> "Circuit":
        """The one who stores this is allowed to try, for a while."""
        version, end = self.version + 1, now + rule.probe_seconds
        return replace(self, version=version, probe=version, rests_from=now, rests_until=end)

    def succeeded(self, began: "Circuit") -> "Circuit":
        """After a call has succeeded; ``began``: how it stood when the call was let through.

        The same object if it changes nothing.
        """
        if not self._concerns(began):
            return self
        if self.since is not None:
            return self.closed()
        if not self.failures:
            return self
        return replace(self, version=self.version + 1, failures=0, reason="")

    def failed(self, began: "Circuit", rule: CircuitRule, now: float, reason: str) -> "Circuit":
        """After a call has failed. Otherwise as ``succeeded``."""
        if not self._concerns(began):
            return self
        version, failures = self.version + 1, self.failures + 1
        counted = replace(
            self, version=version, failures=failures, probe=0, reason=reason[:LONGEST_REASON]
        )
        if self.since is None and failures < rule.failure_threshold:
            return counted
        era, since = (version, now) if self.since is None else (self.era, self.since)
        end = now + rule.reset_after
        return replace(counted, era=era, since=since, rests_from=now, rests_until=end)

    def let_go(self, began: "Circuit") -> "Circuit":
        """After a call whose end says nothing; if it was the one that tried, the next one may.
        Otherwise as ``succeeded``.
        """
        if self.since is None or not self._concerns(began):
            return self
        return replace(self, version=self.version + 1, probe=0, rests_until=self.rests_from)

    def opened(self, rule: CircuitRule, now: float, reason: str) -> "Circuit":
        """Opened by somebody, whatever there was."""
        version = self.version + 1
        return Circuit(
            version=version,
            era=version,
            failures=self.failures,
            since=now if self.since is None else self.since,
            rests_from=now,
            rests_until=now + rule.reset_after,
            reason=reason[:LONGEST_REASON],
        )

    def closed(self) -> "Circuit":
        """Closed by somebody, whatever there was."""
        return Circuit(version=self.version + 1, era=self.version + 1)

    def _concerns(self, began: "Circuit") -> bool:
        """Whether the end of a call tells something of how it stands now."""
        if self.since is None:
            return began.since is None and began.era == self.era
        return self.probe != 0 and began.probe == self.probe


CLOSED: Final = Circuit()


def name_of_circuit(value: object) -> str:
    """A name by which workers share a circuit: text that is not blank, of at most 200 characters.

    Raises:
        InvalidRequest: it is something else.
    """
    if not isinstance(value, str) or not value.strip() or len(value) > LONGEST_NAME:
        raise InvalidRequest(
            f"must be text of 1 to {LONGEST_NAME} characters, not {value!r:.60}", field="name"
        )
    if not value.isprintable():
        raise InvalidRequest(f"must be printable, not {value!r:.60}", field="name")
    return value
