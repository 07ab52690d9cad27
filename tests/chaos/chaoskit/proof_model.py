"""Whatever tasks do to files, truly or falsely, and whoever else edits them or dies: proof is
compared with a model that knows the truth.
"""

import asyncio
import itertools
import shutil
import tempfile
from collections import defaultdict
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from vespera import Container, FileStore, TaskContext, TaskExecutionWorkflow
from vespera.application.ports.persistence import FileOperationRepository
from vespera.application.runtime.specialists import Specialists
from vespera.application.usecases.roll_back import RollBackUseCase
from vespera.application.usecases.track_file_operations import TrackFileOperationsUseCase

PATHS = ("a", "b", "c", "d\udcff")
FILE, DIRECTORY, LINK = "file", "directory", "link"
WRITING = {"create", "write", "append"}
MODES = (0o600, 0o644, 0o755)
MAKING = ("create", "mkdir", "symlink")
OF_FILES = ("write", "append", "delete", "chmod", "read", "move", "copy")
TRACKED = {
    "create": "track_file_create",
    "write": "track_file_modify",
    "append": "track_file_modify",
    "delete": "track_file_delete",
    "read": "track_file_read",
    "move": "track_file_move",
    "copy": "track_file_copy",
    "mkdir": "track_mkdir",
    "rmdir": "track_rmdir",
    "symlink": "track_symlink",
    "chmod": "track_chmod",
}
"""The acts, and how each is told of."""

CALLS = {"files": ["write", "delete", "move", "copy", "observe"], "operations": ["add", "save"]}


class Mortal:
    """A part at one of whose calls the attempt that makes it ends, once it is told to."""

    def __init__(self, real):
        self._real, self._method, self._left, self._behind = real, "", 0, False

    def die_at(self, method, nth, *, behind):
        self._method, self._left, self._behind = method, nth, behind

    def __getattr__(self, name):
        real = getattr(self._real, name)
        if name != self._method:
            return real

        async def mortal(*args, **kwargs):
            self._left -= 1
            if self._left == 0 and not self._behind:
                await _end_of_attempt()
            result = await real(*args, **kwargs)
            if self._left == 0 and self._behind:
                await _end_of_attempt()
            return result

        return mortal


async def _end_of_attempt():
    asyncio.current_task().cancel()
    await asyncio.sleep(0)


class Proof(RuleBasedStateMachine):
    """``truth`` is what is at each path; ``guilty`` are the tasks that have claimed what is not so;
    ``open`` are the paths at which nobody has looked since something was announced there: what is
    falsely claimed there cannot be told from what was announced.
    """

    def __init__(self):
        super().__init__()
        self.root = Path(tempfile.mkdtemp(prefix="vespera-test-"))
        self.runner = asyncio.Runner()
        self.container = Container(workspace=str(self.root))
        self.mortals = {
            name: self._made_mortal(port)
            for name, port in (("files", FileStore), ("operations", FileOperationRepository))
        }
        self.container.get(Specialists).register("clerk", self._work)
        self.tracking = self.container.get(TrackFileOperationsUseCase)
        self.rolling = self.container.get(RollBackUseCase)
        self.truth = {}
        self.new_mode = _mode_of_new_files(self.root)
        self.guilty = set()
        self.open = set()
        self.accused = set()
        self.changes = []
        self.taken_back = {}
        self.known = set()
        self.programs = {}
        self.numbers = itertools.count(1)

    def _made_mortal(self, port):
        mortal = Mortal(self.container.get(port))
        self.container.override(port, mortal, check=False)
        return mortal

    # -- what is done ----------------------------------------------------------------------------

    @rule(draw=st.data(), length=st.integers(1, 3), dies=st.booleans())
    def a_task_does_it_by_tracked_acts(self, draw, length, dies):
        task = self.new_task()
        program = []
        for _ in range(length):
            program.append(self.drawn(draw))
            self.imagine(task, program[-1])
        self.programs[task] = program
        self.open -= {path for act in program for path in _paths(act)}
        if dies:
            self.die_somewhere(draw)
        self.runner.run(self.carried_out(task))

    @rule(draw=st.data(), claims=st.booleans())
    def a_task_announces_it_and_does_it_by_hand(self, draw, claims):
        task, act = self.new_task(), self.drawn(draw)
        self.tell(task, act)
        self.do(task, act)
        if claims and act[0] != "read":
            self.tell(task, act, after=True)
        else:
            self.open |= _paths(act)

    @rule(draw=st.data())
    def a_task_announces_it_and_does_it_late(self, draw):
        task, act = self.new_task(), self.drawn(draw, but=["read"])
        self.tell(task, act)
        assert not self.passes(task), f"{act} was announced, and not done"
        self.do(task, act)
        self.open |= _paths(act)

    @rule(draw=st.data())
    def a_task_claims_what_it_has_not_done(self, draw):
        act = self.drawn(draw, but=["read"], shunning=self.open)
        if act is not None:
            task = self.new_task()
            self.tell(task, act, after=True)
            self.guilty.add(task)
            self.accused |= _paths(act)

    @rule(draw=st.data())
    def somebody_edits_a_file_and_puts_it_back(self, draw):
        files = [
            path for path, thing in self.truth.items() if thing[0] == FILE and path in self.known
        ]
        if not files:
            return
        path = draw.draw(st.sampled_from(sorted(files)))
        self.tell(self.new_task(), ("read", path, "", None))
        self.open.discard(path)
        place, (_, content, mode) = self.root / path, self.truth[path]
        match draw.draw(st.sampled_from(["edit", "remove", "chmod"])):
            case "edit":
                place.write_bytes(b"?" * len(content))
            case "remove":
                place.unlink()
            case "chmod":
                place.chmod(mode ^ 0o020)
        judged = self.judged()
        assert not all(judged[task] for task in judged.keys() - self.guilty), f"{path} was edited"
        place.write_bytes(content)
        place.chmod(mode)

    @rule(draw=st.data())
    def a_task_is_taken_back(self, draw):
        tasks = sorted({task for task, _, _ in self.changes} - self.taken_back.keys())
        if not tasks:
            return
        task = draw.draw(st.sampled_from(tasks))
        first = {path: before for who, path, before in reversed(self.changes) if who == task}
        must = all(self.is_last_and_alone(task, path) for path in first)
        result = self.runner.run(self.rolling.roll_back(task))
        assert result.success or not must, result.error
        if result.rollback_id is None:
            assert not must or all(self.truth.get(path) == first[path] for path in first)
        elif result.success:
            self.put_back(task, first, f"rollback:{result.rollback_id}")

    def put_back(self, task, first, name):
        """``task`` may itself be a rollback; then that which it took back stands again."""
        self.taken_back = {old: by for old, by in self.taken_back.items() if by != task}
        self.taken_back[task] = name
        self.changes += [
            (name, path, self.truth.get(path))
            for path, before in first.items()
            if self.truth.get(path) != before
        ]
        self.truth.update(first)
        self.truth = {path: thing for path, thing in self.truth.items() if thing}

    def is_last_and_alone(self, task, path):
        """Whether nobody else has changed the path since, or said so."""
        whose = [who for who, changed, _ in self.changes if changed == path]
        since = whose[whose.index(task) :]
        return set(since) == {task} and path not in self.accused

    # -- what must hold --------------------------------------------------------------------------

    @invariant()
    def who_told_the_truth_passes_and_who_did_not_does_not(self):
        judged = self.judged()
        approved = {task for task, passes in judged.items() if passes}
        assert approved.isdisjoint(self.guilty), approved & self.guilty
        assert approved | self.guilty == judged.keys(), self.complaints()

    @invariant()
    def everything_is_where_it_should_be(self):
        found = {path.name: _thing(path) for path in self.root.iterdir() if path.name != ".vespera"}
        assert found == self.truth

    def teardown(self):
        self.runner.run(self.container.cleanup_async_services())
        self.runner.close()
        shutil.rmtree(self.root)

    # -- how -------------------------------------------------------------------------------------

    def new_task(self):
        return f"task-{next(self.numbers)}"

    def drawn(self, draw, *, but=(), shunning=frozenset()):
        """An act that can be done now, and leaves a trace."""
        fitting = [
            act for act in self.fitting() if act[0] not in but and shunning.isdisjoint(_paths(act))
        ]
        if not fitting:
            return None
        kind, path, to = draw.draw(st.sampled_from(fitting))
        self.known |= {path, to} - {""}
        number = next(self.numbers)
        more = f"version {number}".encode() if kind in WRITING else f"target {number}"
        if kind == "chmod":
            more = draw.draw(st.sampled_from([m for m in MODES if m != self.truth[path][2]]))
        return kind, path, to, more

    def fitting(self):
        found = []
        for path in PATHS:
            thing = self.truth.get(path)
            match thing and thing[0]:
                case None:
                    found += [(kind, path, "") for kind in MAKING]
                case "file":
                    found += [(kind, path, "") for kind in OF_FILES[:5]]
                    ways = [to for to in PATHS if self.may_go(thing, self.truth.get(to))]
                    found += [(kind, path, to) for kind in OF_FILES[5:] for to in ways]
                case "directory":
                    found.append(("rmdir", path, ""))
                case "link":
                    found.append(("delete", path, ""))
        return found

    def may_go(self, thing, there):
        return there is None or (there[0] == FILE and there != thing)

    def imagine(self, task, act):
        """What is there once the act is done."""
        before = dict(self.truth)
        self._imagine(act)
        for path in sorted(_paths(act)):
            if self.truth.get(path) != before.get(path):
                self.changes.append((task, path, before.get(path)))

    def _imagine(self, act):
        kind, path, to, more = act
        thing = self.truth.get(path)
        match kind:
            case "create" | "write":
                self.truth[path] = (FILE, more, thing[2] if thing else self.new_mode)
            case "append":
                self.truth[path] = (FILE, thing[1] + more, thing[2])
            case "chmod":
                self.truth[path] = (FILE, thing[1], more)
            case "mkdir":
                self.truth[path] = (DIRECTORY,)
            case "symlink":
                self.truth[path] = (LINK, more)
            case "move" | "copy":
                self.truth[to] = thing
        if kind in {"delete", "rmdir", "move"}:
            del self.truth[path]

    def do(self, task, act):
        """Do it by hand."""
        kind, path, to, more = act
        place, there = self.root / path, self.root / to
        ways = {
            "create": lambda: place.write_bytes(more),
            "write": lambda: place.write_bytes(more),
            "append": lambda: place.write_bytes(self.truth[path][1] + more),
            "chmod": lambda: place.chmod(more),
            "mkdir": place.mkdir,
            "symlink": lambda: place.symlink_to(more),
            "move": lambda: place.rename(there),
            "copy": lambda: shutil.copy2(place, there),
            "rmdir": place.rmdir,
            "delete": place.unlink,
            "read": place.read_bytes,
        }
        ways[kind]()
        self.imagine(task, act)

    def tell(self, task, act, *, after=False):
        kind, path, to, more = act
        tracker = self.tracking.tracker_for(task)
        method, given = TRACKED[kind], {"after": after}
        arguments = [path]
        if kind in {"move", "copy"}:
            arguments.append(to)
            given["overwrite"] = True
        elif kind in {"symlink", "chmod"}:
            arguments.append(more)
        result = self.runner.run(getattr(tracker, method)(*arguments, **given))
        assert result.success, result.error

    def passes(self, task):
        return self.judged()[task]

    def judged(self):
        """Whether all findings of each task pass."""
        report = self.runner.run(self.tracking.verify_all()).report
        passing = defaultdict(lambda: True)
        for finding in report.findings:
            passing[finding.task_id] &= finding.passes
        return passing

    def complaints(self):
        report = self.runner.run(self.tracking.verify_all()).report
        return [f"{one.task_id} {one.kind} {one.path}: {one.reason}" for one in report.refused]

    def die_somewhere(self, draw):
        part = draw.draw(st.sampled_from(sorted(CALLS)))
        method = draw.draw(st.sampled_from(CALLS[part]))
        nth = draw.draw(st.integers(1, 4))
        self.mortals[part].die_at(method, nth, behind=draw.draw(st.booleans()))

    async def carried_out(self, task):
        workflow = self.container.get(TaskExecutionWorkflow)
        try:
            result = await workflow.run(title=task, specialist_type="clerk", task_id=task)
        except asyncio.CancelledError:
            asyncio.current_task().uncancel()
            result = await workflow.execute_task(task)
        for mortal in self.mortals.values():
            mortal.die_at("", 0, behind=False)
        assert result.success, result.error

    async def _work(self, task: TaskContext):
        for kind, path, to, more in self.programs[task.id]:
            match kind:
                case "create" | "write":
                    await task.files.write_bytes(path, more)
                case "append":
                    await task.files.append(path, more)
                case "move" | "copy":
                    await getattr(task.files, kind)(path, to, overwrite=True)
                case "symlink" | "chmod":
                    await getattr(task.files, kind)(path, more)
                case "read":
                    await task.files.read_bytes(path)
                case _:
                    await getattr(task.files, kind)(path)


def _paths(act):
    return {path for path in act[1:3] if path}


def _thing(path):
    if path.is_symlink():
        return (LINK, str(path.readlink()))
    if path.is_dir():
        return (DIRECTORY,)
    return (FILE, path.read_bytes(), path.stat().st_mode & 0o7777)


def _mode_of_new_files(directory):
    path = directory / "new"
    path.touch()
    try:
        return path.stat().st_mode & 0o7777
    finally:
        path.unlink()


def check(steps):
    """Take so many steps, in histories of fifty.

    Raises:
        AssertionError: proof and truth differ.
    """
    run_state_machine_as_test(
        Proof,
        settings=settings(
            max_examples=steps // _LENGTH,
            stateful_step_count=_LENGTH,
            database=None,
            deadline=None,
            phases=[Phase.generate],  # to shrink a history takes longer than to read it
            suppress_health_check=list(HealthCheck),
        ),
    )


_LENGTH = 50
