"""What a subclass replaces, and the mistakes that are found before the first container."""

import threading
import types
from abc import ABC, abstractmethod
from typing import Protocol

import pytest

from vespera.domain.errors import OverrideRefused, WiringError
from vespera.infrastructure.di.base import BaseContainer, Provider, Service, providers


class Repository(Protocol):
    def name(self) -> str: ...


class Real:
    def __init__(self, database: object = None) -> None:
        self.database = database

    def name(self) -> str:
        return "real"


class Wrapping:
    def __init__(self, inner: Repository) -> None:
        self.inner = inner

    def name(self) -> str:
        return f"wrapped {self.inner.name()}"


class User:
    def __init__(self, *, repository: Repository) -> None:
        self.repository = repository


class Base(BaseContainer):
    database = Service(object)
    repository: Provider[Repository] = providers.Singleton(Real, database)
    user = providers.Factory(User, repository=repository)
    specialists = providers.Aggregate(coder=providers.Factory(User, repository=repository))


class Wrapped(Base):
    repository: Provider[Repository] = providers.Singleton(Wrapping, inner=Base.repository)


# ---------------------------------------------------------------------------------------- replacing


def test_a_replacement_reaches_inherited_parts():
    class Mine(Base):
        database = Service(list)

    container = Mine()

    assert container.get("user").repository.database == []
    assert container.get("user").repository.database is container.get("database")


def test_a_replacement_may_wrap_what_it_replaces():
    container = Wrapped()

    assert container.get("user").repository.name() == "wrapped real"
    assert container.get("user").repository is container.get(Repository)
    assert container.get("specialists.coder").repository is container.get(Repository)
    assert container.get(Repository).inner.database is container.get("database")


def test_a_replacement_may_be_wrapped_again_two_levels_deep():
    class Twice(Wrapped):
        repository: Provider[Repository] = providers.Singleton(Wrapping, inner=Wrapped.repository)

    container = Twice()

    assert container.get("user").repository.name() == "wrapped wrapped real"
    assert container.get("user").repository is container.get("repository")


def test_a_deeper_replacement_may_go_back_to_the_first():
    class Again(Wrapped):
        repository: Provider[Repository] = providers.Singleton(Wrapping, inner=Base.repository)

    assert Again().get(Repository).name() == "wrapped real"


def test_a_new_part_gets_the_replacement_even_if_it_names_the_base():
    class Mine(Wrapped):
        other = providers.Factory(User, repository=Base.repository)

    container = Mine()

    assert container.get("other").repository is container.get(Repository)
    assert container.get("other").repository.name() == "wrapped real"


def test_the_base_is_left_as_it_was():
    Wrapped()

    assert Base().get(Repository).name() == "real"


def test_a_native_override_of_a_replacement_reaches_inherited_parts():
    container = Wrapped()
    fake = Real()

    with container.repository.override(fake):
        assert container.get("user").repository is fake
    assert container.get("user").repository.name() == "wrapped real"


def test_a_replaced_group_is_replaced_whole():
    class Mine(Base):
        specialists = providers.Aggregate(writer=providers.Object("writer"))

    container = Mine()

    assert container.get("specialists.writer") == "writer"
    with pytest.raises(LookupError):
        container.get("specialists.coder")


def test_a_replaced_group_reaches_what_is_given_the_group():
    class Asker:
        def __init__(self, group: providers.Aggregate[object]) -> None:
            self.group = group

    class First(BaseContainer):
        specialists: providers.Aggregate[object] = providers.Aggregate()
        asker = providers.Singleton(Asker, specialists)

    class Mine(First):
        specialists = providers.Aggregate(coder=providers.Object("mine"))

    assert list(First().get("asker").group.providers) == []
    assert Mine().get("asker").group("coder") == "mine"


def test_several_bases_follow_the_method_resolution_order():
    class Root(BaseContainer):
        value = providers.Object("root")
        user = providers.Callable(lambda value: value, value)

    class Left(Root):
        pass

    class Right(Root):
        value = providers.Object("right")

    class Diamond(Left, Right):
        pass

    class Own(BaseContainer):
        value = providers.Object("own")

    class OwnFirst(Own, Right):
        pass

    assert Diamond.value() == Diamond().get("value") == Diamond().get("user") == "right"
    assert OwnFirst.value() == OwnFirst().get("value") == OwnFirst().get("user") == "own"


def test_a_mixin_that_is_no_container_brings_parts_of_its_own_for_each_container():
    class Mixin:
        noted = providers.Singleton(object)
        user = providers.Factory(User, repository=Base.repository)

    class Mine(Mixin, Wrapped):
        pass

    one, two = Mine(), Mine()

    assert one.get("noted") is one.noted() is not two.get("noted")
    assert one.get("user").repository is one.get(Repository)


def test_attributes_and_nested_providers_follow_a_replacement():
    class Settable:
        repository: Repository

    class First(BaseContainer):
        repository = providers.Singleton(Real)
        settable = providers.Singleton(Settable).add_attributes(repository=repository)
        nested = providers.Factory(dict, found=providers.List(repository, providers.Object(1)))
        name = providers.Factory(str, repository.provided.name.call())

    class Mine(First):
        repository = providers.Singleton(Wrapping, inner=First.repository)

    container = Mine()

    assert container.get("settable").repository is container.get("repository")
    assert container.get("nested") == {"found": [container.get("repository"), 1]}
    assert container.get("name") == "wrapped real"


def test_plain_arguments_keep_their_identity():
    lock, marker, pair = threading.Lock(), object(), (object(),)

    class Keeper:
        def __init__(self, lock: object, *, marker: object, pair: object) -> None:
            self.lock, self.marker, self.pair = lock, marker, pair

    class Mine(BaseContainer):
        keeper = providers.Factory(Keeper, lock, marker=marker, pair=pair)
        listed = providers.List(lock)
        mapped = providers.Dict({1: lock})
        adorned = providers.Singleton(types.SimpleNamespace).add_attributes(lock=lock)

    for container in (Mine(), type("Sub", (Mine,), {})()):
        keeper = container.get(Keeper)
        assert (keeper.lock, keeper.marker, keeper.pair) == (lock, marker, pair)
        assert keeper.pair is pair
        assert container.get("listed") == [lock]
        assert container.get("mapped") == {1: lock}
        assert container.get("adorned").lock is lock


# ----------------------------------------------------------------------------------------- mistakes


def problems_of(cls: type[BaseContainer]) -> tuple[str, ...]:
    with pytest.raises(WiringError) as caught:
        cls()
    return caught.value.problems


def test_all_mistakes_are_found_at_once_and_nothing_is_built():
    built = []

    class Abstract(ABC):
        @abstractmethod
        def work(self) -> None: ...

    class Bad(Base):
        first = providers.Singleton(built.append, 1)
        missing = providers.Factory(User)
        misspelt = providers.Factory(User, repositry=Base.repository)
        abstract = providers.Singleton(Abstract)
        protocol = providers.Singleton(Repository)
        nothing = providers.Factory()
        group = providers.Aggregate(inner=providers.Factory(User))

    problems = problems_of(Bad)

    assert "missing: User gets nothing for its parameter 'repository'" in problems
    assert "misspelt: User has no parameter 'repositry'. Did you mean 'repository'?" in problems
    assert "misspelt: User gets nothing for its parameter 'repository'" in problems
    assert any("abstract: " in p and "Abstract is abstract" in p for p in problems)
    assert any("protocol: Repository is abstract" in p for p in problems)
    assert "nothing: None is not what can be built" in problems
    assert "group.inner: User gets nothing for its parameter 'repository'" in problems
    assert len(problems) == 7
    assert built == []


def test_the_error_lists_its_problems_by_number():
    class Bad(BaseContainer):
        one = providers.Factory(User)
        two = providers.Factory(User)

    with pytest.raises(WiringError, match=r"(?s)Bad cannot be used:.*1\. one: .*2\. two: "):
        Bad()


def test_mistakes_are_told_by_every_attempt_and_not_by_the_base():
    class Bad(Base):
        missing = providers.Factory(User)

    assert problems_of(Bad) == problems_of(Bad)
    assert Base()


def test_a_subclass_may_complete_what_its_base_only_declares():
    class Abstract(BaseContainer):
        repository: Provider[Repository] = providers.Dependency()
        user = providers.Factory(User, repository=repository)

    class Concrete(Abstract):
        repository: Provider[Repository] = providers.Singleton(Real)

    assert problems_of(Abstract) == ("repository: is only declared; a subclass has to provide it",)
    assert Concrete().get(User).repository.name() == "real"


def test_a_cycle_of_declared_parts_is_found():
    a = providers.Singleton(Wrapping)
    b = providers.Singleton(Wrapping, inner=a)
    a.add_kwargs(inner=b)

    cyclic = type("Cyclic", (BaseContainer,), {"a": a, "b": b})

    assert any("it needs itself, a -> b -> a" in problem for problem in problems_of(cyclic))


def test_a_cycle_that_a_replacement_makes_is_found():
    class Mine(Base):
        repository: Provider[Repository] = providers.Singleton(Wrapping, inner=Base.user)

    assert "repository: it needs itself, repository -> user -> repository" in problems_of(Mine)


@pytest.mark.parametrize(
    ("provider", "reason"),
    [
        (providers.Resource(list), "a Resource makes all that uses it awaitable; use Service"),
        (providers.Container(Base), "containers are not nested; subclass one"),
        (providers.DependenciesContainer(), "containers are not nested"),
        (providers.Coroutine(Service.start), "is async; use Service"),
        (providers.Factory(Service.start), "is async; use Service"),
    ],
)
def test_what_would_make_others_awaitable_or_opaque_is_refused(
    provider: providers.Provider[object], reason: str
):
    cls = type("Odd", (BaseContainer,), {"part": provider})

    assert any(p.startswith("part: ") and reason in p for p in problems_of(cls))


def test_a_part_replaced_by_what_is_no_provider_is_refused():
    class Mine(Base):
        repository = None

    assert problems_of(Mine) == ("repository: None is no provider; use providers.Object(...)",)


@pytest.mark.parametrize("name", ["get", "override", "providers", "wire", "parent"])
def test_a_part_must_not_hide_what_the_container_has(name: str):
    cls = type("Hiding", (BaseContainer,), {"part": providers.Object(1)})
    type.__setattr__(cls, "providers", {**cls.providers, name: providers.Object(1)})

    assert any(p.startswith(f"{name}: the container has an attribute") for p in problems_of(cls))


def test_what_the_caller_completes_need_not_be_complete():
    class Mine(BaseContainer):
        session = providers.Factory(User)
        opener = providers.Factory(dict, make=session.provider)
        call = providers.Callable(Wrapping)

    container = Mine()

    assert container.get("opener")["make"](repository=Real()).repository.name() == "real"
    assert container.call(inner=Real()).name() == "wrapped real"


def test_classes_without_a_readable_signature_are_taken_as_they_are():
    class Odd:
        __signature__ = "not a signature"

    class Mine(BaseContainer):
        odd = providers.Factory(Odd)
        many = providers.Factory(dict, a=1)

    assert isinstance(Mine().get("odd"), Odd)
    assert Mine().get("many") == {"a": 1}


def test_a_provider_of_a_provider_is_followed():
    class Mine(BaseContainer):
        kind = providers.Object(Real)
        part = providers.Factory(kind)

    assert Mine().get("part") is Real


def test_an_override_that_uses_what_it_overrides_is_refused_instead_of_crashing():
    container = Base()
    endless = providers.Factory(Wrapping, inner=container.repository)

    with pytest.raises(OverrideRefused, match="uses the part itself, without end"):
        container.override(Repository, endless)
    assert container.get(Repository).name() == "real"
