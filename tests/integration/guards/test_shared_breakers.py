"""Breakers in a database file: workers share them, and they outlive processes."""

import asyncio
from datetime import timedelta

import pytest

from vespera import CircuitBreaker, CircuitBreakerOpenError, Clock, Container, Provider, providers
from vespera.domain.errors import AIServiceRefused
from vespera.testing import VirtualClock, mock_client, sequence

DOWN = ConnectionError("down")


class Model:
    async def request(self, prompt):
        raise NotImplementedError


class Office(Container):
    model: Provider[Model] = providers.Singleton(Model)
    breaker: Provider[CircuitBreaker] = providers.Singleton(
        CircuitBreaker,
        model,
        failure_threshold=2,
        reset_after=30.0,
        probe_seconds=10.0,
        name="model",
        store=Container.breakers,
        clock=Container.clock,
    )


@pytest.fixture
def clock():
    return VirtualClock()


@pytest.fixture
def office(tmp_path, clock):
    """Makes workers of one database, whose model answers so."""

    def made(*results, then=None):
        container = Office(database_url=f"sqlite+aiosqlite:///{tmp_path}/work.db")
        container.override(Clock, clock)
        answers = {} if then is None else {"then": then}
        container.override(Model, mock_client(Model, request=sequence(*results, **answers)))
        return container

    return made


async def fails(container, times=1):
    for _ in range(times):
        with pytest.raises(ConnectionError):
            await container.get(CircuitBreaker).execute("Hello")


async def refused(container):
    with pytest.raises(CircuitBreakerOpenError) as refusal:
        await container.get(CircuitBreaker).execute("Hello")
    return refusal.value


async def hanging(container):
    """A call that was let through, and does not come back."""
    begun = asyncio.Event()

    async def hang():
        begun.set()
        await asyncio.Event().wait()

    call = asyncio.create_task(container.get(CircuitBreaker).call(hang))
    await begun.wait()
    return call


async def test_failures_of_all_workers_count_together(office):
    async with office(DOWN) as one, office(DOWN) as other:
        await fails(one)
        await fails(other)

        for container in (one, other):
            assert (await refused(container)).failures == 2


async def test_a_success_of_any_of_them_counts_for_all(office):
    async with office(DOWN, DOWN) as one, office(then="fine") as other:
        await fails(one)
        await other.get(CircuitBreaker).execute("Hello")
        await fails(one)

        assert await other.get(CircuitBreaker).execute("Hello") == "fine"


async def test_it_outlives_the_process_and_says_since_when(office, clock):
    start = clock.now()
    async with office(DOWN, DOWN) as container:
        await fails(container, 2)
    await clock.advance(seconds=29)

    async with office(then="fine") as container:
        error = await refused(container)
        assert (error.since, error.until) == (start, start + timedelta(seconds=30))
        await clock.advance(seconds=1)
        assert await container.get(CircuitBreaker).execute("Hello") == "fine"
        assert (await container.get(CircuitBreaker).status()).state == "closed"


async def test_one_worker_tries_and_if_it_dies_another_one_may_after_a_while(office, clock):
    async with office(DOWN, DOWN) as one, office(then="fine") as other:
        await fails(one, 2)
        await clock.advance(seconds=30)
        task = await hanging(one)
        await clock.advance(seconds=9)

        assert "tried by another call" in str(await refused(other))
        await clock.advance(seconds=1)
        assert await other.get(CircuitBreaker).execute("Hello") == "fine"

        task.cancel()
        await asyncio.wait([task])
        assert (await other.get(CircuitBreaker).status()).state == "closed"


async def test_if_its_call_is_cancelled_another_one_may_at_once(office, clock):
    async with office(DOWN, DOWN) as one, office(then="fine") as other:
        await fails(one, 2)
        await clock.advance(seconds=30)
        trying = await hanging(one)
        trying.cancel()
        await asyncio.wait([trying])

        assert trying.cancelled()
        assert await other.get(CircuitBreaker).execute("Hello") == "fine"


async def test_a_bad_request_as_the_try_lets_another_one_try(office, clock):
    async with (
        office(DOWN, DOWN, AIServiceRefused("too long")) as one,
        office(then="fine") as other,
    ):
        await fails(one, 2)
        await clock.advance(seconds=30)
        with pytest.raises(AIServiceRefused):
            await one.get(CircuitBreaker).execute("Hello")

        assert await other.get(CircuitBreaker).execute("Hello") == "fine"


async def test_people_open_and_close_it_for_all(office):
    async with office(then="fine") as one, office(then="fine") as other:
        await one.get(CircuitBreaker).open("maintenance")
        assert (await refused(other)).reason == "maintenance"
        await other.get(CircuitBreaker).close()

        assert await one.get(CircuitBreaker).execute("Hello") == "fine"


async def test_many_calls_that_fail_at_once_are_all_counted(office):
    async with office(*[DOWN] * 20) as container:
        breaker = container.get(CircuitBreaker)
        ended = await asyncio.gather(
            *(breaker.execute("Hello") for _ in range(20)), return_exceptions=True
        )

        assert ended == [DOWN] * 20
        assert (await breaker.status()).failures == 2  # the others ended when it was open


async def test_a_clock_that_was_set_back_does_not_keep_it_open_for_ever(office, clock, tmp_path):
    async with office(DOWN, DOWN) as container:
        await fails(container, 2)
    earlier = office(then="fine")
    earlier.override(Clock, VirtualClock(clock.now() - timedelta(days=365)))

    async with earlier:
        assert await earlier.get(CircuitBreaker).execute("Hello") == "fine"
