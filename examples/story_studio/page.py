"""The page of a story, and the story as Markdown."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from string import Template

from story_studio.cost_optimizer import Spent
from story_studio.stories import Chapter, CompleteStory, StoryQuality

ASSETS = Path(__file__).parent / "assets"


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What is in the workspace: paths, or None of what there is not, and why."""

    title: str
    page: str
    audio: str | None
    image: str | None
    chapters: int
    quality: StoryQuality | None
    spent: Spent | None = None
    errors: Mapping[str, str] = field(default_factory=dict)


def page_of(premise: str, whole: CompleteStory) -> str:
    """The page's whole text; sound and picture are beside it, or on the web."""
    template = Template((ASSETS / "page.html").read_text(encoding="utf-8"))
    return template.substitute(
        style=(ASSETS / "page.css").read_text(encoding="utf-8"),
        title=escape(whole.title),
        premise=escape(premise),
        picture=_picture(whole),
        voice=_voice(whole),
        chapters="\n".join(map(_chapter, whole.chapters)),
        quality=_quality(whole.quality),
        missing=_missing(whole.errors),
        spent=f"<p>{escape(str(whole.spent))}</p>" if whole.spent else "",
    )


def markdown_of(whole: CompleteStory) -> str:
    """The story alone."""
    parts = [f"# {whole.title}"]
    for chapter in whole.chapters:
        heading = [] if chapter.title == whole.title else [f"## {chapter.title}"]
        parts += [*heading, *chapter.paragraphs]
    return "\n\n".join(parts) + "\n"


def _picture(whole: CompleteStory) -> str:
    if whole.image_url is None:
        return ""
    return f'<img class="hero" src="{escape(whole.image_url)}" alt="An illustration of the story">'


def _voice(whole: CompleteStory) -> str:
    if whole.audio_url is None:
        return ""
    return f'<audio controls preload="metadata" src="{escape(whole.audio_url)}"></audio>'


def _chapter(chapter: Chapter) -> str:
    paragraphs = "\n".join(f"<p>{escape(text)}</p>" for text in chapter.paragraphs)
    return f"<section>\n<h2>{escape(chapter.title)}</h2>\n{paragraphs}\n</section>"


def _quality(quality: StoryQuality | None) -> str:
    if quality is None:
        return ""
    marks = {
        "coherence": quality.coherence,
        "grammar": quality.grammar,
        "creativity": quality.creativity,
    }
    rows = "".join(
        f'<tr><th scope="row">{name}</th><td class="track"><span style="width:{100 * mark:.0f}%">'
        f"</span></td><td>{100 * mark:.0f}</td></tr>"
        for name, mark in marks.items()
    )
    notes = "".join(f"<li>{escape(note)}</li>" for note in quality.notes)
    listed = f"<ul>{notes}</ul>" if notes else ""
    return f'<section class="quality"><h3>How it reads</h3><table>{rows}</table>{listed}</section>'


def _missing(errors: Mapping[str, str]) -> str:
    if not errors:
        return ""
    rows = "".join(
        f"<li><b>{escape(name)}</b>: {escape(reason)}</li>" for name, reason in errors.items()
    )
    return f'<section class="missing"><h3>What could not be made</h3><ul>{rows}</ul></section>'
