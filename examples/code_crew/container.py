"""The wiring: Vespera's container, with the crew's own parts and specialists."""

from collections.abc import Mapping
from typing import ClassVar

from code_crew.agents import CodeGeneratorAgent, CodeReviewerAgent
from code_crew.compression import BpeTokenizer, PromptCompressor, Tokenizer
from code_crew.generating import CodeGeneratorAdapter
from code_crew.linting import Linter, RuffLinter
from code_crew.models import ChatModel, Endpoint, OpenAiChat
from code_crew.specialists import Boaster, Programmer
from code_crew.use_cases import TakeBackUseCase, WriteCodeUseCase
from vespera import Container, ModelSwitcherOrchestrator, Provider, Service, providers


def _first(models: list[str]) -> str:
    return models[0]


class CodeCrewContainer(Container):
    """Vespera with a generator and a reviewer.

    Settings:
        model_url: of an OpenAI-compatible API, with its version; None: one on loopback.
        model_key: its key.
        models: who is asked, the preferred one first.
        model_timeout: seconds for a whole request.
        max_tokens: of a prompt, and of an answer.
    """

    defaults: ClassVar[Mapping[str, object]] = {
        "model_url": None,
        "model_key": "no key",
        "models": ["starcoder", "mistral"],
        "model_timeout": 60.0,
        "max_tokens": 1000,
    }

    endpoint = Service(Endpoint, url=Container.config.model_url)
    chat: Provider[ChatModel] = Service(
        OpenAiChat,
        endpoint=endpoint,
        api_key=Container.config.model_key,
        timeout=Container.config.model_timeout,
    )
    switcher = providers.Singleton(
        ModelSwitcherOrchestrator,
        Container.config.models,
        failure_threshold=2,
        store=Container.breakers,
        clock=Container.clock,
    )
    tokenizer: Provider[Tokenizer] = providers.Singleton(BpeTokenizer)
    compressor = providers.Singleton(PromptCompressor, tokenizer)
    code_adapter = providers.Singleton(
        CodeGeneratorAdapter,
        model_name=providers.Callable(_first, Container.config.models),
        chat=chat,
        compressor=compressor,
    )
    linter: Provider[Linter] = providers.Singleton(RuffLinter, workspace=Container.config.workspace)
    generator = providers.Singleton(
        CodeGeneratorAgent,
        adapter=code_adapter,
        switcher=switcher,
        max_tokens=Container.config.max_tokens,
    )
    reviewer = providers.Singleton(CodeReviewerAgent, linter=linter)
    specialists = providers.Aggregate(
        programmer=providers.Factory(
            Programmer,
            generator=generator,
            reviewer=reviewer,
            crew=Container.sequential_orchestrator,
            linter=linter,
        ),
        boaster=providers.Factory(Boaster),
    )
    write_code = providers.Singleton(
        WriteCodeUseCase, workflow=Container.workflow, orchestrator=Container.orchestrator
    )
    take_back = providers.Singleton(TakeBackUseCase, rolling=Container.roll_back)
