"""What goes wrong with resources; part of the tree in ``errors``, which is to be imported."""

from vespera.domain.vespera_error import VesperaError


class ResourceError(VesperaError):
    """A resource cannot be acquired, used or given back."""


class UnknownResourceType(ResourceError):
    """Nobody has registered a resource type of this name."""


class ResourceNotFound(ResourceError):
    """No resource has this id."""

    def __init__(self, resource_id: str) -> None:
        super().__init__(f"No resource has the id {resource_id!r}.")
        self.resource_id = resource_id


class ResourceNotAcquired(ResourceError):
    """The resource could not be acquired; what was begun was given back."""


class ResourceBusy(ResourceError):
    """Somebody else holds what can be held by one only."""


class ResourceNotReleased(ResourceError):
    """The resource could not be released, or not in time; recovery tries again."""
