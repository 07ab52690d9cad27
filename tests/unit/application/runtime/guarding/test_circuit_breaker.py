"""A circuit breaker of one process: which calls it makes, when it opens, and how it closes."""

import asyncio
from datetime import UTC, datetime, timedelta
from functools import partial
from unittest.mock import AsyncMock, Mock, create_autospec

import pytest

from vespera.application.ports.breakers import Breakers
from vespera.application.runtime.guarding.circuit_breaker import CircuitBreaker
from vespera.domain.circuit import CLOSED
from vespera.domain.errors import (
    AIServiceRefused,
    CircuitBreakerOpenError,
    DatabaseFull,
    InvalidRequest,
)
from vespera.testing import VirtualClock, mock_client, sequence

pytestmark = pytest.mark.virtual_time
DOWN = ConnectionError("down")


class Client:
    async def request(self, *args, **kwargs):
        return args, kwargs


class NoRequest:
    pass


async def never():
    await asyncio.Event().wait()


async def fine():
    return "fine"


async def fail(breaker, times=1):
    for _ in range(times):
        with pytest.raises(ConnectionError):
            await breaker.execute("test")


async def opened(client=None, **more):
    breaker = CircuitBreaker(client or mock_client(request=DOWN), failure_threshold=1, **more)
    await fail(breaker)
    return breaker


async def test_it_asks_the_client_with_whatever_it_is_given():
    assert await CircuitBreaker(Client()).execute(1, b=2) == ((1,), {"b": 2})


async def fetch(url):
    raise NotImplementedError


@pytest.mark.parametrize(
    "client",
    [
        len,
        partial(len),
        lambda text: 4 * bool(text),
        create_autospec(fetch, return_value=4),
        AsyncMock(spec=fetch, return_value=4),
    ],
)
async def test_a_function_is_called_itself(client):
    assert await CircuitBreaker(client).execute("four") == 4


async def test_an_object_that_can_be_called_and_has_no_request_is_called():
    class Model:
        async def __call__(self, prompt):
            return f"said {prompt}"

    assert await CircuitBreaker(Model()).execute("hello") == "said hello"


async def test_a_mock_is_a_client_though_it_can_be_called():
    mock = AsyncMock()
    mock.request.return_value = "answer"

    assert await CircuitBreaker(mock).execute("test") == "answer"
    mock.request.assert_awaited_once_with("test")
    mock.assert_not_called()


@pytest.mark.parametrize("client", [None, NoRequest(), 5, "client"])
async def test_what_cannot_be_asked_is_told_and_is_no_failure(client):
    breaker = CircuitBreaker(client, failure_threshold=1)

    for _ in range(2):
        with pytest.raises(InvalidRequest, match="client"):
            await breaker.execute("test")
    assert await breaker.call(len, "any function") == 12


async def test_it_asks_until_the_threshold_and_not_once_more():
    client = mock_client(request=DOWN)
    breaker = CircuitBreaker(client, failure_threshold=3)

    await fail(breaker, 3)
    with pytest.raises(CircuitBreakerOpenError):
        await breaker.execute("test")

    assert client.request.await_count == 3


async def test_by_default_five_failures_open_it_for_half_a_minute():
    breaker = CircuitBreaker(mock_client(request=DOWN))

    await fail(breaker, 5)
    with pytest.raises(CircuitBreakerOpenError) as refusal:
        await breaker.execute("test")

    assert refusal.value.seconds_left == pytest.approx(30)
    assert refusal.value.until - refusal.value.since == timedelta(seconds=30)
    assert refusal.value.failures == 5
    assert "ConnectionError: down" in str(refusal.value)


async def test_only_failures_in_a_row_count():
    client = mock_client(request=sequence(DOWN, DOWN, "fine", DOWN, DOWN, then="fine"))
    breaker = CircuitBreaker(client, failure_threshold=3)

    for _ in range(2):
        await fail(breaker, 2)
        assert await breaker.execute() == "fine"


async def test_after_its_rest_it_tries_and_closes():
    breaker = await opened(mock_client(request=sequence(DOWN, then="fine")), reset_after=30.0)

    await asyncio.sleep(29.9)
    with pytest.raises(CircuitBreakerOpenError):
        await breaker.execute("test")
    await asyncio.sleep(0.1)

    assert await breaker.execute() == "fine"
    assert (await breaker.status()).state == "closed"


async def test_when_the_try_fails_it_rests_again_and_tells_of_the_first_time():
    breaker = await opened(reset_after=30.0)
    first = (await breaker.status()).since
    await asyncio.sleep(30)
    await fail(breaker)

    with pytest.raises(CircuitBreakerOpenError) as refusal:
        await breaker.execute("test")

    assert refusal.value.seconds_left == pytest.approx(30)
    assert abs(refusal.value.since - first) < timedelta(seconds=1)
    assert refusal.value.failures == 2


async def test_only_one_call_tries_and_the_others_are_told():
    answer = asyncio.Event()
    breaker = await opened()
    breaker.client = answer.wait
    await asyncio.sleep(30)

    trying = asyncio.create_task(breaker.execute())
    await asyncio.sleep(0)
    with pytest.raises(CircuitBreakerOpenError, match="tried by another call"):
        await breaker.execute()
    answer.set()

    assert await trying
    assert (await breaker.status()).state == "closed"


async def test_if_the_one_that_tries_does_not_come_back_another_one_may():
    breaker = await opened(probe_seconds=10.0)
    breaker.client = never
    await asyncio.sleep(30)
    trying = asyncio.create_task(breaker.execute())
    await asyncio.sleep(9.9)
    with pytest.raises(CircuitBreakerOpenError):
        await breaker.execute()
    await asyncio.sleep(0.1)

    breaker.client = fine
    assert await breaker.execute() == "fine"
    trying.cancel()
    await asyncio.wait([trying])
    assert (await breaker.status()).state == "closed"


async def test_if_the_one_that_tries_is_cancelled_the_next_one_may_at_once():
    breaker = await opened()
    breaker.client = never
    await asyncio.sleep(30)
    trying = asyncio.create_task(breaker.execute())
    await asyncio.sleep(0)
    trying.cancel()
    await asyncio.wait([trying])

    assert trying.cancelled()
    breaker.client = fine
    assert await breaker.execute() == "fine"


async def test_so_it_is_if_its_coroutine_is_thrown_away():
    breaker = await opened()
    await asyncio.sleep(30)
    breaker.client = never
    trying = breaker.execute()
    trying.send(None)
    trying.close()

    breaker.client = fine
    assert await breaker.execute() == "fine"


async def test_a_cancelled_call_is_no_failure():
    client = mock_client(request=sequence(asyncio.CancelledError(), then="fine"))
    breaker = CircuitBreaker(client, failure_threshold=1)

    with pytest.raises(asyncio.CancelledError):
        await breaker.execute("test")

    assert await breaker.execute("test") == "fine"


async def test_a_bad_request_is_no_failure_of_the_service():
    client = mock_client(request=sequence(AIServiceRefused("too long"), then="fine"))
    breaker = CircuitBreaker(client, failure_threshold=1)

    with pytest.raises(AIServiceRefused):
        await breaker.execute("test")

    assert await breaker.execute("test") == "fine"


async def test_which_errors_count_can_be_said():
    client = mock_client(request=sequence(ValueError("mine"), KeyError("mine"), DOWN))
    breaker = CircuitBreaker(
        client, failure_threshold=1, counted=(ValueError, OSError), ignored=ValueError
    )

    for kind in (ValueError, KeyError):
        with pytest.raises(kind):
            await breaker.execute("test")
    await fail(breaker)

    with pytest.raises(CircuitBreakerOpenError):
        await breaker.execute("test")


async def test_a_try_that_says_nothing_lets_the_next_one_try():
    breaker = await opened()
    breaker.client = mock_client(request=sequence(AIServiceRefused("too long"), then="fine"))
    await asyncio.sleep(30)
    with pytest.raises(AIServiceRefused):
        await breaker.execute("test")
    assert (await breaker.status()).state == "half_open"

    assert await breaker.execute("test") == "fine"


async def test_calls_that_were_under_way_when_it_opened_change_nothing_later():
    """Ten calls, all of which fail late; the service is back meanwhile."""
    breaker = CircuitBreaker(failure_threshold=2, reset_after=5.0)

    async def ends(after, error=None):
        await asyncio.sleep(after)
        if error:
            raise error

    late = [asyncio.create_task(breaker.call(ends, 20, DOWN)) for _ in range(10)]
    early = [asyncio.create_task(breaker.call(ends, 1, DOWN)) for _ in range(2)]
    await asyncio.sleep(6)
    await breaker.call(ends, 0)
    await asyncio.wait([*late, *early])

    assert (await breaker.status()).state == "closed"


async def test_its_state_can_be_asked_for():
    breaker = CircuitBreaker(mock_client(request=DOWN), failure_threshold=2, reset_after=10.0)
    assert (await breaker.status()).state == "closed"
    await fail(breaker)
    assert (await breaker.status()).failures == 1
    await fail(breaker)
    open_ = await breaker.status()
    assert (open_.state, open_.failures, open_.reason) == ("open", 2, "ConnectionError: down")
    assert open_.until - open_.since == timedelta(seconds=10)
    await asyncio.sleep(10)

    half_open = await breaker.status()
    assert (half_open.state, half_open.until) == ("half_open", None)
    await breaker.check()


async def test_it_can_be_opened_and_closed_by_hand():
    breaker = CircuitBreaker(mock_client(request="fine"))

    await breaker.open("maintenance")
    with pytest.raises(CircuitBreakerOpenError, match="maintenance"):
        await breaker.check()
    await breaker.close()

    assert await breaker.execute() == "fine"


async def test_one_that_was_opened_by_hand_closes_by_a_try():
    breaker = CircuitBreaker(mock_client(request="fine"))
    await breaker.open()
    await asyncio.sleep(30)

    await breaker.execute()

    assert (await breaker.status()).state == "closed"


async def test_it_goes_by_the_clock_that_it_is_given():
    clock = VirtualClock()
    breaker = await opened(reset_after=60.0)
    breaker = CircuitBreaker(mock_client(request=sequence(DOWN, then="fine")), failure_threshold=1)
    breaker.keep_time_by(clock)
    breaker.keep_time_by(VirtualClock())
    await fail(breaker)

    with pytest.raises(CircuitBreakerOpenError) as refusal:
        await breaker.execute()
    assert refusal.value.since == clock.now()
    await clock.advance(seconds=30)

    assert await breaker.execute() == "fine"


@pytest.mark.parametrize(
    ("client", "named"), [(fetch, "fetch"), (NoRequest(), "NoRequest"), (None, "the service")]
)
async def test_without_a_name_it_tells_of_its_client(client, named):
    breaker = CircuitBreaker(client)
    await breaker.open()

    with pytest.raises(CircuitBreakerOpenError, match=f"^{named}: "):
        await breaker.call(fetch)


async def test_an_error_whose_text_is_odd_is_kept_in_printable_form():
    breaker = CircuitBreaker(mock_client(request=OSError("\udc80" + "x" * 9000)))
    with pytest.raises(OSError, match="x"):
        await breaker.execute()

    assert len((await breaker.status()).reason) == 500


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"failure_threshold": 0}, "failure_threshold"),
        ({"reset_after": -1}, "reset_after"),
        ({"probe_seconds": 0}, "probe_seconds"),
        ({"counted": "OSError"}, "counted"),
        ({"ignored": 5}, "ignored"),
        ({"name": " "}, "name"),
        ({"name": 5}, "name"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(given, field):
    with pytest.raises(InvalidRequest, match=field):
        CircuitBreaker(Client(), **given)


class TestWithAStore:
    """What it asks of the port; the rest is shown with databases."""

    @pytest.fixture
    def store(self):
        store = create_autospec(Breakers, instance=True)
        store.get.return_value = CLOSED
        store.save.return_value = True
        return store

    @pytest.fixture
    def breaker(self, store):
        return CircuitBreaker(Client(), name="openrouter", store=store, failure_threshold=1)

    def test_it_needs_a_name(self, store):
        with pytest.raises(InvalidRequest, match="name"):
            CircuitBreaker(Client(), store=store)

    async def test_a_success_of_a_closed_one_writes_nothing(self, breaker, store):
        await breaker.execute()

        store.save.assert_not_awaited()

    async def test_who_was_slower_looks_again(self, breaker, store):
        store.save.side_effect = [False, False, True]

        with pytest.raises(KeyError):
            await breaker.call({}.__getitem__, "x")

        assert store.get.await_count == 4
        name, circuit = store.save.await_args.args
        assert (name, circuit.version) == ("openrouter", 1)
        assert circuit.since is not None

    async def test_two_of_whom_one_was_faster_do_not_both_try(self, breaker, store):
        open_ = CLOSED.opened(breaker.rule, 0.0, "down")
        tried = open_.leased(breaker.rule, 4e9)
        store.get.side_effect = [open_, tried]
        store.save.return_value = False
        breaker.keep_time_by(VirtualClock(datetime.fromtimestamp(4e9, UTC)))

        with pytest.raises(CircuitBreakerOpenError):
            await breaker.execute()

    async def test_what_became_of_the_call_matters_more_than_trouble_with_the_store(
        self, breaker, store, caplog
    ):
        store.get.side_effect = [CLOSED, DatabaseFull(), CLOSED, DatabaseFull()]

        assert await breaker.execute() == ((), {})
        with pytest.raises(KeyError):
            await breaker.call({}.__getitem__, "x")

        assert "'openrouter' is not kept" in caplog.text

    async def test_but_without_its_state_no_call_is_made(self, breaker, store):
        store.get.side_effect = DatabaseFull()

        with pytest.raises(DatabaseFull):
            await breaker.execute()

    async def test_one_that_is_thrown_away_while_it_tries_awaits_nothing(self, breaker, store):
        store.get.return_value = CLOSED.opened(breaker.rule, 0.0, "down")
        trying = breaker.call(never)
        trying.send(None)
        before = store.get.await_count
        trying.close()

        assert store.get.await_count == before


async def test_a_judge_of_errors_that_raises_lets_the_next_one_try():
    judge = Mock(side_effect=[True, ZeroDivisionError("judging")])
    breaker = await opened(counted=judge, reset_after=1.0)
    await asyncio.sleep(1.0)

    with pytest.raises(ZeroDivisionError, match="judging"):
        await breaker.execute("test")
    assert await breaker.call(fine) == "fine"
