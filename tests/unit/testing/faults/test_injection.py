import pytest

from vespera import Container, RetryPolicy, TaskExecutionWorkflow
from vespera.application.ports.clock import Clock
from vespera.application.runtime.specialists import Specialists
from vespera.domain.errors import OverrideRefused, StepFailed
from vespera.infrastructure.di.base import BaseContainer
from vespera.testing import VirtualClock
from vespera.testing.faults import FaultNeverHit, FaultRefused, Faults, InjectedFault


@pytest.fixture
async def container():
    container = Container(workspace="/nonexistent/vespera")
    clock = VirtualClock()
    container.override(Clock, clock)
    async with clock.running():
        yield container
        await container.cleanup_async_services()


def parts_of(container):
    return {
        name: container.get(name)
        for name in ("clock", "lane", "supervision", "files", "tasks", "queue", "steps", "codec")
    }


def overridden(container):
    return [name for name, part in container.providers.items() if part.overridden]


def test_the_seams_are_taken_out_exactly(container):
    before = {name: type(part) for name, part in parts_of(container).items()}
    with Faults(container):
        assert {name: type(part) for name, part in parts_of(container).items()} != before
    assert {name: type(part) for name, part in parts_of(container).items()} == before

    assert overridden(container) == ["clock"]  # the test's own


async def test_what_runs_keeps_them_until_the_container_is_cleaned_up(container):
    workflow_of = container.get
    with Faults(container) as faults:
        faults.at("step:*", optional=True)
        result = await workflow_of(TaskExecutionWorkflow).create_task({"title": "a"})
    found = await workflow_of(TaskExecutionWorkflow).get_task_status(result.task_id)
    assert found.status == "pending"  # the database in memory is still the same
    await container.cleanup_async_services()

    assert overridden(container) == []


async def test_a_container_that_runs_takes_no_seams(container):
    await container.initialize_async_services()
    with pytest.raises(OverrideRefused, match="override before the start"):
        Faults(container)


def test_closing_twice_is_fine(container):
    faults = Faults(container)
    faults.close()
    faults.close()


def test_a_container_of_other_parts_has_the_seams_that_it_can_have():
    class Other(BaseContainer):
        pass

    with Faults(Other()) as faults, pytest.raises(FaultRefused, match="provides 'Bank'"):
        faults.at("Bank.charge")


def test_a_fault_that_was_never_hit_fails_at_the_close(container):
    faults = Faults(container)
    faults.at("step:charge")
    with pytest.raises(FaultNeverHit):
        faults.close()


def test_an_error_of_the_test_is_not_hidden(container):
    with pytest.raises(ZeroDivisionError), Faults(container) as faults:
        faults.at("step:charge")
        raise ZeroDivisionError


async def test_steps_fail_by_name_under_their_retries(container):
    calls = []

    async def charge() -> str:
        calls.append("charged")
        return "receipt"

    async def handler(task):
        retry = RetryPolicy(max_attempts=3, delay=10)
        return await task.step("charge", charge, retry=retry), await task.step("ship", len, "abc")

    with Faults(container) as faults:
        container.get(Specialists).register("trade", handler)
        workflow = container.get(TaskExecutionWorkflow)
        with faults.at("step:charge", error=ConnectionError("down"), times=2) as fault:
            result = await workflow.run(title="a", specialist_type="trade")
        assert (result.result, fault.hits) == (("receipt", 3), 2)
        assert calls == ["charged"]
        with faults.at("step:sh*", when="after") as fault:
            failed = await workflow.run(title="a", specialist_type="trade")
        assert fault.hits == 1
        assert InjectedFault.__name__ in (failed.error or "")
        assert StepFailed.__name__ in (failed.error or "")


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ({"delay": -1}, "delay"),
        ({"delay": float("nan")}, "delay"),
        ({"delay": "5"}, "delay: must be seconds, 0 or more, not '5'"),
        ({"times": 0}, "times"),
        ({"times": 1.5}, "times: must be a whole number"),
        ({"times": True}, "times: must be a whole number"),
        ({"after": "2"}, "after: must be a whole number"),
        ({"after": -1}, "after"),
        ({"when": "during"}, "when"),
        ({"error": []}, "empty"),
        ({"error": "full"}, "must be an exception or its class, not 'full'"),
        ({"error": int}, "must be an exception"),
        ({"error": [ValueError, 3]}, "not 3"),
    ],
)
def test_what_makes_no_sense_is_refused(container, given, hint):
    with Faults(container) as faults, pytest.raises(FaultRefused, match=hint):
        faults.at("step:charge", **given)


def test_a_misspelt_name_of_the_system_is_refused_with_near_ones(container):
    with Faults(container) as faults, pytest.raises(FaultRefused, match="Did you mean 'ENOSPC'"):
        faults.at("file:write", error="ENOSPCE")
