"""Two tasks and a person change the same paths; taking back one task's work hurts nobody."""

import asyncio

from chaoskit.crossed_work import KINDS, PATHS, PERSON, TASKS, Deed, told_wrong
from chaoskit.memory import directory_in_memory
from hypothesis import given, settings
from hypothesis import strategies as st

DEEDS = st.lists(
    st.builds(
        Deed,
        who=st.sampled_from([*TASKS, "one", PERSON]),
        kind=st.sampled_from(KINDS),
        path=st.sampled_from(PATHS),
        other=st.sampled_from(PATHS),
        number=st.integers(0, 99),
    ),
    min_size=2,
    max_size=12,
)


@settings(max_examples=25, deadline=None)
@given(DEEDS)
def test_nobody_else_s_work_is_hurt(deeds: list[Deed]) -> None:
    with directory_in_memory() as directory:
        assert asyncio.run(told_wrong(directory, deeds)) == []
