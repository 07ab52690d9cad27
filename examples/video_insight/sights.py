"""What a model sees, as values: read from what it says, and put together."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from video_insight.errors import AnswerUnreadable

Box = tuple[float, float, float, float]

_LONGEST_LABEL = 80
_MOST_DETECTIONS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """A thing that was seen.

    Attributes:
        label: what it is.
        confidence: from 0 to 1; None: the model does not say.
        box: where it is, in fractions of the picture: left, top, width, height; None: not told.
    """

    label: str
    confidence: float | None = None
    box: Box | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What was seen in one picture."""

    description: str
    detections: Sequence[Detection] = ()

    @property
    def objects(self) -> list[str]:
        """What was seen, each kind once, in the order in which the model tells them."""
        return list(dict.fromkeys(each.label for each in self.detections))

    @property
    def told(self) -> dict[str, Any]:
        """The sight in plain JSON values, as ``Model.process`` gives it."""
        return {
            "description": self.description,
            "objects": self.objects,
            "detections": [
                {
                    "label": each.label,
                    "confidence": each.confidence,
                    "box": None if each.box is None else list(each.box),
                }
                for each in self.detections
            ],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A sight, and when it was had: ``at`` is in seconds from the beginning."""

    at: float
    sight: Sight


def sight_of_answer(content: object) -> Sight:
    """The sight that a model's message tells of: JSON, in a fence or not, or plain words.

    Raises:
        AnswerUnreadable: it is no text, or JSON that is broken or of another shape.
    """
    if not isinstance(content, str) or not content.strip():
        raise AnswerUnreadable(f"the model's message is no text, but {_shown(content)}")
    text = _without_fence(content.strip())
    if not text.startswith("{"):
        return Sight(description=text)
    try:
        told = json.loads(text)
    except ValueError as error:
        raise AnswerUnreadable(f"the model's message is broken JSON: {error}") from error
    return sight_of(told)


def sight_of(told: object) -> Sight:
    """The sight in a mapping with ``description``, and ``detections`` or ``objects``.

    Detections are mappings with ``label``, and perhaps ``confidence`` and ``box``; or just labels.
    A confidence or a box that makes no sense is left out, and boxes are cut to the picture.

    Raises:
        AnswerUnreadable: it is no mapping, or has no description, or has something else than
            objects among its objects.
    """
    description = told.get("description") if isinstance(told, Mapping) else None
    if not isinstance(told, Mapping) or not isinstance(description, str) or not description:
        raise AnswerUnreadable(f"expected an object with a 'description', got {_shown(told)}")
    found = told.get("detections") or told.get("objects") or ()
    if not isinstance(found, list | tuple):
        raise AnswerUnreadable(f"expected a list of objects, got {_shown(found)}")
    detections = tuple(_detection(each) for each in found[:_MOST_DETECTIONS])
    return Sight(description=description, detections=detections)


def together(moments: Sequence[Moment]) -> Sight:
    """What was seen in all: the descriptions in order, each kind of object where it is surest."""
    surest: dict[str, Detection] = {}
    for detection in (each for moment in moments for each in moment.sight.detections):
        known = surest.get(detection.label)
        if known is None or (detection.confidence or 0) > (known.confidence or 0):
            surest[detection.label] = detection
    return Sight(
        description=" ".join(_changes(moments)) or "Nothing was seen.",
        detections=tuple(surest.values()),
    )


def clock_time(seconds: float) -> str:
    """A moment of a video for people: ``0:04.5``, ``1:02:10``."""
    minutes, rest = divmod(round(max(seconds, 0.0), 1), 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02}:{rest:02.0f}" if hours else f"{minutes}:{rest:04.1f}"


def _changes(moments: Sequence[Moment]) -> Iterable[str]:
    """Each description with its time, unless it says the same as the one before."""
    before = ""
    for moment in moments:
        text = moment.sight.description
        if text != before:
            yield f"{clock_time(moment.at)} {text}"
        before = text


def _detection(told: object) -> Detection:
    label = told.get("label") or told.get("name") if isinstance(told, Mapping) else told
    if not isinstance(label, str) or not label.strip():
        raise AnswerUnreadable(f"expected an object with a 'label', got {_shown(told)}")
    label = label.strip()[:_LONGEST_LABEL]
    if not isinstance(told, Mapping):
        return Detection(label=label)
    return Detection(
        label=label, confidence=_share(told.get("confidence")), box=_box(told.get("box"))
    )


def _share(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= 1 else None


def _box(value: object) -> Box | None:
    if not isinstance(value, list | tuple) or len(value) != 4:  # noqa: PLR2004 - its sides
        return None
    if any(isinstance(n, bool) or not isinstance(n, int | float) for n in value):
        return None
    left, top, width, height = (float(n) for n in value)
    if not all(map(math.isfinite, (left, top, width, height))):
        return None
    right, bottom = min(left + width, 1.0), min(top + height, 1.0)
    left, top = max(left, 0.0), max(top, 0.0)
    if right <= left or bottom <= top:
        return None
    return left, top, right - left, bottom - top


def _without_fence(text: str) -> str:
    if not text.startswith("```"):
        return text
    body = text.partition("\n")[2].rstrip()
    return body.removesuffix("```").strip()


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST_LABEL else f"{text[: _LONGEST_LABEL - 3]}..."
