"""Values that may be awaited, and need not be."""

from collections.abc import Generator
from typing import Any, ClassVar


def awaitable(value: Any) -> Any:
    """``value`` once it is awaited, and what equals it when it is not.

    Of a dict, a list, text, bytes or a number it is a subclass. There is none of None, True and
    False, for which it is an object that equals them, and no more than that.
    """
    kind = _KINDS.get(type(value))
    return kind(value) if kind else _Other(value)


class _Either:
    """Mixed into a type: awaiting gives the plain value."""

    __slots__ = ()
    plain: ClassVar[Any]

    def __await__(self) -> Generator[Any, None, Any]:
        return _give(self.plain(self)).__await__()


class _Other:
    """Something whose type cannot be mixed with another."""

    __slots__ = ("_value",)

    def __init__(self, value: object) -> None:
        self._value = value

    def __await__(self) -> Generator[Any, None, Any]:
        return _give(self._value).__await__()

    def __eq__(self, other: object) -> bool:
        return bool(self._value == other)

    def __hash__(self) -> int:
        return hash(self._value)

    def __bool__(self) -> bool:
        return bool(self._value)

    def __repr__(self) -> str:
        return f"<awaitable {self._value!r}>"


async def _give(value: object) -> object:
    return value


_KINDS: dict[type, Any] = {
    plain: type(f"Awaitable{plain.__name__.title()}", (_Either, plain), {"plain": plain})
    for plain in (dict, list, str, bytes, int, float)
}
