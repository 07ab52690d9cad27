"""Types of tasks that are paused for a while."""

from dataclasses import dataclass

from vespera.application.runtime.flow import Flow
from vespera.domain.errors import InvalidRequest
from vespera.domain.request import specialist_type_of


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeResult:
    """What came of a call that is about a type: whether it did what it was asked to, and why not,
    and whether the type is paused now.
    """

    success: bool
    error: str | None = None
    specialist_type: str = ""
    paused: bool = False


async def pause_type(flow: Flow, specialist_type: object) -> TypeResult:
    """Let no task of the type begin."""
    try:
        kind = specialist_type_of(specialist_type)
    except InvalidRequest as error:
        return TypeResult(success=False, error=str(error))
    await flow.pause_type(kind)
    return TypeResult(success=True, specialist_type=kind, paused=True)


async def resume_type(flow: Flow, specialist_type: object) -> TypeResult:
    """Let the tasks of the type begin again."""
    try:
        kind = specialist_type_of(specialist_type)
    except InvalidRequest as error:
        return TypeResult(success=False, error=str(error))
    if await flow.resume_type(kind):
        return TypeResult(success=True, specialist_type=kind)
    why = f"Type {kind!r} is not paused; it cannot be resumed."
    return TypeResult(success=False, error=why, specialist_type=kind)
