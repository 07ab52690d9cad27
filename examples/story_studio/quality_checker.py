"""Three plain looks at a story. No model is asked: the same story always has the same marks."""

import re
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from story_studio.stories import Story, StoryQuality

_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)?")
_COMMON = frozenset(
    _WORD.findall(
        "a an and are as at be been but by for from had has have he her his i in into is "
        "it its no not of on one or our out over said she so that the their them then "
        "there they this to under up was we were what when where which who will with you "
    )
)
_LONG_ENOUGH = 40
_SHORTEST_REPEAT = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """From 0 to 1, and what stood out."""

    score: float
    notes: tuple[str, ...] = ()


Check = Callable[[Story], Coroutine[Any, Any, Mark]]


async def check_coherence(story: Story) -> Mark:
    """Whether each paragraph takes up words of the one before."""
    paragraphs = [set(_telling(p)) for chapter in story.chapters for p in chapter.paragraphs]
    links = [bool(one & other) for one, other in pairwise(paragraphs)]
    if not links:
        return Mark(score=0.5, notes=("one paragraph shows no thread",))
    lost = links.count(False)
    notes = (f"the thread is lost {lost} times",) if lost else ()
    return Mark(score=round(sum(links) / len(links), 3), notes=notes)


async def check_grammar(story: Story) -> Mark:
    """Whether sentences begin and end as they should, and no word stands twice."""
    sentences = [
        sentence
        for chapter in story.chapters
        for paragraph in chapter.paragraphs
        for sentence in re.split(r"(?<=[.!?…])[\"'\u201d\u2019]?\s+", paragraph)
        if sentence
    ]
    faults = [fault for sentence in sentences for fault in _faults(sentence)]
    score = max(0.0, 1 - len(faults) / max(len(sentences), 1))
    return Mark(score=round(score, 3), notes=tuple(dict.fromkeys(faults)))


async def check_creativity(story: Story) -> Mark:
    """How rich its words are, and whether it says the same twice."""
    words = _telling(story.text)
    if len(words) < _LONG_ENOUGH:
        return Mark(score=0.3, notes=("too short to tell",))
    rich = len(set(words)) / len(words)
    phrases = Counter(tuple(words[at : at + _SHORTEST_REPEAT]) for at in range(len(words)))
    repeated = [" ".join(phrase) for phrase, count in phrases.items() if count > 1]
    notes = tuple(f'"{phrase}" comes again' for phrase in repeated[:3])
    return Mark(
        score=round(min(1.0, rich * 1.2) * (1 - min(0.5, len(repeated) / 20)), 3), notes=notes
    )


def combine_quality_scores(marks: Mapping[str, Mark]) -> StoryQuality:
    """The marks of the three checks, together."""
    return StoryQuality(
        coherence=marks["coherence"].score,
        grammar=marks["grammar"].score,
        creativity=marks["creativity"].score,
        notes=tuple(f"{name}: {note}" for name, mark in marks.items() for note in mark.notes),
    )


CHECKS: Mapping[str, Check] = {
    "coherence": check_coherence,
    "grammar": check_grammar,
    "creativity": check_creativity,
}


def _telling(text: str) -> Sequence[str]:
    return [word for word in map(str.lower, _WORD.findall(text)) if word not in _COMMON]


def _faults(sentence: str) -> Sequence[str]:
    found = []
    bare = sentence.strip("\"'\u201c\u201d\u2018\u2019 ")
    if bare[:1].islower():
        found.append(f'"{bare[:24]}" begins small')
    if bare[-1:] not in {".", "!", "?", "…", ":", ";", ","}:
        found.append(f'"{bare[-24:]}" has no end')
    words = [word.lower() for word in _WORD.findall(bare)]
    found += [f'"{one} {other}"' for one, other in pairwise(words) if one == other]
    return found
