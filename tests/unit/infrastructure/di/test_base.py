"""Looking parts up, making containers, and how they behave as objects."""

import asyncio
import gc
import sys
import threading
import types
import weakref
from collections.abc import Mapping
from typing import ClassVar, Protocol
from unittest.mock import AsyncMock, MagicMock

import pytest
from dependency_injector import containers
from dependency_injector.wiring import Provide, inject

from vespera.domain.errors import (
    AmbiguousPart,
    ContainerError,
    MissingSetting,
    OverrideRefused,
    UnknownPart,
    UnknownSetting,
)
from vespera.infrastructure.di.base import BaseContainer, Provider, Service, providers


class TaskRepository(Protocol):
    async def titles(self) -> list[str]: ...


class Database:
    def __init__(self, url: str) -> None:
        self.url = url


class SqlTaskRepository:
    def __init__(self, database: Database) -> None:
        self.database = database

    async def titles(self) -> list[str]:
        return [self.database.url]


class ArchiveTasks:
    def __init__(self, *, tasks: TaskRepository) -> None:
        self.tasks = tasks


class ChatModel:
    def __init__(self, api_key: str) -> None:
        self.api_key = api_key


class Coder:
    def __init__(self, *, llm: ChatModel) -> None:
        self.llm = llm


async def write(_task: object) -> str:
    return "written"


class House(BaseContainer):
    defaults: ClassVar[Mapping[str, object]] = {"url": "memory"}
    config = providers.Configuration(strict=True)

    database = Service(Database, config.url)
    tasks: Provider[TaskRepository] = providers.Singleton(SqlTaskRepository, database)
    archive_tasks = providers.Factory(ArchiveTasks, tasks=tasks)
    llm = providers.Singleton(ChatModel, api_key=config.openai_key)
    specialists = providers.Aggregate(
        coder=providers.Factory(Coder, llm=llm), writer=providers.Object(write)
    )


# --------------------------------------------------------------------------------- the class itself


def test_a_container_is_an_instance_of_its_own_class():
    class Mine(House):
        def hello(self) -> str:
            return "hello"

    container = Mine()

    assert type(container) is Mine
    assert isinstance(container, House)
    assert container.hello() == "hello"


def test_the_constructor_of_a_subclass_runs_and_may_give_settings():
    class Mine(House):
        def __init__(self, key: str) -> None:
            super().__init__(openai_key=key)
            self.note = "made"

    container = Mine("secret")

    assert container.note == "made"
    assert container.get(ChatModel).api_key == "secret"


def test_a_constructor_that_does_not_call_its_base_leaves_the_defaults():
    class Mine(House):
        def __init__(self) -> None:
            pass

    assert Mine().get(Database).url == "memory"


def test_the_bare_base_works():
    assert BaseContainer().get("config") == {"stop_timeout": 10.0}


# --------------------------------------------------------------------------------------- looking up


def test_a_part_is_found_by_its_port():
    assert isinstance(House().get(TaskRepository), SqlTaskRepository)


def test_a_part_is_found_by_its_class_and_by_its_name():
    container = House()

    assert container.get(SqlTaskRepository) is container.get("tasks") is container.tasks()


def test_a_part_inside_a_group_is_found_by_type_and_by_dotted_name():
    container = House(openai_key="k")

    assert isinstance(container.get(Coder), Coder)
    assert isinstance(container.get("specialists.coder"), Coder)
    assert container.get("specialists.writer") is write


def test_a_group_is_given_as_it_is():
    container = House()

    assert container.get("specialists") is container.specialists


def test_singletons_are_built_once_and_factories_each_time():
    container = House()

    assert container.get(TaskRepository) is container.get(TaskRepository)
    assert container.get(ArchiveTasks) is not container.get(ArchiveTasks)
    assert container.get(ArchiveTasks).tasks is container.get(TaskRepository)


def test_an_unknown_type_names_near_matches():
    class ArchiveTask: ...

    with pytest.raises(UnknownPart, match=r"House provides no ArchiveTask\. .*'ArchiveTasks'"):
        House().get(ArchiveTask)


@pytest.mark.parametrize("name", ["databse", "specialists.codr", "config.url", ""])
def test_an_unknown_name_is_refused(name: str):
    with pytest.raises(UnknownPart, match=f"House provides no '{name}'"):
        House().get(name)


def test_an_unknown_name_names_near_matches():
    with pytest.raises(UnknownPart, match="Did you mean 'database'"):
        House().get("databse")
    with pytest.raises(UnknownPart, match=r"Did you mean 'specialists\.coder'"):
        House().get("specialists.codr")


def test_what_is_no_key_at_all_is_an_unknown_part():
    with pytest.raises(UnknownPart, match="provides no None"):
        House().get(None)
    with pytest.raises(UnknownPart, match="provides no str"):
        House().get(str)


def test_two_parts_of_one_type_are_ambiguous_and_both_named():
    class Two(House):
        replica = Service(Database, "replica")

    with pytest.raises(AmbiguousPart, match=r"Database by database and replica; .*get\('database'"):
        Two().get(Database)


def test_an_annotation_makes_one_of_two_parts_the_main_one():
    class Two(House):
        replica: Provider[Database] = Service(Database, "replica")

    assert Two().get(Database).url == "replica"


def test_a_key_error_handler_catches_an_unknown_part():
    with pytest.raises(LookupError):
        House().get("nothing")


# ------------------------------------------------------------------------------------ never awaited


def test_a_part_is_never_an_awaitable_outside_an_event_loop():
    container = House()

    assert isinstance(container.get(ArchiveTasks), ArchiveTasks)
    assert isinstance(container.archive_tasks(), ArchiveTasks)


async def test_a_use_case_works_without_any_start():
    assert await House().get(ArchiveTasks).tasks.titles() == ["memory"]


def test_a_generator_among_the_arguments_is_handed_on_as_it_is():
    def numbers():
        yield 1

    class Keeper:
        def __init__(self, source: object) -> None:
            self.source = source

    class Odd(BaseContainer):
        source = providers.Singleton(numbers)
        keeper = providers.Singleton(Keeper, source)
        user = providers.Factory(Keeper, source)

    container = Odd()

    assert isinstance(container.get("source"), types.GeneratorType)
    assert container.get("keeper").source is container.get("source")
    assert container.get("user").source is container.get("source")


async def test_a_future_among_the_arguments_is_handed_on_as_it_is():
    future = asyncio.get_running_loop().create_future()

    class Odd(BaseContainer):
        source = providers.Object(future)
        keeper = providers.Singleton(list, providers.List(source))

    assert Odd().get("keeper") == [future]


def test_overriding_before_the_first_call_leaves_nothing_awaitable_behind():
    container = House()
    with container.override(TaskRepository, AsyncMock(spec=TaskRepository)):
        assert isinstance(container.get(ArchiveTasks), ArchiveTasks)
    assert isinstance(container.get(ArchiveTasks).tasks, SqlTaskRepository)


def test_a_mock_with_enter_is_given_as_it_is_and_not_entered():
    mock = MagicMock(titles=AsyncMock())
    container = House()

    with container.override(TaskRepository, mock):
        assert container.get(TaskRepository) is mock
    mock.__enter__.assert_not_called()


# ----------------------------------------------------------------------------------------- settings


def test_settings_come_by_keyword_or_as_a_mapping_or_both():
    assert House(url="file").get(Database).url == "file"
    assert House({"url": "file"}).get(Database).url == "file"
    assert House({"url": "file"}, url="other").get(Database).url == "other"


def test_a_setting_may_be_a_mapping():
    class Nested(BaseContainer):
        database = Service(Database, BaseContainer.config.database.url)

    assert Nested({"database": {"url": "file"}}).get(Database).url == "file"


def test_settings_changed_in_a_container_are_seen_on_every_level():
    class Nested(BaseContainer):
        deep = providers.Factory(Database, BaseContainer.config.database.url)
        flat = providers.Factory(Database, BaseContainer.config.url)

    container = Nested({"database": {"url": "a"}, "url": "b"})
    before = container.get("deep").url, container.get("flat").url
    container.config.override({"database": {"url": "c"}, "url": "d"})

    assert before == ("a", "b")
    assert (container.get("deep").url, container.get("flat").url) == ("c", "d")


def test_a_missing_setting_names_its_path_and_who_needs_it():
    with pytest.raises(MissingSetting) as caught:
        House().get("specialists.coder")

    text = str(caught.value)
    assert "config.openai_key is not set, needed by llm <- specialists.coder" in text
    assert "Container(openai_key=...)" in text


def test_a_missing_setting_is_named_on_every_way_to_the_part():
    with pytest.raises(MissingSetting, match=r"config\.openai_key"):
        House().llm()
    with pytest.raises(MissingSetting, match=r"config\.openai_key"):
        House().specialists("coder")


def test_a_missing_setting_of_one_part_does_not_hinder_another():
    assert House().get(TaskRepository)


def test_an_unknown_setting_names_near_matches():
    with pytest.raises(UnknownSetting, match=r"House has no setting 'ulr'\. Did you mean 'url'"):
        House(ulr="file")
    with pytest.raises(UnknownSetting, match="'openai_key'"):
        House(openai_kye="k")


def test_a_part_given_as_a_setting_is_told_where_it_belongs():
    with pytest.raises(UnknownSetting, match=r"It is a part: container\.override\('tasks'"):
        House(tasks=object())


def test_what_is_no_mapping_of_settings_is_refused():
    with pytest.raises(TypeError):
        House(["url"])
    with pytest.raises(UnknownSetting):
        House({3: "url"})


@pytest.mark.parametrize("seconds", ["soon", -1, float("nan")])
def test_a_stop_timeout_that_is_no_time_is_refused(seconds):
    with pytest.raises(ContainerError, match=f"stop_timeout is a time or None, not {seconds!r}"):
        House(stop_timeout=seconds)


def test_the_environment_is_never_read(monkeypatch: pytest.MonkeyPatch):
    for name in ("URL", "url", "VESPERA_URL", "HOUSE_URL"):
        monkeypatch.setenv(name, "production")

    assert House().get(Database).url == "memory"


def test_defaults_of_a_subclass_lie_over_those_of_its_bases():
    class Left(House):
        defaults: ClassVar[Mapping[str, object]] = {"openai_key": "test"}

    class Right(House):
        defaults: ClassVar[Mapping[str, object]] = {"url": "right"}

    class Both(Left, Right):
        pass

    container = Both()

    assert container.get(ChatModel).api_key == "test"
    assert container.get(Database).url == "right"
    assert container.get("config")["stop_timeout"] == 10.0


def test_a_subclass_reads_settings_of_any_base():
    class Mine(House):
        own = providers.Singleton(Database, BaseContainer.config.own_url)
        other = providers.Singleton(Database, House.config.url)

    container = Mine(own_url="own", url="u")

    assert (container.get("own").url, container.get("other").url) == ("own", "u")


# ---------------------------------------------------------------------------------------- isolation


def test_two_containers_share_nothing():
    one, two = House(url="one"), House(url="two")

    assert one.get(TaskRepository) is not two.get(TaskRepository)
    assert (one.get(Database).url, two.get(Database).url) == ("one", "two")
    with one.override(TaskRepository, AsyncMock(spec=TaskRepository)):
        assert isinstance(two.get(TaskRepository), SqlTaskRepository)


def test_containers_do_not_share_a_list_that_the_class_gives():
    class Lists(BaseContainer):
        store = providers.Singleton(lambda items: items, [])

    Lists().get("store").append(1)

    assert Lists().get("store") == []


def test_a_native_override_on_the_class_is_refused_by_the_next_container():
    class Mine(House):
        pass

    Mine.tasks.override(object())
    with pytest.raises(OverrideRefused, match="tasks of the class Mine was changed or overridden"):
        Mine()
    Mine.tasks.reset_override()
    assert Mine()


def test_a_native_override_inside_a_group_of_the_class_is_refused():
    class Mine(House):
        pass

    Mine.specialists.coder.override(object())
    with pytest.raises(OverrideRefused, match=r"specialists\.coder"):
        Mine()


def test_settings_changed_on_the_class_are_refused():
    class Mine(House):
        pass

    Mine.config.from_dict({"url": "production"})
    with pytest.raises(OverrideRefused, match="config of the class"):
        Mine()


def test_an_override_on_a_subclass_does_not_reach_its_base():
    class Mine(House):
        pass

    Mine.tasks.override(object())

    assert isinstance(House().get(TaskRepository), SqlTaskRepository)


def test_override_called_on_the_class_is_refused():
    with pytest.raises(OverrideRefused, match="Override in a container, not in the class"):
        House.override(TaskRepository, AsyncMock())


def test_a_part_set_or_added_on_the_class_after_its_first_container_is_refused():
    class Mine(House):
        pass

    Mine()
    Mine.tasks = providers.Singleton(object)
    with pytest.raises(OverrideRefused, match="tasks of the class Mine"):
        Mine()

    class Other(House):
        pass

    Other()
    Other.extra = providers.Singleton(object)
    with pytest.raises(OverrideRefused, match="extra of the class Other"):
        Other()


def test_a_provider_set_on_a_container_is_refused():
    container = House()

    with pytest.raises(OverrideRefused, match=r"container\.override\('tasks'"):
        container.tasks = providers.Singleton(object)
    container.note = "any other attribute is free"


# --------------------------------------------------------------------------------- singletons, wire


def test_a_singleton_is_built_once_however_many_threads_ask():
    building = threading.Event()
    built = []

    class Slow:
        def __init__(self) -> None:
            built.append(self)
            building.wait(timeout=5)

    class Mine(BaseContainer):
        slow = providers.Singleton(Slow)

    container = Mine()
    got = []
    threads = [threading.Thread(target=lambda: got.append(container.slow())) for _ in range(8)]
    for thread in threads:
        thread.start()
    building.set()
    for thread in threads:
        thread.join()

    assert len(built) == 1
    assert set(map(id, got)) == {id(built[0])}


def test_building_in_one_container_does_not_wait_for_another_container():
    inner_built = threading.Event()

    class Waits:
        def __init__(self) -> None:
            assert inner_built.wait(timeout=5)

    class Outer(BaseContainer):
        part = providers.Singleton(Waits)

    class Inner(BaseContainer):
        part = providers.Singleton(object)

    outer, inner = Outer(), Inner()
    thread = threading.Thread(target=outer.part)
    thread.start()
    inner.part()
    inner_built.set()
    thread.join(timeout=5)

    assert not thread.is_alive()


@inject
def _wired(tasks: object = Provide["tasks"]) -> object:
    return tasks


def test_native_wiring_works_and_leaves_the_parts_as_they_were():
    class Mine(House):
        pass

    container = Mine()
    module = types.ModuleType("wired_module")
    module._wired = _wired
    container.wire(modules=[module])
    try:
        assert module._wired() is container.get("tasks")
    finally:
        container.unwire()
    assert isinstance(Mine().get(TaskRepository), SqlTaskRepository)
    with pytest.raises(UnknownPart):
        container.get("__self__")


def test_a_part_may_ask_for_the_container_itself_also_in_a_subclass():
    class Lookup:
        def __init__(self, container: BaseContainer) -> None:
            self.container = container

    class Base(BaseContainer):
        __self__ = providers.Self()
        lookup = providers.Singleton(Lookup, __self__)

    class Mine(Base):
        pass

    base, mine = Base(), Mine()

    assert base.get(Lookup).container is base
    assert mine.get(Lookup).container is mine


def test_a_container_that_is_let_go_is_gone_at_once_with_its_parts():
    container = House()
    container.get(TaskRepository)
    gone, part = weakref.ref(container), weakref.ref(container.get(Database))
    gc.disable()
    try:
        del container
        assert gone() is None
        assert part() is None
    finally:
        gc.enable()


def test_a_forgotten_container_is_collected_without_a_word():
    class Quiet(BaseContainer):
        part = Service(Database, "x")

    Quiet().get("part")
    gc.collect()


def test_the_dependency_injector_that_we_stand_on_keeps_its_semi_public_points():
    assert hasattr(containers.DeclarativeContainer, "instance_type")
    assert hasattr(containers.DeclarativeContainer, "cls_providers")
    assert "_provide" in vars(providers.Provider)
    assert sys.version_info >= (3, 11)
