"""What goes wrong with containers; part of the tree in ``errors``, from where all is imported."""

from collections.abc import Sequence

from vespera.domain.vespera_error import VesperaError


class ContainerError(VesperaError):
    """The container is wired or used wrongly."""


class UnknownPart(ContainerError, LookupError):
    """Nothing in the container provides what was asked for."""


class AmbiguousPart(ContainerError, LookupError):
    """Several providers fit the type that was asked for."""


class MissingSetting(ContainerError):
    """A configuration value that a part needs was not given."""


class UnknownSetting(ContainerError):
    """A configuration value was given that no part reads."""


class WiringError(ContainerError):
    """The container class is wired wrongly."""

    def __init__(self, container: str, problems: Sequence[str]) -> None:
        lines = "".join(f"\n  {number}. {text}" for number, text in enumerate(problems, 1))
        super().__init__(f"{container} cannot be used:{lines}")
        self.problems = tuple(problems)


class OverrideRefused(ContainerError):
    """An override cannot be made or undone as asked.

    ``problems`` says what the object that was given lacks of the part's port, if that is why.
    """

    def __init__(self, message: str = "", problems: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.problems = tuple(problems)


class MissingExtra(ContainerError, ImportError):
    """A part needs a package that is an extra, and is not installed."""

    def __init__(self, part: str, package: str, extra: str) -> None:
        super().__init__(f"{part} needs {package}, an extra: pip install 'vespera[{extra}]'")
        self.part, self.package, self.extra = part, package, extra


class ForeignEventLoop(ContainerError, RuntimeError):
    """The container was started in another event loop."""


class StopTimedOut(ContainerError, TimeoutError):
    """A part did not stop within its time."""
