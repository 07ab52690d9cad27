"""What is kept of circuit breakers that workers share."""

from collections.abc import Mapping
from typing import Protocol

from vespera.domain.circuit import Circuit


class Breakers(Protocol):
    """Circuits by name. Each write is a transaction of its own, also inside a unit of work, and
    durable when it returns.
    """

    async def get(self, name: str) -> Circuit:
        """The circuit of this name; a closed one of version 0 if none was stored."""
        ...

    async def all(self) -> Mapping[str, Circuit]:
        """Every circuit that was stored, in the order of their names."""
        ...

    async def save(self, name: str, circuit: Circuit) -> bool:
        """Store it, if what is stored is the version before it (none: version 0).

        Of several that store the same version, one is told True, and the others False; for them
        nothing has changed.
        """
        ...
