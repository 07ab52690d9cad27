"""Who is measured, on how many tasks, and what each of them keeps."""

from dataclasses import dataclass, field
from pathlib import Path

BOTH = ("full", "normal")


@dataclass(frozen=True, kw_only=True)
class Contestant:
    """``script`` is ``with_SCRIPT.py``; ``library`` names its requirements, None: needs no others.

    ``tasks`` by the number of callers. ``keeps``: what is on disk when a task is done.
    """

    name: str
    script: str
    library: str | None = None
    variant: str = ""
    durabilities: tuple[str, ...] = BOTH
    tasks: dict[int, int] = field(default_factory=dict)
    keeps: str = "task, step, result"

    @property
    def program(self) -> Path:
        return Path(__file__).with_name(f"with_{self.script}.py")


OURS = Contestant(name="Vespera", script="vespera", tasks={1: 1000, 100: 10_000})
CONTESTANTS = (
    OURS,
    Contestant(name="sqlite3, 3 commits", script="sqlite3", tasks={1: 1000}),
    Contestant(name="DBOS", script="dbos", library="dbos", tasks={1: 200, 100: 500}),
    Contestant(
        name="DBOS, in threads",
        script="dbos",
        library="dbos",
        variant="threads",
        tasks={1: 200, 100: 500},
    ),
    Contestant(
        name="Huey",
        script="huey",
        library="huey",
        tasks={1: 300, 100: 2000},
        keeps="task, result",
    ),
    Contestant(
        name="LangGraph, sync",
        script="langgraph",
        library="langgraph",
        variant="sync",
        tasks={1: 200, 100: 1000},
    ),
    Contestant(
        name="LangGraph, async",
        script="langgraph",
        library="langgraph",
        variant="async",
        tasks={1: 200, 100: 1000},
        keeps="task, step (later), result",
    ),
    Contestant(
        name="LangGraph, exit",
        script="langgraph",
        library="langgraph",
        variant="exit",
        tasks={1: 300, 100: 1000},
        keeps="result",
    ),
    Contestant(
        name="Prefect",
        script="prefect",
        library="prefect",
        durabilities=("normal",),
        tasks={1: 20, 100: 300},
        keeps="run states, result file",
    ),
    Contestant(
        name="Taskiq, in memory",
        script="taskiq",
        library="taskiq",
        durabilities=("normal",),
        tasks={1: 500, 100: 5000},
        keeps="nothing",
    ),
)
