import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from vespera.infrastructure.clock import SystemClock


def test_now_is_aware_and_in_utc():
    before = datetime.now(UTC)
    now = SystemClock().now()
    assert now.tzinfo is UTC
    assert before <= now <= before + timedelta(minutes=1)


async def test_a_sleep_of_nothing_lets_others_run():
    turns = []
    other = asyncio.create_task(asyncio.sleep(0), name="other")
    other.add_done_callback(turns.append)
    await SystemClock().sleep(0)
    await SystemClock().sleep(-1)
    await SystemClock().sleep(0)
    assert turns == [other]


async def test_a_timeout_cancels_the_block_and_raises_timeout_error():
    with pytest.raises(TimeoutError):
        async with SystemClock().timeout(0):
            await asyncio.Event().wait()


async def test_no_timeout_never_cancels():
    async with SystemClock().timeout(None):
        await asyncio.sleep(0)
