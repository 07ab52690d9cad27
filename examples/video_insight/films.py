"""Small videos and a picture to look at, where nobody has brought any; encoded by PyAV."""

import io
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import av
from av.video.frame import VideoFrame

WIDTH, HEIGHT = 320, 180
RATE = 12
SECONDS = 4.0

Colour = tuple[int, int, int]
RED, BLUE, GREEN = (206, 52, 48), (38, 94, 190), (40, 142, 74)
YELLOW, PURPLE = (240, 186, 40), (132, 60, 170)
SKY, DUSK, SEA = (226, 233, 240), (170, 160, 172), (142, 154, 168)
ROAD, GRASS, CLOUD, WALL = (120, 122, 128), (196, 202, 190), (240, 243, 246), (214, 210, 204)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Something with an outline: ``span`` gives its left and right end at a height, or None."""

    colour: Colour
    span: Callable[[float], tuple[float, float] | None]


Scene = Callable[[float], Sequence[Shape]]


def disc(x: float, y: float, radius: float, colour: Colour) -> Shape:
    """A filled circle."""

    def span(at: float) -> tuple[float, float] | None:
        rest = radius**2 - (at - y) ** 2
        return (x - math.sqrt(rest), x + math.sqrt(rest)) if rest > 0 else None

    return Shape(colour=colour, span=span)


def block(left: float, top: float, width: float, height: float, colour: Colour) -> Shape:
    """A filled rectangle."""
    return Shape(
        colour=colour, span=lambda at: (left, left + width) if top <= at < top + height else None
    )


def sail(x: float, top: float, height: float, width: float, colour: Colour) -> Shape:
    """A triangle that stands on its side, its tip above ``x``."""

    def span(at: float) -> tuple[float, float] | None:
        share = (at - top) / height
        return (x - share * width / 2, x + share * width / 2) if 0 <= share < 1 else None

    return Shape(colour=colour, span=span)


def harbour(share: float) -> Sequence[Shape]:
    """A sun goes down behind a boat under sail."""
    x = 40 + 230 * share
    return [
        block(0, 0, WIDTH, 112, _between(SKY, DUSK, share)),
        disc(236, 34 + 76 * share, 20, YELLOW),
        block(0, 112, WIDTH, 68, SEA),
        sail(x + 4, 58, 54, 46, RED),
        block(x - 30, 118, 66, 14, BLUE),
    ]


def crossing(share: float) -> Sequence[Shape]:
    """Two cars meet; the light changes."""
    return [
        block(0, 0, WIDTH, 86, SKY),
        block(0, 86, WIDTH, 18, GRASS),
        block(0, 104, WIDTH, 76, ROAD),
        block(-60 + 400 * share, 112, 54, 22, RED),
        block(310 - 380 * share, 148, 70, 24, BLUE),
        disc(284, 44, 14, RED if share < 0.4 else GREEN),  # noqa: PLR2004 - when it changes
    ]


def balloons(share: float) -> Sequence[Shape]:
    """Three balloons rise, each as fast as it can; a cloud passes."""
    return [
        block(0, 0, WIDTH, HEIGHT, SKY),
        block(-80 + 260 * share, 40, 90, 18, CLOUD),
        disc(70, 200 - 150 * share, 24, RED),
        disc(160, 220 - 250 * share, 18, GREEN),
        disc(250, 190 - 60 * share, 28, PURPLE),
    ]


def still_life(_share: float) -> Sequence[Shape]:
    """An orange and a book on a table."""
    return [
        block(0, 0, WIDTH, 120, WALL),
        block(0, 120, WIDTH, 60, (150, 146, 142)),
        disc(110, 96, 30, YELLOW),
        block(180, 84, 84, 42, GREEN),
    ]


VIDEOS: Mapping[str, Scene] = {"harbour": harbour, "crossing": crossing, "balloons": balloons}


def samples() -> Iterator[tuple[str, bytes]]:
    """All of them, by their names; to be called in a thread."""
    for name, scene in VIDEOS.items():
        yield f"{name}.mp4", film(scene)
    yield "still-life.png", picture(still_life)


def film(
    scene: Scene,
    *,
    seconds: float = SECONDS,
    rate: int = RATE,
    width: int = WIDTH,
    height: int = HEIGHT,
) -> bytes:
    """An MP4 (H.264) of the scene, which every browser plays."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4", options={"fflags": "+bitexact"}) as media:
        stream = media.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"preset": "veryfast", "crf": "18", "threads": "1", "g": str(rate)}
        number = round(seconds * rate)
        for index in range(number):
            frame = drawn(scene(index / max(number - 1, 1)), width=width, height=height)
            frame.pts = index
            media.mux(stream.encode(frame))
        media.mux(stream.encode(None))
    return file.getvalue()


def picture(scene: Scene) -> bytes:
    """A PNG of the scene's beginning."""
    encoder = av.CodecContext.create("png", "w")
    encoder.width, encoder.height, encoder.pix_fmt = WIDTH, HEIGHT, "rgb24"
    encoder.time_base = Fraction(1, 1)
    frame = drawn(scene(0.0))
    frame.pts = 0
    return b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)])


def drawn(shapes: Sequence[Shape], *, width: int = WIDTH, height: int = HEIGHT) -> VideoFrame:
    """A frame with the shapes on it, later ones over earlier ones."""
    frame = VideoFrame(width, height, "rgb24")
    plane = frame.planes[0]
    across = width / WIDTH
    lines = bytearray()
    for row in range(height):
        line = bytearray(plane.line_size)
        for shape in shapes:
            span = shape.span((row + 0.5) * HEIGHT / height)
            if span is not None:
                left, right = (round(min(max(x * across, 0), width)) for x in span)
                line[3 * left : 3 * right] = bytes(shape.colour) * (right - left)
        lines += line
    plane.update(bytes(lines))
    return frame


def _between(one: Colour, other: Colour, share: float) -> Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue
