"""The overview in text: Markdown for the report, plain lines for the terminal."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from codebase_audit.overview import Overview, Ranked
from vespera import TaskResult

SHOWN = 10
SHOWN_FINDINGS = 25
WIDEST = 44


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """What the program hands back: the figures, where the report is, and how to prove it."""

    overview: Overview
    report: str
    verify: str

    def __str__(self) -> str:
        """The summary for a terminal."""
        return "\n".join(_terminal_lines(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class NotMade:
    """Why there is no report: the tasks that stood in its way."""

    stopped: Sequence[TaskResult]
    success: bool = False

    def __str__(self) -> str:
        """The first of the tasks, for a terminal."""
        told = [f"{task.status or 'refused'}: {task.title}: {task.error}" for task in self.stopped]
        count = len(told)
        rest = [f"... and {count - SHOWN:,} more"] if count > SHOWN else []
        return "\n".join(["The report could not be made.", *told[:SHOWN], *rest])


def markdown_of(overview: Overview) -> str:
    """The overview as a Markdown page."""
    lines = [
        f"# Audit of {_cell(overview.label)}",
        "",
        *_table(("figure", "value"), figures(overview)),
        "",
        "## Most complex functions",
        "",
        *_table(("module", "function", "complexity", "lines"), _rows(overview.most_complex)),
        "",
        "## Longest functions",
        "",
        *_table(("module", "function", "complexity", "lines"), _rows(overview.longest)),
        "",
        "## Findings",
        "",
        *_table(
            ("module", "kind", "what"), [(f.module, f.kind, f.text) for f in overview.findings]
        ),
        *_rest(overview.findings_count - len(overview.findings)),
        "",
        f"Fingerprint of the sources: `{overview.fingerprint}`",
    ]
    return "\n".join(lines) + "\n"


def figures(overview: Overview) -> Sequence[tuple[str, str]]:
    """The headline figures, named and formatted."""
    coverage = overview.docstring_coverage
    return [
        ("modules", f"{overview.modules:,}"),
        ("lines", f"{overview.lines:,}"),
        ("lines of code", f"{overview.code_lines:,}"),
        ("functions", f"{overview.functions:,}"),
        ("classes", f"{overview.classes:,}"),
        ("docstring coverage", "none to document" if coverage is None else f"{coverage:.1f} %"),
        ("median complexity", f"{overview.median_complexity:.1f}"),
        ("mean complexity", f"{overview.mean_complexity:.1f}"),
        ("things left to do", f"{overview.markers:,}"),
        ("findings", f"{overview.findings_count:,}"),
    ]


def _terminal_lines(audited: Audited) -> Iterable[str]:
    overview = audited.overview
    yield f"Audit of {overview.label}"
    yield ""
    yield from _aligned(figures(overview), numbers=(1,))
    if overview.most_complex:
        yield ""
        header = ("MOST COMPLEX FUNCTIONS", "", "COMPLEXITY", "LINES")
        yield from _aligned([header, *_rows(overview.most_complex[:SHOWN])], numbers=(2, 3))
    if overview.findings:
        yield ""
        told = [(f.module, f.kind, f.text) for f in overview.findings[:SHOWN_FINDINGS]]
        yield from _aligned([("FINDINGS", "", ""), *told])
        yield from _rest(overview.findings_count - len(told))
    yield ""
    yield f"report:  {audited.report}"
    yield f"verify:  {audited.verify}"


def _rest(left: int) -> Iterable[str]:
    if left:
        yield ""
        yield f"... and {left:,} more; index.html has all of them."


def _rows(ranked: Sequence[Ranked]) -> Sequence[tuple[str, str, str, str]]:
    return [
        (r.module, r.function.name, str(r.function.complexity), str(r.function.length))
        for r in ranked
    ]


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterable[str]:
    if not rows:
        yield "None."
        return
    yield f"| {' | '.join(header)} |"
    yield f"|{' --- |' * len(header)}"
    for row in rows:
        yield f"| {' | '.join(map(_cell, row))} |"


def _cell(text: str) -> str:
    """The text as it is, whatever it would mean in Markdown."""
    return "".join(f"\\{c}" if c in "\\`*_{}[]<>()#|~&" else c for c in text)


def _aligned(rows: Sequence[Sequence[str]], numbers: Sequence[int] = ()) -> Iterable[str]:
    short = [[*(_middle_out(cell) for cell in row[:-1]), row[-1]] for row in rows]
    widths = [max(map(len, column)) for column in zip(*short, strict=True)]
    for row in short:
        cells = [
            cell.rjust(width) if at in numbers else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()


def _middle_out(text: str) -> str:
    """A long text without its middle."""
    half = WIDEST // 2
    return text if len(text) <= WIDEST else f"{text[: half - 1]}…{text[-half:]}"
