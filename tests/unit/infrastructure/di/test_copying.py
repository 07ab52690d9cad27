"""Each container has copies of its class's providers, of whatever kind."""

import functools

import pytest
from dependency_injector import containers

from vespera.infrastructure.di.base import BaseContainer, Service, providers
from vespera.infrastructure.di.copying import CopyPlan
from vespera.infrastructure.di.graph import walk


class Part:
    colour = "white"

    def __init__(self, *inner: object, **named: object) -> None:
        self.inner, self.named = inner, named

    def of(self, name: str) -> tuple[object, str]:
        return self, name


class Custom(providers.Provider):
    """A provider of a user's own, as dependency-injector's documentation writes one."""

    def __init__(self, provides: type, *args: object) -> None:
        self._factory = providers.Factory(provides, *args)
        super().__init__()

    def __deepcopy__(self, memo: dict) -> "Custom":
        copied = memo.get(id(self))
        if copied is not None:
            return copied
        copied = type(self)(self._factory.provides, *providers.deepcopy(self._factory.args, memo))
        self._copy_overridings(copied, memo)
        return copied

    @property
    def related(self):
        yield self._factory
        yield from super().related

    def _provide(self, args: tuple, kwargs: dict) -> object:
        return self._factory(*args, **kwargs)


class Sought(Service):
    """A service of a user's own."""


class House(BaseContainer):
    config = providers.Configuration(strict=True)
    part = providers.Singleton(Part)
    made = {
        "factory": providers.Factory(Part, part),
        "abstract_free": providers.Callable(Part, part),
        "dict": providers.Dict(part=part),
        "list": providers.List(part),
        "service": Service(Part, part, colour=config.colour),
        "own_service": Sought(Part, part),
        "thread_local": providers.ThreadLocalSingleton(Part, part),
        "context_local": providers.ContextLocalSingleton(Part, part),
        "selector": providers.Selector(config.kind, one=providers.Factory(Part, part)),
        "aggregate": providers.Aggregate(one=providers.Factory(Part, part)),
        "factories": providers.FactoryAggregate(one=providers.Factory(Part, part)),
        "attribute": part.provided.colour,
        "item": providers.Dict(part=part).provided["part"],
        "call": part.provided.of.call("name"),
        "delegate": part.provider,
        "object": providers.Object("object"),
        "object_of_provider": providers.Object(part),
        "attributes": providers.Singleton(Part).add_attributes(inner=part),
        "of_provider": providers.Factory(providers.Object(Part)),
        "custom": Custom(Part, part),
        "listed": providers.Singleton(Part, [1, {"two"}]),
        "partial": providers.Singleton(functools.partial(Part, 1)),
        "dependency": providers.Dependency(default=part),
    }
    part_of_all = providers.Singleton(Part, **made)


def reached(container: object) -> list[object]:
    return walk(container.providers.values())


def own(container: object) -> set[object]:
    """Without plain arguments, and without what `Object` gives as it is, a provider too."""
    given = set(walk([House.made["object_of_provider"].provides]))
    return {p for p in reached(container) if type(p).__name__ != "_Kept"} - given


def test_a_container_shares_no_provider_with_its_class_or_with_another_container():
    of_class, one, other = own(House), own(House()), own(House())

    assert len(of_class) == len(one) == len(other) > 30
    assert not one & of_class
    assert not one & other


def test_all_kinds_of_providers_are_given_the_part_of_their_own_container():
    container = House(kind="one", colour="red")
    part = container.get("part")
    made = container.get("part_of_all").named

    assert made["factory"].inner == made["abstract_free"].inner == (part,)
    assert made["dict"] == {"part": part}
    assert made["list"] == [part]
    assert made["service"].inner == made["own_service"].inner == (part,)
    assert made["service"].named == {"colour": "red"}
    assert made["thread_local"].inner == made["context_local"].inner == (part,)
    assert made["selector"].inner == made["custom"].inner == (part,)
    assert (made["attribute"], made["item"], made["call"]) == ("white", part, (part, "name"))
    assert made["attributes"].inner is part
    assert made["of_provider"] is Part
    assert made["partial"].inner == (1,)
    assert made["dependency"] is part


def test_a_part_that_is_named_after_its_users_is_the_same_for_all_of_them():
    inner = providers.Singleton(Part)

    class Mine(BaseContainer):
        factory = providers.Factory(Part, inner)
        singleton = providers.Singleton(Part, inner)
        late = inner

    container = Mine()

    assert container.get("factory").inner == (container.get("late"),)
    assert container.get("singleton").inner == (container.get("late"),)


def test_what_a_provider_of_a_users_own_is_made_of_is_known_and_never_awaited():
    class Mine(BaseContainer):
        part = providers.Singleton(Part)
        custom = Custom(Part, part)
        user = providers.Singleton(Part, custom)

    container = Mine()
    factory = container.custom._factory
    before = container.get("user")

    assert factory in container._graph.order()
    assert factory.is_async_mode_disabled()
    with container.override("part", Part("other")) as other:
        assert container.get("user").inner[0].inner == (other,)
    assert container.get("user") is not before


def test_services_hidden_in_a_provider_of_a_users_own_are_known_once():
    class Mine(BaseContainer):
        custom = Custom(Part, Service(Part))

    assert len(Mine()._graph.services()) == 1


def test_the_copies_are_in_the_order_of_a_walk_through_the_container():
    container = House()

    places = {provider: place for place, provider in enumerate(container._graph.order())}

    assert {*places} == {*reached(container)}
    for provider, place in places.items():
        assert all(places[needed] < place for needed in provider.related)


@pytest.mark.parametrize(
    "change",
    [
        lambda part, new: part.add_args(new),
        lambda part, new: part.add_kwargs(name=new),
        lambda part, new: part.add_attributes(attribute=new),
        lambda part, new: part.set_provides(new),
    ],
)
@pytest.mark.parametrize("kind", [providers.Singleton, Service, providers.Factory])
def test_arguments_that_are_changed_in_the_class_reach_the_next_container(kind, change):
    class Mine(BaseContainer):
        user = kind(Part)

    before = Mine()
    change(Mine.user, Service(Part))
    after = Mine()

    (new,) = {*after._graph.services()} - {after.user}
    assert new in after.user.related
    assert new not in walk([Mine.user])
    assert not {*before._graph.services()} - {before.user}


def test_an_override_inside_the_class_s_part_is_copied_as_dependency_injector_does():
    class Mine(BaseContainer):
        user = providers.Singleton(Part, providers.Factory(Part))

    Mine()
    inner = Mine.user.args[0]
    inner.override(providers.Factory(Part, "other"))
    try:
        assert Mine().get("user").inner[0].inner == ("other",)
    finally:
        inner.reset_override()


def test_modules_are_wired_when_the_class_says_so():
    class Mine(BaseContainer):
        wiring_config = containers.WiringConfiguration(modules=["json"])

    container = Mine()
    try:
        assert [module.__name__ for module in container.wired_to_modules] == ["json"]
        assert container.wiring_config is not Mine.wiring_config
    finally:
        container.unwire()


def test_a_plan_is_made_once():
    walked = []

    class Parts(dict):
        def values(self):
            walked.append(1)
            return super().values()

    plan = CopyPlan(Parts(part=House.part))
    copies = {plan.carry_out({})[0][House.part] for _ in range(3)}

    assert walked == [1]
    assert len(copies) == 3
