import asyncio

import pytest

from vespera.testing import ConcurrencyProbe, TestingError, assert_concurrent, mock_client


async def test_it_sees_calls_overlap_even_if_the_function_never_waits():
    probe = ConcurrencyProbe()

    @probe
    async def answer(number):
        """Doc."""
        return number

    assert await asyncio.gather(*map(answer, range(5))) == [0, 1, 2, 3, 4]
    assert (probe.most, probe.calls, probe.now) == (5, 5, 0)
    assert (answer.__name__, answer.__doc__) == ("answer", "Doc.")


async def test_one_after_the_other_is_one_at_once():
    probe = ConcurrencyProbe()
    lock = asyncio.Lock()

    async def one():
        async with lock, probe:
            await asyncio.sleep(0)

    await asyncio.gather(one(), one(), one())
    assert probe.most == 1
    assert "most 1 at once of 3" in repr(probe)


async def test_errors_and_cancellations_leave_it_right():
    probe = ConcurrencyProbe()

    @probe
    async def fail():
        raise KeyError

    with pytest.raises(KeyError):
        await fail()
    with pytest.raises(KeyError), probe:
        raise KeyError
    waiting = asyncio.create_task(probe(asyncio.Event().wait)())
    await asyncio.sleep(0)
    assert probe.now == 1
    waiting.cancel()
    await asyncio.wait([waiting])
    assert probe.now == 0


async def test_what_is_not_async_is_refused():
    with pytest.raises(TestingError, match="is a generator"):
        ConcurrencyProbe()(_numbers)
    with pytest.raises(TestingError, match="is not async: its calls cannot overlap"):
        await ConcurrencyProbe()(len)("abc")


def _numbers():
    yield 1


async def test_a_semaphore_of_three_lets_three_in():
    with assert_concurrent(3) as probe:
        gate = asyncio.Semaphore(3)

        async def one():
            async with gate, probe:
                await asyncio.sleep(0)

        await asyncio.gather(*(one() for _ in range(10)))


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"exactly": 3}, "2 at the most were in flight at once, of 2 calls; 3 were expected"),
        ({"at_least": 3}, "at least 3 were expected"),
        ({"at_most": 1}, "at most 1 were expected"),
        ({"at_least": 3, "at_most": 4}, "at least 3 and at most 4 were expected"),
    ],
)
async def test_another_number_is_an_error_that_tells_both(asked, told):
    async def two(probe):
        await asyncio.gather(*(probe(asyncio.sleep)(0) for _ in range(2)))

    with pytest.raises(AssertionError, match=told), assert_concurrent(**asked) as probe:
        await two(probe)


async def test_a_probe_that_nothing_passed_proves_nothing():
    with pytest.raises(AssertionError, match="Nothing passed the probe"), assert_concurrent(0):
        pass


def test_a_number_must_be_asked_for():
    with pytest.raises(TestingError, match="say how many"), assert_concurrent():
        pass


async def test_the_block_s_own_error_goes_first():
    with pytest.raises(KeyError), assert_concurrent(5):
        raise KeyError


async def test_a_method_of_a_mock_may_be_probed():
    class Bank:
        async def charge(self, amount: int) -> str:
            raise NotImplementedError

    bank = mock_client(Bank, charge="receipt 7")

    with assert_concurrent(2) as probe:
        charge = probe(bank.charge)
        assert await asyncio.gather(charge(1), charge(2)) == ["receipt 7"] * 2
