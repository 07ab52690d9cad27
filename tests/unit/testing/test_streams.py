import contextlib

import pytest

from vespera.testing.streams import stream_mock


async def chunks_of(stream):
    return [chunk async for chunk in stream]


async def test_every_call_gives_a_stream_from_the_start():
    """``return_value = generator()`` is empty the second time."""
    stream = stream_mock(b"a", b"b")

    assert await chunks_of(stream("text")) == [b"a", b"b"]
    assert await chunks_of(stream("text")) == [b"a", b"b"]


async def test_streams_of_one_mock_do_not_disturb_each_other():
    stream = stream_mock(1, 2)
    first, second = stream(), stream()

    assert [await anext(first), await anext(second), await anext(first)] == [1, 1, 2]
    await first.aclose()
    await second.aclose()


async def test_it_is_iterated_itself_and_not_silently_empty():
    """``async for`` over a ``MagicMock`` yields nothing, and says nothing."""
    stream = stream_mock(1, 2)

    assert await chunks_of(stream) == [1, 2]
    assert await chunks_of(stream) == [1, 2]


async def test_it_breaks_off_with_an_error():
    seen = []

    with pytest.raises(ConnectionResetError, match="gone"):
        async for chunk in stream_mock("a", "b", error=ConnectionResetError("gone"))():
            seen.append(chunk)  # noqa: PERF401 - what came before the error counts

    assert seen == ["a", "b"]


async def test_an_exception_among_the_chunks_is_raised_there():
    seen = []

    with pytest.raises(TimeoutError):
        async for chunk in stream_mock("a", TimeoutError, "b")():
            seen.append(chunk)  # noqa: PERF401 - what came before the error counts

    assert seen == ["a"]


async def test_no_chunks_are_an_empty_stream():
    assert await chunks_of(stream_mock()()) == []


async def test_calls_are_recorded():
    stream = stream_mock(b"a")

    await chunks_of(stream("hello", voice="alto"))

    stream.assert_called_once_with("hello", voice="alto")


async def test_a_call_gives_no_coroutine():
    """An async generator function is not awaited; that of an ``AsyncMock`` must be."""
    stream = stream_mock(b"a")

    with pytest.raises(TypeError, match="await"):
        await stream("text")


async def test_who_breaks_out_without_closing_is_found_out():
    stream = stream_mock(1, 2, 3)
    left = stream()

    async for _ in left:
        break
    assert stream.open_streams == 1
    await left.aclose()
    assert stream.open_streams == 0

    async with contextlib.aclosing(stream()) as closed:
        async for _ in closed:
            break
    assert stream.open_streams == 0


async def test_a_stream_that_was_read_to_its_end_or_broke_is_closed():
    stream = stream_mock(1, error=OSError())

    with pytest.raises(OSError):
        await chunks_of(stream())

    assert stream.open_streams == 0


def test_it_has_nothing_else():
    assert not hasattr(stream_mock(), "aclose")
