"""Stories as values, and how a model's text becomes one."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from story_studio.cost_optimizer import Spent
from vespera.domain.errors import AIServiceBadAnswer

_LONGEST_TITLE = 90
_SHOWN = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Chapter:
    """A part of a story, in paragraphs."""

    title: str
    text: str

    @property
    def paragraphs(self) -> list[str]:
        """Without the empty lines between them."""
        return [part.strip() for part in re.split(r"\n\s*\n", self.text) if part.strip()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What the writer wrote; ``text`` is all of it, as it came."""

    title: str
    chapters: Sequence[Chapter]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryQuality:
    """Marks from 0 to 1, and what stood out."""

    coherence: float
    grammar: float
    creativity: float
    notes: Sequence[str] = ()

    @property
    def overall(self) -> float:
        """The mean of the three."""
        return round((self.coherence + self.grammar + self.creativity) / 3, 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class CompleteStory:
    """A story with what belongs to it. What could not be made is None, and ``errors`` says why."""

    story: Story
    audio_url: str | None = None
    image_url: str | None = None
    quality: StoryQuality | None = None
    spent: Spent | None = None
    errors: Mapping[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """Of the story."""
        return self.story.title

    @property
    def chapters(self) -> Sequence[Chapter]:
        """Of the story."""
        return self.story.chapters

    @property
    def text(self) -> str:
        """All of it."""
        return self.story.text


def text_of(answer: Any) -> str:
    """What a model says: in the form of a completed chat, or just ``{"content": ...}``.

    Raises:
        AIServiceBadAnswer: there is no text in it.
    """
    try:
        text = answer["content"] if "content" in answer else _said(answer)
    except (LookupError, TypeError) as error:
        raise AIServiceBadAnswer(f"no story in the answer: {repr(answer)[:_SHOWN]}") from error
    if not isinstance(text, str) or not text.strip():
        raise AIServiceBadAnswer(f"the story has no text: {repr(answer)[:_SHOWN]}")
    return text


def story_of(text: str) -> Story:
    """The story in a text: its title is the first heading, each further one begins a chapter.

    A text without headings is one chapter, and its first sentence gives the title.
    """
    parts = re.split(r"^#{1,6}[ \t]+(.+?)[ \t]*$", text.strip(), flags=re.MULTILINE)
    before, headings = parts[0].strip(), list(zip(parts[1::2], parts[2::2], strict=True))
    title = headings[0][0] if headings else _first_sentence(before)
    begun = (
        [(title, "\n\n".join(filter(None, [before, headings[0][1].strip()])))] if headings else []
    )
    found = [*begun, *headings[1:]] or [(title, before)]
    chapters = [Chapter(title=name, text=body.strip()) for name, body in found if body.strip()]
    return Story(
        title=title, chapters=tuple(chapters) or (Chapter(title=title, text=title),), text=text
    )


def spoken(story: Story) -> str:
    """The text as it is read aloud: without the marks of headings."""
    return re.sub(r"^#{1,6}[ \t]+(.+?)[ \t]*$", r"\1.", story.text, flags=re.MULTILINE)


def _said(answer: Any) -> object:
    return answer["choices"][0]["message"]["content"]


def _first_sentence(text: str) -> str:
    sentence = re.split(r"(?<=[.!?])\s|\n", text, maxsplit=1)[0].strip().rstrip(".")
    return sentence if len(sentence) <= _LONGEST_TITLE else f"{sentence[: _LONGEST_TITLE - 1]}…"
