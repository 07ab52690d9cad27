"""Mocks of async iterators: streams of chunks that may break off."""

from collections.abc import AsyncIterator
from typing import Any
from unittest.mock import MagicMock


class StreamMock(MagicMock):
    """A mock whose every call, and every ``async for`` over itself, is a stream from the start.

    Attributes:
        open_streams: how many streams have been begun and not closed yet. What breaks out of a
            stream must close it (``contextlib.aclosing``); a real one would hold its connection.
    """

    open_streams: int

    def _get_child_mock(self, /, **kwargs: Any) -> MagicMock:
        return MagicMock(**kwargs)


def stream_mock(*chunks: object, error: BaseException | type[BaseException] | None = None) -> Any:
    """An async generator function, mocked: ``async for chunk in stream("any", "arguments")``.

        speech = mock_client(stream=stream_mock(b"aud", b"io", error=ConnectionResetError()))

    Each call gives a stream of its own, so a retry gets all chunks again; a generator given as
    ``return_value`` would be empty the second time. Calls are recorded
    (``stream.assert_called_once_with("hello")``).

    Args:
        chunks: what the stream yields, in this order; an exception among them is raised there.
        error: raised after the last chunk.
    """
    items = chunks if error is None else (*chunks, error)
    stream = StreamMock(spec=["__aiter__", "open_streams"])
    stream.open_streams = 0

    async def play(*_args: object, **_kwargs: object) -> AsyncIterator[object]:
        stream.open_streams += 1
        try:
            for item in items:
                yield _chunk(item)
        finally:
            stream.open_streams -= 1

    stream.side_effect = play
    stream.__aiter__.side_effect = play
    return stream


def _chunk(item: Any) -> object:
    if isinstance(item, BaseException) or (isinstance(item, type) and issubclass(item, Exception)):
        raise item
    return item
