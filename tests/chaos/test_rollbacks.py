"""Rollbacks against concurrent editors, ten thousand times; and killed at each of their calls."""

import pytest
from chaoskit.edits import WISHES, race
from chaoskit.memory import directory_in_memory

TRIES = 10_000


def test_a_killed_rollback_leaves_old_or_new_and_the_next_one_finishes_it(sweep):
    found = sweep("rollback_kills", points=4)

    assert found["complaints"] == []
    assert found["points"] == 4


@pytest.mark.chaos
@pytest.mark.timeout(900)
def test_every_operation_of_a_rollback_may_be_its_last(sweep):
    found = sweep("rollback_kills")

    assert found["complaints"] == []
    assert found["points"] == found["calls"] > 80


@pytest.mark.chaos
@pytest.mark.timeout(900)
@pytest.mark.parametrize("how", ["by renaming", "in place"])
@pytest.mark.parametrize("wish", WISHES)
async def test_in_ten_thousand_races_no_edit_is_lost(wish: str, how: str) -> None:
    with directory_in_memory() as directory:
        ends = await race(directory, wish, how, tries=TRIES, seed=11)
    print(wish, how, dict(ends))

    assert ends["lost"] == 0, ends
    assert sum(ends.values()) == TRIES
    assert len(ends) > 1, ends
