"""Which model is asked, and which one instead: a list in the order of preference."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from vespera.domain.circuit import name_of_circuit
from vespera.domain.errors import InvalidRequest

STOPS: Final = frozenset({"AIServiceRefused", "PayloadError", "RequestError", "StorageError"})
"""Names of errors that no other model would mend."""
OURS: Final = "VesperaError"
"""Among the names of each error of Vespera; other libraries have a ``RequestError`` as well."""


def checked_models(models: object) -> tuple[str, ...]:
    """The names of models, the most preferred first.

    Raises:
        InvalidRequest: there is none, one comes twice, or it is no list of names.
    """
    if isinstance(models, str) or not isinstance(models, Sequence) or not models:
        raise InvalidRequest(
            f"must be a list of names, the preferred model first, not {models!r:.60}",
            field="models",
        )
    names = tuple(models)
    for name in names:
        name_of_circuit(name)
        if names.count(name) > 1:
            raise InvalidRequest(f"{name!r} comes twice", field="models")
    return names


def order_from(models: Sequence[str], preferred: str) -> Sequence[str]:
    """The order in which models are asked: the preferred one, then the others as they stand."""
    return [preferred, *(model for model in models if model != preferred)]


def would_another_do(error_types: Sequence[str]) -> bool:
    """Whether another model may do what one has failed at, with such an error."""
    return OURS not in error_types or STOPS.isdisjoint(error_types)


def choice_of(model: str, passed_over: Mapping[str, str]) -> dict[str, Any]:
    """What is recorded of a choice: the model, and why others were not chosen, by name."""
    return {"model": model, "instead_of": dict(passed_over)}
