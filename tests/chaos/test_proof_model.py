"""No false approval and no false refusal, in very many histories."""

import pytest
from chaoskit import proof_model


@pytest.mark.chaos
@pytest.mark.timeout(7200)
def test_proof_agrees_with_the_truth_in_a_hundred_thousand_steps() -> None:
    proof_model.check(steps=100_000)
