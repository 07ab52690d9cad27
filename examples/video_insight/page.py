"""The page: all that was seen, with the frames it was seen in."""

import hashlib
import os
from collections.abc import Sequence
from html import escape
from pathlib import Path
from string import Template
from urllib.parse import quote

from video_insight.sights import Detection, Moment, clock_time
from video_insight.views import Missing, View

ASSETS = Path(__file__).parent / "assets"
ROOM_ABOVE, ROOM_BESIDE = 0.12, 0.7  # where a label has its place elsewhere than usual
_HUES = {"red": 4, "yellow": 42, "green": 140, "blue": 215, "purple": 285}


def page_of(label: str, views: Sequence[View], missing: Sequence[Missing]) -> str:
    """The page's whole text, the same for the same sights; its pictures are files beside it."""
    template = Template((ASSETS / "page.html").read_text(encoding="utf-8"))
    return template.substitute(
        style=(ASSETS / "page.css").read_text(encoding="utf-8"),
        label=escape(label),
        figures=_figures(views),
        views="\n".join(map(_section, views)) or '<p class="lead">There is nothing to see.</p>',
        missing=_missing(missing),
    )


def _figures(views: Sequence[View]) -> str:
    objects = {label for view in views for label in view.sight.objects}
    cards = [
        ("videos", sum(view.is_video for view in views)),
        ("pictures", sum(not view.is_video for view in views)),
        ("frames seen", sum(len(view.frames) for view in views)),
        ("kinds of objects", len(objects)),
    ]
    return "\n".join(f"<div><dd>{number:,}</dd><dt>{name}</dt></div>" for name, number in cards)


def _section(view: View) -> str:
    seen = list(zip(view.frames, view.moments, strict=True))
    return "\n".join(
        [
            "<section>",
            f"<h2>{escape(view.name)}</h2>",
            f'<p class="facts">{escape(_facts(view))}</p>',
            _moving(view) if view.is_video else f"<p>{escape(view.sight.description)}</p>",
            '<div class="frames">',
            *(_figure(view, path, moment) for path, moment in seen),
            "</div>",
            "</section>",
        ]
    )


def _facts(view: View) -> str:
    size = f"{view.width} × {view.height}, {view.codec}"  # noqa: RUF001 - the right sign
    return f"{size}, {view.duration:.1f} s" if view.is_video else size


def _moving(view: View) -> str:
    if view.source is None:
        return _strip(view)
    size = f'width="{view.width}" height="{view.height}"'
    video = f'<video controls muted loop preload="metadata" {size} src="{_beside(view.source)}">'
    return f'<div class="moving">{video}</video>{_strip(view)}</div>'


def _strip(view: View) -> str:
    """What is seen when: a row for each kind of object, a dot for each frame that it is in."""
    length = view.duration or 1.0
    rows = []
    for label in view.sight.objects:
        dots = "".join(
            f'<i style="left:{100 * min(moment.at / length, 1):.1f}%"></i>'
            for moment in view.moments
            if label in moment.sight.objects
        )
        rows.append(
            f'<tr style="--hue:{_hue(label)}"><th scope="row">{escape(label)}</th>'
            f'<td class="track">{dots}</td></tr>'
        )
    return f'<table class="strip"><tbody>{"".join(rows)}</tbody></table>' if rows else ""


def _figure(view: View, path: str, moment: Moment) -> str:
    boxes = "".join(map(_box, moment.sight.detections))
    time = f"<time>{clock_time(moment.at)}</time> " if view.is_video else ""
    text = escape(moment.sight.description)
    shape = f"aspect-ratio:{view.width}/{view.height}"
    return (
        f'<figure><div class="frame" style="{shape}">'
        f'<img src="{_beside(path)}" alt="{text}" loading="lazy">{boxes}</div>'
        f"<figcaption>{time}{text if view.is_video else _chips(view)}</figcaption></figure>"
    )


def _beside(path: str) -> str:
    return quote(os.path.relpath(path, "report"))


def _chips(view: View) -> str:
    return " ".join(
        f'<span class="chip" style="--hue:{_hue(label)}">{escape(label)}</span>'
        for label in view.sight.objects
    )


def _box(detection: Detection) -> str:
    if detection.box is None:
        return ""
    sides = zip(("left", "top", "width", "height"), detection.box, strict=True)
    place = ";".join(f"{side}:{100 * share:.2f}%" for side, share in sides)
    sure = "" if detection.confidence is None else f" {100 * detection.confidence:.0f} %"
    left, top, width, _ = detection.box
    kinds = ["under"] * (top < ROOM_ABOVE) + ["back"] * (left + width > ROOM_BESIDE)
    name = f'<b class="{" ".join(kinds)}">{escape(detection.label)}{sure}</b>'
    return f'<span class="box" style="{place};--hue:{_hue(detection.label)}">{name}</span>'


def _hue(label: str) -> int:
    """The colour that the label names, or one that is always the same for it."""
    named = next((hue for word, hue in _HUES.items() if word in label.lower().split()), None)
    digest = hashlib.sha256(label.encode()).digest()
    return int.from_bytes(digest[:2]) % 360 if named is None else named


def _missing(missing: Sequence[Missing]) -> str:
    if not missing:
        return ""
    rows = "\n".join(
        f"<tr><td>{escape(each.name)}</td><td>{escape(each.reason)}</td></tr>" for each in missing
    )
    return f'<section><h2>Not seen</h2><table class="missing">{rows}</table></section>'
