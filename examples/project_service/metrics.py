"""Figures of the service: as JSON for people, as text for Prometheus."""

from collections import Counter
from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Gauge, Histogram
from prometheus_client import Counter as CounterMetric
from prometheus_client.exposition import choose_encoder
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from project_service.projects import PROJECT, UNFINISHED
from vespera import Clock, TaskOrchestrator

_BY_PROMETHEUS = ("text/plain", "application/openmetrics-text")
_BY_PEOPLE = ("application/json", "application/*", "*/*")


class ServiceMetrics:
    """Counts requests, and asks for the counts of tasks; each container has its own."""

    def __init__(self, *, orchestrator: TaskOrchestrator, clock: Clock) -> None:
        self._orchestrator, self._clock = orchestrator, clock
        self._started_at, self._started = clock.now(), clock.monotonic()
        self._registry = CollectorRegistry()
        self._requests = CounterMetric(
            "http_requests", "Requests.", ("method", "route", "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "http_request_seconds", "Time to answer.", ("route",), registry=self._registry
        )
        self._tasks = Gauge(
            "project_service_tasks", "Tasks.", ("kind", "status"), registry=self._registry
        )
        self._projects = Gauge(
            "project_service_projects", "Projects.", ("state",), registry=self._registry
        )

    def time(self) -> float:
        """A moment, to be given to ``answered``."""
        return self._clock.monotonic()

    def answered(self, method: str, route: str, status: int, since: float) -> None:
        """A request was answered."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(self._clock.monotonic() - since)

    async def as_json(self) -> Mapping[str, object]:
        """The figures; times in seconds."""
        tasks, projects = await self._counts()
        return {
            "timestamp": self._clock.now().isoformat(),
            "started_at": self._started_at.isoformat(),
            "uptime_seconds": round(self._clock.monotonic() - self._started, 3),
            "projects": projects,
            "tasks": tasks,
            "requests": self._requests_by_status(),
        }

    async def as_text(self, accept: str) -> tuple[bytes, str]:
        """The figures as Prometheus reads them, and their media type."""
        tasks, projects = await self._counts()
        self._tasks.clear()
        for kind, counts in tasks.items():
            for status, count in counts.items():
                self._tasks.labels(kind, status).set(count)
        for state, count in projects.items():
            self._projects.labels(state).set(count)
        encode, media_type = choose_encoder(accept)
        return encode(self._registry), media_type

    async def _counts(self) -> tuple[Mapping[str, Mapping[str, int]], Mapping[str, int]]:
        by_type = dict(await self._orchestrator.count_tasks())
        projects = {"open": 0, "closed": 0}
        for status, count in by_type.pop(PROJECT, {}).items():
            projects["open" if status in UNFINISHED else "closed"] += count
        tasks = {
            kind: {str(status): count for status, count in sorted(counts.items())}
            for kind, counts in sorted(by_type.items())
        }
        return tasks, projects

    def _requests_by_status(self) -> Mapping[str, int]:
        counts: Counter[str] = Counter()
        for metric in self._requests.collect():
            for sample in metric.samples:
                if sample.name.endswith("_total"):
                    counts[sample.labels["status"]] += int(sample.value)
        return dict(sorted(counts.items()))


class CountedRequests:
    """Tells the metrics of every request, by the route and not by the path: paths are many."""

    def __init__(self, app: ASGIApp, *, metrics: ServiceMetrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the application answer; what it answers nothing to is its defect."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, since = 500, self._metrics.time()

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            route = getattr(scope.get("route"), "path", "unmatched")
            self._metrics.answered(_known(scope["method"]), route, status, since)


def wants_text(accept: str) -> bool:
    """Whether an Accept header would rather have Prometheus' text than JSON."""
    wishes = dict(_wish(part) for part in accept.split(",") if part.strip())
    text = max((wishes.get(kind, 0.0) for kind in _BY_PROMETHEUS), default=0.0)
    return text > max(wishes.get(kind, 0.0) for kind in _BY_PEOPLE)


def _wish(part: str) -> tuple[str, float]:
    kind, *parameters = [piece.strip().lower() for piece in part.split(";")]
    quality = next((text[2:] for text in parameters if text.startswith("q=")), "1")
    try:
        return kind, float(quality)
    except ValueError:
        return kind, 0.0


def _known(method: str) -> str:
    """Anybody may make up methods; they are not to fill the memory."""
    usual = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
    return method if method in usual else "other"
