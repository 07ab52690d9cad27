"""What can be counted in a text, and the pages that tell of it. Nothing here touches the disk."""

import html
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

WORDS_A_MINUTE = 220
MOST_LISTED = 8
SHORTEST_TELLING = 4

_WORD = re.compile(r"\w+(?:['\u2019-]\w+)*")
_SENTENCE = re.compile(r"[^.!?]+[.!?]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class TextReport:
    """What was counted. ``reading_minutes`` is at 220 words a minute; ``frequent`` are the words of
    four letters and more that come most often, each with how often.
    """

    characters: int
    words: int
    sentences: int
    paragraphs: int
    longest_sentence: int
    reading_minutes: float
    frequent: Sequence[tuple[str, int]]


def measure(text: str) -> TextReport:
    """Count what there is in the text."""
    words = _WORD.findall(text)
    sentences = [len(_WORD.findall(sentence)) for sentence in sentences_of(text)]
    telling = Counter(word.lower() for word in words if len(word) >= SHORTEST_TELLING)
    ranked = sorted(telling.items(), key=lambda pair: (-pair[1], pair[0]))
    return TextReport(
        characters=len(text),
        words=len(words),
        sentences=len(sentences),
        paragraphs=len([part for part in re.split(r"\n\s*\n", text) if part.strip()]),
        longest_sentence=max(sentences, default=0),
        reading_minutes=round(len(words) / WORDS_A_MINUTE, 1),
        frequent=tuple(ranked[:MOST_LISTED]),
    )


def sentences_of(text: str) -> Sequence[str]:
    """The sentences, without the white space around them."""
    return [found.strip() for found in _SENTENCE.findall(text) if _WORD.search(found)]


def told(report: TextReport) -> str:
    """The report in one line."""
    return (
        f"{report.words:,} words in {report.sentences:,} sentences,"
        f" {report.reading_minutes:g} minutes to read"
    )


def report_in_markdown(title: str, report: TextReport) -> str:
    """The report as a file for people."""
    figures = [
        ("characters", f"{report.characters:,}"),
        ("words", f"{report.words:,}"),
        ("sentences", f"{report.sentences:,}"),
        ("paragraphs", f"{report.paragraphs:,}"),
        ("words of the longest sentence", f"{report.longest_sentence:,}"),
        ("minutes to read", f"{report.reading_minutes:g}"),
    ]
    lines = [f"# {_one_line(title)}", "", "| what | how much |", "| --- | ---: |"]
    lines += [f"| {what} | {how_much} |" for what, how_much in figures]
    lines += ["", "Frequent words: " + _listed(report.frequent) + "."]
    return "\n".join(lines) + "\n"


def minutes_in_markdown(title: str, notes: Sequence[tuple[str, str]]) -> str:
    """The notes of a meeting, each with who gave it."""
    lines = [f"# {_one_line(title)}", ""]
    lines += [f"* {_one_line(text)} ({_one_line(by) or 'unnamed'})" for by, text in notes]
    return "\n".join(lines) + "\n"


def page(*, title: str, summary: str, text: str, report: TextReport, approved_by: str) -> str:
    """A page to be published: everything in it is escaped, and it needs nothing from outside."""
    paragraphs = [part.strip() for part in re.split(r"\n\s*\n", text) if part.strip()]
    body = "\n".join(f"<p>{html.escape(part)}</p>" for part in paragraphs)
    signed = f" · approved by {html.escape(approved_by)}" if approved_by else ""
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(title)}</title>
<style>{_STYLE}</style>
<article>
<h1>{html.escape(title)}</h1>
<p class="lead">{html.escape(summary)}</p>
{body}
<footer>{html.escape(told(report))}{signed}</footer>
</article>
</html>
"""


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _listed(frequent: Sequence[tuple[str, int]]) -> str:
    return ", ".join(f"{word} ({count})" for word, count in frequent) or "none"


_STYLE = """
body { margin: 0; background: #f4f1ea; color: #23211c; font: 18px/1.6 Georgia, serif; }
article { max-width: 38rem; margin: 3rem auto; padding: 3rem; background: #fff;
  border-top: 6px solid #1f6f5c; box-shadow: 0 2px 16px #0001; }
h1 { margin: 0 0 1rem; font-size: 2.1rem; line-height: 1.2; }
.lead { font-style: italic; color: #1f6f5c; }
footer { margin-top: 2rem; padding-top: 1rem; border-top: 1px solid #ddd;
  font: 14px/1.4 system-ui, sans-serif; color: #777; }
"""
