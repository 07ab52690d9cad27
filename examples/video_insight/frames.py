"""Pictures out of videos, by PyAV. All of it blocks: it belongs into a thread, or into a step."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Self

import av
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from video_insight.errors import MediaUnreadable

MOST_FRAMES = 6
WIDEST = 640
_LONGEST_SIDE = 16_384
_MICROSECONDS = 1_000_000
# Playlists name files and addresses of their own; nothing but the given file is ever opened.
_OPTIONS = {"protocol_whitelist": "none"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A picture, as JPEG; ``at`` is its moment in seconds, 0 for a picture that is alone."""

    at: float
    jpeg: bytes
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampled:
    """Some frames of a video, or the one of a picture, and facts about where they are from.

    Attributes:
        duration: in seconds; 0 for a picture.
        width, height: of the original, in pixels.
        codec: such as "h264".
        frame_rate: frames per second; 0 for a picture, or if it is not known.
    """

    frames: tuple[Frame, ...]
    duration: float
    width: int
    height: int
    codec: str
    frame_rate: float


def sample_video(
    path: str | os.PathLike[str], *, most: int = MOST_FRAMES, widest: int = WIDEST
) -> Sampled:
    """Up to ``most`` frames, each from the middle of an equal part of the video.

    A video that is damaged further on gives what can be read of it.

    Args:
        path: of the video.
        most: how many frames, from 1.
        widest: pixels; wider frames are made smaller.

    Raises:
        MediaUnreadable: it is not there, is no video, or no frame of it can be read.
    """
    with _Opened(path) as media:
        frames = tuple(_frame(at, found, widest) for at, found in media.spread(most))
        return media.sampled(frames, duration=media.duration or frames[-1].at)


def read_picture(path: str | os.PathLike[str], *, widest: int = WIDEST) -> Sampled:
    """The picture of a file, whatever its format (of one that moves: its first).

    Raises:
        MediaUnreadable: it is not there, or is no picture.
    """
    with _Opened(path) as media:
        frames = tuple(_frame(0.0, found, widest) for _, found in media.spread(1, first=True))
        return media.sampled(frames, duration=0.0)


class _Opened:
    """A file that PyAV reads; what that raises is translated."""

    _container: InputContainer

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)

    def __enter__(self) -> Self:
        with _translated(self._path):
            self._file = self._path.open("rb")
        try:
            with _translated(self._path):
                self._container = av.open(self._file, "r", options=_OPTIONS)
            if not self._container.streams.video:
                raise MediaUnreadable(f"{self._path.name}: there are no pictures in it")
        except BaseException:
            self._file.close()
            raise
        self._stream: VideoStream = self._container.streams.video[0]
        return self

    def __exit__(self, *_error: object) -> None:
        self._container.close()
        self._file.close()

    @property
    def duration(self) -> float:
        """Seconds; 0 if the file does not say."""
        if self._stream.duration and self._stream.time_base:
            return float(self._stream.duration * self._stream.time_base)
        return (self._container.duration or 0) / _MICROSECONDS

    def sampled(self, frames: tuple[Frame, ...], *, duration: float) -> Sampled:
        rate = self._stream.average_rate if duration else None
        return Sampled(
            frames=frames,
            duration=duration,
            width=self._stream.width,
            height=self._stream.height,
            codec=self._stream.codec_context.name,
            frame_rate=float(rate or 0),
        )

    def spread(self, most: int, *, first: bool = False) -> list[tuple[float, VideoFrame]]:
        """Frames from all over the video, with their moments; the first only, if that is asked.

        Raises:
            MediaUnreadable: there is none.
        """
        with _translated(self._path):
            if self.duration and not first:
                found = self._at_moments(most)
            else:
                found = list(_thinned(self._decoded(), 1 if first else most))
        if not found:
            raise MediaUnreadable(f"{self._path.name}: no picture in it can be read")
        return found

    def _at_moments(self, most: int) -> list[tuple[float, VideoFrame]]:
        found: dict[float, VideoFrame] = {}
        start = float((self._stream.start_time or 0) * (self._stream.time_base or 0))
        for number in range(most):
            frame = self._frame_at(start + (number + 0.5) * self.duration / most)
            if frame is not None:
                found.setdefault(max((frame.time or 0.0) - start, 0.0), frame)
        return sorted(found.items(), key=lambda each: each[0])

    def _frame_at(self, moment: float) -> VideoFrame | None:
        """The frame that is to be seen at this moment."""
        last = None
        self._container.seek(
            int(moment / (self._stream.time_base or Fraction(1))), stream=self._stream
        )
        for at, frame in self._decoded():
            if at > moment and last is not None:
                break
            last = frame
        return last

    def _decoded(self) -> Iterator[tuple[float, VideoFrame]]:
        """Frames as they come, up to the first that cannot be read."""
        frames = self._container.decode(self._stream)
        while True:
            try:
                frame = next(frames)
            except (StopIteration, av.error.FFmpegError):
                return
            yield frame.time or 0.0, frame


class _translated:  # noqa: N801 - reads as a word of the `with` statement
    """Says of which file it is what PyAV or the system raise."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, FileNotFoundError):
            raise MediaUnreadable(f"{self._path.name}: there is no such file") from error
        if isinstance(error, av.error.FFmpegError | OSError | ValueError):
            told = getattr(error, "strerror", None) or str(error)
            raise MediaUnreadable(f"{self._path.name}: it cannot be read: {told}") from error


def _thinned(
    frames: Iterator[tuple[float, VideoFrame]], most: int
) -> list[tuple[float, VideoFrame]]:
    """Evenly spread ones of as many as come: every second one is dropped when there are twice as
    many as wanted, and the steps are twice as wide from then on.
    """
    kept: list[tuple[float, VideoFrame]] = []
    step = 1
    for number, each in enumerate(frames):
        if number % step == 0:
            kept.append(each)
        if most == 1:
            break
        if len(kept) == 2 * most:
            kept, step = kept[::2], step * 2
    return kept[:most]


def _frame(at: float, frame: VideoFrame, widest: int) -> Frame:
    if max(frame.width, frame.height) > _LONGEST_SIDE:
        raise MediaUnreadable(f"a picture of {frame.width} x {frame.height} pixels is too large")
    width = min(frame.width, widest)
    height = max(round(frame.height * width / frame.width), 1)
    return Frame(at=at, jpeg=jpeg_of(frame, width, height), width=width, height=height)


def jpeg_of(frame: VideoFrame, width: int, height: int) -> bytes:
    """The frame as JPEG, in this size."""
    picture = frame.reformat(width=width, height=height, format="yuvj420p")
    picture.pts = 0
    encoder = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuvj420p"
    encoder.time_base = Fraction(1, 1)
    encoder.options = {"qmin": "3", "qmax": "3"}
    packets: list[Any] = [*encoder.encode(picture), *encoder.encode(None)]
    return b"".join(bytes(packet) for packet in packets)
