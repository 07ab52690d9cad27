"""What a death costs: explorations of a workflow of five steps, in this process and by real kills.

python benchmarks/testing_exploration.py
"""

import statistics
import time

from vespera import Container
from vespera.application.runtime.specialists import Specialists
from vespera.testing import World, explore_crashes, explore_schedules

MOST_MILLISECONDS_FOR_A_DEATH = 10.0
ROUNDS = 5


def build():
    container = Container()

    async def work(task):
        for number in range(5):
            await task.step(f"step {number}", lambda: "done")

    container.get(Specialists).register("work", work)
    return container


async def one_task(app):
    await app.orchestrator.create_task(
        {"title": "t", "specialist_type": "work", "task_id": "a", "completion": "auto"}
    )
    await app.run_until_idle()


def completed(app):
    assert app.tasks.get("a").status == "completed"


def milliseconds_each(explore):
    """Wall and processor time for each run, the median of some rounds."""
    walls, processors = [], []
    for _ in range(ROUNDS):
        wall, processor = time.perf_counter(), time.process_time()
        report = explore()
        report.raise_for_failures()
        walls.append((time.perf_counter() - wall) / report.runs * 1e3)
        processors.append((time.process_time() - processor) / report.runs * 1e3)
    return report, statistics.median(walls), statistics.median(processors)


def main():
    with World() as world:
        cases = {
            "at every commit": {"at": "commit"},
            "at every event": {"at": "commit", "every": "event"},
            "at every commit, twice": {"at": "commit", "depth": 2},
        }
        for name, options in cases.items():
            report, wall, processor = milliseconds_each(
                lambda options=options: explore_crashes(
                    build, one_task, completed, world=world, **options
                )
            )
            print(
                f"{name:<24} {report.points:>4} points {report.runs:>4} runs"
                f"  {wall:6.1f} ms each ({processor:.1f} ms of the processor)"
            )
            if name == "at every commit":
                verdict = "yes" if processor <= MOST_MILLISECONDS_FOR_A_DEATH else "NO"
                print(f"  at most {MOST_MILLISECONDS_FOR_A_DEATH:.0f} ms: {verdict}")
        wall = time.perf_counter()
        report = explore_crashes(
            build, one_task, completed, world=world, at="commit", isolation="fork"
        )
        each = (time.perf_counter() - wall) / report.runs * 1e3
        counts = f"{report.points:>4} points {report.runs:>4} runs"
        print(f"{'real kills':<24} {counts}  {each:6.1f} ms each")
        report, wall, processor = milliseconds_each(
            lambda: explore_schedules(build, one_task, completed, world=world, slow=())
        )
        print(
            f"{'two workers':<24} {report.runs:>4} schedules      {wall:6.1f} ms each"
            f" ({processor:.1f} ms of the processor)"
        )


if __name__ == "__main__":
    main()
