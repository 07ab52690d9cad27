"""What becomes of a video or a picture, and of all of them."""

from dataclasses import dataclass

from video_insight.sights import Moment, Sight


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A video or a picture that was looked at.

    Attributes:
        source: its path in the workspace, if it is there; a page can show it then.
        duration: in seconds; 0 for a picture.
        frames: the paths of the frames' files in the workspace, one for each of the ``moments``.
        sight: what was seen in all.
    """

    name: str
    source: str | None
    is_video: bool
    duration: float
    width: int
    height: int
    codec: str
    frames: tuple[str, ...]
    moments: tuple[Moment, ...]
    sight: Sight


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """One that could not be looked at, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What is on the page, in figures."""

    seen: int
    frames: int
    objects: tuple[str, ...]
    missing: tuple[Missing, ...]
