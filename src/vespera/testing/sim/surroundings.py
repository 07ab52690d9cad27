"""Which world an exploration takes place in."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from types import CellType, CodeType, FunctionType, MethodType
from typing import Any

from vespera.domain.errors import InvalidRequest
from vespera.testing.world import World, WorldService


@contextmanager
def in_world(world: World | None, functions: Iterable[object]) -> Iterator[World]:
    """The world that was given; or else the one that the functions hold, or one of our own.

    Raises:
        InvalidRequest: they hold several.
    """
    chosen = world or _held_world(functions)
    if chosen is None:
        with World() as made:
            yield made
        return
    World.explored = chosen
    try:
        yield chosen
    finally:
        World.explored = None
        chosen.close_database()


def _held_world(functions: Iterable[object]) -> World | None:
    worlds = set(_worlds_within(functions))
    if len(worlds) > 1:
        raise InvalidRequest(
            f"what is to be explored holds {len(worlds)} worlds; say which one it is in",
            field="world",
        )
    return next(iter(worlds), None)


def _worlds_within(things: Iterable[object]) -> Iterator[World]:
    """The worlds, and those of services, that functions reach by their names."""
    left, seen = list(things), dict[int, object]()
    while left:
        thing = left.pop()
        if id(thing) in seen:
            continue
        seen[id(thing)] = thing
        if isinstance(thing, World):
            yield thing
        elif isinstance(thing, WorldService):
            yield thing._world  # noqa: SLF001  # whose attributes are its user's
        else:
            left += _parts_of(thing)


def _parts_of(thing: object) -> list[Any]:
    if isinstance(thing, partial):
        return [thing.func, *thing.args, *thing.keywords.values()]
    if isinstance(thing, MethodType):
        return [thing.__func__, thing.__self__]
    if isinstance(thing, FunctionType):
        return _held_by(thing)
    if isinstance(thing, list | tuple | set):
        return list(thing)
    if isinstance(thing, Mapping):
        return list(thing.values())
    attributes = getattr(thing, "__dict__", {}) if not isinstance(thing, type) else {}
    return [each for each in attributes.values() if isinstance(each, World | WorldService)]


def _held_by(function: FunctionType) -> list[Any]:
    held = [cell.cell_contents for cell in function.__closure__ or () if cell != CellType()]
    there = function.__globals__
    named = [there[name] for name in _names_in(function.__code__) if name in there]
    near = [f for f in named if isinstance(f, FunctionType) and f.__globals__ is there]
    worlds = [each for each in named if isinstance(each, World | WorldService)]
    return [*held, *near, *worlds, *(function.__defaults__ or ())]


def _names_in(code: CodeType) -> Iterator[str]:
    """Of functions within it, too."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names_in(constant)
