"""The plots of the report: figures in, inline SVG out. Colours and fonts are the page's."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from codebase_audit.analysis import ModuleReport
from codebase_audit.overview import BANDS, band_of, import_graph, peak_complexity

WIDTH = 960
MOST_NAMED = 26
MOST_IMPORTED = 26
DASH = "\N{EN DASH}"
EDGES = (1, 2, 3, 4, 5, 6, 8, 11, 16, 21, 31, 51)


@dataclass(frozen=True, slots=True)
class _Box:
    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: "_Box") -> bool:
        across = self.left < other.right and other.left < self.right
        return across and self.top < other.bottom and other.top < self.bottom


@dataclass(frozen=True, slots=True)
class _LogScale:
    """Maps 1 .. ``largest`` to pixels, by powers of ten."""

    largest: int
    begin: float
    end: float

    def at(self, value: float) -> float:
        share = math.log(max(value, 1)) / math.log(max(self.largest, 2))
        return self.begin + share * (self.end - self.begin)

    def ticks(self, steps: Sequence[int]) -> list[int]:
        powers = range(len(str(self.largest)))
        return [s * 10**p for p in powers for s in steps if s * 10**p <= self.largest]


def size_and_complexity(reports: Sequence[ModuleReport]) -> str:
    """A dot per module: lines of code across, its most complex function upwards."""
    shown = sorted((r for r in reports if r.functions), key=_rank, reverse=True)
    across = _LogScale(max((r.code_lines for r in shown), default=1), 64, WIDTH - 24)
    upward = _LogScale(max(map(peak_complexity, shown), default=1), 412, 24)
    parts = [
        *_size_axis(across),
        *_complexity_axis(upward),
        *(_dot(r, across, upward) for r in reversed(shown)),
        *_names(shown, across, upward),
    ]
    told = f"Scatter plot of {len(shown):,} modules: lines of code against highest complexity."
    return _svg(WIDTH, 470, told, parts)


def complexity_histogram(reports: Sequence[ModuleReport]) -> str:
    """A bar per range of complexity: how many functions are in it."""
    width, floor, ceiling = 560, 370, 34
    counts = Counter(_bin(f.complexity) for r in reports for f in r.functions)
    tallest = max(counts.values(), default=1)
    step = (width - 20) / len(EDGES)
    parts = [f'<line class="axis" x1="10" x2="{width - 10}" y1="{floor}" y2="{floor}"/>']
    for number, label in enumerate(_bin_labels()):
        count = counts[number]
        height = count / tallest * (floor - ceiling)
        left, top = 10 + number * step + 2, floor - height
        tip = f"{count:,} functions\ncomplexity {label}"
        place = f'x="{left:.1f}" y="{top:.1f}" width="{step - 4:.1f}" height="{height:.1f}"'
        parts += [
            f'<rect class="b{band_of(EDGES[number])}" {place} rx="2" {_tip(tip)}/>',
            _text(left + step / 2 - 2, top - 7, f"{count:,}", "value", "middle"),
            _text(left + step / 2 - 2, floor + 18, label, "tick", "middle"),
        ]
    parts.append(_text(width / 2, floor + 42, "cyclomatic complexity", "caption", "middle"))
    return _svg(width, 420, "Histogram of the functions' cyclomatic complexity.", parts)


def imports(reports: Sequence[ModuleReport]) -> str:
    """The modules that most others import, how many do, and who of them imports whom."""
    graph = import_graph(reports)
    importers = Counter(target for targets in graph.values() for target in sorted(targets))
    top = sorted(importers, key=lambda name: (-importers[name], name))[:MOST_IMPORTED]
    if not top:
        return ""
    rows = {name: 30 + 22 * number for number, name in enumerate(top)}
    most = importers[top[0]]
    parts = [
        *(_arc(name, target, rows) for name in top for target in sorted(graph[name] & rows.keys())),
        *(_import_row(name, importers[name], most, at) for name, at in rows.items()),
    ]
    told = f"The {len(top)} most imported modules, with arcs from each module to those it imports."
    return _svg(WIDTH, 44 + 22 * len(top), told, parts)


def legend() -> str:
    """What the colours mean."""
    items = [
        f'<li><span class="swatch b{number}"></span>{escape(name)} <small>{_range(number)}</small>'
        for number, (_, name) in enumerate(BANDS)
    ]
    return f'<ul class="legend">{"".join(items)}</ul>'


def _range(number: int) -> str:
    least = BANDS[number - 1][0] + 1 if number else 1
    return f"{least}{DASH}{BANDS[number][0]}" if number < len(BANDS) - 1 else f"{least}+"


def _rank(report: ModuleReport) -> tuple[int, int, str]:
    return peak_complexity(report), report.code_lines, report.module


def _size_axis(across: _LogScale) -> Iterator[str]:
    for tick in across.ticks((1,)):
        x = across.at(tick)
        yield f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="24" y2="412"/>'
        yield _text(x, 432, f"{tick:,}", "tick", "middle")
    yield _text(WIDTH / 2, 458, "lines of code", "caption", "middle")


def _complexity_axis(upward: _LogScale) -> Iterator[str]:
    for tick in upward.ticks((1, 2, 5)):
        y = upward.at(tick)
        yield f'<line class="grid" x1="64" x2="{WIDTH - 24}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield _text(54, y + 4, f"{tick:,}", "tick", "end")
    yield (
        '<text class="caption" text-anchor="middle" transform="translate(16 218) rotate(-90)">'
        "highest complexity of a function</text>"
    )


def _dot(report: ModuleReport, across: _LogScale, upward: _LogScale) -> str:
    peak = peak_complexity(report)
    name = next(f.name for f in report.functions if f.complexity == peak)
    tip = f"{report.module}\n{report.code_lines:,} lines of code\ncomplexity {peak} in {name}"
    place = f'cx="{across.at(report.code_lines):.1f}" cy="{upward.at(peak):.1f}" r="4.5"'
    return (
        f'<a href="{escape(report.report)}.json" tabindex="-1">'
        f'<circle class="dot b{band_of(peak)}" {place} {_tip(tip)}/></a>'
    )


def _names(shown: Sequence[ModuleReport], across: _LogScale, upward: _LogScale) -> Iterator[str]:
    """Names beside the dots that stand out, where they cover nothing."""
    largest = sorted(shown, key=lambda r: (-r.code_lines, r.module))
    taken = [_around(across.at(r.code_lines), upward.at(peak_complexity(r))) for r in shown]
    for report in dict.fromkeys([*shown[:MOST_NAMED], *largest[: MOST_NAMED // 2]]):
        x, y = across.at(report.code_lines), upward.at(peak_complexity(report))
        width = 6.7 * len(report.module)
        before = _Box(x - 8 - width, y - 7, x - 8, y + 6), x - 8, "end"
        behind = _Box(x + 8, y - 7, x + 8 + width, y + 6), x + 8, "start"
        for box, at, anchor in (before, behind):
            inside = across.begin < box.left and box.right < WIDTH
            if inside and not any(box.meets(other) for other in taken):
                taken.append(box)
                yield _text(at, y + 4, report.module, "name", anchor)
                break


def _around(x: float, y: float) -> _Box:
    return _Box(x - 4, y - 4, x + 4, y + 4)


def _bin(complexity: int) -> int:
    return sum(edge <= complexity for edge in EDGES) - 1


def _bin_labels() -> list[str]:
    ranges = [str(a) if b == a + 1 else f"{a}{DASH}{b - 1}" for a, b in pairwise(EDGES)]
    return [*ranges, f"{EDGES[-1]}+"]


def _arc(name: str, target: str, rows: Mapping[str, int]) -> str:
    begin, end = rows[name], rows[target]
    reach = 436 + 24 + abs(end - begin) * 0.95
    return (
        f'<path class="arc" data-from="{escape(name)}" data-to="{escape(target)}"'
        f' d="M436 {begin} C{reach:.0f} {begin} {reach:.0f} {end} 436 {end}"/>'
    )


def _import_row(name: str, count: int, most: int, at: int) -> str:
    width = 170 * count / most
    tip = f"{name}\nimported by {count:,} modules"
    return (
        f'<g class="row" data-name="{escape(name)}" {_tip(tip)}>'
        f'<rect class="hit" x="0" y="{at - 11}" width="450" height="22"/>'
        + _text(204, at + 4, name, "name", "end")
        + f'<rect class="bar" x="214" y="{at - 6}" width="{width:.1f}" height="12" rx="2"/>'
        + _text(220 + width, at + 4, f"{count:,}", "value", "start")
        + f'<circle class="node" cx="436" cy="{at}" r="3.5"/></g>'
    )


def _text(x: float, y: float, text: str, kind: str, anchor: str) -> str:
    return (
        f'<text class="{kind}" text-anchor="{anchor}" x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>'
    )


def _tip(text: str) -> str:
    return f'data-tip="{escape(text)}"'


def _svg(width: int, height: int, told: str, parts: Iterable[str]) -> str:
    return (
        f'<svg role="img" aria-label="{escape(told)}" viewBox="0 0 {width} {height}">\n'
        + "\n".join(parts)
        + "\n</svg>"
    )
