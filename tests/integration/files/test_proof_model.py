"""No false approval and no false refusal, whatever tasks and others do, and whoever dies."""

import pytest
from chaoskit import proof_model


@pytest.mark.timeout(300)
def test_proof_agrees_with_the_truth() -> None:
    proof_model.check(steps=2_000)
