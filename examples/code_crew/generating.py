"""From a description to code: the prompt is compressed, a model is asked, the code is taken out."""

import re
from collections import Counter
from dataclasses import dataclass

from code_crew.compression import BpeTokenizer, PromptCompressor
from code_crew.models import CannedChat, ChatModel
from vespera import AIServiceError

SYSTEM = "You write Python modules. Answer with one module in a ```python fence."
FENCED = re.compile(r"```(?:python|py)?[ \t]*\n(.*?)```", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratedCode:
    """What came of asking a model for code.

    Attributes:
        success: whether there is code.
        response: the code.
        model: who wrote it.
        input_tokens: of the prompt as it was sent.
        original_tokens: of the prompt as it was given.
        output_tokens: of the answer, as the model counts them.
        error: why there is no code.
    """

    success: bool
    response: str = ""
    model: str = ""
    input_tokens: int = 0
    original_tokens: int = 0
    output_tokens: int = 0
    error: str | None = None


class CodeGeneratorAdapter:
    """Asks a chat model for code. Without a service it asks one that knows a few modules by heart,
    which needs no network.

    Attributes:
        answered: how often each model has answered, in this process.
        failed: how often each one has not.
    """

    def __init__(
        self,
        *,
        model_name: str,
        chat: ChatModel | None = None,
        compressor: PromptCompressor | None = None,
    ) -> None:
        self._model = model_name
        self._chat = chat or CannedChat()
        self._compressor = compressor or PromptCompressor(BpeTokenizer())
        self.answered, self.failed = Counter[str](), Counter[str]()

    async def generate_code_with_compression(
        self, *, task_description: str, model_name: str | None = None, max_tokens: int = 1000
    ) -> GeneratedCode:
        """Code for the description.

        Args:
            task_description: what the code is to do; shortened, if it has too many tokens.
            model_name: who is asked; by default the adapter's model.
            max_tokens: of the prompt, and of the answer.

        Returns:
            The code; or ``success=False``, and in ``error`` what the service did.
        """
        model = model_name or self._model
        try:
            return await self.ask(model, task_description, max_tokens)
        except AIServiceError as error:
            return GeneratedCode(success=False, model=model, error=str(error))

    async def ask(self, model: str, description: str, max_tokens: int) -> GeneratedCode:
        """The same, for those who would ask another model if this one fails.

        Raises:
            AIServiceError: the service did not answer as it should.
        """
        prompt = self._compressor.compress(description, max_tokens)
        messages = [
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": prompt.text},
        ]
        try:
            said = await self._chat.complete(model, messages, max_tokens=max_tokens)
        except AIServiceError:
            self.failed[model] += 1
            raise
        self.answered[model] += 1
        return GeneratedCode(
            success=True,
            response=code_in(said.text),
            model=model,
            input_tokens=prompt.tokens,
            original_tokens=prompt.tokens_before,
            output_tokens=said.output_tokens,
        )


def code_in(answer: str) -> str:
    """The code of an answer: what is in its first fence, or all of it."""
    found = FENCED.search(answer)
    return f"{(found[1] if found else answer).strip()}\n"
