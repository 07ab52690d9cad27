import pytest

from vespera.testing.awaitable import awaitable


@pytest.mark.parametrize("value", [{"a": 1}, [1], "text", b"bytes", 7, 1.5])
async def test_a_value_is_itself_with_and_without_await(value):
    either = awaitable(value)

    assert either == value
    assert isinstance(either, type(value))
    assert type(await either) is type(value)
    assert await either == value


@pytest.mark.parametrize("value", [None, True, False, (1, 2)])
async def test_what_has_no_subclass_equals_itself_and_is_awaited(value):
    either = awaitable(value)

    assert either == value
    assert bool(either) is bool(value)
    assert hash(either) == hash(value)
    assert repr(value) in repr(either)
    assert await either is value
