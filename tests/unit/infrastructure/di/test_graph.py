"""Who uses whom."""

import pytest
from dependency_injector import providers

from vespera.infrastructure.di.graph import (
    did_you_mean,
    holders,
    named_parts,
    names_of,
    users_of_setting,
    uses,
    uses_now,
    walk,
)


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

    assert uses_now(part) == (fake,)
    assert uses(part) == (inner, fake)
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
    roots = [indirect, late, user_of_group, group]

    assert holders(target, walk(roots)) == [target, direct, indirect]


def test_parts_in_groups_have_dotted_names_and_self_is_no_part():
    coder = providers.Object("coder")
    group = providers.Aggregate(coder=coder)

    named = named_parts({"group": group, "__self__": providers.Self()})

    assert named == {"group": group, "group.coder": coder}


def test_a_part_is_called_by_its_name_or_by_what_it_builds():
    part = providers.Object(1)
    name_of = names_of({"part": part})

    assert name_of(part) == "part"
    assert "builtins.list" in name_of(providers.Factory(list)) or "list" in name_of(
        providers.Factory(list)
    )


def test_the_users_of_a_setting_are_the_longest_chain_up_to_a_group():
    config = providers.Configuration()
    llm = providers.Singleton(dict, key=config.key)
    coder = providers.Factory(dict, llm=llm)
    group = providers.Aggregate(coder=coder, other=providers.Factory(dict, key=config.key))
    worker = providers.Singleton(dict, group=group)
    parts = named_parts({"config": config, "llm": llm, "group": group, "worker": worker})

    assert users_of_setting("config.key", parts) == ["llm", "group.coder"]
    assert users_of_setting("config.other", parts) == []


def test_a_nameless_provider_in_a_chain_is_left_out():
    config = providers.Configuration()
    user = providers.Factory(dict, inner=providers.Factory(dict, key=config.key))

    assert users_of_setting("config.key", {"user": user}) == ["user"]


@pytest.mark.parametrize(
    ("word", "sentence"),
    [("databse", " Did you mean 'database'?"), ("xyz", ""), ("task", " Did you mean 'tasks'?")],
)
def test_near_words_are_offered(word: str, sentence: str):
    assert did_you_mean(word, ["database", "tasks", "clock"]) == sentence
