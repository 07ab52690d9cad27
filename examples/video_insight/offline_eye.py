"""The model on loopback: no neural network, but it really looks.

It finds patches of strong colour in the picture it is sent, and tells colour, outline and place of
each. That is enough to see whether the right picture arrived, and to have something to show.
"""

import asyncio
import base64
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import av

from vespera.testing.servers import ModelServer, RecordedRequest

WIDTH = 160
_STRONG = 70  # how far apart the channels of a strong colour are
_SMALLEST = 40  # pixels; less is noise
_HUES: Mapping[str, range] = {
    "red": range(20),
    "yellow": range(20, 75),
    "green": range(75, 165),
    "blue": range(165, 250),
    "purple": range(250, 320),
}
_FULL, _ROUND = 0.9, 0.68  # of its box, how much a rectangle and a disc fill
_THIRDS = (1 / 3, 2 / 3)

Pixel = tuple[int, int]


def offline_server(*, api_key: str) -> ModelServer:
    """A server on loopback whose model is ``seen_in``; to be started."""
    server = ModelServer(api_key=api_key)
    server.chat.answers(_answer)
    return server


async def _answer(request: RecordedRequest) -> str:
    return json.dumps(await asyncio.to_thread(seen_in, _picture_in(request.json)))


def seen_in(picture: bytes) -> dict[str, Any]:
    """What is in an encoded picture, in the form that the prompt asks for."""
    with av.open(io.BytesIO(picture), "r") as media:
        frame = next(media.decode(video=0))
    height = max(round(frame.height * WIDTH / frame.width), 1)
    small = frame.reformat(width=WIDTH, height=height, format="rgb24")
    plane = small.planes[0]
    pixels, light = _colours(bytes(plane), plane.line_size, height)
    patches = sorted(_patches(pixels), key=lambda patch: -len(patch.pixels))
    return {
        "description": _told(patches, light),
        "detections": [patch.detection(WIDTH, height) for patch in patches],
    }


@dataclass(frozen=True, slots=True)
class _Patch:
    colour: str
    pixels: Sequence[Pixel]

    @property
    def box(self) -> tuple[int, int, int, int]:
        xs, ys = [x for x, _ in self.pixels], [y for _, y in self.pixels]
        return min(xs), min(ys), max(xs) + 1, max(ys) + 1

    @property
    def fill(self) -> float:
        left, top, right, bottom = self.box
        return len(self.pixels) / ((right - left) * (bottom - top))

    @property
    def label(self) -> str:
        outline = "triangle" if self.fill < _ROUND else "disc"
        return f"{self.colour} {'rectangle' if self.fill > _FULL else outline}"

    def detection(self, width: int, height: int) -> dict[str, Any]:
        left, top, right, bottom = self.box
        ideal = min((1.0, 0.785, 0.5), key=lambda share: abs(share - self.fill))
        box = [left / width, top / height, (right - left) / width, (bottom - top) / height]
        return {
            "label": self.label,
            "confidence": round(1 - min(abs(self.fill - ideal) * 3, 0.6), 2),
            "box": [round(side, 4) for side in box],
        }

    def place(self, width: int, height: int) -> str:
        left, top, right, bottom = self.box
        across = _third((left + right) / 2 / width, ("left", "", "right"))
        down = _third((top + bottom) / 2 / height, ("top", "", "bottom"))
        words = [word for word in (down, across) if word]
        return f"at the {' '.join(words)}" if words else "in the middle"


def _picture_in(body: Any) -> bytes:
    for part in body["messages"][-1]["content"]:
        if part["type"] == "image_url":
            return base64.b64decode(part["image_url"]["url"].partition(",")[2])
    raise ValueError("there is no picture in the message")


def _colours(data: bytes, line_size: int, height: int) -> tuple[dict[Pixel, str], float]:
    """The pixels of a strong colour, and how light the whole is, from 0 to 255."""
    found: dict[Pixel, str] = {}
    total = 0
    for y in range(height):
        line = data[y * line_size : y * line_size + 3 * WIDTH]
        total += sum(line)
        for x in range(WIDTH):
            red, green, blue = line[3 * x : 3 * x + 3]
            if max(red, green, blue) - min(red, green, blue) > _STRONG:
                found[x, y] = _colour(red, green, blue)
    return found, total / (3 * WIDTH * height)


def _colour(red: int, green: int, blue: int) -> str:
    high, low = max(red, green, blue), min(red, green, blue)
    if high == red:
        hue = 60 * (green - blue) / (high - low)
    elif high == green:
        hue = 60 * (blue - red) / (high - low) + 120
    else:
        hue = 60 * (red - green) / (high - low) + 240
    return next((name for name, hues in _HUES.items() if int(hue % 360) in hues), "red")


def _patches(pixels: dict[Pixel, str]) -> Iterator[_Patch]:
    """Neighbours of one colour, together; small ones are left out."""
    while pixels:
        first, colour = pixels.popitem()
        waiting, patch = [first], [first]
        while waiting:
            x, y = waiting.pop()
            for near in ((x + 1, y), (x - 1, y), (x, y + 1), (x, y - 1)):
                if pixels.get(near) == colour:
                    del pixels[near]
                    waiting.append(near)
                    patch.append(near)
        if len(patch) >= _SMALLEST:
            yield _Patch(colour, patch)


def _told(patches: Sequence[_Patch], light: float) -> str:
    height = round(WIDTH * 9 / 16)
    ground = "a light background" if light > 150 else "a darker background"  # noqa: PLR2004
    if not patches:
        return f"Nothing of a strong colour before {ground}."
    named = [f"{_article(each.label)} {each.place(WIDTH, height)}" for each in patches]
    told = " and ".join([", ".join(named[:-1]), named[-1]] if len(named) > 1 else named)
    return f"{told[0].upper()}{told[1:]}, before {ground}."


def _article(label: str) -> str:
    return f"a {label}"


def _third(share: float, names: tuple[str, str, str]) -> str:
    first, second = _THIRDS
    return names[0] if share < first else names[1] if share < second else names[2]
