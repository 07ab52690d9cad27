"""Prompts made shorter, counted in the tokens that a model counts."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from rs_bpe import openai

FENCE = re.compile(r"(```.*?(?:```|\Z))", re.DOTALL)
SENTENCE = re.compile(r"(?<=[.!?])\s+|\n\s*\n")
FILLERS = re.compile(
    r"\b(?:please|kindly|basically|actually|really|very|just|simply|could you|can you|would you"
    r"|i would like you to|i want you to|i need you to|make sure (?:that )?(?:you )?"
    r"|as you (?:may )?know,?|thank you(?: very much| so much)?(?: in advance)?[.!]?)(?=\W|$) ?",
    re.IGNORECASE,
)
EMPTY = re.compile(r"^[\W_]*$")


class Tokenizer(Protocol):
    """Text as a model sees it."""

    def encode(self, text: str) -> Sequence[int]:
        """The tokens of a text."""
        ...

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of these tokens."""
        ...


class BpeTokenizer:
    """OpenAI's byte pair encoding ``cl100k_base``; the vocabulary comes with the package."""

    def __init__(self) -> None:
        self._encoding = openai.cl100k_base()

    def encode(self, text: str) -> Sequence[int]:
        """The tokens of a text."""
        return list(self._encoding.encode(text))

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of these tokens; a character that is cut in two is left out."""
        for end in range(len(tokens), max(len(tokens) - 4, -1), -1):
            text = self._encoding.decode(list(tokens[:end]))
            if text is not None:
                return str(text)
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompressedPrompt:
    """A prompt, and how many tokens it has now and had before."""

    text: str
    tokens: int
    tokens_before: int


class PromptCompressor:
    """Takes out of a prompt what a model can do without: politeness, white space, sentences that
    come twice; and if that is not enough, the sentences that say least. Code in fences stays as it
    is, as long as there is room for it. The same prompt always gives the same.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer

    def count(self, text: str) -> int:
        """How many tokens a text has."""
        return len(self._tokenizer.encode(text))

    def compress(self, prompt: str, max_tokens: int) -> CompressedPrompt:
        """The prompt in at most ``max_tokens``, which is 1 or more.

        Raises:
            ValueError: it is less.
        """
        if max_tokens < 1:
            raise ValueError(f"max_tokens must be 1 or more, not {max_tokens}")
        parts = self._told_once(prompt)
        while len(parts) > 1 and self.count(_joined(parts)) > max_tokens:
            parts.pop(_least(parts))
        text = self._cut(_joined(parts), max_tokens)
        before = self.count(prompt)
        return CompressedPrompt(text=text, tokens=self.count(text), tokens_before=before)

    def _told_once(self, prompt: str) -> list[str]:
        """The sentences and the blocks of code, without what is said twice."""
        parts: dict[str, None] = {}
        for piece in FENCE.split(prompt):
            if piece.startswith("```"):
                parts[piece] = None
                continue
            for sentence in SENTENCE.split(piece):
                short = " ".join(FILLERS.sub("", sentence).split())
                if not EMPTY.match(short):
                    parts[short] = None
        return list(parts)

    def _cut(self, text: str, max_tokens: int) -> str:
        tokens, room = self._tokenizer.encode(text), max_tokens
        while len(tokens) > max_tokens:  # what is cut may be encoded in more tokens
            text = self._tokenizer.decode(tokens[:room])
            tokens, room = self._tokenizer.encode(text), room - 1
        return text


def _joined(parts: Sequence[str]) -> str:
    return "\n".join(parts)


def _least(parts: Sequence[str]) -> int:
    """Which one to leave out: not the first, which says what it is about, and code last of all."""
    often = Counter(word for part in parts for word in _words(part))

    def weight(place: int) -> tuple[bool, float, int]:
        words = _words(parts[place])
        telling = sum(1 / often[word] for word in words) / (len(words) or 1)
        return parts[place].startswith("```"), telling, -place

    return min(range(1, len(parts)), key=weight)


def _words(text: str) -> list[str]:
    return re.findall(r"\w{3,}", text.lower())
