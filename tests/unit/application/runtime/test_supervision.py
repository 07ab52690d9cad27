"""One call, guarded."""

from unittest.mock import AsyncMock, Mock

import pytest

from vespera.application.runtime.supervision import Supervision
from vespera.domain.retry import NEVER, RetryPolicy
from vespera.testing import VirtualClock


@pytest.fixture
def supervision(clock: VirtualClock) -> Supervision:
    return Supervision(clock=clock, chance=lambda: 0.5)


async def test_a_plain_function_and_an_async_one_are_called_alike(
    supervision: Supervision,
) -> None:
    for function in (Mock(return_value=3), AsyncMock(return_value=3)):
        assert await supervision.call("it", function, retry=NEVER, timeout=None) == 3


async def test_the_jitter_is_drawn_from_chance(
    supervision: Supervision, clock: VirtualClock
) -> None:
    started = clock.now()
    function = AsyncMock(side_effect=[OSError(), "well"])

    result = await supervision.call(
        "it", function, retry=RetryPolicy(delay=10, jitter=1), timeout=None
    )

    assert result == "well"
    assert (clock.now() - started).total_seconds() == 5


async def test_the_last_error_is_raised(supervision: Supervision) -> None:
    function = AsyncMock(side_effect=[OSError("one"), OSError("two")])

    with pytest.raises(OSError, match="two"):
        await supervision.call("it", function, retry=RetryPolicy(max_attempts=2), timeout=None)
