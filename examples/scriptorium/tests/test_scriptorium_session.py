"""A premise is planned, shared out, and carried out; by the team, and from outside."""

import asyncio
from unittest.mock import AsyncMock

import pytest

from scriptorium.container import ScriptoriumContainer
from scriptorium.model import WritingModel
from scriptorium.offline import FIXTURES, PREMISE, said_to
from scriptorium.report import markdown_of, page_of, tree_of
from scriptorium.sessions import SessionsUseCase, name_of
from scriptorium.specialists import PLANNING
from scriptorium.subtasks import SubtasksUseCase
from scriptorium.trials import SubprocessTrials, TrialResult, Trials
from vespera import ServiceGuard, TaskOrchestrator
from vespera.domain.errors import (
    AIServiceRefused,
    AIServiceUnavailable,
    CallTimedOut,
    InvalidRequest,
    WorkspaceError,
)
from vespera.testing import AsyncTestBase

HOME = name_of(PREMISE)


async def carried_out(container, *outside):
    """The session as it stands when nobody here can do any more."""
    sessions = container.get(SessionsUseCase)
    await sessions.initialise(PREMISE, outside)
    await container.get(TaskOrchestrator).run_until_idle()
    return await sessions.status(HOME)


async def test_a_premise_becomes_files_that_are_proven(container, model, workspace):
    session = await carried_out(container)

    assert session.status == "completed"
    assert [branch.key for branch in session.branches] == ["design", "code", "tests", "manual"]
    for branch in session.branches:
        assert (branch.status, branch.proven) == ("completed", branch.operations)
    for name in ("DESIGN.md", "wordtally.py", "test_wordtally.py", "README.md"):
        assert (workspace / HOME / name).read_text() == (FIXTURES / name).read_text()
    assert len(session.decisions) == 3
    assert model.write.await_count == 5


async def test_a_specialist_is_given_what_was_made_before(container, model):
    await carried_out(container)

    by_role = {call.args[0].split()[3]: call.args[1] for call in model.write.await_args_list[1:]}
    assert "# Design" in by_role["implementer"]
    assert "def tally" in by_role["tester"]
    assert "def tally" in by_role["documenter"]
    assert "# Design" in by_role["documenter"]


async def test_the_same_premise_is_the_same_session(container, model):
    first = await carried_out(container)
    again = await carried_out(container)

    assert again == first
    assert model.write.await_count == 5


@pytest.mark.parametrize("begun", [(), ("architect",)])
async def test_who_is_outside_is_settled_when_a_session_begins(container, model, begun):
    first = await carried_out(container, *begun)

    with pytest.raises(InvalidRequest, match="outside: this session has begun with"):
        await carried_out(container, "tester")
    assert await carried_out(container, *begun) == await carried_out(container) == first


async def test_premises_that_begin_alike_are_two_sessions():
    assert name_of("Count the words of a text") != name_of("Count the words of a text, slowly")


async def test_what_makes_no_sense_is_refused(container):
    sessions = container.get(SessionsUseCase)

    with pytest.raises(InvalidRequest, match="premise"):
        await sessions.initialise("???")
    with pytest.raises(InvalidRequest, match="manager"):
        await sessions.initialise(PREMISE, ["manager"])
    with pytest.raises(InvalidRequest, match="no session"):
        await sessions.status("nowhere")


class TestFromOutside:
    @pytest.fixture
    async def handed_over(self, container, model):
        (branch,) = (await carried_out(container, "tester")).handed_over
        return branch

    async def test_the_subtask_waits_and_the_rest_is_done(self, container, handed_over):
        session = await container.get(SessionsUseCase).status(HOME)

        assert (handed_over.role, handed_over.outside) == ("tester", True)
        assert session.status == "waiting"
        assert [branch.status for branch in session.branches].count("completed") == 3

    async def test_whoever_does_it_is_told_all_there_is_to_know(self, container, handed_over):
        told = await container.get(SubtasksUseCase).brief(handed_over.id)

        assert f"in the directory {HOME}: test_wordtally.py" in told.context
        assert "create" in told.recovered
        assert "test_wordtally.py" in told.recovered

    async def test_a_completion_without_the_file_is_refused(self, container, handed_over):
        signed = await container.get(SubtasksUseCase).complete(handed_over.id, summary="I did it")

        assert not signed.success
        assert [finding.path for finding in signed.findings] == [f"{HOME}/test_wordtally.py"]
        assert signed.status == "assigned"

    async def test_files_that_are_not_there_are_no_artifacts(
        self, container, handed_over, workspace
    ):
        (workspace / HOME / "test_wordtally.py").write_text("import unittest\n")
        complete = container.get(SubtasksUseCase).complete
        with pytest.raises(InvalidRequest, match="artifacts: 'notes\\.md' is not there"):
            await complete(handed_over.id, summary="Done", artifacts=["notes.md"])
        with pytest.raises(WorkspaceError, match="outside"):
            await complete(handed_over.id, summary="Done", artifacts=["../notes.md"])

        (workspace / "notes.md").write_text("...")
        signed = await complete(handed_over.id, summary="Done", artifacts=["./notes.md"])
        assert signed.outcome.artifacts == ("notes.md",)

    async def test_with_the_file_it_is_accepted_and_the_session_ends(
        self, container, handed_over, workspace
    ):
        made = f"{HOME}/test_wordtally.py"
        (workspace / made).write_text("import unittest\n")
        signed = await container.get(SubtasksUseCase).complete(
            handed_over.id, summary="By hand", artifacts=[made], next_action="run them"
        )
        assert signed.success, signed.error

        session = await carried_out(container)

        assert session.status == "completed"
        by_hand = session.branches[2]
        assert (by_hand.summary, by_hand.next_action) == ("By hand", "run them")
        assert (by_hand.proven, by_hand.operations) == (1, 1)
        assert made in session.files

    async def test_a_subtask_leads_to_its_session(self, container, handed_over):
        subtasks = container.get(SubtasksUseCase)

        assert await subtasks.session_of(handed_over.id) == HOME
        for wrong in (HOME, "nothing"):
            with pytest.raises(InvalidRequest, match="no subtask"):
                await subtasks.session_of(wrong)
        assert "nothing" in (await subtasks.brief("nothing")).error


class TestWithAModelThatHasBadDays(AsyncTestBase):
    container_class = ScriptoriumContainer

    async def setup_async_environment(self):
        self.model = self.override(WritingModel, AsyncMock(spec=WritingModel))

    async def test_nonsense_and_silence_are_asked_about_again(self):
        known = {"said": ["Sure!", AIServiceUnavailable("busy"), said_to(PLANNING)]}

        async def moody(instruction, material):
            said = known["said"].pop(0) if known["said"] else said_to(instruction)
            if isinstance(said, Exception):
                raise said
            return said

        self.model.write.side_effect = moody
        await self.container.get(SessionsUseCase).initialise(PREMISE)
        await self.run_until_idle()

        session = await self.container.get(SessionsUseCase).status(HOME)
        assert session.status == "completed", session.error

    async def test_what_failed_is_tried_again_when_the_session_is_begun_again(self):
        async def lazy(instruction, material):
            if "tester" in instruction and not instruction.startswith("You plan"):
                raise AIServiceRefused("no tests today")
            return said_to(instruction)

        sessions = self.container.get(SessionsUseCase)
        self.model.write.side_effect = lazy
        await sessions.initialise(PREMISE)
        await self.run_until_idle()
        failed = await sessions.status(HOME)
        assert failed.status == "failed"
        assert "no tests today" in failed.error
        asked = self.model.write.await_count

        self.model.write.side_effect = lambda instruction, material: said_to(instruction)
        await sessions.initialise(PREMISE)
        await self.run_until_idle()

        session = await sessions.status(HOME)
        assert session.status == "completed", tree_of(session)
        assert self.model.write.await_count <= asked + 2

    async def test_it_goes_on_where_it_died(self):
        reached = []

        async def until_the_tests(instruction, material):
            reached.append(instruction)
            if "tester" in instruction and len(reached) < 6 and not instruction.startswith("You p"):
                await self.clock.sleep(3600)
            return said_to(instruction)

        self.model.write.side_effect = until_the_tests
        await self.container.get(SessionsUseCase).initialise(PREMISE)
        await self.eventually(lambda: len(reached) == 5)

        await self.kill_and_recover()
        self.model.write.side_effect = lambda instruction, material: said_to(instruction)
        await self.container.get(SessionsUseCase).initialise(PREMISE)
        await self.run_until_idle()

        session = await self.container.get(SessionsUseCase).status(HOME)
        assert session.status == "completed"
        assert self.model.write.await_count == 1
        assert [branch.attempt for branch in session.branches if branch.key == "tests"] == [2]


async def test_a_model_that_says_nothing_at_all_is_given_up_after_five_minutes(container, clock):
    begun = clock.now()
    async with clock.running():
        with pytest.raises(CallTimedOut):
            await container.get(ServiceGuard).call(asyncio.Event().wait)

    assert (clock.now() - begun).total_seconds() == pytest.approx(300)


class TestTrials:
    async def test_a_tester_tells_how_its_tests_went(self, container, model):
        trials = container.mock(Trials)
        trials.run.return_value = TrialResult(passed=False, told="1 of 6 fails")

        session = await carried_out(container)

        assert session.branches[2].summary.endswith("(tests fail)")
        assert session.branches[2].next_action == "make the tests pass: 1 of 6 fails"

    async def test_they_are_run_in_a_process(self, tmp_path):
        trials = SubprocessTrials(workspace=FIXTURES.parent, wanted=True)
        ran = await trials.run("fixtures")
        assert ran.passed
        assert "Ran 6 tests" in ran.told

    async def test_they_are_not_run_unless_somebody_wants_that(self, tmp_path):
        assert await SubprocessTrials(workspace=tmp_path, wanted=False).run("anywhere") is None


class TestReport:
    async def test_the_tree_shows_where_everything_stands(self, container, model):
        tree = tree_of(await carried_out(container, "tester"))

        assert "* [x] **Design the counter** (architect): completed" in tree
        assert "* [?] **Test the counter** (tester, outside): assigned [0/1 proven]" in tree
        assert "`wordtally.py`" in tree

    async def test_plan_decisions_and_files_can_be_read(self, container, model):
        session = await carried_out(container)

        for told in (markdown_of(session), page_of(session)):
            for part in ("Only the standard library", "DESIGN.md", "def tally"):
                assert part in told
        assert "4 of 4 subtasks" in page_of(session)

    async def test_what_models_say_disturbs_no_page(self, container, model):
        evil = "<script>alert(1)</script>````"

        async def said(instruction, material):
            return said_to(instruction).replace("def tally", f"{evil}def tally")

        model.write.side_effect = said
        session = await carried_out(container)

        assert "<script>" not in page_of(session)
        assert "`````" in markdown_of(session)


def test_the_plan_is_asked_for_in_json():
    assert "subtasks" in PLANNING
