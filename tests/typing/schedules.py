"""What type checkers make of schedules and of draining. Checked by two of them, never run."""

from datetime import datetime, timedelta
from typing import assert_type

from vespera import Container, TaskOrchestrator, TaskRequest, TaskResult
from vespera.application.runtime.schedule_book import ScheduleResult
from vespera.domain.schedule import TaskSchedule


async def main(container: Container) -> None:
    orchestrator = container.get(TaskOrchestrator)
    made = await orchestrator.schedule("nightly", {"title": "Back up"}, cron="0 3 * * *")
    assert_type(made, ScheduleResult)
    assert_type(made.schedule, TaskSchedule | None)
    await orchestrator.schedule("a", TaskRequest(title="A"), every=timedelta(minutes=5))
    await orchestrator.schedule("b", title="B", every=60, catch_up="all", overlap="skip")
    await orchestrator.schedule("c", title="C", cron=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    schedules = await orchestrator.schedules()
    assert_type(schedules, list[TaskSchedule])
    assert_type(schedules[0].next_due, datetime | None)
    assert_type(await orchestrator.pause_schedule("nightly"), ScheduleResult)
    assert_type(await orchestrator.resume_schedule("nightly"), ScheduleResult)
    assert_type(await orchestrator.unschedule("nightly"), ScheduleResult)
    assert_type(await orchestrator.trigger("nightly"), TaskResult)
    await orchestrator.stop(drain=30)
    await orchestrator.stop(drain="soon")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
