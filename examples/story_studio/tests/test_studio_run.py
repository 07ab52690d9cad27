"""The whole program: on mocks through the container, on loopback, and where services are down."""

import json

import pytest

from story_studio.container import StudioContainer
from story_studio.crash_scenario import build, tell, the_story_is_told
from story_studio.endpoint import Endpoints, settings_in
from story_studio.offline_studio import offline_services
from story_studio.openrouter_client import OpenRouterClient
from story_studio.ports import Illustrator, Narrator, StoryWriter, Voice
from story_studio.story_generator import StoryGenerator
from story_studio.studio import NoStory, Told, main
from story_studio.tts_client import ElevenLabsClient, EspeakVoice
from vespera import TaskOrchestrator, TrackFileOperationsUseCase
from vespera.domain.errors import AIServiceBadAnswer, AIServiceUnavailable, InvalidRequest
from vespera.testing import AsyncTestBase, explore_crashes, mock_client
from vespera.testing.servers import ModelServer, Reply

PNG = "data:image/png;base64,iVBORw0KGgo="


class TestOnMocks(AsyncTestBase):
    container_class = StudioContainer

    def container_settings(self):
        return dict.fromkeys(("chat_url", "speech_url", "image_url"), "http://studio.test/v1")

    async def setup_async_environment(self):
        self.writer = self.override(
            StoryWriter, mock_client(StoryWriter, generate={"content": "# The Door\n\nOnce."})
        )
        self.narrator = self.override(
            Narrator, mock_client(Narrator, generate_audio="data:audio/wav;base64,UklGRg==")
        )
        self.illustrator = self.override(Illustrator, mock_client(Illustrator, generate_image=PNG))

    async def tell(self, **wish: object) -> Told | NoStory:
        await self.container.get(TaskOrchestrator).start()
        async with self.clock.running():
            return await main(self.container, {"premise": "a door", **wish})

    async def test_text_voice_picture_and_page_are_files_that_are_proven(self):
        made = await self.tell()

        assert isinstance(made, Told)
        folder = (self.workspace / made.published.page).parent
        assert sorted(path.name for path in folder.iterdir()) == [
            "index.html",
            "picture.png",
            "story.md",
            "voice.wav",
        ]
        assert (folder / "voice.wav").read_bytes() == b"RIFF"
        judged = await self.container.get(TrackFileOperationsUseCase).verify_all()
        assert [finding.path for finding in judged.findings if not finding.passes] == []
        assert len(judged.findings) == 4

    async def test_the_same_wish_again_is_the_same_story_and_another_take_is_another(self):
        first = await self.tell()

        assert await self.tell() == first
        self.writer.generate.assert_awaited_once()
        assert (await self.tell(take=2)).page != first.page

    async def test_while_speech_is_down_the_story_comes_without(self):
        self.narrator.generate_audio.side_effect = AIServiceUnavailable("the voice is ill")

        made = await self.tell()

        assert made.published.audio is None
        assert "the voice is ill" in made.published.errors["audio"]
        assert "without audio: " in str(made)
        assert self.narrator.generate_audio.await_count == 3
        assert "<audio" not in (self.workspace / made.published.page).read_text()

    async def test_a_picture_on_the_web_is_shown_from_there(self):
        self.illustrator.generate_image.return_value = "https://pictures.test/1.png"

        made = await self.tell()

        assert made.published.image is None
        page = (self.workspace / made.published.page).read_text()
        assert 'src="https://pictures.test/1.png"' in page

    async def test_an_address_that_is_none_is_not_shown(self):
        self.illustrator.generate_image.return_value = "javascript:alert(1)"

        made = await self.tell()

        assert "javascript" not in (self.workspace / made.published.page).read_text()

    async def test_a_writer_that_fails_is_told_and_asked_again_by_the_next_run(self):
        self.writer.generate.side_effect = AIServiceUnavailable("no ink")
        made = await self.tell()
        assert isinstance(made, NoStory)
        assert "no ink" in str(made)
        assert self.writer.generate.await_count == 3

        self.writer.generate.side_effect = None
        assert isinstance(await self.tell(), Told)


class TestOnLoopback:
    async def test_a_lost_database_costs_only_the_work(self, tmp_path):
        pages = []
        for _ in range(2):
            async with StudioContainer(workspace=str(tmp_path), espeak="no-such") as container:
                await container.get(TaskOrchestrator).start()
                made = await main(container, {"premise": "a door"})
                assert isinstance(made, Told), made
                pages.append((tmp_path / made.published.page).read_bytes())

        assert pages[0] == pages[1]

    async def test_without_any_service_there_is_a_story_to_read_hear_and_see(self, tmp_path):
        settings = {"workspace": str(tmp_path), "espeak": "no-such-espeak"}
        async with StudioContainer(**settings) as container:
            await container.get(TaskOrchestrator).start()
            made = await main(container, None)

        assert isinstance(made, Told)
        assert made.published.errors == {}
        assert made.published.chapters == 3
        assert (tmp_path / made.published.image).read_bytes()[:4] == b"\x89PNG"
        assert (tmp_path / made.published.audio).read_bytes()[:4] == b"RIFF"

    async def test_real_services_are_asked_where_they_are_named(self, tmp_path):
        server, _ = offline_services()
        server.chat.fails(429, retry_after=0)
        async with server:
            urls = dict.fromkeys(("chat_url", "speech_url", "image_url"), server.base_url)
            keys = {"chat_key": "c", "speech_key": "s", "image_key": "i", "chat_model": "m"}
            settings = {"workspace": str(tmp_path), **urls, **keys}
            async with StudioContainer(**settings) as container:
                await container.get(TaskOrchestrator).start()
                made = await main(container, {"premise": "a door"})

        assert isinstance(made, Told)
        assert [request.json["model"] for request in server.chat.requests] == ["m", "m"]
        assert server.images.requests[0].headers["Authorization"] == "Bearer i"

    @pytest.mark.parametrize("premise", ["...", "?", "é", "$x ${y}"])
    async def test_any_premise_makes_a_story(self, tmp_path, premise):
        async with StudioContainer(workspace=str(tmp_path), espeak="no-such") as container:
            await container.get(TaskOrchestrator).start()
            made = await main(container, {"premise": premise})

        assert isinstance(made, Told), made
        assert premise in (tmp_path / made.page).read_text()

    async def test_a_key_that_is_refused_is_not_tried_again(self, tmp_path):
        async with ModelServer(api_key="right") as server:
            settings = {"chat_url": server.base_url, "chat_key": "wrong", "espeak": "no-such"}
            async with StudioContainer(workspace=str(tmp_path), **settings) as container:
                await container.get(TaskOrchestrator).start()
                made = await main(container, None)

        assert "AIServiceDenied" in made.reason
        assert len(server.chat.requests) == 1

    @pytest.mark.parametrize(
        "answer", [[1, 2], {"choices": [None]}, {"choices": [{"message": None}]}, {"choices": {}}]
    )
    async def test_nonsense_for_a_story_is_told(self, answer):
        async with ModelServer() as server:
            server.chat.replies(Reply(200, parts=(json.dumps(answer).encode(),)))
            async with OpenRouterClient(base_url=server.base_url) as client:
                with pytest.raises(AIServiceBadAnswer):
                    await StoryGenerator(writer=client).generate_story("a door")

    async def test_espeak_speaks_where_it_is_installed_and_nothing_else_is_named(self, tmp_path):
        program = tmp_path / "espeak-ng"
        program.write_text("#!/bin/sh\nexit 0\n")
        program.chmod(0o755)
        async with StudioContainer(workspace=str(tmp_path), espeak=str(program)) as container:
            assert isinstance(container.get(Voice), EspeakVoice)
        named = {"speech_url": "http://speech.test/v1", "espeak": str(program)}
        async with StudioContainer(workspace=str(tmp_path), **named) as container:
            assert isinstance(container.get(Voice), ElevenLabsClient)


def test_it_survives_a_death_around_each_question(world):
    report = explore_crashes(
        build(world),
        tell,
        [the_story_is_told, "engine", "database"],
        world=world,
        at="effect",
    )

    assert report.points == 4
    report.raise_for_failures()


async def test_endpoints_that_are_not_started_say_so():
    with pytest.raises(RuntimeError, match="not started"):
        Endpoints(chat="", speech="", image="").address("chat")


def test_the_environment_names_the_services():
    given = {"STORY_STUDIO_URL": "http://x/v1", "STORY_STUDIO_KEY": "", "OTHER": "y"}

    assert settings_in(given) == {"chat_url": "http://x/v1"}


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ([], "input"),
        ({"premiss": "x"}, "premiss"),
        ({"premise": 1}, "premise"),
        ({"premise": " "}, "premise"),
        ({"premise": "\ud800"}, "premise"),
        ({"take": 0}, "take"),
        ({"take": True}, "take"),
    ],
)
async def test_bad_input_is_refused_by_the_name_of_its_field(tmp_path, given, field):
    async with StudioContainer(workspace=str(tmp_path)) as container:
        with pytest.raises(InvalidRequest) as caught:
            await main(container, given)

    assert caught.value.field == field
