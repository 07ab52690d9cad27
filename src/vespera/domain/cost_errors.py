"""What goes wrong with costs; part of the tree in ``errors``, from where all is imported."""

from vespera.domain.vespera_error import VesperaError


class CostError(VesperaError):
    """A cost cannot be told, or not be afforded."""


class BudgetExceeded(CostError):
    """The budget does not allow the operation; it was not begun.

    Attributes:
        scope: whose budget it is, in words.
        limit: what it is that is limited: "calls", "tokens", "money" or "seconds".
    """

    def __init__(self, message: str = "", *, scope: str = "", limit: str = "") -> None:
        super().__init__(message)
        self.scope, self.limit = scope, limit


class UnknownPrice(CostError):
    """Nobody has said what this model costs."""
