"""Have modules written by a crew: ``vespera run examples/code_crew/write_code.py``."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, cast

from code_crew.compression import CompressedPrompt, PromptCompressor
from code_crew.container import CodeCrewContainer
from code_crew.generating import CodeGeneratorAdapter
from code_crew.specialists import WrittenCode
from code_crew.use_cases import TakeBackUseCase, WriteCodeUseCase
from vespera import TaskResult
from vespera.domain.errors import InvalidRequest

WISHES = {
    "slugs": "Could you please write a module with a function that makes a slug of a title?"
    " A slug has lower case letters, digits and hyphens. Please make sure that it has only those."
    " Thank you very much!",
    "romans": "Please write a module that can tell a number in Roman numerals."
    " It should just raise ValueError for numbers that the Romans could not write.",
    "primes": "I would like you to write a module that yields all prime numbers below a limit."
    " It really should be quick, so kindly use a sieve.",
}


class Program(CodeCrewContainer):
    """What ``vespera run`` runs: with the models that the environment names, if it names some."""

    defaults: ClassVar[Mapping[str, object]] = {
        "model_url": os.environ.get("CODE_CREW_URL"),
        "model_key": os.environ.get("CODE_CREW_KEY", "no key"),
        "models": os.environ.get("CODE_CREW_MODELS", "starcoder,mistral").split(","),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What became of one wish."""

    module: str
    prompt: CompressedPrompt
    task: TaskResult

    def __str__(self) -> str:
        """Two lines for a terminal."""
        saved = f"prompt of {self.prompt.tokens_before} tokens sent with {self.prompt.tokens}"
        if not self.task.success:
            return f"{self.module}: not written: {self.task.error}"
        written = cast("WrittenCode", self.task.result)
        scores = " -> ".join(f"{score:g}" for score in written.scores)
        found = "; ".join(written.issues) or "nothing"
        return f"{self.module}: {saved}; score {scores}\n  {written.path}, where ruff finds {found}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What the program hands back."""

    told: Sequence[Told]
    models: str
    sequel: "Sequel | None"
    """None: nothing was written that it could be about."""

    @property
    def success(self) -> bool:
        """Whether all modules are there, and nobody got away with a false claim."""
        believed = self.sequel is not None and self.sequel.boast.success
        return all(each.task.success for each in self.told) and not believed

    def __str__(self) -> str:
        """The story for a terminal."""
        lines = [*map(str, self.told), self.models]
        return "\n".join(lines if self.sequel is None else [*lines, "", str(self.sequel)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequel:
    """What came of a module after it was written: a false claim about it, and two rollbacks."""

    boast: TaskResult
    undone: Sequence[str]
    code: str

    def __str__(self) -> str:
        """The second half of the story."""
        findings = [f"  {f.path}: {f.verdict}" for f in self.boast.findings]
        claim = self.boast.outcome.summary if self.boast.outcome else ""
        return "\n".join(
            [
                f'Somebody says: "{claim}". The proof gate refuses it:',
                *(findings or [f"  {self.boast.error}"]),
                "",
                *self.undone,
                "",
                self.code.rstrip(),
            ]
        )


async def main(container: CodeCrewContainer, input: object) -> Session:
    """Have the modules written that ``input`` wishes for.

    Args:
        container: wired, and working.
        input: a mapping of modules' names to what they are to do; by default three small ones.
    """
    wishes = parse_wishes(input)
    writing = container.get(WriteCodeUseCase)
    compressor, most = container.get(PromptCompressor), int(container.config.max_tokens())
    tasks = await asyncio.gather(*(writing.write(*wish) for wish in wishes.items()))
    told = [
        Told(module=module, prompt=compressor.compress(wishes[module], most), task=task)
        for module, task in zip(wishes, tasks, strict=True)
    ]
    written = next((each for each in told if each.task.success), None)
    return Session(
        told=told,
        models=_asked(container.get(CodeGeneratorAdapter)),
        sequel=None if written is None else await _sequel(container, written),
    )


async def _sequel(container: CodeCrewContainer, written: Told) -> Sequel:
    workspace = Path(str(container.config.workspace()))
    return Sequel(
        boast=await container.get(WriteCodeUseCase).boast(written.module),
        undone=await _taken_back(container.get(TakeBackUseCase), written, workspace),
        code=await asyncio.to_thread(_code_of, written, workspace),
    )


def parse_wishes(given: object) -> Mapping[str, str]:
    """The modules that the program's input wishes for.

    Raises:
        InvalidRequest: it is no mapping of names to texts; the error names what is wrong.
    """
    if given is None:
        return WISHES
    if not isinstance(given, Mapping) or not given:
        raise InvalidRequest('must be an object like {"slugs": "makes a slug"}', field="input")
    for module, description in given.items():
        if not isinstance(module, str) or not module.isidentifier():
            raise InvalidRequest("must be the name of a module", field=repr(module))
        if not isinstance(description, str) or not description.strip():
            raise InvalidRequest("must say what the module is to do", field=module)
    return given


def _asked(adapter: CodeGeneratorAdapter) -> str:
    """Who was asked for code, in this run."""
    if not adapter.answered and not adapter.failed:
        return "No model was asked: all of this was done before."
    failed = [f"{model} failed {times} times" for model, times in adapter.failed.items()]
    answered = [f"{model} answered {times} times" for model, times in adapter.answered.items()]
    return f"{', '.join([*failed, *answered])}."


async def _taken_back(taking: TakeBackUseCase, told: Told, workspace: Path) -> Sequence[str]:
    """Take a module back, and put it back, telling what is there meanwhile."""
    try:
        rollback_id = await taking.take_back(str(told.task.task_id))
    except RuntimeError as error:  # somebody has changed it since
        return [f"{told.module} is not taken back: {error}"]
    without = await asyncio.to_thread(_files, workspace)
    await taking.put_back(rollback_id)
    again = await asyncio.to_thread(_files, workspace)
    return [
        f"Taken back, {told.module} is gone:  {', '.join(without) or '(nothing)'}",
        f"Put back, it is there again: {', '.join(again)}",
    ]


def _files(workspace: Path) -> Sequence[str]:
    return sorted(path.name for path in workspace.glob("src/*.py"))


def _code_of(told: Told, workspace: Path) -> str:
    path = cast("WrittenCode", told.task.result).path
    try:
        code = (workspace / path).read_text(encoding="utf-8")
    except OSError as error:
        code = f"(cannot be read: {error.strerror})"
    return f"{path}\n{'-' * len(path)}\n{code}"
