"""What callers send and get, checked to the last field."""

import json
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, StringConstraints

from project_service.project_tasks import NewTask, ProjectTask, ProjectTaskPage
from project_service.projects import Project, ProjectPage

LONGEST_TEXT = 200_000
LONGEST_REMARK = 2_000
LONGEST_KEY = 200
NAME = r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?"

Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_TEXT)]
Remark = Annotated[str, StringConstraints(max_length=LONGEST_REMARK)]
Name = Annotated[str, StringConstraints(pattern=f"^{NAME}$")]


def _storable(value: JsonValue) -> JsonValue:
    """Refuse what JSON has no form for, although Python's reader takes it: NaN, half characters."""
    json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    return value


AnyJson = Annotated[JsonValue, AfterValidator(_storable)]


class Form(BaseModel):
    """A field that is not known is an error: it was meant to do something."""

    model_config = ConfigDict(extra="forbid")


class ProjectForm(Form):
    """A new project; the name is part of addresses."""

    name: Name
    title: Title


class TextForm(Form):
    """A task that is done to a text."""

    kind: Literal["report", "summary", "publication"]
    title: Title
    text: Text
    priority: Annotated[int, Field(ge=-100, le=100)] = 0

    def wish(self, key: str | None) -> NewTask:
        """What is to be done."""
        payload = {"text": self.text}
        return NewTask(
            kind=self.kind, title=self.title, payload=payload, priority=self.priority, key=key
        )


class MinutesForm(Form):
    """A meeting; its notes come as signals."""

    kind: Literal["minutes"]
    title: Title

    def wish(self, key: str | None) -> NewTask:
        """What is to be done."""
        return NewTask(kind=self.kind, title=self.title, payload={}, key=key)


class ReviewForm(Form):
    """Something that a person does, and signs off."""

    kind: Literal["review"]
    title: Title
    text: Text = "-"

    def wish(self, key: str | None) -> NewTask:
        """What is to be done."""
        return NewTask(kind=self.kind, title=self.title, payload={"text": self.text}, key=key)


TaskForm = Annotated[TextForm | MinutesForm | ReviewForm, Field(discriminator="kind")]


class SignalForm(Form):
    """What a signal brings."""

    payload: AnyJson = None


class DecisionForm(Form):
    """Yes or no, by whom, and why."""

    approved: bool
    by: Remark = ""
    comment: Remark = ""


class CancelForm(Form):
    """Why a task is called off."""

    reason: Remark = ""


class CompletionForm(Form):
    """What a person has done."""

    summary: Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_REMARK)]
    artifacts: Annotated[list[Remark], Field(max_length=100)] = []
    next_action: Remark = ""


class ProjectView(BaseModel):
    """A project."""

    name: str
    title: str
    state: Literal["open", "closed"]
    created_at: datetime
    tasks: str

    @classmethod
    def of(cls, project: Project) -> "ProjectView":
        """As callers see it."""
        return cls(
            name=project.name,
            title=project.title,
            state="open" if project.is_open else "closed",
            created_at=project.created_at,
            tasks=f"/projects/{project.name}/tasks",
        )


class ProjectPageView(BaseModel):
    """Some projects; give ``next`` as ``after`` for those behind them."""

    projects: list[ProjectView]
    next: str | None

    @classmethod
    def of(cls, page: ProjectPage) -> "ProjectPageView":
        """As callers see it."""
        return cls(projects=[ProjectView.of(each) for each in page.projects], next=page.next)


class ProgressView(BaseModel):
    """How far a task says that it is."""

    model_config = ConfigDict(from_attributes=True)

    done: float
    total: float | None
    message: str


class TaskView(BaseModel):
    """A task, and where to ask more of it."""

    id: str
    project: str
    kind: str
    title: str
    status: str
    created_at: datetime
    updated_at: datetime
    attempt: int
    error: str | None
    awaits: str | None
    waits_for: str | None
    progress: ProgressView | None
    links: dict[str, str]

    @classmethod
    def of(cls, task: ProjectTask) -> "TaskView":
        """As callers see it."""
        here = f"/projects/{task.project}/tasks/{task.id}"
        told = None if task.progress is None else ProgressView.model_validate(task.progress)
        return cls(
            id=task.id,
            project=task.project,
            kind=task.kind,
            title=task.title,
            status=task.status,
            created_at=task.created_at,
            updated_at=task.updated_at,
            attempt=task.attempt,
            error=task.error,
            awaits=task.awaits,
            waits_for=task.waits_for or None,
            progress=told,
            links={"self": here, "result": f"{here}/result", "events": f"{here}/events"},
        )


class TaskPageView(BaseModel):
    """Some tasks; give ``next`` as ``after`` for those behind them."""

    tasks: list[TaskView]
    next: str | None

    @classmethod
    def of(cls, page: ProjectTaskPage) -> "TaskPageView":
        """As callers see it."""
        return cls(tasks=[TaskView.of(each) for each in page.tasks], next=page.next)
