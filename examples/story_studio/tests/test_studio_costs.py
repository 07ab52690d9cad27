"""What a story costs is noted by call, and refused before the call where it is too much."""

import asyncio
from decimal import Decimal

import pytest

from story_studio.container import StudioContainer
from story_studio.cost_optimizer import CostOptimizer, Spent
from story_studio.ports import Illustrator, Narrator, StoryWriter
from story_studio.studio import NoStory, Told, main
from vespera import Budget, CostTracker, Price, TaskOrchestrator, providers
from vespera.testing import AsyncTestBase, mock_client

WRITTEN = {
    "choices": [{"message": {"content": "# The Door\n\nOnce."}}],
    "usage": {"prompt_tokens": 100, "completion_tokens": 500},
}
PRICES = {"writer-1": Price("1", "2")}


class PricedStudio(StudioContainer):
    prices = providers.Object(PRICES)


class ThriftyStudio(StudioContainer):
    budgets = providers.Object({"storyteller": Budget(calls=1)})


class TestCostTrackingContext:
    """The pattern of the asynchronous testing guide, on the tracker itself."""

    async def test_what_an_operation_tells_is_noted(self):
        cost_tracker = CostTracker()

        async def with_cost_tracking(operation):
            async with cost_tracker.track_operation() as tracker:
                result = await operation()
                await tracker.log_costs()
                return result

        async def operation():
            return "told"

        assert await with_cost_tracking(operation) == "told"
        assert (await cost_tracker.total()).calls == 1

    async def test_the_optimizer_enters_and_leaves_its_tracker(self):
        optimizer = CostOptimizer()

        async with optimizer.track_costs() as tracker:
            await tracker.log_costs(usage=WRITTEN["usage"])

        assert await optimizer.spent() == Spent(calls=1, tokens=600)

    async def test_what_fails_was_a_call_all_the_same(self):
        optimizer = CostOptimizer()

        async def fail():
            raise ConnectionError("down")

        with pytest.raises(ConnectionError):
            await optimizer.with_cost_tracking("text", fail)
        assert (await optimizer.spent()).calls == 1

    async def test_side_by_side_each_is_noted_once(self):
        optimizer = CostOptimizer()

        async def answer():
            return WRITTEN

        await asyncio.gather(*[optimizer.with_cost_tracking("text", answer) for _ in range(5)])

        assert await optimizer.spent() == Spent(calls=5, tokens=3_000)


class PricedBase(AsyncTestBase):
    def container_settings(self):
        urls = dict.fromkeys(("chat_url", "speech_url", "image_url"), "http://studio.test/v1")
        return {**urls, "chat_model": "writer-1"}

    async def setup_async_environment(self):
        self.writer = self.override(StoryWriter, mock_client(StoryWriter, generate=WRITTEN))
        self.narrator = self.override(
            Narrator, mock_client(Narrator, generate_audio="data:audio/wav;base64,UklGRg==")
        )
        self.override(Illustrator, mock_client(Illustrator, generate_image="http://x.test/1.png"))

    async def tell(self) -> Told | NoStory:
        await self.container.get(TaskOrchestrator).start()
        async with self.clock.running():
            return await main(self.container, {"premise": "a door"})


class TestPrices(PricedBase):
    container_class = PricedStudio

    async def test_tokens_and_money_of_the_story_are_told(self):
        made = await self.tell()

        spent = Spent(calls=3, tokens=600, money={"USD": Decimal("0.0011")})
        assert made.published.spent == spent
        assert "spent:  3 calls, 600 tokens, 0.0011 USD" in str(made)
        assert str(spent) in (self.workspace / made.published.page).read_text()


class TestBudgets(PricedBase):
    container_class = ThriftyStudio

    async def test_what_the_budget_does_not_allow_is_not_asked_for(self):
        made = await self.tell()

        self.narrator.generate_audio.assert_not_awaited()
        assert "budget" in made.published.errors["audio"]
        assert made.published.spent.calls == 1
