"""dependency-injector's containers, imported without the web frameworks that lie beside it.

Its wiring imports FastAPI and Starlette where they are installed, which takes longer than all else
that a first task needs, in order to know what they mark parameters with. Nobody can have marked one
who has not imported them: so what they mark is known here as soon as somebody has.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from threading import get_ident
from types import ModuleType
from typing import Any

__all__ = ["containers", "is_request_of_starlette", "left_for_later", "mark_of_fastapi"]
_LATER = frozenset({"fastapi", "starlette"})
_WIRING = "dependency_injector.wiring"


class _Later(MetaPathFinder):
    """Tells the thread that has made it, and no other, that these are not installed."""

    def __init__(self) -> None:
        self._thread = get_ident()

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> None:
        if fullname in _LATER and get_ident() == self._thread:
            raise ModuleNotFoundError(f"{fullname} is imported by who needs it", name=fullname)


@contextmanager
def left_for_later() -> Iterator[None]:
    """For this thread, in the block, they are not installed."""
    finder = _Later()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


def mark_of_fastapi(parameter: object) -> Any:
    """What FastAPI's ``Depends`` stands for; None for all else."""
    loaded = sys.modules.get("fastapi.params")
    is_mark = loaded is not None and isinstance(parameter, loaded.Depends)
    return parameter.dependency if is_mark else None  # type: ignore[attr-defined]


def is_request_of_starlette(thing: object) -> bool:
    """Whether it is a class of Starlette's requests, which is nothing to be wired."""
    loaded = sys.modules.get("starlette.requests")
    return loaded is not None and isinstance(thing, type) and issubclass(thing, loaded.Request)


if _WIRING in sys.modules:
    from dependency_injector import containers
else:
    with left_for_later():
        from dependency_injector import containers, wiring
    wiring.MARKER_EXTRACTORS.append(mark_of_fastapi)
    wiring.INSPECT_EXCLUSION_FILTERS.append(is_request_of_starlette)
