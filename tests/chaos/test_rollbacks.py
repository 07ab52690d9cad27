"""Rollbacks against concurrent editors, ten thousand times; and killed at each of their calls."""

import pytest
from chaoskit.edits import WISHES, race
from chaoskit.memory import directory_in_memory

pytestmark = pytest.mark.chaos
TRIES = 10_000


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
