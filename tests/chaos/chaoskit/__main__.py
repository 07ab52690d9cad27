"""``python -m chaoskit``: a process without threads, from which others can be forked.

It reads lines, each a JSON list of a sweep's name and its arguments, and answers each by a line
with what the sweep has found.
"""

import asyncio
import gc
import json
import sys
import tempfile
import threading
import traceback
from pathlib import Path

# What a first use would import, long before there is something to fork.
import aiosqlite  # noqa: F401
import alembic.command  # noqa: F401
import sqlalchemy.ext.asyncio  # noqa: F401

import vespera.infrastructure.persistence.migrations.runner  # noqa: F401
from chaoskit import (
    contents,
    crowds,
    disk_errors,
    kills,
    power,
    rollback_kills,
    stages,
    workers,
)
from chaoskit.life import Place

COLD = {"checkpoint"}

SWEEPS = {
    "kills": kills.sweep,
    "power": power.sweep,
    "disk_errors": disk_errors.sweep,
    "swarm": workers.swarm,
    "stalled": workers.stalled,
    "stale": crowds.stale,
    "soak": crowds.soak,
    "contents_kills": contents.kills,
    "contents_power_cuts": contents.power_cuts,
    "rollback_kills": rollback_kills.kills,
}


def warm_up() -> None:
    """Live once, so that those who are forked need not compile and fill caches each for itself."""
    for stage in stages.STAGES.keys() - COLD:
        with tempfile.TemporaryDirectory() as directory:
            place = Place(Path(directory))
            stages.prepare(stage, place)
            asyncio.run(stages.live(stage, place))
    assert threading.enumerate() == [threading.main_thread()], "to be forked, it must be alone"
    gc.freeze()


def serve() -> None:
    """Until nobody asks any more."""
    for line in sys.stdin:
        name, arguments = json.loads(line)
        try:
            answer = SWEEPS[name](**arguments)
        except Exception:  # told to whoever asked
            answer = {"failed": traceback.format_exc()}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    warm_up()
    serve()
