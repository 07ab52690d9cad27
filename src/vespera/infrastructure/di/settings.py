"""The settings of a container: given by its maker over defaults, read from nowhere else."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any, Self

from dependency_injector import errors, providers

from vespera.domain.errors import MissingSetting
from vespera.infrastructure.di.graph import Graph, Part, walk


class Settings(providers.Configuration):
    """A strict ``Configuration`` that says which parts need the value that is missing."""

    graph: Callable[[], Graph | None] = staticmethod(lambda: None)

    @classmethod
    def copied(cls, settings: Any, memo: dict[int, Any]) -> Self:
        """A copy with options of its own. They are made anew, which is ten times as fast."""
        copy = memo[id(settings)] = cls(settings.get_name(), settings.get_default(), strict=True)
        for name, option in settings.get_children().items():
            is_leaf = isinstance(name, str) and not any(option.related)
            memo[id(option)] = (
                providers.ConfigurationOption((name,), copy) if is_leaf else deepcopy(option, memo)
            )
            copy.get_children()[name] = memo[id(option)]
        return copy

    def __deepcopy__(self, memo: Any) -> Any:
        return self.copied(self, memo)

    def get(self, selector: str, required: object = None) -> Any:
        """The value of a setting; called by the options.

        Raises:
            MissingSetting: it was not given and has no default.
        """
        try:
            return super().get(selector)
        except (errors.Error, AttributeError):  # AttributeError: a plain value stands in the way
            path = f"{self.get_name()}.{selector}"
            graph = self.graph()
            users = graph.users_of_setting(path) if graph else []
            needed = f", needed by {' <- '.join(users)}" if users else ""
            given = f"{selector.partition('.')[0]}=..."
            raise MissingSetting(
                f"{path} is not set{needed}. Give it: Container({given})."
            ) from None


def defaults_of(cls: type) -> dict[str, Any]:
    """``defaults`` of the class over those of its bases."""
    defaults: dict[str, Any] = {}
    for klass in reversed(cls.__mro__):
        defaults |= vars(klass).get("defaults", {})
    return defaults


def settings_read_by(parts: Mapping[str, Part]) -> frozenset[str]:
    """The names of the settings that some part reads."""
    readers = [part for part in parts.values() if not isinstance(part, providers.Configuration)]
    options = [p for p in walk(readers) if isinstance(p, providers.ConfigurationOption)]
    return frozenset(str(option.get_name_segments()[0]) for option in options)
