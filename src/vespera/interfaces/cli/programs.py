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

Main = Callable[[Container, object], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Program:
    """What `vespera run` runs."""

    main: Main
    container: type[Container]


def load(target: str) -> Program:
    """The program at ``PATH.py`` or ``PATH.py:NAME``.

    The module gets a stable name, the one under which its neighbours import it, so that values of
    its classes are stored under that name and found again by the next run.

    Raises:
        click.UsageError: there is no such file, no `main`, or no such container.
    """
    path, name = _split(target)
    module = _imported(path)
    return Program(_main(module, path), _container(module, path, name))


def load_container(target: str | None) -> type[Container]:
    """The container class of ``PATH.py`` or ``PATH.py:NAME``; without a target, Vespera's own.

    Raises:
        click.UsageError: there is no such file, or no such container.
    """
    if target is None:
        return Container
    path, name = _split(target)
    return _container(_imported(path), path, name)


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


def _main(module: ModuleType, path: Path) -> Main:
    main = getattr(module, "main", None)
    needed = f"{path} needs `async def main(container, input)`"
    if not inspect.iscoroutinefunction(main):
        has = "there is no `main` in it" if main is None else "its `main` is no async function"
        raise click.UsageError(f"{needed}; {has}")
    try:
        inspect.signature(main).bind(None, None)
    except TypeError as error:
        raise click.UsageError(f"{needed}; its `main` does not fit: {error}") from error
    return main


def _container(module: ModuleType, path: Path, name: str | None) -> type[Container]:
    known = {
        label: value
        for label, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, Container)
    }
    if name is not None:
        if name not in known:
            have = ", ".join(sorted(known)) or "none"
            raise click.UsageError(f"{path} has no Container subclass {name!r}; it has: {have}")
        return known[name]
    special = {value for value in known.values() if value is not Container}
    own = {value for value in special if value.__module__ == module.__name__}
    choices = own or special or {Container}
    if len(choices) > 1:
        names = " or ".join(sorted(f"{path}:{choice.__name__}" for choice in choices))
        raise click.UsageError(f"{path} has several containers; say which: {names}")
    return choices.pop()
