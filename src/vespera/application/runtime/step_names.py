"""What steps and waits may be called and given, and where they may be asked for."""

import inspect

from vespera.application.runtime.heartbeats import current_step
from vespera.domain.errors import InvalidRequest
from vespera.domain.request import text_of
from vespera.domain.step import KEPT_PREFIXES


def check_callable(value: object, field: str) -> None:
    """Refuse what cannot be called.

    Raises:
        InvalidRequest: it is; the error names ``field``.
    """
    if callable(value):
        return
    told = f"must be a function or something else that can be called, got {type(value).__name__}"
    if inspect.iscoroutine(value):
        value.close()
        told += "; give the function itself, and its arguments behind it"
    raise InvalidRequest(told, field=field)


def check_own_name(name: object) -> None:
    """``check_step_name``, of what is recorded under this very name.

    Raises:
        InvalidRequest: it is none, or begins like what the engine records by itself.
    """
    check_step_name(name)
    if isinstance(name, str) and name.startswith(KEPT_PREFIXES):
        kept = ", ".join(map(repr, KEPT_PREFIXES))
        told = f"{name!r} begins like what the engine records by itself ({kept}); choose another"
        raise InvalidRequest(told, field="name")


def check_step_name(name: object, field: str = "name") -> None:
    """Refuse what is no name, and what is asked for inside a step.

    Raises:
        InvalidRequest: it is; the error says why.
    """
    if not isinstance(name, str) or not name:
        what = "a step's name" if field == "name" else f"a {field}"
        raise InvalidRequest(f"{what} must be text, not {name!r}", field=field)
    text_of(name, field)
    outer = current_step()
    if outer is not None:
        raise InvalidRequest(
            f"step {name!r} is asked for inside step {outer!r}, which a replay does not call"
            " again; ask for it in the handler",
            field="name",
        )
