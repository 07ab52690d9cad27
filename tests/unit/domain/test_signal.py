"""What people decide."""

import pytest

from vespera.domain.signal import Approval


@pytest.mark.parametrize("approved", [True, False])
def test_an_approval_is_true_in_a_condition_if_it_was_approved(approved: bool) -> None:
    assert bool(Approval(approved=approved, by="ann", comment="fine")) is approved
