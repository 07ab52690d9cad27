"""A container's worker belongs to one event loop: another one is told so, and nothing hangs."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from vespera import Container, TaskOrchestrator
from vespera.domain.errors import ForeignEventLoop

Use = Callable[[TaskOrchestrator], Awaitable[object]]


def in_a_loop_of_its_own(use: Callable[[], Awaitable[Any]]) -> Any:
    async def patiently() -> Any:
        async with asyncio.timeout(5):
            return await use()

    return asyncio.run(patiently())


@contextmanager
def at_work_elsewhere(container: Container) -> Iterator[None]:
    """Its worker runs in the event loop of another thread for as long as the block runs."""
    started, ending = threading.Event(), threading.Event()

    async def work() -> None:
        async with container:
            await container.get(TaskOrchestrator).start()
            started.set()
            await asyncio.to_thread(ending.wait)

    thread = threading.Thread(target=lambda: asyncio.run(work()))
    thread.start()
    started.wait()
    try:
        yield
    finally:
        ending.set()
        thread.join()


@pytest.fixture
def container() -> Container:
    return Container(workspace="/nonexistent/vespera")


@pytest.mark.parametrize(
    "use",
    [
        lambda orchestrator: orchestrator.start(),
        lambda orchestrator: orchestrator.stop(),
        lambda orchestrator: orchestrator.stop(drain=0),
        lambda orchestrator: orchestrator.run_until_idle(),
    ],
    ids=["start", "stop", "drain", "run until idle"],
)
def test_while_it_works_in_one_loop_another_is_refused(container: Container, use: Use) -> None:
    orchestrator = container.get(TaskOrchestrator)
    with (
        at_work_elsewhere(container),
        pytest.raises(ForeignEventLoop, match=r"which is not closed.*one event loop"),
    ):
        in_a_loop_of_its_own(lambda: use(orchestrator))


@pytest.mark.parametrize(
    "use",
    [
        lambda orchestrator: orchestrator.start(),
        lambda orchestrator: orchestrator.run_until_idle(),
    ],
    ids=["start", "run until idle"],
)
@pytest.mark.parametrize("stopped", [True, False], ids=["stopped before", "not stopped"])
def test_after_it_has_worked_in_one_loop_another_is_refused(
    container: Container, use: Use, stopped: bool
) -> None:
    async def first() -> None:
        await orchestrator.start()
        if stopped:
            await orchestrator.stop()

    orchestrator = container.get(TaskOrchestrator)
    in_a_loop_of_its_own(first)

    with pytest.raises(ForeignEventLoop, match=r"which is closed.*cleanup_async_services"):
        in_a_loop_of_its_own(lambda: use(orchestrator))
    in_a_loop_of_its_own(container.cleanup_async_services)


def test_what_was_left_in_a_closed_loop_is_stopped_and_cleaned_up_in_another(
    container: Container,
) -> None:
    orchestrator = container.get(TaskOrchestrator)
    loop = asyncio.new_event_loop()
    loop.run_until_complete(orchestrator.start())
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()

    in_a_loop_of_its_own(orchestrator.stop)
    in_a_loop_of_its_own(lambda: orchestrator.stop(drain=0))
    in_a_loop_of_its_own(container.cleanup_async_services)


def test_a_container_that_was_cleaned_up_in_one_loop_works_in_another(
    container: Container,
) -> None:
    async def work() -> str:
        async with container:
            orchestrator = container.get(TaskOrchestrator)
            await orchestrator.start()
            return str((await orchestrator.create_task(title="A")).status)

    assert [in_a_loop_of_its_own(work) for _ in range(2)] == ["pending"] * 2
