"""Settings that are missing, and defaults."""

from typing import ClassVar

import pytest
from dependency_injector import providers

from vespera.domain.errors import MissingSetting
from vespera.infrastructure.di.graph import Graph
from vespera.infrastructure.di.settings import Settings, defaults_of


def test_a_missing_value_is_an_error_that_says_how_to_give_it():
    with pytest.raises(MissingSetting, match=r"config\.url is not set\. Give it: Container\(url="):
        Settings(strict=True).url()


def test_the_parts_that_need_it_are_named():
    settings = Settings(strict=True)
    database = providers.Singleton(dict, url=settings.url)
    tasks = providers.Singleton(dict, database=database)
    graph = Graph({"config": settings, "database": database, "tasks": tasks})
    settings.graph = lambda: graph

    with pytest.raises(MissingSetting, match="needed by database <- tasks"):
        settings.url()


def test_a_value_inside_a_plain_value_is_missing():
    settings = Settings(default={"database": "memory"}, strict=True)

    with pytest.raises(MissingSetting, match=r"config\.database\.url is not set"):
        settings.database.url()


def test_none_and_other_falsy_values_are_values():
    settings = Settings(default={"limit": None, "count": 0}, strict=True)

    assert settings.limit() is None
    assert settings.count() == 0


def test_defaults_follow_the_method_resolution_order():
    class Root:
        defaults: ClassVar = {"a": 1, "b": 1}

    class Left(Root):
        defaults: ClassVar = {"a": 2}

    class Right(Root):
        defaults: ClassVar = {"a": 3, "b": 3}

    class Both(Left, Right):
        pass

    assert defaults_of(Both) == {"a": 2, "b": 3}
