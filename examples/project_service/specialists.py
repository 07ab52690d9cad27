"""Who does the work: four kinds of it; a fifth, ``review``, is done by people."""

import asyncio
from collections.abc import Mapping
from typing import cast

from project_service.model import ChatModel
from project_service.texts import (
    measure,
    minutes_in_markdown,
    page,
    report_in_markdown,
    told,
)
from vespera import RetryPolicy, TaskContext, TaskOutcome
from vespera.domain.errors import (
    AIServiceBadAnswer,
    AIServiceRateLimited,
    AIServiceTimedOut,
    AIServiceUnavailable,
    CircuitBreakerOpenError,
    WaitTimedOut,
)

INSTRUCTION = "Summarise the text in at most three sentences, in its own language."
PATIENCE = RetryPolicy(
    max_attempts=6,
    delay=2.0,
    max_delay=60.0,
    retry_on=(
        AIServiceUnavailable,
        AIServiceRateLimited,
        AIServiceTimedOut,
        AIServiceBadAnswer,
        CircuitBreakerOpenError,
    ),
)
"""With a model in trouble, for minutes; the guard around it has its own, for seconds."""

NOTE = "note"
LONGEST_SILENCE = 24 * 60 * 60.0
"""Seconds without a note after which a meeting is over."""


def place_of(project: str, task_id: str, name: str) -> str:
    """Where a file of a task is in the workspace: each project has a directory of its own."""
    return f"projects/{project}/{task_id}/{name}"


class Reporter:
    """Counts what is in a text."""

    async def execute(self, task: TaskContext) -> TaskOutcome:
        """The outcome's result is the ``TextReport``."""
        report = await task.step("measure", measure, _text(task))
        path = _place_of(task, "report.md")
        await task.files.write_text(path, report_in_markdown(task.title, report))
        return TaskOutcome(summary=told(report), artifacts=[path], result=report)


class Summariser:
    """Has a model say in short what a text is about."""

    def __init__(self, *, model: ChatModel) -> None:
        self._model = model

    async def execute(self, task: TaskContext) -> TaskOutcome:
        """The outcome's result is the summary."""
        summary = await summary_of(task, self._model)
        path = _place_of(task, "summary.txt")
        await task.files.write_text(path, f"{summary}\n")
        return TaskOutcome(summary=summary[:200], artifacts=[path], result=summary)


class Publisher:
    """Makes a page of a text, once a person has said yes to it."""

    def __init__(self, *, model: ChatModel) -> None:
        self._model = model

    async def execute(self, task: TaskContext) -> TaskOutcome:
        """The outcome's result says whether it was published, and who decided."""
        task.progress(0, 3, "measuring and summarising")
        async with asyncio.TaskGroup() as group:
            measured = group.create_task(task.step("measure", measure, _text(task)))
            said = group.create_task(summary_of(task, self._model))
        report, summary = measured.result(), said.result()
        task.progress(1, 3, "waiting for approval")
        answer = await task.wait_for_approval(f"Publish {task.title!r}? It says: {summary}")
        decided = {"published": answer.approved, "by": answer.by, "comment": answer.comment}
        if not answer.approved:
            return TaskOutcome(summary=f"not published: {answer.comment}", result=decided)
        task.progress(2, 3, "publishing")
        path = _place_of(task, "page.html")
        made = page(
            title=task.title,
            summary=summary,
            text=_text(task),
            report=report,
            approved_by=answer.by,
        )
        await task.files.write_text(path, made)
        task.progress(3, 3, "published")
        return TaskOutcome(summary=f"published: {summary}", artifacts=[path], result=decided)


class Recorder:
    """Takes the minutes of a meeting, note by note, each sent as a signal while it lasts."""

    async def execute(self, task: TaskContext) -> TaskOutcome:
        """The outcome's result is how many notes there are."""
        notes: list[tuple[str, str]] = []
        while (note := await self._next(task)) is not None:
            notes.append((str(note.get("by") or ""), str(note.get("text") or "")))
            task.progress(len(notes), None, "notes taken")
            if note.get("last") is True:
                break
        path = _place_of(task, "minutes.md")
        await task.files.write_text(path, minutes_in_markdown(task.title, notes))
        return TaskOutcome(summary=f"{len(notes)} notes", artifacts=[path], result=len(notes))

    async def _next(self, task: TaskContext) -> Mapping[str, object] | None:
        """The next note; None: nobody has anything to say any more."""
        try:
            note = await task.wait_for_signal(NOTE, timeout=LONGEST_SILENCE)
        except WaitTimedOut:
            return None
        return cast("Mapping[str, object]", note) if isinstance(note, Mapping) else {"text": note}


async def summary_of(task: TaskContext, model: ChatModel) -> str:
    """The model's summary of the task's text, asked for once, or again while it is busy."""
    return await task.step("summarise", model.complete, INSTRUCTION, _text(task), retry=PATIENCE)


def _text(task: TaskContext) -> str:
    return cast("str", task.payload["text"])


def _place_of(task: TaskContext, name: str) -> str:
    return place_of(cast("str", task.payload["project"]), task.id, name)
