"""Switching models: down the list when one fails, back when it works again; a replay knows."""

import asyncio
import logging

import pytest

from vespera import RetryPolicy
from vespera.application.orchestrators.model_switching import ModelSwitcherOrchestrator
from vespera.application.runtime.guarding.circuit_breaker import CircuitBreaker
from vespera.application.runtime.guarding.service_guard import ServiceGuard
from vespera.domain.errors import (
    AIServiceRefused,
    InvalidRequest,
    NoModelAvailable,
    StepFailed,
)
from vespera.testing import StepEnvironment

pytestmark = pytest.mark.virtual_time
DOWN = ConnectionError("down")


class Models:
    """Answers, or raises what is set for a model; knows which were asked."""

    def __init__(self, **errors):
        self.errors, self.asked = errors, []

    async def complete(self, model, prompt="hello"):
        self.asked.append(model)
        await asyncio.sleep(0)
        if model in self.errors:
            raise self.errors[model]
        return f"{prompt}, said {model}"


def a_switcher(*models, **more):
    return ModelSwitcherOrchestrator(models or ("starcoder", "mistral"), **more)


class TestAlone:
    async def test_it_begins_with_the_first(self):
        switcher, models = a_switcher(), Models()

        assert switcher.get_current_model() == "starcoder"
        assert await switcher.call(models.complete, "hi") == "hi, said starcoder"

    async def test_every_model_is_available_until_its_breaker_opens(self):
        switcher, models = a_switcher(failure_threshold=1), Models(starcoder=DOWN)

        assert await switcher.check_model_availability("starcoder")
        await switcher.call(models.complete)

        assert not await switcher.check_model_availability("starcoder")
        assert await switcher.check_model_availability("mistral")
        assert not await switcher.check_model_availability("gpt")

    async def test_when_one_fails_the_next_one_answers_and_is_the_current_one(self):
        switcher, models = a_switcher(), Models(starcoder=DOWN)

        assert await switcher.call(models.complete) == "hello, said mistral"
        assert switcher.get_current_model() == "mistral"
        assert models.asked == ["starcoder", "mistral"]

    async def test_one_whose_breaker_is_open_is_not_asked(self):
        switcher, models = a_switcher(failure_threshold=2), Models(starcoder=DOWN)

        for _ in range(4):
            await switcher.call(models.complete)

        assert models.asked == ["starcoder", "mistral"] * 2 + ["mistral"] * 2

    async def test_it_comes_back_when_the_first_works_again(self):
        switcher, models = a_switcher(failure_threshold=1), Models(starcoder=DOWN)
        await switcher.call(models.complete)
        del models.errors["starcoder"]

        await asyncio.sleep(29)
        await switcher.call(models.complete)
        assert switcher.get_current_model() == "mistral"
        await asyncio.sleep(1)
        await switcher.call(models.complete)

        assert switcher.get_current_model() == "starcoder"
        assert await switcher.check_model_availability("starcoder")

    async def test_while_one_call_tries_the_first_the_others_go_to_the_next(self):
        switcher, models = a_switcher(failure_threshold=1), Models(starcoder=DOWN)
        await switcher.call(models.complete)
        await asyncio.sleep(30)
        models.errors.clear()
        models.asked.clear()

        answers = await asyncio.gather(*(switcher.call(models.complete, n) for n in range(3)))

        assert models.asked.count("starcoder") == 1
        assert len(answers) == 3

    async def test_when_all_fail_each_is_told_with_its_error(self):
        models = Models(starcoder=DOWN, mistral=ValueError("no sense"))

        with pytest.raises(NoModelAvailable) as told:
            await a_switcher().call(models.complete)

        assert told.value.problems == (
            "starcoder: ConnectionError: down",
            "mistral: ValueError: no sense",
        )
        assert isinstance(told.value.__cause__, ValueError)

    async def test_when_none_may_be_asked_it_says_when_one_may(self):
        switcher, models = a_switcher(failure_threshold=1), Models(starcoder=DOWN, mistral=DOWN)
        with pytest.raises(NoModelAvailable):
            await switcher.call(models.complete)
        await asyncio.sleep(10)

        with pytest.raises(NoModelAvailable, match="CircuitBreakerOpenError") as told:
            await switcher.call(models.complete)

        assert told.value.retry_after == pytest.approx(20, abs=0.1)
        assert told.value.__cause__ is None

    async def test_a_bad_request_is_raised_at_once(self):
        models = Models(starcoder=AIServiceRefused("too long"))

        with pytest.raises(AIServiceRefused):
            await a_switcher().call(models.complete)
        assert models.asked == ["starcoder"]

    async def test_a_cancellation_passes(self):
        models = Models(starcoder=asyncio.CancelledError())

        with pytest.raises(asyncio.CancelledError):
            await a_switcher().call(models.complete)
        assert models.asked == ["starcoder"]

    async def test_another_one_can_be_preferred(self):
        switcher, models = a_switcher("a", "b", "c"), Models(c=DOWN)

        await switcher.switch_to_model("c")
        assert switcher.get_current_model() == "c"

        assert await switcher.call(models.complete) == "hello, said a"
        assert models.asked == ["c", "a"]

    async def test_one_that_nobody_knows_cannot_be(self):
        with pytest.raises(InvalidRequest, match=r"'gpt' is none of \['starcoder', 'mistral'\]"):
            await a_switcher().switch_to_model("gpt")

    @pytest.mark.parametrize("is_there", [True, False])
    async def test_a_check_of_ones_own_is_asked_too(self, is_there):
        async def check(model):
            return is_there and model == "mistral"

        switcher = a_switcher(is_available=check)

        assert await switcher.check_model_availability("mistral") is is_there
        assert not await switcher.check_model_availability("starcoder")

    async def test_it_need_not_be_async_and_one_that_fails_says_no(self):
        def check(model):
            if model == "mistral":
                raise ConnectionError("no network")
            return True

        switcher = a_switcher(is_available=check)

        assert await switcher.check_model_availability("starcoder")
        assert not await switcher.check_model_availability("mistral")

    async def test_a_model_is_tried_again_before_the_next_one_if_that_is_wanted(self):
        retry = RetryPolicy(max_attempts=3, delay=1.0)
        models = Models(starcoder=DOWN)

        await a_switcher(retry=retry).call(models.complete)

        assert models.asked == ["starcoder"] * 3 + ["mistral"]

    async def test_one_that_is_too_slow_is_passed_over(self):
        async def complete(model):
            await asyncio.sleep(60 if model == "starcoder" else 1)
            return model

        assert await a_switcher(timeout=5.0).call(complete) == "mistral"

    async def test_a_model_may_have_its_own_guard_also_one_without_a_breaker(self):
        guards = {
            "mistral": ServiceGuard(timeout=1.0),
            "starcoder": ServiceGuard(breaker=CircuitBreaker(failure_threshold=1)),
        }
        switcher, models = a_switcher(guards=guards), Models(starcoder=DOWN, mistral=DOWN)

        for _ in range(2):
            with pytest.raises(NoModelAvailable):
                await switcher.call(models.complete)

        assert models.asked == ["starcoder", "mistral", "mistral"]
        assert await switcher.check_model_availability("mistral")

    async def test_switches_are_logged_with_their_reason(self, caplog):
        caplog.set_level(logging.INFO, "vespera")
        await a_switcher().call(Models(starcoder=DOWN).complete)

        assert "'mistral' takes over from 'starcoder'" in caplog.text
        assert "ConnectionError: down" in caplog.text

    @pytest.mark.parametrize(
        ("given", "field"),
        [
            ({"models": []}, "models"),
            ({"models": "starcoder"}, "models"),
            ({"models": ["a", "a"]}, "models"),
            ({"models": ["a"], "failure_threshold": 0}, "failure_threshold"),
            ({"models": ["a"], "reset_after": -1}, "reset_after"),
            ({"models": ["a"], "timeout": "soon"}, "seconds"),
            ({"models": ["a"], "guards": {"b": ServiceGuard()}}, "guards"),
            ({"models": ["a"], "guards": {"a": CircuitBreaker()}}, "guards"),
            ({"models": ["a"], "guards": [ServiceGuard()]}, "guards"),
            ({"models": ["a"], "is_available": True}, "is_available"),
        ],
    )
    def test_what_makes_no_sense_is_refused_by_name(self, given, field):
        with pytest.raises(InvalidRequest, match=field):
            ModelSwitcherOrchestrator(**given)

    async def test_what_cannot_be_called_is_refused_and_is_no_failure_of_a_model(self):
        with pytest.raises(InvalidRequest, match="call"):
            await a_switcher().call("complete")

    async def test_pieces_that_come_later_are_no_answer(self):
        async def pieces(model):
            yield model

        with pytest.raises(InvalidRequest, match="call: is an async generator"):
            await a_switcher().call(pieces)


class TestInATask:
    @pytest.fixture
    def models(self):
        return Models()

    @pytest.fixture
    def drafting(self, models):
        """A handler, whose switcher is as in a new process each time it is asked for."""

        def made(**more):
            switcher = a_switcher(**{"failure_threshold": 1, **more})

            async def draft(task):
                text = await switcher.run(task, "draft", models.complete, "hi")
                return text, switcher.get_current_model()

            return draft

        return made

    def recorded(self, env):
        return [(step.name, step.value, step.error) for step in env.steps]

    async def test_choice_and_call_are_steps(self, models, drafting):
        env = StepEnvironment()
        outcome = await env.run(drafting())

        assert outcome.result == ("hi, said starcoder", "starcoder")
        assert self.recorded(env) == [
            ("draft.model", {"model": "starcoder", "instead_of": {}}, None),
            ("draft", "hi, said starcoder", None),
        ]

    async def test_a_switch_is_recorded_with_its_reason(self, models, drafting):
        models.errors["starcoder"] = DOWN
        env = StepEnvironment()

        outcome = await env.run(drafting())

        assert outcome.result == ("hi, said mistral", "mistral")
        switch = {"model": "mistral", "instead_of": {"starcoder": "ConnectionError: down"}}
        assert ("draft.model", switch, None) in self.recorded(env)

    async def test_a_replay_goes_the_same_way_in_a_new_process_and_asks_nobody(
        self, models, drafting
    ):
        models.errors["starcoder"] = DOWN
        env = StepEnvironment()
        first = await env.run(drafting())
        models.errors.clear()
        models.asked.clear()

        again = await env.run(drafting())

        assert again.result == first.result == ("hi, said mistral", "mistral")
        assert models.asked == []

    async def test_when_all_fail_the_step_tells_of_each(self, models, drafting):
        models.errors.update(starcoder=DOWN, mistral=DOWN)

        with pytest.raises(StepFailed, match="starcoder: ConnectionError") as failed:
            await StepEnvironment().run(drafting())

        assert "NoModelAvailable" in failed.value.error_types

    async def test_a_bad_request_ends_it(self, models, drafting):
        models.errors["starcoder"] = AIServiceRefused("too long")

        with pytest.raises(StepFailed, match="too long"):
            await StepEnvironment().run(drafting())
        assert models.asked == ["starcoder"]

    async def test_a_bad_name_is_refused(self, models):
        async def draft(task):
            await a_switcher().run(task, "", models.complete)

        with pytest.raises(InvalidRequest, match="name"):
            await StepEnvironment().run(draft)
