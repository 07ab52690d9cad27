"""The resource types that Vespera has, used for real."""

import asyncio
import signal
from pathlib import Path

import pytest
import pytest_asyncio

from vespera import AsyncResourceManager, Container, providers
from vespera.domain.errors import MissingExtra, ResourceBusy, ResourceNotAcquired
from vespera.infrastructure.resources.http_sessions import HttpSessions
from vespera.infrastructure.resources.processes import beginning_of
from vespera.testing.servers import HttpServer


@pytest_asyncio.fixture
async def manager(tmp_path):
    async with Container(workspace=tmp_path) as container:
        yield container.get(AsyncResourceManager)


def lock_at(path, **more):
    return {"resource_type": "file_lock", "configuration": {"path": path, **more}}


def process_of(*program, **more):
    return {"resource_type": "subprocess", "configuration": {"program": program, **more}}


# ------------------------------------------------------------------------ temporary directories


async def test_a_directory_is_its_owner_s_alone_and_goes_with_all_that_is_in_it(manager, tmp_path):
    async with manager.create_resource(configuration={"directory": tmp_path}) as resource:
        path = resource.value
        assert path.stat().st_mode & 0o777 == 0o700
        await resource.execute_operation(
            operation="write_text", parameters={"name": "a/b.txt", "text": "✓"}
        )
        read = await resource.execute_operation(
            operation="read_text", parameters={"name": "a/b.txt"}
        )
        names = await resource.execute_operation(operation="names")

        assert (read.value, names.value) == ("✓", ["a/b.txt"])
    assert not path.exists()
    assert (await manager.verify_cleanup(resource.id)).cleaned_up


@pytest.mark.parametrize("name", ["../out", "/etc/passwd", "a/../../out", ""])
async def test_its_operations_stay_inside(manager, tmp_path, name):
    async with manager.create_resource(configuration={"directory": tmp_path}) as resource:
        result = await resource.execute_operation(
            operation="write_text", parameters={"name": name, "text": "x"}
        )

    assert not result.success
    assert "leads out of the directory" in result.error
    assert list(tmp_path.iterdir()) == []


async def test_one_that_nobody_may_write_to_goes_all_the_same(manager, tmp_path):
    async with manager.create_resource(configuration={"directory": tmp_path}) as resource:
        deep = resource.value / "deep"
        deep.mkdir()
        (deep / "file").write_text("x")
        deep.chmod(0o500)

    assert list(tmp_path.iterdir()) == []


async def test_what_it_links_to_stays(manager, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").write_text("x")
    async with manager.create_resource(configuration={"directory": tmp_path}) as resource:
        (resource.value / "link").symlink_to(tmp_path / "mine")

    assert (tmp_path / "mine" / "file").read_text() == "x"


async def test_one_that_was_removed_meanwhile_is_gone(manager, tmp_path):
    async with manager.create_resource(configuration={"directory": tmp_path}) as resource:
        resource.value.rmdir()

    assert (await manager.verify_cleanup(resource.id)).cleaned_up


async def test_what_stands_in_its_place_is_not_touched(manager, tmp_path):
    async with manager.create_resource(configuration={"directory": tmp_path}) as resource:
        resource.value.rmdir()
        resource.value.write_text("somebody else's")

    status = await manager.verify_cleanup(resource.id)
    assert not status.cleaned_up
    assert resource.value.read_text() == "somebody else's"


async def test_a_directory_that_is_not_there_is_told(manager, tmp_path):
    with pytest.raises(ResourceNotAcquired, match="FileNotFoundError"):
        async with manager.create_resource(configuration={"directory": tmp_path / "no"}):
            pass


# ----------------------------------------------------------------------------------- file locks


async def test_a_lock_is_held_by_one(manager, tmp_path):
    path = tmp_path / "lock"
    async with manager.create_resource(**lock_at(path)) as first:
        assert path.read_text() == first.id
        with pytest.raises(ResourceBusy, match=f"{path}.*{first.id}"):
            async with manager.create_resource(**lock_at(path, timeout=0)):
                pass
    async with manager.create_resource(**lock_at(path, timeout=0)):
        assert (await manager.verify_cleanup(first.id)).cleaned_up


async def test_a_lock_that_is_freed_in_time_is_taken(manager, tmp_path):
    path = tmp_path / "lock"
    async with manager.create_session() as session:
        first = await session.create_resource(**lock_at(path))
        waiting = asyncio.create_task(session.create_resource(**lock_at(path, timeout=None)))
        await asyncio.sleep(0)
        await session.release(first.id)
        second = await waiting

        assert path.read_text() == second.id


async def test_a_file_that_says_something_is_locked_and_left_as_it_is(manager, tmp_path):
    path = tmp_path / "data.json"
    path.write_text("[1, 2, 3]")
    async with manager.create_resource(**lock_at(path)):
        with pytest.raises(ResourceBusy, match="somebody else, and"):
            async with manager.create_resource(**lock_at(path, timeout=0)):
                pass

    assert path.read_text() == "[1, 2, 3]"


# --------------------------------------------------------------------------------- subprocesses


async def test_a_process_is_talked_to_over_its_pipes(manager):
    async with manager.create_resource(
        **process_of("cat", stdin="pipe", stdout="pipe")
    ) as resource:
        await resource.execute_operation(operation="write_line", parameters={"text": "hello ✓"})
        line = await resource.execute_operation(operation="read_line")
        running = await resource.execute_operation(operation="is_running")

    assert (line.value, running.value) == ("hello ✓", True)
    assert resource.value.returncode == -signal.SIGTERM


async def test_a_process_that_ends_by_itself_tells_its_exit_code(manager, tmp_path):
    async with manager.create_resource(
        **process_of("sh", "-c", "exit $CODE", environment={"CODE": "7"}, cwd=tmp_path)
    ) as resource:
        assert (await resource.execute_operation(operation="wait")).value == 7
        refused = await resource.execute_operation(operation="read_line")

    assert "configuration.stdout: is no pipe" in refused.error


async def test_a_process_that_does_not_listen_is_killed_after_its_grace(manager):
    stubborn = "trap '' TERM; echo ready; while :; do sleep 1; done"
    async with manager.create_resource(
        **process_of("sh", "-c", stubborn, stdout="pipe", grace=0.05)
    ) as resource:
        await resource.execute_operation(operation="read_line")

    assert resource.value.returncode == -signal.SIGKILL
    assert (await manager.verify_cleanup(resource.id)).cleaned_up


async def test_what_a_process_has_started_ends_with_it(manager):
    """Also what has left its session."""
    script = "setsid sleep 60 & echo $!; wait"
    async with manager.create_resource(**process_of("sh", "-c", script, stdout="pipe")) as resource:
        line = await resource.execute_operation(operation="read_line")
        during = await manager.verify_cleanup(resource.id)

    assert len(during.found) >= 2
    assert beginning_of(int(line.value)) == 0


async def test_a_program_that_is_not_there_is_told(manager):
    with pytest.raises(ResourceNotAcquired, match="no-such-program"):
        async with manager.create_resource(**process_of("no-such-program")):
            pass


# ------------------------------------------------------------------------------- HTTP sessions


async def test_a_session_asks_over_http_and_is_closed(manager):
    async with HttpServer() as server:
        server.at("GET", "/hello", {"hello": "there"})
        async with manager.create_resource(
            resource_type="http_session", configuration={"base_url": server.url, "timeout": 5}
        ) as resource:
            answer = await resource.execute_operation(
                operation="request", parameters={"method": "GET", "url": "/hello"}
            )
            async with resource.value.get("/hello") as response:
                assert await response.json() == {"hello": "there"}

    assert (answer.value["status"], answer.value["text"]) == (200, '{"hello": "there"}')
    assert resource.value.closed


async def test_a_client_that_is_not_installed_is_told():
    def missing(configuration):
        raise MissingExtra("The resource type 'http_session'", "aiohttp", "aiohttp")

    class WithoutClient(Container):
        resource_types = providers.Aggregate(
            http_session=providers.Singleton(HttpSessions, missing)
        )

    async with WithoutClient() as container:
        with pytest.raises(MissingExtra, match=r"pip install 'vespera\[aiohttp\]'"):
            async with container.get(AsyncResourceManager).create_resource(
                resource_type="http_session"
            ):
                pass


# --------------------------------------------------------------------------- database sessions


async def test_what_was_not_committed_is_rolled_back(manager):
    count = {"operation": "execute", "parameters": {"statement": "SELECT count(*) AS n FROM tasks"}}
    add = "INSERT INTO task_counts (specialist_type, status, total) VALUES (:kind, 'completed', 0)"
    async with manager.create_resource(resource_type="database_session") as resource:
        assert (await resource.execute_operation(**count)).value == [{"n": 0}]
        for kind, end in (("kept", "commit"), ("dropped", "rollback")):
            written = await resource.execute_operation(
                operation="execute", parameters={"statement": add, "values": {"kind": kind}}
            )
            assert written.value == []
            await resource.execute_operation(operation=end)
        found = await resource.execute_operation(
            operation="execute",
            parameters={"statement": "SELECT specialist_type FROM task_counts"},
        )

    assert found.value == [{"specialist_type": "kept"}]


async def test_all_types_together_are_released_in_reverse(manager, tmp_path):
    async with manager.create_session() as session:
        directory = await session.create_resource(configuration={"directory": tmp_path})
        held = [
            directory,
            await session.create_resource(**lock_at(Path(directory.value) / "lock")),
            await session.create_resource(**process_of("sleep", "60", cwd=directory.value)),
            await session.create_resource(resource_type="http_session"),
            await session.create_resource(resource_type="database_session"),
        ]

    for resource in held:
        assert (await manager.verify_cleanup(resource.id)).cleaned_up


@pytest.mark.parametrize("path", [".", "file/lock", "nul\0"])
async def test_a_lock_that_cannot_be_taken_leaves_nothing_to_be_released(manager, tmp_path, path):
    (tmp_path / "file").touch()

    with pytest.raises(ResourceNotAcquired):
        async with manager.create_resource(**lock_at(f"{tmp_path}/{path}")):
            raise AssertionError

    assert await manager.list_resources() == []


@pytest.mark.parametrize("parent", ["file", "nul\0"])
async def test_a_directory_in_what_is_none_leaves_nothing_to_be_released(manager, tmp_path, parent):
    (tmp_path / "file").touch()

    with pytest.raises(ResourceNotAcquired):
        async with manager.create_resource(configuration={"directory": f"{tmp_path}/{parent}"}):
            raise AssertionError

    assert await manager.list_resources() == []
