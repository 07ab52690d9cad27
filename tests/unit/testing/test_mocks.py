"""Mocks of clients and context managers, each beside the trap that it is to avoid."""

import asyncio
import contextlib
import gc
import inspect
from collections.abc import AsyncIterator
from functools import partial
from typing import Protocol, TypeVar
from unittest.mock import AsyncMock, MagicMock

import pytest

from vespera.testing.mocks import (
    async_context_manager_mock,
    create_async_context_manager_mock,
    mock_client,
)
from vespera.testing.results import sequence
from vespera.testing.streams import stream_mock


class Bank(Protocol):
    currency: str

    async def charge(self, amount: int, *, key: str = "") -> str: ...

    async def balance(self) -> int: ...

    def describe(self) -> str: ...

    def listen(self, account: str) -> AsyncIterator[bytes]: ...


class Database:
    pool_size: int

    def __init__(self) -> None:
        self.made_in_init = 1

    async def fetch(self, query: str) -> list[dict[str, object]]:
        raise NotImplementedError

    async def rows(self, query: str) -> AsyncIterator[int]:
        yield 1

    @contextlib.asynccontextmanager
    async def begin(self):
        yield self

    @property
    def is_open(self) -> bool:
        return False

    @staticmethod
    def quote(text: str) -> str:
        return text

    async def __aenter__(self):
        raise NotImplementedError

    async def __aexit__(self, *error: object) -> None:
        raise NotImplementedError


class TestAMethod:
    async def test_gives_the_same_value_at_every_call(self):
        bank = mock_client(Bank, charge="receipt 7")

        assert [await bank.charge(1), await bank.charge(2)] == ["receipt 7", "receipt 7"]

    async def test_gives_plain_data_and_not_another_mock(self):
        """``patch(...).return_value = AsyncMock(return_value=...)`` gives a mock when awaited."""
        client = mock_client(generate={"choices": [{"message": {"content": "text"}}]})

        result = await client.generate("premise")

        assert type(result) is dict
        assert result["choices"][0]["message"]["content"] == "text"

    @pytest.mark.parametrize("error", [ConnectionError("down"), ConnectionError])
    async def test_raises_an_exception_that_it_is_given(self, error):
        bank = mock_client(Bank, charge=error)

        with pytest.raises(ConnectionError):
            await bank.charge(1)

    async def test_raises_a_cancellation_that_it_is_given(self):
        bank = mock_client(Bank, charge=asyncio.CancelledError())

        with pytest.raises(asyncio.CancelledError):
            await bank.charge(1)

    async def test_fails_twice_and_then_succeeds(self):
        bank = mock_client(Bank, charge=sequence(ConnectionError(), TimeoutError, "receipt 7"))

        with pytest.raises(ConnectionError):
            await bank.charge(1)
        with pytest.raises(TimeoutError):
            await bank.charge(1)
        assert await bank.charge(1) == "receipt 7"
        assert bank.charge.await_count == 3

    async def test_takes_a_list_with_an_exception_in_it_for_a_sequence(self):
        bank = mock_client(Bank, charge=[ConnectionError("down"), "receipt 7"])

        with pytest.raises(ConnectionError):
            await bank.charge(1)
        assert await bank.charge(1) == "receipt 7"

    async def test_takes_any_other_list_for_a_value(self):
        """``side_effect=[...]`` would give the rows one by one."""
        database = mock_client(Database, fetch=[{"id": 1}, {"id": 2}])

        assert await database.fetch("select") == [{"id": 1}, {"id": 2}]
        assert await database.fetch("select") == [{"id": 1}, {"id": 2}]

    async def test_gives_lists_in_a_sequence(self):
        database = mock_client(Database, fetch=sequence([], [{"id": 1}]))

        assert await database.fetch("select") == []
        assert await database.fetch("select") == [{"id": 1}]

    async def test_says_so_when_its_sequence_is_over(self):
        """A list as ``side_effect`` ends in a bare StopAsyncIteration."""
        bank = mock_client(Bank, charge=sequence("receipt 1"))
        await bank.charge(1)

        with pytest.raises(AssertionError, match=r"charge was called more often .*\(1\)"):
            await bank.charge(2)

    async def test_goes_on_with_what_comes_then(self):
        bank = mock_client(Bank, charge=sequence(ConnectionError(), then="receipt"))

        with pytest.raises(ConnectionError):
            await bank.charge(1)
        assert [await bank.charge(1) for _ in range(3)] == ["receipt"] * 3

    async def test_may_go_on_with_none(self):
        bank = mock_client(Bank, charge=sequence("receipt", then=None))

        assert [await bank.charge(1), await bank.charge(1)] == ["receipt", None]

    async def test_shares_no_sequence_with_another_mock(self):
        twice = sequence(1, 2)
        first, second = mock_client(balance=twice), mock_client(balance=twice)

        assert [await first.balance(), await second.balance(), await first.balance()] == [1, 1, 2]

    async def test_computes_its_result_by_a_function_async_or_not(self):
        async def doubled(number):
            return number * 2

        client = mock_client(shout=lambda text: text.upper(), double=doubled)

        assert await client.shout("hello") == "HELLO"
        assert await client.double(4) == 8

    async def test_is_replaced_by_a_mock_that_can_be_called(self):
        charge = AsyncMock(return_value="receipt 7")
        bank = mock_client(Bank, charge=charge)

        assert await bank.charge(1) == "receipt 7"
        charge.assert_awaited_once_with(1)

    async def test_gives_a_client_as_a_value(self):
        connection = mock_client(fetch=[{"id": 1}])
        pool = mock_client(connect=connection)

        assert await (await pool.connect()).fetch("select") == [{"id": 1}]

    async def test_records_its_calls(self):
        bank = mock_client(Bank, charge="receipt")

        await bank.charge(1, key="a")

        bank.charge.assert_awaited_once_with(1, key="a")
        assert [name for name, _, _ in bank.method_calls] == ["charge"]

    async def test_can_be_told_otherwise_later(self):
        bank = mock_client(Bank)
        bank.charge.return_value = "later"

        assert await bank.charge(1) == "later"

    def test_that_is_called_and_never_awaited_is_seen(self):
        bank = mock_client(Bank, charge="receipt")
        forgotten = bank.charge(1)

        bank.charge.assert_not_awaited()
        forgotten.close()


class TestASpec:
    async def test_decides_which_methods_are_awaited(self):
        """All children of an ``AsyncMock()`` are coroutines, ``describe()`` too."""
        bank = mock_client(Bank, charge="receipt", describe="a bank")

        assert bank.describe() == "a bank"
        assert await bank.charge(1) == "receipt"

    async def test_makes_a_method_that_was_told_nothing_give_none(self):
        """That of an ``AsyncMock`` gives a mock, which is true, and wanders on."""
        bank = mock_client(Bank)

        assert await bank.balance() is None
        assert bank.describe() is None

    def test_refuses_a_method_that_there_is_not(self):
        with pytest.raises(AttributeError, match=r"Bank has no 'chrage'\. Did you mean 'charge'"):
            mock_client(Bank, chrage="receipt")

    def test_refuses_an_attribute_that_only_the_constructor_makes_and_says_what_helps(self):
        with pytest.raises(AttributeError, match="known if it is annotated"):
            mock_client(Database, xyz=1)

    def test_knows_what_is_annotated(self):
        assert mock_client(Bank, currency="EUR").currency == "EUR"
        assert mock_client(Database, pool_size=3).pool_size == 3

    def test_sets_a_property(self):
        assert mock_client(Database, is_open=True).is_open is True

    def test_refuses_a_call_that_the_real_one_would_refuse(self):
        """A plain ``AsyncMock`` takes any arguments."""
        bank = mock_client(Bank, charge="receipt")

        with pytest.raises(TypeError, match="amount"):
            bank.charge()
        with pytest.raises(TypeError, match="cents"):
            bank.charge(1, cents=5)

    def test_refuses_an_async_function_for_a_method_that_is_not(self):
        async def describe():
            raise NotImplementedError

        with pytest.raises(TypeError, match="describe is not async in Bank"):
            mock_client(Bank, describe=describe)

    @pytest.mark.parametrize("given", [["a", "b"], None, sequence("a"), [OSError(), "a"]])
    def test_refuses_a_plain_value_for_a_stream(self, given):
        class Radio:
            async def listen(self):
                yield "news"

        with pytest.raises(TypeError, match=r"listen is a stream in Radio; give stream_mock"):
            mock_client(Radio, listen=given)
        mock_client(Radio, listen=sequence(OSError(), stream_mock("news")))

    async def test_a_partial_function_is_a_function(self):
        client = mock_client(add=partial(lambda one, other: one + other, 1))

        assert await client.add(2) == 3

    def test_agrees_with_isinstance(self):
        assert isinstance(mock_client(Database), Database)

    def test_lets_nothing_be_found_that_is_not_there(self):
        assert not hasattr(mock_client(Bank), "refund")
        assert not hasattr(mock_client(charge=1), "refund")

    @pytest.mark.parametrize("client", [mock_client(Bank), mock_client(charge=1)])
    def test_or_none_makes_no_client_look_like_a_function(self, client):
        """``AsyncMock(spec=X)`` can be called, and is a coroutine function to who asks."""
        assert not callable(client)
        assert not inspect.iscoroutinefunction(client)

    def test_may_be_an_object(self):
        client = mock_client(Database(), made_in_init=5)

        assert client.made_in_init == 5
        assert isinstance(client, Database)

    async def test_that_is_a_context_manager_makes_one_that_gives_itself(self):
        database = mock_client(Database)

        async with database as entered:
            assert entered is database
        database.__aexit__.assert_awaited_once()

    def test_checks_static_methods_too(self):
        assert mock_client(Database, quote="'x'").quote("x") == "'x'"


class TestWithoutASpec:
    async def test_all_methods_are_async(self):
        client = mock_client(call_api={"status": "success"}, upload_file={"file_id": "1"})

        assert await client.call_api("x") == {"status": "success"}
        assert await client.upload_file("y") == {"file_id": "1"}

    async def test_a_client_is_a_context_manager_that_gives_itself(self):
        client = mock_client(fetch=1)

        async with client as entered:
            assert entered is client

    async def test_a_method_that_gives_streams_is_iterated_without_await(self):
        client = mock_client(speak=stream_mock(b"a", b"b"))

        assert [chunk async for chunk in client.speak("hi")] == [b"a", b"b"]
        assert [chunk async for chunk in client.speak("hi")] == [b"a", b"b"]
        client.speak.assert_called_with("hi")

    async def test_a_stream_that_breaks_is_followed_by_one_that_does_not(self):
        broken, whole = stream_mock(b"a", error=ConnectionResetError()), stream_mock(b"a", b"b")
        client = mock_client(speak=sequence(broken, whole))

        with pytest.raises(ConnectionResetError):
            async for _ in client.speak("hi"):
                pass
        assert [chunk async for chunk in client.speak("hi", pitch=1)] == [b"a", b"b"]
        broken.assert_called_once_with("hi")
        whole.assert_called_once_with("hi", pitch=1)

    async def test_a_method_that_gives_context_managers_is_entered_without_await(self):
        pool = mock_client(acquire=async_context_manager_mock("connection"))

        async with pool.acquire(timeout=3) as connection:
            assert connection == "connection"
        pool.acquire.assert_called_once_with(timeout=3)

    async def test_an_async_generator_function_computes_streams(self):
        async def speak(text: str) -> AsyncIterator[str]:
            for letter in text:
                yield letter

        client = mock_client(speak=speak, repeat=partial(speak, "ab"))

        assert [letter async for letter in client.speak("hi")] == ["h", "i"]
        assert [letter async for letter in client.speak("hi")] == ["h", "i"]
        assert [letter async for letter in client.repeat()] == ["a", "b"]
        client.speak.assert_called_with("hi")

    async def test_a_context_manager_function_is_entered_without_await(self):
        @contextlib.asynccontextmanager
        async def acquire(timeout: int) -> AsyncIterator[int]:
            yield timeout

        pool = mock_client(acquire=acquire)

        async with pool.acquire(3) as connection:
            assert connection == 3


class TestUnderASpec:
    async def test_an_async_generator_gives_streams(self):
        database = mock_client(Database, rows=stream_mock(1, 2))

        assert [row async for row in database.rows("select")] == [1, 2]

    async def test_a_protocol_s_iterator_gives_streams(self):
        bank = mock_client(Bank, listen=stream_mock(b"a"))

        assert [chunk async for chunk in bank.listen("7")] == [b"a"]

    async def test_an_async_context_manager_function_gives_what_is_entered(self):
        database = mock_client(Database, begin=async_context_manager_mock("transaction"))

        async with database.begin() as transaction:
            assert transaction == "transaction"


class TestAContextManager:
    async def test_gives_the_value_and_is_left(self):
        """An unconfigured ``AsyncMock().__aenter__`` gives another mock."""
        value = object()
        manager = async_context_manager_mock(value)

        async with manager as entered:
            assert entered is value
            manager.__aexit__.assert_not_awaited()
        manager.__aenter__.assert_awaited_once_with()
        manager.__aexit__.assert_awaited_once_with(None, None, None)

    async def test_gives_itself_by_default(self):
        manager = async_context_manager_mock()

        async with manager as entered:
            assert entered is manager

    async def test_may_give_none(self):
        async with async_context_manager_mock(None) as entered:
            assert entered is None

    async def test_lets_exceptions_pass(self):
        """An ``__aexit__`` that gives a mock, which is true, swallows them."""
        manager = async_context_manager_mock("value")

        with pytest.raises(ValueError, match="inside"):
            async with manager:
                raise ValueError("inside")
        assert manager.__aexit__.await_args.args[0] is ValueError

    async def test_raises_when_it_is_entered(self):
        manager = async_context_manager_mock(ConnectionError("down"))

        with pytest.raises(ConnectionError):
            async with manager:
                pytest.fail("entered")
        manager.__aexit__.assert_not_awaited()

    async def test_can_be_entered_again_and_again(self):
        manager = async_context_manager_mock(sequence(ConnectionError(), "first", "second"))

        with pytest.raises(ConnectionError):
            async with manager:
                pass
        async with manager as first, manager as second:
            assert (first, second) == ("first", "second")

    def test_has_nothing_else(self):
        manager = async_context_manager_mock()

        assert not callable(manager)
        assert not hasattr(manager, "fetch")

    async def test_made_of_attributes_gives_itself_and_lets_exceptions_pass(self):
        manager = create_async_context_manager_mock(status=200)

        with pytest.raises(ValueError, match="inside"):
            async with manager as entered:
                assert entered is manager
                assert entered.status == 200
                raise ValueError("inside")

    async def test_made_of_attributes_has_methods_told_by_dotted_names(self):
        manager = create_async_context_manager_mock(**{"fetch.return_value": {"id": 1}})

        async with manager as entered:
            assert await entered.fetch() == {"id": 1}


def test_nothing_is_left_un_awaited(recwarn):
    """Warnings are errors here, but those of the garbage collector are only printed."""
    mock_client(Bank, charge="x", listen=stream_mock(b"a")).listen("7")
    async_context_manager_mock("value")
    create_async_context_manager_mock(status=200)
    MagicMock(return_value=async_context_manager_mock())()

    gc.collect()

    assert not list(recwarn)


Found_co = TypeVar("Found_co", covariant=True)


class Store(Protocol[Found_co]):
    async def find(self, key: str) -> Found_co: ...


async def test_a_generic_port_with_its_parameters_is_a_spec():
    store = mock_client(Store[int], find=7)

    assert await store.find("key") == 7
    with pytest.raises(TypeError, match="missing a required argument"):
        await store.find()
    with pytest.raises(AttributeError, match=r"Store has no 'fnid'\. Did you mean 'find'"):
        mock_client(Store[int], fnid=7)
