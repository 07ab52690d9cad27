"""The first storey: a company's own container, with a language model and one specialist."""

from collections.abc import Mapping
from typing import ClassVar, Protocol

from vespera import Container, Provider, TaskContext, TaskOutcome, providers


class LanguageModel(Protocol):
    """Answers questions."""

    async def answer(self, question: str) -> str:
        """An answer in plain words."""
        ...


class ParrotModel:
    """A model for those who have no other."""

    def __init__(self, *, api_key: str) -> None:
        self.api_key = api_key

    async def answer(self, question: str) -> str:
        return f"You asked: {question}"


class Answerer:
    """Asks the model once, and leaves the answer in a file."""

    def __init__(self, *, model: LanguageModel) -> None:
        self._model = model

    async def execute(self, task: TaskContext) -> TaskOutcome:
        answer = await task.step("answer", self._model.answer, str(task.payload["question"]))
        await task.files.write_text("answer.txt", answer)
        return TaskOutcome(summary=answer, artifacts=["answer.txt"])


class CompanyContainer(Container):
    """What all of the company's projects have in common."""

    model: Provider[LanguageModel] = providers.Singleton(
        ParrotModel, api_key=Container.config.model_key
    )
    specialists = providers.Aggregate(answerer=providers.Factory(Answerer, model=model))


class TestingCompanyContainer(CompanyContainer):
    """The same, for those who have no key."""

    __test__ = False
    defaults: ClassVar[Mapping[str, object]] = {"model_key": "no key"}
