"""What a container may tolerate."""

from typing import Any

import pytest

from vespera.domain.errors import InvalidRequest
from vespera.domain.policy import REPORT_ONLY, STRICT, ProofPolicy, proof_policies_of
from vespera.domain.verdict import PASSING, Verdict


def test_the_strict_policy_tolerates_nothing_and_the_reporting_one_everything() -> None:
    strict, reporting = (proof_policies_of(name).of("any") for name in ("strict", "report_only"))

    assert strict == STRICT == ProofPolicy()
    assert set(reporting.tolerated) == set(Verdict) - PASSING
    assert (strict.name, reporting.name) == ("strict", "report_only")


@pytest.mark.parametrize("form", [list, tuple, set, frozenset])
def test_verdicts_are_tolerated_by_name_in_any_order(form: Any) -> None:
    policy = proof_policies_of(form(["undeclared", "no_effect"])).of(None)

    assert policy.tolerated == (Verdict.NO_EFFECT, Verdict.UNDECLARED)
    assert policy.name == "no_effect, undeclared"


def test_each_type_may_have_a_policy_and_the_star_is_for_all_others() -> None:
    policies = proof_policies_of({"builder": ["undeclared"], "*": "report_only"})

    assert policies.of("builder") == ProofPolicy((Verdict.UNDECLARED,))
    assert policies.of("clerk") == policies.of(None) == REPORT_ONLY


def test_without_a_star_all_others_are_judged_strictly() -> None:
    policies = proof_policies_of({"builder": "report_only"})

    assert policies.of("clerk") == STRICT
    assert not policies.same_for_all
    assert proof_policies_of("strict").same_for_all


@pytest.mark.parametrize(
    "given",
    ["lax", b"strict", None, 1, [], ["verified"], ["no_efect"], [1], [["no_effect"]], "no_effect"],
    ids=repr,
)
def test_what_is_no_policy_is_refused_with_what_there_is(given: object) -> None:
    with pytest.raises(InvalidRequest, match=r"^proof: must be 'strict', .*undeclared"):
        proof_policies_of(given)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"builder": "lax"}, r"^proof\.builder: must be 'strict'"),
        ({"": "strict"}, "^proof: '' is no specialist type"),
        ({1: "strict"}, "^proof: 1 is no specialist type"),
    ],
)
def test_a_mapping_is_refused_with_the_place(given: object, told: str) -> None:
    with pytest.raises(InvalidRequest, match=told):
        proof_policies_of(given)
