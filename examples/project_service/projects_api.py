"""Projects by HTTP."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from starlette.status import HTTP_201_CREATED

from project_service.forms import NAME, ProjectForm, ProjectPageView, ProjectView
from project_service.parts import After, Limit, Projects
from project_service.problems import granted

router = APIRouter(prefix="/projects")
ProjectName = Annotated[str, Path(pattern=f"^{NAME}$")]


@router.post("", status_code=HTTP_201_CREATED)
async def open_project(form: ProjectForm, projects: Projects, response: Response) -> ProjectView:
    """Open a project; once more, with the same title, gives the one there is (status 200)."""
    project = granted(await projects.open_project(form.name, form.title))
    response.headers["Location"] = f"/projects/{project.name}"
    if not project.created:
        response.status_code = 200
    return ProjectView.of(project)


@router.get("")
async def list_projects(
    projects: Projects,
    request: Request,
    response: Response,
    limit: Limit = 20,
    after: After = None,
) -> ProjectPageView:
    """The projects, the newest first."""
    page = granted(await projects.list_projects(limit, after))
    link_next(request, response, page.next)
    return ProjectPageView.of(page)


@router.get("/{project}")
async def show_project(project: ProjectName, projects: Projects) -> ProjectView:
    """One project."""
    return ProjectView.of(granted(await projects.find(project)))


@router.post("/{project}/close")
async def close_project(project: ProjectName, projects: Projects) -> ProjectView:
    """Take no more tasks, and call off what is not finished."""
    return ProjectView.of(granted(await projects.close(project)))


def link_next(request: Request, response: Response, after: str | None) -> None:
    """Say where the next page is, if there is one."""
    if after is not None:
        there = request.url.include_query_params(after=after)
        response.headers["Link"] = f'<{there.path}?{there.query}>; rel="next"'
