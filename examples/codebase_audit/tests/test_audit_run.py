"""The whole audit, on real files and a real database."""

import asyncio
import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from unittest.mock import Mock

import pytest

from codebase_audit.audit import main
from codebase_audit.container import AuditContainer, home_in
from codebase_audit.sources import SourceReader, Unreadable
from codebase_audit.summary import Audited, NotMade
from vespera import TaskOrchestrator, TrackFileOperationsUseCase
from vespera.domain.errors import InvalidRequest


class Workspace:
    """A workspace in which audits are run, each with a container of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.prepare: Callable[[AuditContainer], object]
        self.path.mkdir()
        self.reads_disk()

    def reads_disk(self) -> None:
        """Let audits read the disk, as they do."""
        self.prepare = lambda _: None

    def reads(self, *, after_survey: Callable[[str, str], bytes]) -> None:
        """Let audits read by this function, once the plan is made."""
        seen: set[str] = set()

        def read(root: str, file: str) -> bytes:
            if file in seen:
                return after_survey(root, file)
            seen.add(file)
            return Path(root, file).read_bytes()

        reader = Mock(spec=SourceReader)
        reader.read.side_effect = read
        self.prepare = lambda container: container.override(SourceReader, reader)

    async def run(self, given: object) -> Audited | NotMade:
        async with self.container() as container:
            self.prepare(container)
            await container.get(TaskOrchestrator).start()
            return await main(container, given)

    async def audit(self, source: Path) -> Audited:
        made = await self.run({"source": str(source)})
        assert isinstance(made, Audited), made
        return made

    async def unverified(self) -> list[str]:
        async with self.container() as container:
            judged = await container.get(TrackFileOperationsUseCase).verify_all()
            assert judged.success
            return [finding.path for finding in judged.findings if not finding.passes]

    def container(self) -> AuditContainer:
        database = self.path / ".vespera" / "vespera.db"
        return AuditContainer(
            database_url=f"sqlite+aiosqlite:///{database}", workspace=str(self.path)
        )

    @property
    def report(self) -> dict[str, str]:
        return {
            path.name: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in (self.path / "report").iterdir()
        }

    @property
    def audits(self) -> list[str]:
        return (home_in(self.path) / "audits.log").read_text().split()


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "workspace")


@pytest.fixture
def fresh(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "fresh")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    root = tmp_path / "src"
    (root / "package").mkdir(parents=True)
    (root / "a.py").write_text("import package.b\n")
    (root / "package" / "__init__.py").write_text("")
    (root / "package" / "b.py").write_text("def f(x):\n    return x or 1\n")
    (root / "package" / "broken.py").write_text("def")
    return root


async def test_each_module_has_a_report_and_all_of_it_is_proven(workspace, source):
    made = await workspace.audit(source)

    assert sorted(workspace.report) == [
        "a.json",
        "index.html",
        "package.__init__.json",
        "package.b.json",
        "package.broken.json",
        "summary.md",
    ]
    assert (made.overview.modules, made.overview.audited, made.overview.findings_count) == (4, 3, 1)
    assert made.overview.findings[0].kind == "unparsable"
    assert await workspace.unverified() == []


async def test_the_same_run_again_does_nothing_twice_and_says_the_same(workspace, source):
    first = await workspace.audit(source)
    report = workspace.report

    assert await workspace.audit(source) == first
    assert workspace.report == report
    assert sorted(workspace.audits) == ["a", "package.__init__", "package.b", "package.broken"]


async def test_the_report_does_not_depend_on_where_things_lie(workspace, fresh, source, tmp_path):
    await workspace.audit(source)
    moved = tmp_path / "elsewhere" / "src"
    shutil.copytree(source, moved)

    await fresh.audit(moved)

    assert fresh.report == workspace.report


async def test_only_a_changed_module_is_audited_again(workspace, fresh, source):
    await workspace.audit(source)
    (source / "a.py").write_text("import package\n")

    await workspace.audit(source)
    await fresh.audit(source)

    assert workspace.audits[4:] == ["a"]
    assert workspace.report == fresh.report
    assert await workspace.unverified() == []


async def test_a_module_changed_back_has_its_first_report_again(workspace, source):
    await workspace.audit(source)
    report = workspace.report
    text = (source / "a.py").read_text()
    (source / "a.py").write_text("x = 1\n")
    await workspace.audit(source)
    (source / "a.py").write_text(text)

    await workspace.audit(source)

    assert workspace.report == report
    assert await workspace.unverified() == []


async def test_the_report_of_a_removed_module_goes_with_it(workspace, fresh, source):
    await workspace.audit(source)
    (source / "package" / "b.py").unlink()

    await workspace.audit(source)
    await fresh.audit(source)

    assert workspace.report == fresh.report
    assert await workspace.unverified() == []


async def test_another_source_replaces_the_report_of_the_first(workspace, fresh, source, tmp_path):
    await workspace.audit(source)
    other = tmp_path / "other"
    other.mkdir()
    (other / "z.py").write_text("z = 1\n")

    await workspace.audit(other)
    await fresh.audit(other)

    assert workspace.report == fresh.report


async def test_a_lost_database_costs_only_the_work(workspace, source):
    await workspace.audit(source)
    report = workspace.report
    shutil.rmtree(workspace.path / ".vespera")

    await workspace.audit(source)

    assert workspace.report == report
    assert await workspace.unverified() == []


async def test_a_lost_plan_costs_only_the_work(workspace, source):
    await workspace.audit(source)
    report = workspace.report
    (home_in(workspace.path) / "plan.json").unlink()

    await workspace.audit(source)

    assert workspace.report == report
    assert len(workspace.audits) == 8


async def test_an_interrupted_audit_goes_on_where_it_was(workspace, fresh, source):
    loop, reached = asyncio.get_running_loop(), asyncio.Event()

    def tell(root: str, file: str) -> bytes:
        if file == "package/b.py":
            loop.call_soon_threadsafe(reached.set)
        return Path(root, file).read_bytes()

    workspace.reads(after_survey=tell)
    running = asyncio.create_task(workspace.audit(source))
    await reached.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    workspace.reads_disk()
    await workspace.audit(source)
    await fresh.audit(source)

    assert workspace.report == fresh.report
    assert await workspace.unverified() == []


async def test_a_failed_audit_is_told_and_tried_again_by_the_next_run(workspace, fresh, source):
    workspace.reads(after_survey=Mock(side_effect=RuntimeError("the disk is on fire")))
    made = await workspace.run({"source": str(source)})

    workspace.reads_disk()
    await workspace.audit(source)
    await fresh.audit(source)

    assert isinstance(made, NotMade)
    assert not made.success
    assert "failed: Audit " in str(made)  # whichever came first
    assert "the disk is on fire" in str(made)
    assert workspace.report == fresh.report
    assert await workspace.unverified() == []


async def test_a_source_that_changed_for_a_moment_is_audited_as_it_is(workspace, fresh, source):
    workspace.reads(after_survey=lambda _root, _file: b"this_was = 'seen for a moment'\n")
    await workspace.audit(source)

    workspace.reads_disk()
    await workspace.audit(source)
    await fresh.audit(source)

    assert workspace.report == fresh.report


async def test_a_module_of_thousands_of_long_names_is_audited(workspace, tmp_path):
    (tmp_path / "wide").mkdir()
    name = "long" * 50
    functions = (f"def {name}_{n}(): pass  # TODO: {name}\n" for n in range(5_100))
    (tmp_path / "wide" / "m.py").write_text("".join(functions))

    made = await workspace.audit(tmp_path / "wide")

    assert made.overview.functions == 5_000


async def test_a_source_that_changed_after_a_failure_is_audited_as_it_is(workspace, fresh, source):
    workspace.reads(after_survey=Mock(side_effect=RuntimeError("the disk is on fire")))
    await workspace.run({"source": str(source)})
    (source / "package" / "b.py").write_text("changed = True\n")
    (source / "package" / "broken.py").unlink()

    workspace.reads_disk()
    await workspace.audit(source)
    await fresh.audit(source)

    assert workspace.report == fresh.report
    assert await workspace.unverified() == []


async def test_what_the_reader_cannot_read_is_a_finding(workspace, source):
    reader = Mock(spec=SourceReader)
    reader.read.side_effect = Unreadable("is on another planet")
    workspace.prepare = lambda container: container.override(SourceReader, reader)

    made = await workspace.audit(source)

    assert made.overview.audited == 0
    assert {finding.text for finding in made.overview.findings} == {"is on another planet"}


async def test_a_changed_byte_of_the_report_is_named(workspace, source):
    await workspace.audit(source)
    path = workspace.path / "report" / "a.json"
    path.write_bytes(path.read_bytes().replace(b"audited", b"Audited"))

    assert await workspace.unverified() == ["report/a.json"]


async def test_an_empty_directory_has_a_report(workspace, tmp_path):
    (tmp_path / "nothing").mkdir()

    made = await workspace.audit(tmp_path / "nothing")

    assert made.overview.modules == 0
    assert sorted(workspace.report) == ["index.html", "summary.md"]


async def test_without_a_source_the_standard_library_and_odd_things_are_audited(workspace):
    made = await workspace.run({"limit": 3})

    assert isinstance(made, Audited)
    assert made.overview.label.endswith("the standard library, and odd sources")
    assert "__future__.json" in workspace.report
    assert len(workspace.report) == 3 + len(["index.html", "summary.md"])


@pytest.mark.parametrize(
    ("given", "field"),
    [
        pytest.param([], "input", id="no object"),
        pytest.param({"sauce": "x"}, "sauce", id="unknown"),
        pytest.param({"source": 1}, "source", id="no text"),
        pytest.param({"source": "no/such/directory"}, "source", id="missing"),
        pytest.param({"source": __file__}, "source", id="a file"),
        pytest.param({"source": "a\0b"}, "source", id="nul"),
        pytest.param({"limit": 0}, "limit", id="zero"),
        pytest.param({"limit": True}, "limit", id="bool"),
        pytest.param({"limit": "3"}, "limit", id="text"),
    ],
)
async def test_bad_input_is_refused_by_the_name_of_its_field(workspace, given, field):
    with pytest.raises(InvalidRequest) as caught:
        await workspace.run(given)

    assert caught.value.field == field
    assert not (workspace.path / "report").exists()
