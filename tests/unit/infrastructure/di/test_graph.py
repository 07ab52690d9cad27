"""Who uses whom."""

import pytest
from dependency_injector import providers

from vespera.infrastructure.di.graph import (
    Graph,
    did_you_mean,
    named_parts,
    uses,
    uses_now,
    walk,
)
from vespera.infrastructure.di.service import Service


def test_dependencies_come_first_each_once_in_the_order_of_declaration():
    a, b = providers.Object("a"), providers.Object("b")
    c = providers.Factory(dict, one=b, two=a)
    d = providers.Factory(dict, one=c, two=a)

    assert walk([d, a, c]) == [b, a, c, d]


def test_the_order_is_that_of_declaration_however_many_there_are():
    many = [providers.Object(number) for number in range(200)]

    assert walk([providers.List(*many)])[:-1] == many


def test_an_override_hides_what_it_overrides_only_for_now():
    inner, fake = providers.Object("inner"), providers.Object("fake")
    part = providers.Factory(dict, inner=inner)
    part.override(fake)

    assert list(uses_now(part)) == [fake]
    assert list(uses(part)) == [inner, fake]
    assert walk([part], uses_now) == [fake, part]


def test_a_cycle_ends_the_walk_instead_of_the_process():
    a = providers.Factory(dict)
    b = providers.Factory(dict, a=a)
    a.add_kwargs(b=b)

    assert walk([a]) == [b, a]


def test_holders_are_those_that_hold_the_object_also_through_others():
    target = providers.Singleton(object)
    direct = providers.Singleton(list, target)
    indirect = providers.Factory(dict, direct=direct)
    late = providers.Factory(dict, late=target.provider)
    group = providers.Aggregate(direct=direct)
    user_of_group = providers.Factory(dict, group=group)
    parts = {"a": indirect, "b": late, "c": user_of_group, "d": group}

    assert Graph(parts).holders(target) == [target, direct, indirect]


def test_what_is_overridden_holds_nothing_now():
    target = providers.Singleton(object)
    middle = providers.Singleton(list, target)
    user = providers.Singleton(list, middle)
    graph = Graph({"user": user})
    middle.override("fake")

    assert graph.holders(target) == [target, middle, user]
    assert graph.holders(target, now=True) == [target]
    assert target not in graph.order(now=True)


def test_services_on_a_part_are_those_that_hold_it_and_those_of_its_override_alone():
    part, other = providers.Singleton(object), Service(object)
    holder = Service(list, part)
    graph = Graph({"part": part, "holder": holder, "other": other})
    brought = Service(object)

    part.override(providers.Singleton(list, brought, other))

    assert graph.services_on(part) == [brought, holder]


def test_parts_in_groups_have_dotted_names_and_self_is_no_part():
    coder = providers.Object("coder")
    group = providers.Aggregate(coder=coder)

    named = named_parts({"group": group, "__self__": providers.Self()})

    assert named == {"group": group, "group.coder": coder}


def test_a_part_is_called_by_its_name_or_by_what_it_builds():
    part = providers.Object(1)
    graph = Graph({"part": part})

    assert graph.name_of(part) == "part"
    assert "list" in graph.name_of(providers.Factory(list))


def test_the_users_of_a_setting_are_the_longest_chain_up_to_a_group():
    config = providers.Configuration()
    llm = providers.Singleton(dict, key=config.key)
    coder = providers.Factory(dict, llm=llm)
    group = providers.Aggregate(coder=coder, other=providers.Factory(dict, key=config.key))
    worker = providers.Singleton(dict, group=group)
    graph = Graph({"config": config, "llm": llm, "group": group, "worker": worker})

    assert graph.users_of_setting("config.key") == ["llm", "group.coder"]
    assert graph.users_of_setting("config.other") == []


def test_a_nameless_provider_in_a_chain_is_left_out():
    config = providers.Configuration()
    user = providers.Factory(dict, inner=providers.Factory(dict, key=config.key))

    assert Graph({"user": user}).users_of_setting("config.key") == ["user"]


@pytest.mark.parametrize(
    ("word", "sentence"),
    [("databse", " Did you mean 'database'?"), ("xyz", ""), ("task", " Did you mean 'tasks'?")],
)
def test_near_words_are_offered(word: str, sentence: str):
    assert did_you_mean(word, ["database", "tasks", "clock"]) == sentence


def test_an_object_in_the_place_of_a_part_changes_no_order_of_services():
    part = providers.Singleton(dict)
    first, second = Service(dict, part=part), Service(dict)
    graph = Graph({"second": second, "first": first, "part": part})
    part.override(providers.Object({}))

    assert graph.services() == [second, first]
    assert [p for p in graph.order() if isinstance(p, Service)] == [second, first]


def test_a_service_in_the_place_of_a_part_is_one_of_the_services():
    part, other = providers.Singleton(dict), Service(dict)
    graph = Graph({"part": part})
    part.override(other)

    assert graph.services() == [other]
