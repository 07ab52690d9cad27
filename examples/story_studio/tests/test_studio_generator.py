"""The generator, the critic and the page: from a premise to all that belongs to a story."""

import asyncio
from html.parser import HTMLParser

import pytest

from story_studio.container import StudioContainer
from story_studio.media import carried_by, folder_of
from story_studio.page import markdown_of, page_of
from story_studio.ports import Illustrator, Narrator, StoryWriter
from story_studio.quality_checker import (
    Mark,
    check_coherence,
    check_creativity,
    check_grammar,
)
from story_studio.stories import Chapter, CompleteStory, Story, StoryQuality, story_of, text_of
from story_studio.story_generator import StoryGenerator
from vespera.domain.errors import AIServiceBadAnswer, InvalidRequest
from vespera.testing import AsyncTestBase, mock_client

TEXT = "# The Door\n\n## One\n\nOnce there was a door.\n\n## Two\n\nThe door was open.\n"


def story(*paragraphs: str) -> Story:
    text = "\n\n".join(paragraphs)
    return Story(title="T", chapters=(Chapter(title="T", text=text),), text=text)


class TestAsTheGuideHasIt(AsyncTestBase):
    """The chain of the asynchronous testing guide; the clients are overridden in the container."""

    container_class = StudioContainer

    def container_settings(self):
        return dict.fromkeys(("chat_url", "speech_url", "image_url"), "http://studio.test/v1")

    async def setup_async_environment(self):
        self.openrouter_client = self.override(
            StoryWriter, mock_client(StoryWriter, generate={"content": "Story text"})
        )
        self.tts_client = self.override(Narrator, mock_client(Narrator, generate_audio="audio_url"))
        self.image_client = self.override(
            Illustrator, mock_client(Illustrator, generate_image="image_url")
        )
        self.generator = self.container.get(StoryGenerator)

    async def test_async_story_generation(self):
        result = await self.generator.generate_story("cyberpunk detective")

        assert result.title
        assert len(result.chapters) > 0

    @pytest.mark.virtual_time
    async def test_story_generation_timeout(self):
        async def take_long(_prompt):
            await self.clock.sleep(60)

        self.openrouter_client.generate.side_effect = take_long

        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(
                self.generator.generate_story("very complex premise"), timeout=1.0
            )

    async def test_partial_failure_recovery(self):
        self.tts_client.generate_audio.side_effect = Exception("TTS service down")

        result = await self.generator.generate_complete_story("premise")

        assert result.text
        assert result.audio_url is None
        assert result.image_url == "image_url"
        assert "TTS service down" in result.errors["audio"]

    async def test_story_generator_async_chain(self):
        result = await self.generator.generate_complete_story("cyberpunk premise")

        self.openrouter_client.generate.assert_awaited_once()
        self.tts_client.generate_audio.assert_awaited_once_with("Story text")
        self.image_client.generate_image.assert_awaited_once_with("Story text")
        assert result.text == "Story text"
        assert result.audio_url == "audio_url"
        assert result.image_url == "image_url"

    async def test_concurrent_story_generation(self):
        results = await asyncio.gather(
            *[self.generator.generate_story(f"premise_{number}") for number in range(10)]
        )

        assert [result.text for result in results] == ["Story text"] * 10

    async def test_voice_and_hand_work_at_the_same_time(self):
        with self.assert_concurrent(2) as probe:

            async def work(_text):
                async with probe:
                    await self.clock.sleep(5)
                return "url"

            self.tts_client.generate_audio.side_effect = work
            self.image_client.generate_image.side_effect = work
            async with self.clock.running():
                await self.generator.generate_complete_story("premise")

    async def test_without_a_text_there_is_no_story(self):
        self.openrouter_client.generate.side_effect = ConnectionError("no ink")

        with pytest.raises(ConnectionError, match="no ink"):
            await self.generator.generate_complete_story("premise")
        self.tts_client.generate_audio.assert_not_awaited()

    @pytest.mark.parametrize("premise", ["", "  ", None, "x" * 2_001])
    async def test_a_premise_that_is_none_is_refused(self, premise):
        with pytest.raises(InvalidRequest) as caught:
            await self.generator.generate_story(premise)

        assert caught.value.field == "premise"

    async def test_who_cancels_stops_all_of_it(self):
        began, ended = asyncio.Event(), []

        async def speak(_text):
            began.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.append("audio")

        self.tts_client.generate_audio.side_effect = speak
        making = asyncio.create_task(self.generator.generate_complete_story("premise"))
        await began.wait()
        making.cancel()

        with pytest.raises(asyncio.CancelledError):
            await making
        assert ended == ["audio"]


class TestQuality:
    async def test_the_three_are_heard_and_combined(self):
        quality = await StoryGenerator().validate_story_quality(story_of(TEXT))

        assert (quality.coherence, quality.grammar) == (1.0, 1.0)
        assert quality.overall == round((1.0 + 1.0 + quality.creativity) / 3, 3)
        assert "creativity: too short to tell" in quality.notes

    async def test_they_look_side_by_side_and_the_first_failure_stops_the_others(self):
        stopped = asyncio.Event()

        async def patient(_story):
            try:
                await asyncio.Event().wait()
            finally:
                stopped.set()

        async def hasty(_story):
            raise ValueError("no verb")

        checks = {"coherence": patient, "grammar": hasty, "creativity": patient}
        with pytest.raises(ValueError, match="no verb"):
            await StoryGenerator(checks=checks).validate_story_quality(story("x"))

        assert stopped.is_set()

    async def test_a_complete_story_is_looked_at_as_its_text_is(self):
        whole = CompleteStory(story=story_of(TEXT))
        critic = StoryGenerator()

        assert await critic.validate_story_quality(whole) == await critic.validate_story_quality(
            whole.story
        )

    async def test_a_thread_that_is_lost_is_told(self):
        lost = await check_coherence(story("The door opened.", "A door fell.", "Rain came."))

        assert lost == Mark(score=0.5, notes=("the thread is lost 1 times",))

    @pytest.mark.parametrize(
        ("text", "note"),
        [
            ("the door opened.", '"the door opened." begins small'),
            ("The door opened", '"The door opened" has no end'),
            ("The door door opened.", '"door door"'),
        ],
    )
    async def test_faults_of_grammar_are_shown(self, text, note):
        assert await check_grammar(story(text)) == Mark(score=0.0, notes=(note,))

    async def test_who_says_the_same_again_has_fewer_marks(self):
        fresh = " ".join(f"word{chr(97 + n % 26)}{chr(97 + n // 26)}" for n in range(60))
        stale = " ".join(["red door blue sea"] * 15)

        good, bad = await check_creativity(story(fresh)), await check_creativity(story(stale))

        assert good.score > bad.score
        assert '"red door blue sea" comes again' in bad.notes


class TestStories:
    def test_headings_are_title_and_chapters(self):
        read = story_of(TEXT)

        assert (read.title, [chapter.title for chapter in read.chapters]) == (
            "The Door",
            ["One", "Two"],
        )

    def test_what_stands_before_the_first_chapter_is_one(self):
        read = story_of("Hark!\n\n# The Door\n\nOnce.\n\n## Two\n\nThen.")

        assert [chapter.text for chapter in read.chapters] == ["Hark!\n\nOnce.", "Then."]

    @pytest.mark.parametrize(
        ("text", "title"), [("Once upon a time. Then.", "Once upon a time"), ("# Alone", "Alone")]
    )
    def test_a_text_without_chapters_is_one(self, text, title):
        read = story_of(text)

        assert (read.title, len(read.chapters)) == (title, 1)

    @pytest.mark.parametrize("answer", [{}, {"choices": []}, {"content": ""}, None, {"content": 7}])
    def test_an_answer_without_text_is_bad(self, answer):
        with pytest.raises(AIServiceBadAnswer):
            text_of(answer)


class Sources(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags: list[str] = []
        self.sources: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.sources += [value for name, value in attrs if name == "src"]


class TestThePage:
    def read(self, whole, premise="p") -> Sources:
        page = Sources()
        page.feed(page_of(premise, whole))
        return page

    def test_all_of_it_is_there(self):
        quality = StoryQuality(coherence=1, grammar=0.5, creativity=0.25, notes=("a note",))
        whole = CompleteStory(
            story=story_of(TEXT), audio_url="voice.wav", image_url="picture.png", quality=quality
        )

        page = self.read(whole)

        assert page.sources == ["picture.png", "voice.wav"]
        assert page.tags.count("h2") == 2
        assert "width:50%" in page_of("p", whole)

    def test_what_is_missing_is_told_and_leaves_no_hole(self):
        whole = CompleteStory(story=story_of(TEXT), errors={"audio": "no voice today"})

        assert self.read(whole).sources == []
        assert "no voice today" in page_of("p", whole)

    def test_nothing_in_a_story_becomes_markup(self):
        evil = '<script>alert("no")</script>'
        whole = CompleteStory(
            story=story_of(f"# {evil}\n\n{evil} $title"),
            image_url=f'x" onerror="{evil}',
            errors={evil: evil},
        )

        page = self.read(whole, premise=evil)

        assert "script" not in page.tags
        assert page.sources == [f'x" onerror="{evil}']

    def test_the_markdown_is_the_story_alone(self):
        assert markdown_of(CompleteStory(story=story_of(TEXT))) == TEXT


def test_a_data_url_carries_its_content():
    assert carried_by("data:image/png;base64,AAAA").content == b"\0\0\0"
    assert carried_by("data:image/png;base64,A*") is None
    assert carried_by("data:text/html;base64,AAAA") is None
    assert carried_by("https://pictures.test/1.png") is None


def test_each_take_has_a_folder_of_its_own():
    assert folder_of("A Door, in the SEA!", 1).startswith("stories/a-door-in-the-sea-")
    assert (
        len({folder_of("a", 1), folder_of("a", 2), folder_of("A", 1), folder_of("../..", 1)}) == 4
    )
    assert ".." not in folder_of("../..", 1)
