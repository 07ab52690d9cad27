"""Models that fall out: which one answers instead, and how the first one comes back."""

import pytest

from vespera import (
    Container,
    ModelSwitcherOrchestrator,
    Provider,
    TaskContext,
    TaskExecutionWorkflow,
    ai_service_errors,
    providers,
)
from vespera.testing import AsyncTestBase, mock_client
from vespera.testing.servers import ModelServer


async def test_model_switching():
    """Test model switching functionality."""
    orchestrator = ModelSwitcherOrchestrator(models=["starcoder", "mistral"])

    # Test model availability
    available = await orchestrator.check_model_availability("starcoder")
    assert available

    # Test model switching
    await orchestrator.switch_to_model("mistral")
    current_model = orchestrator.get_current_model()
    assert current_model == "mistral"


class ChatClient:
    """Asks a model over HTTP."""

    def __init__(self, http, base_url):
        self._http, self._url = http, base_url

    async def complete(self, model, prompt):
        with ai_service_errors("openrouter"):
            body = {"model": model, "messages": [{"role": "user", "content": prompt}]}
            response = await self._http.post(f"{self._url}/chat/completions", json=body)
            response.raise_for_status()
            return response.json()["choices"][0]["message"]["content"]

    async def is_there(self, model):
        return (await self._http.get(f"{self._url}/models/{model}")).status_code == 200


@pytest.fixture
async def server():
    async with ModelServer(models=["mistral"]) as server:
        yield server


async def test_over_http_the_next_model_answers_when_one_fails(http, server):
    client = ChatClient(http, server.base_url)
    switcher = ModelSwitcherOrchestrator(
        models=["starcoder", "mistral"], failure_threshold=1, is_available=client.is_there
    )
    server.chat.fails(503)

    assert await switcher.call(client.complete, "Hello") == "This is a reply."

    assert switcher.get_current_model() == "mistral"
    asked = [request.json["model"] for request in server.chat.requests]
    assert asked == ["starcoder", "mistral"]
    assert await switcher.check_model_availability("mistral")
    assert not await switcher.check_model_availability("starcoder")


class Writer:
    def __init__(self, *, chat: ChatClient, switcher: ModelSwitcherOrchestrator) -> None:
        self._chat, self._switcher = chat, switcher

    async def execute(self, task: TaskContext) -> str:
        return await self._switcher.run(task, "draft", self._chat.complete, task.payload["prompt"])


class Office(Container):
    chat: Provider[ChatClient] = providers.Singleton(ChatClient, None, "")
    switcher: Provider[ModelSwitcherOrchestrator] = providers.Singleton(
        ModelSwitcherOrchestrator,
        ["starcoder", "mistral"],
        failure_threshold=1,
        reset_after=60.0,
        store=Container.breakers,
        clock=Container.clock,
    )
    specialists = providers.Aggregate(
        writer=providers.Factory(Writer, chat=chat, switcher=switcher)
    )


class TestInTasks(AsyncTestBase):
    container_class = Office

    def answers(self, **errors):
        async def complete(model, prompt):
            if model in errors:
                raise errors[model]
            return f"{prompt}, said {model}"

        return self.override(ChatClient, mock_client(ChatClient, complete=complete))

    async def draft(self, **more):
        task = await self.create_test_task(
            specialist_type="writer", payload={"prompt": "hello"}, **more
        )
        return await self.wait_for_completion(task.task_id, timeout=7200)

    async def test_a_task_has_the_answer_of_the_model_that_works(self):
        client = self.answers(starcoder=ConnectionError("down"))

        assert (await self.draft()).result == "hello, said mistral"
        assert (await self.draft()).result == "hello, said mistral"

        asked = [call.args[0] for call in client.complete.await_args_list]
        assert asked == ["starcoder", "mistral", "mistral"]

    async def test_the_first_model_comes_back_after_its_rest(self):
        errors = {"starcoder": ConnectionError("down")}

        async def complete(model, prompt):
            if model in errors:
                raise errors[model]
            return model

        self.override(ChatClient, mock_client(ChatClient, complete=complete))
        await self.draft()
        errors.clear()
        await self.clock.advance(seconds=60)

        assert (await self.draft()).result == "starcoder"
        assert self.container.get(ModelSwitcherOrchestrator).get_current_model() == "starcoder"

    async def test_a_task_that_is_retried_asks_anew_and_comes_to_its_end(self):
        errors = {"starcoder": ConnectionError("down"), "mistral": ConnectionError("down")}

        async def complete(model, prompt):
            if model in errors:
                raise errors[model]
            return model

        self.override(ChatClient, mock_client(ChatClient, complete=complete))
        retry = {"max_attempts": 3, "delay": 120.0, "max_delay": 120.0}
        task = await self.create_test_task(
            specialist_type="writer", payload={"prompt": "hello"}, retry=retry
        )
        await self.clock.advance(seconds=100)
        del errors["mistral"]

        result = await self.wait_for_completion(task.task_id, timeout=7200)

        assert result.result == "mistral"

    async def test_when_no_model_answers_the_task_fails_and_tells_of_each(self):
        self.answers(starcoder=ConnectionError("no route"), mistral=TimeoutError("too slow"))

        result = await self.container.get(TaskExecutionWorkflow).run(
            title="a draft", specialist_type="writer", payload={"prompt": "hello"}
        )

        assert not result.success
        assert "starcoder: ConnectionError: no route" in result.error
        assert "mistral: TimeoutError: too slow" in result.error
