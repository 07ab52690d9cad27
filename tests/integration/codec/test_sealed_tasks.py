"""Tasks whose values are encrypted: nothing is to be read in the file, and all goes on as ever."""

from collections.abc import Mapping
from typing import ClassVar

import pytest

from vespera import (
    Codec,
    CompressedCodec,
    Container,
    EncryptedCodec,
    Provider,
    TaskExecutionWorkflow,
    TaskOrchestrator,
    providers,
)
from vespera.application.usecases.inspect_tasks import InspectTasksUseCase
from vespera.domain.errors import InvalidRequest

OLD, NEW = EncryptedCodec.new_key(), EncryptedCodec.new_key()
SECRET = "the butler did it"


async def detective(task):
    thought = await task.step("think", lambda: f"{task.payload['secret']}!")
    return {"thought": thought}


class Open(Container):
    specialists = providers.Aggregate(detective=providers.Object(detective))


class Sealed(Open):
    defaults: ClassVar[Mapping[str, object]] = {"payload_keys": [OLD]}
    codec: Provider[Codec] = providers.Singleton(
        EncryptedCodec,
        providers.Singleton(CompressedCodec, Open.codec, smallest=0),
        Open.config.payload_keys,
    )


@pytest.fixture
def settings(tmp_path):
    return {"database_url": str(tmp_path / "work.db"), "workspace": str(tmp_path)}


REQUEST = {
    "title": "Solve it",
    "specialist_type": "detective",
    "payload": {"secret": SECRET, "suspects": {"a": 1, "b": 2}},
    "idempotency_key": "case 1",
}
REORDERED = REQUEST | {"payload": {"suspects": {"b": 2, "a": 1}, "secret": SECRET}}


async def solve(kind, settings, request=REQUEST, **more):
    async with kind(**settings, **more) as container:
        return await container.get(TaskExecutionWorkflow).run(request)


async def test_a_task_runs_and_nothing_is_to_be_read_in_the_file(settings, tmp_path):
    result = await solve(Sealed, settings)

    assert result.success, result.error
    assert result.outcome.result["thought"] == f"{SECRET}!"
    for path in tmp_path.iterdir():
        assert not path.is_file() or SECRET.encode() not in path.read_bytes()


async def test_the_same_request_is_the_same_task_though_it_is_stored_otherwise(settings):
    first = await solve(Sealed, settings)
    again = await solve(Sealed, settings, REORDERED)
    async with Sealed(**settings) as container:
        both = await container.get(TaskOrchestrator).run_all([REQUEST, REORDERED])

    assert {first.task_id} == {result.task_id for result in (again, *both)}
    assert again.success


async def test_another_payload_under_the_same_key_is_refused(settings):
    await solve(Sealed, settings)

    other = await solve(Sealed, settings, REQUEST | {"payload": {"secret": "the gardener"}})

    assert not other.success
    assert "belongs to task" in other.error


async def test_encryption_may_begin_and_keys_may_change_in_the_middle(settings):
    plain = await solve(Open, settings)
    sealed = await solve(Sealed, settings, REORDERED)
    rotated = await solve(Sealed, settings, payload_keys=[NEW, OLD])
    fresh = await solve(
        Sealed, settings, REQUEST | {"idempotency_key": "case 2"}, payload_keys=[NEW, OLD]
    )

    assert {plain.task_id} == {sealed.task_id, rotated.task_id}
    assert rotated.outcome.result["thought"] == f"{SECRET}!"
    assert fresh.success


async def test_without_the_key_a_repeated_request_is_told_what_is_missing(settings):
    await solve(Sealed, settings)

    other = await solve(Sealed, settings, payload_keys=[NEW])
    none = await solve(Open, settings)

    assert "add the key" in other.error
    assert "EncryptedCodec" in none.error


async def test_people_without_the_key_see_that_it_is_encrypted(settings):
    result = await solve(Sealed, settings)

    async with Open(**settings) as container:
        shown = await container.get(InspectTasksUseCase).show_task(result.task_id)
    async with Sealed(**settings) as container:
        read = await container.get(InspectTasksUseCase).show_task(result.task_id)

    assert (shown.details.payload, shown.details.outcome) == ("(encrypted)", "(encrypted)")
    assert [step.value for step in shown.details.steps] == ["(encrypted)"]
    assert read.details.payload["secret"] == SECRET
    assert [step.value for step in read.details.steps] == [f"{SECRET}!"]


async def test_a_history_is_in_plain_text_and_sealed_again_where_it_goes(settings, tmp_path):
    result = await solve(Sealed, settings)
    async with Sealed(**settings) as container:
        history = await container.get(TaskOrchestrator).export_task(result.task_id)
    async with Open(**settings) as container:
        without_key = await container.get(TaskOrchestrator).export_task(result.task_id)

    there = {"database_url": str(tmp_path / "there.db"), "workspace": str(tmp_path)}
    async with Sealed(**there, payload_keys=[NEW]) as container:
        orchestrator = container.get(TaskOrchestrator)
        imported = await orchestrator.import_task(history)
        stands = await orchestrator.get_task_status(result.task_id)

    assert history["task"]["payload"]["stored"]["secret"] == SECRET
    assert "EncryptedCodec" in without_key["task"]["payload"]["unreadable"]
    assert (imported.success, stands.result["thought"]) == (True, f"{SECRET}!")
    assert SECRET.encode() not in (tmp_path / "there.db").read_bytes()


async def test_a_key_that_is_none_is_told_by_its_field(settings):
    with pytest.raises(InvalidRequest, match="keys: key 1 is none"):
        Sealed(**settings, payload_keys=["hunter2"]).get(Codec)
