"""Turns of the event loop: no time passes in them."""

import asyncio
import select

_MOMENT = 0.0001  # seconds


async def one_turn() -> None:
    """Let everybody who is ready go on once."""
    await asyncio.sleep(0)  # noqa: TID251  # not time: a turn of the event loop


async def some_turns(number: int = 5) -> None:
    """Let those who are ready go on a few times."""
    for _ in range(number):
        await one_turn()


def let_threads_work() -> None:
    """Leave the interpreter to other threads for a moment, while there is nothing else to do.

    Who turns round and round instead makes them wait 5 ms (``sys.getswitchinterval``) each time
    that they come back from the disk.
    """
    select.select([], [], [], _MOMENT)
