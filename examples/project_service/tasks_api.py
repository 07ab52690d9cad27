"""The tasks of a project by HTTP."""

import mimetypes
from collections.abc import Mapping
from typing import Annotated, Literal

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.exceptions import HTTPException

from project_service.forms import (
    CancelForm,
    CompletionForm,
    DecisionForm,
    SignalForm,
    TaskForm,
    TaskPageView,
    TaskView,
)
from project_service.parts import (
    After,
    Files,
    IdempotencyKey,
    Leaving,
    Limit,
    Settings,
    Tasks,
)
from project_service.problems import granted, problem
from project_service.project_tasks import KINDS
from project_service.projects_api import ProjectName, link_next
from project_service.specialists import place_of
from project_service.streams import before, server_sent
from vespera import TaskOutcome, TaskResult, TaskStatus
from vespera.domain.errors import WorkspaceError

LONGEST_WAIT = 60.0
LARGEST_EVENT = 2**63 - 1
_UNTRUSTED = {"Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'"}

router = APIRouter(prefix="/projects/{project}/tasks")


@router.post("", status_code=201)
async def create_task(
    project: ProjectName,
    form: TaskForm,
    tasks: Tasks,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> TaskView:
    """Have something done in the background. With status 201 or 200 it is stored for good; 200
    says that this key had brought it before.
    """
    task = granted(await tasks.create(project, form.wish(idempotency_key)))
    response.headers["Location"] = f"/projects/{project}/tasks/{task.id}"
    if not task.created:
        response.status_code = 200
    return TaskView.of(task)


@router.get("")
async def list_tasks(
    *,
    project: ProjectName,
    tasks: Tasks,
    request: Request,
    response: Response,
    status: Annotated[list[TaskStatus] | None, Query()] = None,
    kind: str | None = None,
    limit: Limit = 20,
    after: After = None,
    order: Literal["newest", "oldest"] = "newest",
) -> TaskPageView:
    """The project's tasks."""
    if kind is not None and kind not in KINDS:
        raise HTTPException(422, f"kind: must be one of {', '.join(KINDS)}")
    page = granted(
        await tasks.list_tasks(
            project, status=status, kind=kind, limit=limit, after=after, order=order
        )
    )
    link_next(request, response, page.next)
    return TaskPageView.of(page)


@router.get("/{task_id}")
async def show_task(project: ProjectName, task_id: str, tasks: Tasks) -> TaskView:
    """One task."""
    return TaskView.of(granted(await tasks.show(project, task_id)))


@router.post("/{task_id}/cancel")
async def cancel_task(
    project: ProjectName, task_id: str, tasks: Tasks, form: CancelForm | None = None
) -> TaskView:
    """Call it off; once more changes nothing."""
    reason = form.reason if form else ""
    return TaskView.of(granted(await tasks.cancel(project, task_id, reason)))


@router.post("/{task_id}/signals/{name}", status_code=202)
async def send_signal(
    *,
    project: ProjectName,
    task_id: str,
    name: str,
    form: SignalForm,
    tasks: Tasks,
    idempotency_key: IdempotencyKey = None,
) -> Mapping[str, str]:
    """Tell it something; with status 202 that is stored, and the task gets it once."""
    granted(await tasks.signal(project, task_id, name, form.payload, idempotency_key))
    return {"status": "stored"}


@router.post("/{task_id}/approval", status_code=202)
async def decide(
    project: ProjectName, task_id: str, form: DecisionForm, tasks: Tasks
) -> Mapping[str, str]:
    """Answer the question that it asks."""
    granted(
        await tasks.decide(
            project, task_id, approved=form.approved, by=form.by, comment=form.comment
        )
    )
    return {"status": "stored"}


@router.post("/{task_id}/completion")
async def complete_task(
    project: ProjectName, task_id: str, form: CompletionForm, tasks: Tasks
) -> TaskView:
    """Say what a person has done."""
    outcome = TaskOutcome(
        summary=form.summary, artifacts=form.artifacts, next_action=form.next_action
    )
    return TaskView.of(granted(await tasks.complete(project, task_id, outcome)))


@router.get("/{task_id}/result")
async def show_result(
    project: ProjectName,
    task_id: str,
    tasks: Tasks,
    leaving: Leaving,
    wait: Annotated[float, Query(ge=0, le=LONGEST_WAIT)] = 0.0,
) -> Response:
    """What came of it: 200 with the result, 202 while it is under way, 409 if it will never be.

    ``wait``: seconds to wait for it.
    """
    ended = await before(leaving, tasks.result(project, task_id, wait))
    return _as_response(granted(ended or await tasks.result(project, task_id)))


@router.get("/{task_id}/artifacts/{name}")
async def show_artifact(
    project: ProjectName, task_id: str, name: str, tasks: Tasks, files: Files
) -> Response:
    """A file that it has made. A browser runs nothing of it, and asks nowhere for more."""
    result = granted(await tasks.result(project, task_id))
    made = result.outcome.artifacts if result.outcome and result.completed else ()
    # A person may name any file; only those in the task's own directory are its own.
    path = place_of(project, task_id, name)
    if path not in made:
        raise HTTPException(404, f"Task {task_id!r} has made no {name!r}.")
    try:
        content = await files.read(path)
    except WorkspaceError as error:
        raise HTTPException(410, f"{name!r} was removed from the workspace.") from error
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    safe = {**_UNTRUSTED, "X-Content-Type-Options": "nosniff"}
    return Response(content, media_type=kind, headers=safe)


@router.get("/{task_id}/events")
async def stream_events(
    *,
    project: ProjectName,
    task_id: str,
    tasks: Tasks,
    settings: Settings,
    leaving: Leaving,
    last_event_id: Annotated[int, Header(ge=0, le=LARGEST_EVENT)] = 0,
) -> Response:
    """What happens to it, until it is finished; 204 says that nothing more will."""
    task = granted(await tasks.show(project, task_id))
    events = granted(await tasks.events(project, task_id, last_event_id))
    stream = server_sent(events, ping_seconds=settings.ping_seconds, leaving=leaving)
    if task.finished:
        told = b"".join([part async for part in stream])
        return Response(told, media_type="text/event-stream") if told else Response(status_code=204)
    return StreamingResponse(
        stream,
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


def _as_response(result: TaskResult) -> Response:
    stands: Mapping[str, str | None] = {"task": result.task_id, "status": result.status}
    if result.completed and result.outcome:
        outcome = result.outcome
        return JSONResponse(
            jsonable_encoder(
                {
                    **stands,
                    "summary": outcome.summary,
                    "artifacts": [path.rpartition("/")[2] for path in outcome.artifacts],
                    "next_action": outcome.next_action,
                    "result": outcome.result,
                }
            )
        )
    if result.finished or (result.status is TaskStatus.EXECUTED and result.error):
        about = {"task": result.task_id, "task_status": result.status}
        return problem(409, result.error or f"The task is {result.status}.", about=about)
    return JSONResponse(stands, 202, headers={"Retry-After": "1"})
