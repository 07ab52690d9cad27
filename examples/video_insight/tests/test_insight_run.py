"""The whole program, with the model played by a mock or by the server on loopback."""

import json
import re

import pytest

from vespera import TaskOrchestrator, TrackFileOperationsUseCase
from vespera.domain.errors import InvalidRequest
from vespera.testing import AsyncTestBase, mock_client
from vespera.testing.servers import ModelServer
from video_insight import films
from video_insight.container import InsightContainer
from video_insight.endpoint import Endpoint, settings_in
from video_insight.errors import ModelBusy, ModelRefused, ModelUnavailable
from video_insight.insight import Insight, NoPage, main
from video_insight.model import VisionModel
from video_insight.specialists import PAGE

SEEN = {"description": "A <b>cat</b>.", "objects": ["cat"]}


@pytest.fixture(scope="module")
def clip() -> bytes:
    return films.film(films.balloons, seconds=0.5)


class TestOnMocks(AsyncTestBase):
    container_class = InsightContainer

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path, clip):
        self.folder = tmp_path / "clips"
        self.folder.mkdir()
        (self.folder / "a.mp4").write_bytes(clip)
        (self.folder / "b.png").write_bytes(films.picture(films.still_life))

    def see(self, process: object) -> object:
        return self.override(VisionModel, mock_client(VisionModel, process=process))

    async def run(self) -> Insight:
        await self.container.get(TaskOrchestrator).start()
        async with self.clock.running():
            made = await main(self.container, {"folder": str(self.folder), "frames": 2})
        assert isinstance(made, Insight), made
        return made

    async def unproven(self) -> list[str]:
        judged = await self.container.get(TrackFileOperationsUseCase).verify_all()
        assert judged.success
        return [finding.path for finding in judged.findings if not finding.passes]

    async def test_each_frame_is_seen_and_shown_and_proven(self):
        model = self.see(SEEN)

        made = await self.run()

        assert (made.shown.seen, made.shown.frames, made.shown.objects) == (2, 3, ("cat",))
        assert made.success
        assert model.process.await_count == 3
        page = (self.workspace / PAGE).read_text()
        assert page.count("A &lt;b&gt;cat&lt;/b&gt;.</figcaption>") == 2
        sources = re.findall(r'(?:img|video)[^>]* src="([^"]*)"', page)
        assert len(sources) == 4
        assert all((self.workspace / "report" / source).is_file() for source in sources)
        assert await self.unproven() == []

    async def test_the_same_run_again_asks_nobody_and_says_the_same(self):
        model = self.see(SEEN)
        first = await self.run()

        assert await self.run() == first
        assert model.process.await_count == 3
        assert await self.unproven() == []

    async def test_only_what_has_changed_is_looked_at_again(self, clip):
        model = self.see(SEEN)
        await self.run()
        (self.folder / "b.png").write_bytes(films.picture(films.harbour))

        await self.run()

        assert model.process.await_count == 4
        assert await self.unproven() == []

    async def test_a_folder_that_changes_back_has_its_page_back(self):
        self.see(SEEN)
        await self.run()
        page = (self.workspace / PAGE).read_bytes()
        (self.folder / "b.png").rename(self.folder / "c.png")
        await self.run()
        assert (self.workspace / PAGE).read_bytes() != page
        (self.folder / "c.png").rename(self.folder / "b.png")

        await self.run()

        assert (self.workspace / PAGE).read_bytes() == page
        assert await self.unproven() == []

    async def test_a_model_that_is_busy_is_waited_for_by_a_task_that_takes_no_place(self):
        answers = iter([ModelBusy("429", retry_after=3600.0), ModelBusy("429")])
        self.see(lambda _given: _raised(next(answers, SEEN)))
        begun = self.clock.now()

        made = await self.run()

        assert made.success
        assert (self.clock.now() - begun).total_seconds() == 3600

    async def test_what_cannot_be_seen_is_on_the_page_and_tried_again_by_the_next_run(self):
        model = self.see(ModelRefused("400: no cats, please", status=400))
        made = await self.run()

        assert not made.success
        assert [each.name for each in made.shown.missing] == ["a.mp4", "b.png"]
        assert "not seen: a.mp4: " in str(made)
        assert "no cats, please" in (self.workspace / PAGE).read_text()

        model.process.side_effect = None
        model.process.return_value = SEEN
        assert (await self.run()).shown.missing == ()
        assert await self.unproven() == []

    async def test_a_file_that_is_no_video_does_not_keep_the_others(self):
        self.see(SEEN)
        (self.folder / "noise.mp4").write_bytes(b"noise")

        made = await self.run()

        assert made.shown.seen == 2
        assert [each.name for each in made.shown.missing] == ["noise.mp4"]
        assert "it cannot be read" in made.shown.missing[0].reason

    async def test_what_waiting_does_not_mend_is_tried_once(self):
        model = self.see(ModelRefused("401: bad key", status=401))
        (self.folder / "a.mp4").write_bytes(b"junk")
        made = await self.run()

        reasons = [missing.reason for missing in made.shown.missing]
        assert len(reasons) == 2
        assert model.process.await_count == 1
        tasks = await self.container.get(TaskOrchestrator).tasks(specialist_type="viewer")
        assert [task.attempt for task in tasks.tasks] == [1, 1]

    async def test_a_model_that_fails_for_a_while_is_asked_again_later(self):
        answers = iter([ModelUnavailable("502")] * 2)
        self.see(lambda _given: _raised(next(answers, SEEN)))

        assert (await self.run()).success

    async def test_a_folder_with_nothing_in_it_has_a_page_that_says_so(self, tmp_path):
        empty = tmp_path / "empty"
        empty.mkdir()
        self.folder = empty
        self.see(SEEN)

        assert (await self.run()).shown.seen == 0
        assert "There is nothing to see." in (self.workspace / PAGE).read_text()


def _raised(answer: object) -> object:
    if isinstance(answer, Exception):
        raise answer
    return answer


class TestOnLoopback:
    async def test_a_lost_database_costs_only_the_work(self, tmp_path, image_file):
        pages = []
        for _ in range(2):
            async with InsightContainer(workspace=str(tmp_path)) as container:
                await container.get(TaskOrchestrator).start()
                made = await main(container, {"folder": str(tmp_path), "frames": 1})
                assert isinstance(made, Insight), made
                assert (made.shown.seen, made.success) == (1, True), "its own frames are no media"
                pages.append((tmp_path / PAGE).read_bytes())

        assert pages[0] == pages[1]

    async def test_without_a_folder_samples_are_made_and_really_seen(self, tmp_path):
        async with InsightContainer(workspace=str(tmp_path)) as container:
            await container.get(TaskOrchestrator).start()
            made = await main(container, {"frames": 1})

        assert isinstance(made, Insight)
        assert (made.shown.seen, made.shown.frames) == (4, 4)
        assert {"red disc", "red triangle", "green rectangle"} <= set(made.shown.objects)
        assert made.page == str(tmp_path / PAGE)

    async def test_the_provider_that_is_named_is_the_one_that_is_asked(self, tmp_path, image_file):
        async with ModelServer(api_key="secret") as server:
            server.chat.answers(lambda _: json.dumps(SEEN))
            server.chat.fails(429, retry_after=0)
            settings = {"model_url": server.base_url, "model_key": "secret", "model_name": "eye-1"}
            async with InsightContainer(workspace=str(tmp_path), **settings) as container:
                await container.get(TaskOrchestrator).start()
                made = await main(container, {"folder": str(image_file.parent)})

        assert isinstance(made, Insight)
        assert made.shown.objects == ("cat",)
        assert [request.json["model"] for request in server.chat.requests] == ["eye-1"] * 2

    async def test_a_workspace_that_cannot_be_written_is_told(self, tmp_path):
        (tmp_path / "media").write_text("in the way")
        async with InsightContainer(workspace=str(tmp_path)) as container:
            await container.get(TaskOrchestrator).start()
            made = await main(container, None)

        assert isinstance(made, NoPage)
        assert not made.success
        assert "media" in str(made)


async def test_an_endpoint_that_is_not_started_says_so():
    with pytest.raises(RuntimeError, match="not started"):
        Endpoint(url="").address()


def test_the_environment_names_the_provider():
    given = {"VIDEO_INSIGHT_URL": "http://x/v1", "VIDEO_INSIGHT_KEY": "", "OTHER": "y"}

    assert settings_in(given) == {"model_url": "http://x/v1"}


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ([], "input"),
        ({"foldre": "x"}, "foldre"),
        ({"folder": 1}, "folder"),
        ({"folder": "no/such/directory"}, "folder"),
        ({"folder": __file__}, "folder"),
        ({"frames": 0}, "frames"),
        ({"frames": True}, "frames"),
        ({"frames": 25}, "frames"),
    ],
)
async def test_bad_input_is_refused_by_the_name_of_its_field(tmp_path, given, field):
    async with InsightContainer(workspace=str(tmp_path)) as container:
        with pytest.raises(InvalidRequest) as caught:
            await main(container, given)

    assert caught.value.field == field
