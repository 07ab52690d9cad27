"""The services on loopback: they really write, speak and draw, by simple rules.

The story is a frame of prose around the premise, the voice hums a note for each word, the picture
is a landscape in colours that the text decides. All of it is the same for the same premise.
"""

import asyncio
import hashlib
import io
import math
import random
import re
import struct
import wave
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template

from vespera.testing.servers import Endpoint, ModelServer, RecordedRequest, Reply

SAMPLES = 11_025
MOST_NOTES = 48
_SCALE = (262, 294, 330, 392, 440, 523)  # Hz: no two of them quarrel
_FRAME = Path(__file__).parent / "assets" / "offline_story.md"
_PREMISE = re.compile(r"Premise: (.+)", re.DOTALL)

Colour = tuple[float, float, float]


def offline_services() -> tuple[ModelServer, Endpoint]:
    """A server whose chat writes, whose images are drawn, and the endpoint that speaks; to be
    started.
    """
    server = ModelServer()
    server.chat.answers(_tell)
    server.images.answers(_draw)
    speech = server.at("POST", "/v1/text-to-speech/{voice}/stream")
    speech.answers(_speak)
    return server, speech


def told(premise: str) -> str:
    """A story of three chapters about the premise, in Markdown."""
    chance = _chance(premise)
    about = premise.strip().rstrip(".!?") or premise
    about = about[0].lower() + about[1:]
    name, place = chance.choice(_NAMES), chance.choice(_PLACES)
    thing, weather = chance.choice(_THINGS), chance.choice(_WEATHERS)
    words = {"name": name, "place": place, "thing": thing, "weather": weather, "about": about}
    return Template(_FRAME.read_text(encoding="utf-8")).substitute(words)


def hummed(text: str) -> bytes:
    """A WAV with a soft note for each word: the longer the word, the longer and the higher."""
    words = re.findall(r"\w+|[.!?]", text)[:MOST_NOTES]
    samples: list[float] = []
    for word in words:
        samples += _note(word)
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(SAMPLES)
        sound.writeframes(struct.pack(f"<{len(samples)}h", *(round(9_000 * s) for s in samples)))
    return file.getvalue()


def drawn(prompt: str, width: int = 384, height: int = 240) -> bytes:
    """A PNG of hills under a sky with a sun or a moon, in colours of the prompt's own."""
    scene = _scene(_chance(prompt), width, height)
    return _png(width, height, b"".join(b"\0" + scene.row(y) for y in range(height)))


async def _tell(request: RecordedRequest) -> str:
    asked = request.json["messages"][-1]["content"]
    found = _PREMISE.search(asked)
    return told(found[1] if found else asked)


async def _draw(request: RecordedRequest) -> bytes:
    return await asyncio.to_thread(drawn, request.json["prompt"])


async def _speak(request: RecordedRequest) -> Reply:
    sound = await asyncio.to_thread(hummed, request.json["text"])
    pieces = tuple(sound[at : at + 16_384] for at in range(0, len(sound), 16_384))
    return Reply(200, {"Content-Type": "audio/wav"}, pieces, streamed=True)


def _chance(text: str) -> random.Random:
    return random.Random(hashlib.sha256(text.encode()).digest())  # noqa: S311 - prose, no secrets


def _note(word: str) -> Iterator[float]:
    if not word[0].isalnum():
        yield from [0.0] * (SAMPLES // 5)
        return
    pitch = _SCALE[len(word) % len(_SCALE)]
    length = int(SAMPLES * (0.09 + 0.018 * min(len(word), 9)))
    for at in range(length):
        swell = math.sin(math.pi * at / length) ** 0.7
        turn = 2 * math.pi * pitch * at / SAMPLES
        yield swell * (0.8 * math.sin(turn) + 0.2 * math.sin(2 * turn))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scene:
    """Hills, the far ones first, under a sky that glows towards the ground."""

    width: int
    height: int
    sky: Colour
    glow: Colour
    hills: Sequence[tuple[bytes, Sequence[float]]]
    sun: tuple[float, float, float]

    def row(self, y: int) -> bytes:
        share = min(1.0, y / (0.62 * self.height))
        above = [a + (b - a) * share for a, b in zip(self.sky, self.glow, strict=True)]
        line = bytearray(_bytes(above) * self.width)
        across, down, radius = self.sun
        rest = radius**2 - (y - down) ** 2
        if rest > 0:
            left, right = (int(across + side * math.sqrt(rest)) for side in (-1, 1))
            line[3 * left : 3 * right] = _bytes((0.98, 0.95, 0.86)) * (right - left)
        for pixel, ridge in self.hills:
            for x in range(self.width):
                if y > ridge[x]:
                    line[3 * x : 3 * x + 3] = pixel
        return bytes(line)


def _scene(chance: random.Random, width: int, height: int) -> _Scene:
    hue = chance.random()
    return _Scene(
        width=width,
        height=height,
        sky=_colour(hue, 0.35, 0.24),
        glow=_colour(hue + 0.12, 0.55, 0.86),
        hills=[
            (
                _bytes(_colour(hue + 0.04 * number, 0.35 - 0.04 * number, 0.46 - 0.1 * number)),
                _ridge(chance, 0.5 + 0.12 * number, width, height),
            )
            for number in range(4)
        ],
        sun=(chance.uniform(0.2, 0.8) * width, chance.uniform(0.2, 0.4) * height, 0.09 * height),
    )


def _ridge(chance: random.Random, base: float, width: int, height: int) -> Sequence[float]:
    """How high a hill is at each place: three waves, each smaller and narrower than the last."""
    waves = [(n * chance.uniform(1, 5), chance.uniform(0, 7), 0.06 / n) for n in (1, 2, 3)]
    return [
        height * (base + sum(size * math.sin(2 * f * x / width + p) for f, p, size in waves))
        for x in range(width)
    ]


def _colour(hue: float, strength: float, light: float) -> Colour:
    """Of a hue (a full turn is 1), how strong and how light it is."""
    return tuple(  # type: ignore[return-value]  # three of them
        light * (1 - strength * (0.5 + 0.5 * math.cos(2 * math.pi * (hue + n / 3))))
        for n in range(3)
    )


def _bytes(colour: Sequence[float]) -> bytes:
    return bytes(min(255, max(0, round(255 * part))) for part in colour)


def _png(width: int, height: int, rows: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(rows, 6)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )


_NAMES = ("Ilse", "Maren", "Tomas", "Odile", "Bruno", "Senka")
_PLACES = ("harbour town", "valley of mills", "city on stilts", "quarter behind the station")
_THINGS = ("Brass Key", "Borrowed Map", "Silent Clock", "Paper Boat", "Second Shadow")
_WEATHERS = ("fog", "a warm wind", "thin snow", "a week of rain")
