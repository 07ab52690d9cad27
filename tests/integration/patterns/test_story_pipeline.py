"""A story is written, spoken and drawn by three clients: a chain, with a part that may fail."""

import asyncio
from dataclasses import dataclass
from typing import Protocol

import pytest

from vespera import Container, Provider, RetryPolicy, TaskContext, providers
from vespera.testing import AsyncTestBase, mock_client, sequence


class Writer(Protocol):
    async def generate(self, premise: str) -> dict[str, str]: ...


class Speaker(Protocol):
    async def generate_audio(self, text: str) -> str: ...


class Painter(Protocol):
    async def generate_image(self, text: str) -> str: ...


class Unavailable:
    """Stands where nobody has put a client; a test that forgets one must not reach a network."""

    async def generate(self, premise: str) -> dict[str, str]:
        raise NotImplementedError

    async def generate_audio(self, text: str) -> str:
        raise NotImplementedError

    async def generate_image(self, text: str) -> str:
        raise NotImplementedError


@dataclass(frozen=True)
class Story:
    text: str
    audio_url: str | None
    image_url: str | None


class StoryTeller:
    def __init__(self, *, writer: Writer, speaker: Speaker, painter: Painter) -> None:
        self._writer, self._speaker, self._painter = writer, speaker, painter

    async def execute(self, task: TaskContext) -> Story:
        patient = RetryPolicy(max_attempts=3, delay=60.0)
        premise = str(task.payload["premise"])
        answer = await task.step("write", self._writer.generate, premise, retry=patient)
        text = answer["content"]
        return Story(
            text,
            await self._if_possible(task.step("speak", self._speaker.generate_audio, text)),
            await self._if_possible(task.step("paint", self._painter.generate_image, text)),
        )

    async def _if_possible(self, step):
        try:
            return await step
        except Exception:
            return None


class StoryContainer(Container):
    writer: Provider[Writer] = providers.Singleton(Unavailable)
    speaker: Provider[Speaker] = providers.Singleton(Unavailable)
    painter: Provider[Painter] = providers.Singleton(Unavailable)
    specialists = providers.Aggregate(
        storyteller=providers.Factory(StoryTeller, writer=writer, speaker=speaker, painter=painter)
    )


class TestTheChain(AsyncTestBase):
    container_class = StoryContainer

    def clients(self, **given):
        """All three, by overrides: ``patch.multiple(..., x=AsyncMock())`` gives ``{}`` back."""
        told = {
            "generate": {"content": "Once"},
            "generate_audio": "audio_url",
            "generate_image": "image_url",
            **given,
        }
        return [
            self.override(port, mock_client(port, **{method: told[method]}))
            for port, method in (
                (Writer, "generate"),
                (Speaker, "generate_audio"),
                (Painter, "generate_image"),
            )
        ]

    async def story(self):
        task = await self.create_test_task(
            specialist_type="storyteller", payload={"premise": "a lost key"}
        )
        return (await self.wait_for_completion(task.task_id, timeout=3600)).result

    async def test_each_client_is_given_what_the_one_before_made(self):
        writer, speaker, painter = self.clients()

        assert await self.story() == Story("Once", "audio_url", "image_url")

        writer.generate.assert_awaited_once_with("a lost key")
        speaker.generate_audio.assert_awaited_once_with("Once")
        painter.generate_image.assert_awaited_once_with("Once")

    async def test_the_client_itself_is_not_called_only_its_methods_are(self):
        """``mock.called`` of a client stays False however many of its methods are called."""
        writer, *_ = self.clients()

        await self.story()

        assert not writer.called
        assert [name for name, _, _ in writer.method_calls] == ["generate"]

    async def test_a_story_without_sound_is_a_story(self):
        self.clients(generate_audio=ConnectionError("the voice is ill"))

        assert await self.story() == Story("Once", None, "image_url")

    async def test_a_story_without_text_is_none(self):
        self.clients(generate=ConnectionError("no ink"))

        with pytest.raises(AssertionError, match=r"is failed.*no ink"):
            await self.story()

    async def test_a_writer_that_fails_twice_is_asked_a_third_time(self):
        failures = [ConnectionError("busy"), ConnectionError("busy")]
        writer, *_ = self.clients(generate=sequence(*failures, {"content": "Once"}))

        assert (await self.story()).text == "Once"
        assert writer.generate.await_count == 3

    async def test_what_was_written_is_not_written_again_when_a_later_part_fails(self):
        """A step is remembered; the second attempt replays it, and goes on from there."""
        failure = ConnectionError("no colours")
        writer, _, painter = self.clients(generate_image=sequence(failure, "image_url"))

        async def write_and_paint(task: TaskContext):
            answer = await task.step("write", writer.generate, "a lost key")
            return await painter.generate_image(answer["content"])

        self.register("painted", write_and_paint)
        task = await self.create_test_task(
            specialist_type="painted", retry={"max_attempts": 2, "delay": 60}
        )
        result = await self.wait_for_completion(task.task_id, timeout=3600)

        assert result.result == "image_url"
        writer.generate.assert_awaited_once()
        assert painter.generate_image.await_count == 2


class TestManyAtOnce(AsyncTestBase):
    container_class = StoryContainer

    async def test_ten_stories_are_ten_stories(self):
        """ "At least 8 of 10" hides two failures; and a limit of 30 s measures the machine."""
        writer = self.override(
            Writer, mock_client(Writer, generate=lambda premise: {"content": premise.upper()})
        )
        self.override(Speaker, mock_client(Speaker, generate_audio="audio"))
        self.override(Painter, mock_client(Painter, generate_image="image"))

        tasks = [
            await self.create_test_task(
                specialist_type="storyteller", payload={"premise": f"premise {number}"}
            )
            for number in range(10)
        ]
        stories = [(await self.wait_for_completion(task.task_id)).result for task in tasks]

        assert [story.text for story in stories] == [f"PREMISE {number}" for number in range(10)]
        assert writer.generate.await_count == 10


class TestJudging:
    """Three judges at once. A bare ``gather`` lets the others run on when one fails."""

    async def scores(self, story, *judges):
        async with asyncio.TaskGroup() as group:
            judging = [group.create_task(judge(story)) for judge in judges]
        return [task.result() for task in judging]

    async def test_all_judges_are_heard(self):
        judge = mock_client(coherence=0.9, grammar=0.8, creativity=0.7)

        scores = await self.scores("Once", judge.coherence, judge.grammar, judge.creativity)

        assert scores == [0.9, 0.8, 0.7]

    async def test_when_one_fails_the_others_are_stopped(self):
        was_stopped = asyncio.Event()

        async def slow(story):
            try:
                await asyncio.Event().wait()
            finally:
                was_stopped.set()

        judge = mock_client(grammar=ValueError("no verb"))

        with pytest.raises(ExceptionGroup) as caught:
            await self.scores("Once", slow, judge.grammar)

        assert caught.group_contains(ValueError, match="no verb")
        assert was_stopped.is_set()
