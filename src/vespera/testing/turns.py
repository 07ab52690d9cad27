"""Turns of the event loop: no time passes in them."""

import asyncio


async def one_turn() -> None:
    """Let everybody who is ready go on once."""
    await asyncio.sleep(0)  # noqa: TID251  # not time: a turn of the event loop


async def some_turns(number: int = 5) -> None:
    """Let those who are ready go on a few times."""
    for _ in range(number):
        await one_turn()
