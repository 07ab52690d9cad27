"""What a verification can find."""

from enum import StrEnum


class Verdict(StrEnum):
    """What a verification found of one operation, or of one change that no operation declares; from
    the best to the worst. Only the first two let a task complete by themselves.
    """

    VERIFIED = "verified"
    SUPERSEDED = "superseded"
    UNVERIFIABLE = "unverifiable"
    NO_EFFECT = "no_effect"
    CHANGED_SINCE = "changed_since"
    UNDECLARED = "undeclared"
    INTERFERED = "interfered"
    REFUSED = "refused"
    REFUTED = "refuted"


SEVERITY = list(Verdict)
"""From the best to the worst, as they are declared above."""

PASSING = frozenset({Verdict.VERIFIED, Verdict.SUPERSEDED})
