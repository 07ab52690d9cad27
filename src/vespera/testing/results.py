"""What a mock gives at its first call, at its second, and at all further ones."""

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from unittest.mock import NonCallableMock, sentinel

from vespera.testing.streams import StreamMock

NOT_GIVEN: Final = sentinel.NOT_GIVEN
"""Stands for an argument that was left out where None is a value."""


@dataclass(frozen=True, slots=True)
class ResultSequence:
    """One result for each call, in this order; made by ``sequence``."""

    results: tuple[object, ...]
    then: object = NOT_GIVEN


def sequence(*results: object, then: object = NOT_GIVEN) -> ResultSequence:
    """What the calls of one method give, one after another.

        bank = mock_client(Bank, charge=sequence(ConnectionError(), ConnectionError(), "receipt 7"))

    Args:
        results: an exception is raised, anything else is the result; a ``stream_mock`` gives a
            fresh stream.
        then: what all further calls give or raise; without it, one call too many is an
            ``AssertionError`` which says so.
    """
    return ResultSequence(results, then)


def is_exception(value: object) -> bool:
    """Whether ``raise value`` would work."""
    return isinstance(value, BaseException) or (
        isinstance(value, type) and issubclass(value, BaseException)
    )


def is_function(value: object) -> bool:
    """Whether ``value`` is there to be called: a function or method, also a partial one."""
    return inspect.isroutine(value) or isinstance(value, partial)


def as_given(value: object) -> object:
    """``value``, or the sequence that it means: a list with an exception in it is one."""
    if type(value) is list and any(map(is_exception, value)):
        return ResultSequence(tuple(value))
    return value


def behave(method: NonCallableMock, given: object, name: str) -> None:
    """Let ``method`` give what it was told to: a value, an exception, a sequence, or whatever a
    function computes from the call's arguments.
    """
    given = as_given(given)
    if isinstance(given, ResultSequence):
        method.side_effect = Script(given, name)
    elif is_exception(given) or is_function(given) or isinstance(given, StreamMock):
        method.side_effect = given
    else:
        method.return_value = given


class Script:
    """A sequence being played: each call gives its next result."""

    def __init__(self, given: ResultSequence, name: str) -> None:
        self._given, self._name = given, name
        self._left: Iterator[object] = iter(given.results)

    def __call__(self, *args: object, **kwargs: object) -> object:
        """The result of this call.

        Raises:
            AssertionError: all results have been given, and there is no ``then``.
        """
        result: Any = next(self._left, self._given.then)
        if result is NOT_GIVEN:
            raise AssertionError(
                f"{self._name} was called more often than its sequence has results"
                f" ({len(self._given.results)}); give more, or then=... for all further calls"
            )
        if is_exception(result):
            raise result
        return result(*args, **kwargs) if isinstance(result, StreamMock) else result
