"""Finds a user's program: the module, its `main`, and the container that it runs in."""

import importlib
import importlib.util
import inspect
import re
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import click

from vespera.infrastructure.di.container import Container

MODULE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
Main = Callable[[Container, object], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Program:
    """What `vespera run` runs."""

    main: Main
    container: type[Container]


def load(target: str) -> Program:
    """The program at ``PATH.py``, ``PATH.py:NAME`` or ``MODULE:NAME``.

    The module gets a stable name, the one under which its neighbours import it, so that values of
    its classes are stored under that name and found again by the next run.

    Raises:
        click.UsageError: there is no such file or module, no `main`, or no such container.
    """
    module, place, name = _found(target)
    return Program(_main(module, place), _container(module, place, name))


def load_container(target: str | None) -> type[Container]:
    """The container class of ``PATH.py``, ``PATH.py:NAME`` or ``MODULE:NAME``; without a target,
    Vespera's own.

    Raises:
        click.UsageError: there is no such file or module, or no such container.
    """
    if target is None:
        return Container
    module, place, name = _found(target)
    return _container(module, place, name)


def _found(target: str) -> tuple[ModuleType, str, str | None]:
    """The module, what to call it in messages, and the container's name, if one is given."""
    module, _, name = target.partition(":")
    if MODULE.fullmatch(module) and name.isidentifier() and not module.endswith(".py"):
        return _imported_by_name(module), module, name
    path, named = _split(target)
    return _imported(path), str(path), named


def _imported_by_name(name: str) -> ModuleType:
    """The module as `import` finds it, also in the current directory."""
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    importlib.invalidate_caches()
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise
        raise click.UsageError(
            f"there is no module {error.name!r}, here or installed; name one as MODULE:NAME, or a"
            " file as PATH.py[:NAME]"
        ) from error


def _split(target: str) -> tuple[Path, str | None]:
    before, _, name = target.rpartition(":")
    if before and name.isidentifier() and not Path(target).exists():
        return Path(before), name
    return Path(target), None


def _imported(path: Path) -> ModuleType:
    if not path.is_file() or path.suffix != ".py":
        what = "is no Python file" if path.exists() else "does not exist"
        raise click.UsageError(f"{path} {what}; name a file: vespera run PATH.py")
    path = path.absolute()
    root, name = _place(path)
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    importlib.invalidate_caches()
    if name not in {None, "__main__"}:  # `__main__` is this command
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.origin == str(path):
            return importlib.import_module(name)
    return _loaded_alone(path)


def _place(path: Path) -> tuple[Path, str | None]:
    """The directory that imports begin at, and the module's name from there."""
    parts = [] if path.stem == "__init__" else [path.stem]
    root = path.parent
    while (root / "__init__.py").is_file():
        parts.insert(0, root.name)
        root = root.parent
    importable = all(part.isidentifier() for part in parts)
    return root, ".".join(parts) if importable else None


def _loaded_alone(path: Path) -> ModuleType:
    """The module by a name of its own: its file's name is taken, or is no name for a module."""
    name = "vespera_program_" + re.sub(r"\W", "_", path.stem)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _main(module: ModuleType, place: str) -> Main:
    main = getattr(module, "main", None)
    needed = f"{place} needs `async def main(container, input)`"
    if not inspect.iscoroutinefunction(main):
        has = "there is no `main` in it" if main is None else "its `main` is no async function"
        raise click.UsageError(f"{needed}; {has}")
    try:
        inspect.signature(main).bind(None, None)
    except TypeError as error:
        raise click.UsageError(f"{needed}; its `main` does not fit: {error}") from error
    return main


def _container(module: ModuleType, place: str, name: str | None) -> type[Container]:
    known = {
        label: value
        for label, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, Container)
    }
    if name is not None:
        if name not in known:
            have = ", ".join(sorted(known)) or "none"
            raise click.UsageError(f"{place} has no Container subclass {name!r}; it has: {have}")
        return known[name]
    special = {value for value in known.values() if value is not Container}
    own = {value for value in special if value.__module__ == module.__name__}
    choices = own or special or {Container}
    if len(choices) > 1:
        names = " or ".join(sorted(f"{place}:{choice.__name__}" for choice in choices))
        raise click.UsageError(f"{place} has several containers; say which: {names}")
    return choices.pop()
