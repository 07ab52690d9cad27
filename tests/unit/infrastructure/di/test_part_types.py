"""How the type of a part is found, with and without evaluated annotations."""

import sys
import types
import typing
from collections.abc import Iterator
from textwrap import dedent
from typing import Generic, TypeVar

import pytest
from dependency_injector import providers as native

from vespera.domain.errors import AmbiguousPart, UnknownPart
from vespera.infrastructure.di.base import BaseContainer, Provider, Service, providers
from vespera.infrastructure.di.part_types import annotated_ports

T = TypeVar("T")


class Repository(Generic[T]): ...


class Base: ...


class Thing(Base): ...


class Port(typing.Protocol):
    def work(self) -> None: ...


class Adapter:
    def work(self) -> None: ...


def make_thing() -> Thing:
    return Thing()


def make_unreadable() -> "NotThere":  # noqa: F821  (on purpose)
    return Thing()


@pytest.fixture
def module() -> Iterator[types.ModuleType]:
    made = types.ModuleType("module_of_a_downstream_package")
    sys.modules[made.__name__] = made
    yield made
    del sys.modules[made.__name__]


def declared(module: types.ModuleType, source: str) -> type[BaseContainer]:
    exec(compile(dedent(source), module.__name__, "exec", dont_inherit=True), module.__dict__)
    return module.Mine


SOURCE = """
from typing import Protocol, TYPE_CHECKING
import typing
from dependency_injector.providers import Provider as NativeProvider
from vespera.infrastructure.di.base import BaseContainer, Provider, Service, providers

class Port(Protocol):
    def work(self) -> None: ...

class Adapter:
    def work(self) -> None: ...

class Mine(BaseContainer):
    part: {annotation} = providers.Singleton(Adapter)
"""
FUTURE = "from __future__ import annotations\n"


@pytest.mark.parametrize("future", ["", FUTURE], ids=["evaluated", "text"])
@pytest.mark.parametrize(
    "annotation", ["Provider[Port]", "Provider['Port']", "'Provider[Port]'", '"Provider[Port]"']
)
def test_a_port_is_read_from_the_annotation(module: types.ModuleType, future: str, annotation: str):
    cls = declared(module, future + SOURCE.format(annotation=annotation))

    assert isinstance(cls().get(module.Port), module.Adapter)


@pytest.mark.parametrize("annotation", ["NativeProvider[Port]", "providers.Singleton[Port]"])
def test_a_native_annotation_as_text_is_read_too(module: types.ModuleType, annotation: str):
    cls = declared(module, FUTURE + SOURCE.format(annotation=annotation))

    assert isinstance(cls().get(module.Port), module.Adapter)


def test_where_a_native_annotation_is_lost_the_class_remains(module: types.ModuleType):
    cls = declared(module, SOURCE.format(annotation="NativeProvider[Port]"))

    assert isinstance(cls().get(module.Adapter), module.Adapter)


def test_a_port_that_only_type_checkers_import_is_found_by_its_name(module: types.ModuleType):
    cls = declared(module, FUTURE + SOURCE.format(annotation="Provider[elsewhere.Port]"))

    assert isinstance(cls().get(module.Port), module.Adapter)


def test_local_types_are_found_with_text_annotations():
    class Local(typing.Protocol): ...

    class Mine(BaseContainer):
        part: "Provider[Local]" = providers.Singleton(Adapter)

    assert isinstance(Mine().get(Local), Adapter)


@pytest.mark.parametrize("annotation", ["object", "'not valid['", "'Provider[1 +]'"])
def test_other_annotations_say_nothing(module: types.ModuleType, annotation: str):
    cls = declared(module, SOURCE.format(annotation=annotation))

    assert isinstance(cls().get(module.Adapter), module.Adapter)


def test_a_replacement_without_annotation_provides_the_port_of_its_base():
    class House(BaseContainer):
        part: Provider[Port] = providers.Singleton(Adapter)

    class Mine(House):
        part = providers.Singleton(Thing)

    assert isinstance(Mine().get(Port), Thing)


def test_a_class_is_found_by_its_bases():
    class Mine(BaseContainer):
        thing = providers.Singleton(Thing)

    assert isinstance(Mine().get(Base), Thing)


def test_the_exact_class_goes_before_a_subclass():
    class Mine(BaseContainer):
        thing = providers.Singleton(Thing)
        base = providers.Singleton(Base)

    assert type(Mine().get(Base)) is Base


def test_an_annotation_goes_before_the_class():
    class Mine(BaseContainer):
        exact = providers.Singleton(Base)
        main: Provider[Base] = providers.Singleton(Thing)

    assert type(Mine().get(Base)) is Thing


def test_two_annotations_of_one_port_are_ambiguous():
    class Mine(BaseContainer):
        one: Provider[Port] = providers.Singleton(Adapter)
        two: Provider[Port] = providers.Singleton(Adapter)

    with pytest.raises(AmbiguousPart, match="Port by one and two"):
        Mine().get(Port)


def test_a_port_with_parameters_is_another_than_with_others():
    class Mine(BaseContainer):
        things: Provider[Repository[Thing]] = providers.Singleton(Repository)
        bases: Provider[Repository[Base]] = providers.Singleton(Repository)

    container = Mine()

    assert container.get(Repository[Thing]) is container.get("things")
    assert container.get(Repository[Base]) is container.get("bases")
    with pytest.raises(AmbiguousPart):
        container.get(Repository)


def test_a_function_provides_what_it_is_annotated_to_return():
    class Mine(BaseContainer):
        thing = providers.Singleton(make_thing)
        unreadable = providers.Singleton(make_unreadable)

    assert isinstance(Mine().get(Thing), Thing)


def test_an_object_is_found_by_its_class_and_builtins_are_not_parts():
    class Mine(BaseContainer):
        thing = providers.Object(Thing())
        number = providers.Object(3)
        text = providers.Singleton(str)

    assert isinstance(Mine().get(Thing), Thing)
    for builtin in (int, str, object):
        with pytest.raises(UnknownPart):
            Mine().get(builtin)


def test_the_annotation_of_a_group_does_not_make_it_a_part_of_that_type():
    class Mine(BaseContainer):
        things: "Provider[Thing]" = providers.Aggregate(one=providers.Singleton(Thing))

    assert isinstance(Mine().get(Thing), Thing)


def test_our_provider_is_still_one_and_keeps_its_argument():
    assert issubclass(Provider, native.Provider)
    assert typing.get_args(Provider[Port]) == (Port,)


def test_a_service_is_found_as_any_part():
    class Mine(BaseContainer):
        part: Provider[Port] = Service(Adapter)

    assert isinstance(Mine().get(Port), Adapter)


def test_a_class_of_a_module_that_is_gone_still_has_its_annotations():
    cls = type("Gone", (), {"__module__": "gone", "__annotations__": {"a": "Provider[Port]"}})

    assert annotated_ports(cls) == {"a": "Port"}
