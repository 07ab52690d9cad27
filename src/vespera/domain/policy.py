"""Which verdicts keep a task from its completion.

By itself each does but the two that are good. Who runs the tasks may tolerate others, by name; who
asks for a task may not, as it may be his own work that is judged.
"""

from dataclasses import dataclass

from vespera.domain.by_type import ByType, by_type_of
from vespera.domain.errors import InvalidRequest
from vespera.domain.verdict import PASSING, Verdict


@dataclass(frozen=True, slots=True)
class ProofPolicy:
    """The verdicts that are ``tolerated``: told, but no reason to refuse. By default none is."""

    tolerated: tuple[Verdict, ...] = ()

    @property
    def name(self) -> str:
        """How it is told: ``strict``, ``report_only``, or what it tolerates."""
        if self == REPORT_ONLY:
            return "report_only"
        return ", ".join(self.tolerated) or "strict"


_TOLERABLE = tuple(verdict for verdict in Verdict if verdict not in PASSING)
STRICT = ProofPolicy()
REPORT_ONLY = ProofPolicy(_TOLERABLE)
_NAMED = {"strict": STRICT, "report_only": REPORT_ONLY}


def proof_policy_of(given: object, field: str) -> ProofPolicy:
    """The policy of this name, or that tolerates the verdicts of these names.

    Raises:
        InvalidRequest: there is no such policy, or no such verdict that could be tolerated.
    """
    if isinstance(given, str) and given in _NAMED:
        return _NAMED[given]
    names = tuple(given) if isinstance(given, list | tuple | set | frozenset) else ()
    if not names or not all(isinstance(name, str) and name in _TOLERABLE for name in names):
        raise InvalidRequest(
            "must be 'strict', 'report_only', or a list of verdicts to tolerate"
            f" ({', '.join(_TOLERABLE)}), not {given!r}",
            field=field,
        )
    return ProofPolicy(tuple(verdict for verdict in _TOLERABLE if verdict in names))


def proof_policies_of(given: object) -> ByType[ProofPolicy]:
    """The setting ``proof``: a policy, or a mapping from specialist types to policies.

    Raises:
        InvalidRequest: it makes no sense; the error names the place.
    """
    return by_type_of(given, "proof", proof_policy_of, STRICT)
