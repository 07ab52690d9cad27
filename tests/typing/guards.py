"""What type checkers make of guards. Checked by mypy and basedpyright, never run."""

from typing import assert_type

from vespera import (
    Bulkhead,
    CircuitBreaker,
    ModelSwitcherOrchestrator,
    Rate,
    RateLimit,
    RetryPolicy,
    ServiceGuard,
    TaskContext,
    Timeout,
    ai_service_errors,
)

GUARD = ServiceGuard(
    name="tts",
    total_timeout=60,
    bulkhead=8,
    retry=RetryPolicy(),
    rate=Rate(60, per=60.0),
    breaker=CircuitBreaker(failure_threshold=5, counted=(OSError,), ignored=KeyError),
    timeout=Timeout(5.0),
)


async def speak(text: str, loud: bool = False) -> bytes:
    with ai_service_errors("tts"):
        return text.encode() * (1 + loud)


def count(text: str) -> int:
    return len(text)


@GUARD
async def guarded(text: str) -> bytes:
    return await speak(text)


async def write(model: str, prompt: str) -> str:
    return f"{prompt} {model}"


async def calls(task: TaskContext, switcher: ModelSwitcherOrchestrator) -> None:
    assert_type(await GUARD.call(speak, "hello", loud=True), bytes)
    assert_type(await GUARD.call(count, "hello"), int)
    assert_type(await guarded("hello"), bytes)
    assert_type(await CircuitBreaker(speak).call(speak, "hello"), bytes)
    assert_type(await Timeout(5.0).call(speak, "hello"), bytes)
    assert_type(await RateLimit(10, per=1.0).call(speak, "hello"), bytes)
    async with Bulkhead(8) as bulkhead:
        assert_type(bulkhead.waiting, int)
    assert_type(await bulkhead.call(speak, "hello"), bytes)
    assert_type(await switcher.run(task, "draft", write, "hello"), str)
    assert_type(await switcher.call(write, "hello"), str)
    assert_type(switcher.get_current_model(), str)
