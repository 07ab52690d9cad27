"""Somebody saves a file while it is taken back; nothing that was saved is ever lost."""

import pytest
from chaoskit.edits import WISHES, race
from chaoskit.memory import directory_in_memory


@pytest.mark.parametrize("how", ["by renaming", "in place"])
@pytest.mark.parametrize("wish", WISHES)
async def test_no_edit_is_lost(wish: str, how: str) -> None:
    with directory_in_memory() as directory:
        ends = await race(directory, wish, how, tries=100, seed=7)

    assert ends["lost"] == 0, ends
    assert len(ends) > 1, ends
