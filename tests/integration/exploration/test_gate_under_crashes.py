"""The gate, whenever the process dies: between snapshot, handler, report and waiver."""

from dataclasses import replace
from pathlib import Path

import pytest

from vespera import Container
from vespera.application.runtime.specialists import Specialists
from vespera.application.usecases.waive_findings import WaiveFindingsUseCase
from vespera.domain.manifest import PathEntry, entry_from, head_of, key_from, record_of
from vespera.infrastructure.files.local_workspace_scanner import LocalWorkspaceScanner
from vespera.testing import World, explore_crashes

NO_TIME = {"mtime_ns": 0, "ctime_ns": 0, "inode": 0, "device": 0}


class Timeless:
    """Sees what is there, and leaves out inodes and the file system's time: no two worlds agree on
    these.
    """

    def __init__(self, container: Container) -> None:
        self._container = container

    async def scan(self, previous=None, *, full=False, progress=None):
        threads, clock = (self._container.get(name) for name in ("threads", "clock"))
        workspace = self._container.config.workspace()
        seen = await LocalWorkspaceScanner(workspace, threads, clock).scan()
        folders = {path: self._timeless(folder) for path, folder in seen.folders.items()}
        return replace(seen, folders=folders)

    @staticmethod
    def _timeless(folder):
        entries = {
            name: record_of(PathEntry(seen.state, seen.key._replace(**NO_TIME)))
            for name, seen in ((n, entry_from(r)) for n, r in folder.entries.items())
        }
        key = key_from(folder.key)._replace(**NO_TIME)
        return replace(folder, key=head_of(key, trusted=False), entries=entries)


class Builders:
    def __init__(self, world: World) -> None:
        self.workspace = Path(world.workspace)

    async def sloppy(self, task):
        await task.files.write_text("said.txt", "said")
        (self.workspace / "unsaid.txt").write_text("unsaid")

    async def parent(self, task):
        child = await task.spawn(title="child", specialist_type="careful")
        await child.outcome()

    async def careful(self, task):
        await task.files.write_text("said.txt", "said")


@pytest.fixture
def site(world):
    builders = Builders(world)

    def build():
        container = Container(snapshot_tasks="around")
        container.override("scanner", Timeless(container))
        for kind in ("sloppy", "careful", "parent"):
            container.get(Specialists).register(kind, getattr(builders, kind))
        return container

    return build


def working(kind, *, waives=False):
    async def scenario(app):
        await app.orchestrator.create_task(
            title=kind, specialist_type=kind, task_id="a", completion="auto"
        )
        await app.run_until_idle()
        if waives:
            waive = app.get(WaiveFindingsUseCase).waive
            waived = await waive("a", path="unsaid.txt", by="ada", reason="a cache")
            if not waived.success:  # an earlier life has completed it
                assert app.tasks.get("a").status == "completed", waived.error
            await app.workflow.complete_task("a")

    return scenario


def there_is_one_baseline_from_before_the_task(app, world):
    rows = app.db.all("SELECT files FROM snapshots WHERE task_id = 'a'")
    assert [row.files for row in rows] == [0]


def the_careful_one_is_completed(app, world):
    there_is_one_baseline_from_before_the_task(app, world)
    task = app.tasks.get("a")
    assert task.status == "completed", task.error
    report = app.db.one("SELECT * FROM verification_reports WHERE id = ?", task.report_id)
    assert '"undeclared":0' in report.survey


def the_sloppy_one_is_refused(app, world):
    there_is_one_baseline_from_before_the_task(app, world)
    task = app.tasks.get("a")
    assert task.status == "executed"
    assert "'unsaid.txt' (create): undeclared" in str(task.error)


def the_sloppy_one_is_completed_by_one_waiver(app, world):
    there_is_one_baseline_from_before_the_task(app, world)
    task = app.tasks.get("a")
    assert task.status == "completed", task.error
    assert app.db.value("SELECT count(*) FROM waivers") == 1
    report = app.db.one("SELECT * FROM verification_reports WHERE id = ?", task.report_id)
    assert app.db.value("SELECT id FROM waivers") in report.findings


def the_parent_is_completed_by_what_its_child_has_proven(app, world):
    task = app.tasks.get("a")
    assert task.status == "completed", task.error
    report = app.db.one("SELECT * FROM verification_reports WHERE id = ?", task.report_id)
    assert report.findings.count('"verdict":"verified"') == 1
    assert report.operations == 0


CASES = {
    "parent": (working("parent"), the_parent_is_completed_by_what_its_child_has_proven),
    "careful": (working("careful"), the_careful_one_is_completed),
    "refused": (working("sloppy"), the_sloppy_one_is_refused),
    "waived": (working("sloppy", waives=True), the_sloppy_one_is_completed_by_one_waiver),
}


@pytest.mark.parametrize("case", ["careful", "refused", "waived"])
def test_whenever_it_dies_the_gate_judges_by_the_first_baseline(site, world, case):
    scenario, holds = CASES[case]
    report = explore_crashes(
        site, scenario, [holds, "engine", "database"], world=world, at=("commit",)
    )

    report.raise_for_failures()
    assert report.points > 10


@pytest.mark.chaos
@pytest.mark.parametrize("case", CASES)
def test_and_also_where_it_dies_twice_in_the_middle_of_a_file(site, world, case):
    scenario, holds = CASES[case]
    report = explore_crashes(
        site, scenario, [holds, "engine", "database"], world=world, at=("commit", "file"), depth=2
    )

    report.raise_for_failures()
    assert report.points > 10
