"""One after the other at each path."""

import asyncio

from vespera.application.runtime.path_locks import PathLocks


async def test_who_asks_first_is_first_and_others_wait() -> None:
    locks, told = PathLocks(), list[str]()

    async def act(name: str, *paths: str) -> None:
        async with locks.held(paths):
            told.append(f"{name} begins")
            await asyncio.sleep(0)
            told.append(f"{name} ends")

    await asyncio.gather(act("1", "a", "b"), act("2", "b", "a"), act("3", "a"))

    assert told == ["1 begins", "1 ends", "2 begins", "2 ends", "3 begins", "3 ends"]


async def test_at_other_paths_nobody_waits() -> None:
    locks = PathLocks()

    async with locks.held(["a"]), locks.held(["b", "b"]):
        pass


async def test_who_is_called_off_lets_the_next_one_in() -> None:
    locks = PathLocks()

    async def wait() -> None:
        async with locks.held(["a"]):
            await asyncio.Event().wait()

    first, second = asyncio.create_task(wait()), asyncio.create_task(wait())
    await asyncio.sleep(0)
    for task in (second, first):
        task.cancel()
    await asyncio.gather(first, second, return_exceptions=True)

    async with asyncio.timeout(1), locks.held(["a"]):
        pass
