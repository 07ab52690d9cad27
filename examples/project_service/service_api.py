"""How the service itself is: ``/health`` and ``/metrics``."""

from typing import Annotated

from fastapi import APIRouter, Header, Response
from fastapi.responses import JSONResponse

from project_service.metrics import wants_text
from project_service.parts import Leaving, Metrics, Orchestrator, Time
from project_service.problems import problem
from vespera.domain.errors import EngineStopped, StorageError

router = APIRouter()


@router.get("/health")
@router.head("/health", include_in_schema=False)  # some watchers want no body
async def health(orchestrator: Orchestrator, clock: Time, leaving: Leaving) -> Response:
    """Whether requests are welcome; needs no key."""
    if leaving.is_set():
        return problem(503, "The service is stopping.")
    try:
        await orchestrator.newest_event()
    except (StorageError, EngineStopped) as error:
        return problem(503, f"The database does not answer: {type(error).__name__}.")
    return JSONResponse({"status": "ok", "timestamp": clock.now().isoformat()})


@router.get("/metrics")
async def metrics(figures: Metrics, accept: Annotated[str, Header()] = "*/*") -> Response:
    """The figures: JSON, or what Prometheus reads, if the request would rather have that."""
    vary = {"Vary": "Accept"}
    if wants_text(accept):
        text, media_type = await figures.as_text(accept)
        return Response(text, media_type=media_type, headers=vary)
    return JSONResponse(await figures.as_json(), headers=vary)
