"""The report as one page of HTML that needs nothing from outside."""

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from statistics import mean
from string import Template

from codebase_audit import plots
from codebase_audit.analysis import ModuleReport, Status
from codebase_audit.overview import (
    Finding,
    Overview,
    Ranked,
    band_of,
    coverage_by_package,
    findings_of,
    peak_complexity,
    percent,
)

ASSETS = Path(__file__).parent / "assets"
MOST_PACKAGES = 16


def page_of(overview: Overview, reports: Sequence[ModuleReport]) -> str:
    """The page's whole text; the same for the same reports."""
    template = Template((ASSETS / "page.html").read_text(encoding="utf-8"))
    return template.substitute(
        style=(ASSETS / "page.css").read_text(encoding="utf-8"),
        script=(ASSETS / "page.js").read_text(encoding="utf-8"),
        label=escape(overview.label),
        fingerprint=escape(overview.fingerprint),
        figures=_figures(overview),
        legend=plots.legend(),
        scatter=plots.size_and_complexity(reports),
        histogram=plots.complexity_histogram(reports),
        coverage=_coverage(reports),
        imports=plots.imports(reports) or "<p>No module imports another one of this source.</p>",
        most_complex=_ranking(overview.most_complex),
        longest=_ranking(overview.longest),
        findings=_findings(list(findings_of(reports))),
        count=f"{len(reports):,}",
        modules="\n".join(map(_module_row, reports)),
    )


def _figures(overview: Overview) -> str:
    coverage = overview.docstring_coverage
    cards = [
        ("modules", f"{overview.modules:,}"),
        ("lines of code", f"{overview.code_lines:,}"),
        ("functions", f"{overview.functions:,}"),
        ("mean complexity", f"{overview.mean_complexity:.1f}"),
        ("documented", plots.DASH if coverage is None else f"{coverage:.0f} %"),
        ("left to do", f"{overview.markers:,}"),
        ("findings", f"{overview.findings_count:,}"),
    ]
    return "\n".join(f"<div><dd>{value}</dd><dt>{name}</dt></div>" for name, value in cards)


def _coverage(reports: Sequence[ModuleReport]) -> str:
    rows = []
    for package in coverage_by_package(reports)[:MOST_PACKAGES]:
        share = percent(package.documented, package.documentable) or 0.0
        rows.append(
            f'<tr><th scope="row">{escape(package.package)}</th>'
            f'<td class="track"><span style="width:{share:.1f}%"></span></td>'
            f"<td>{share:.0f} %</td><td>{package.documentable:,}</td></tr>"
        )
    return "\n".join(rows)


def _ranking(ranked: Iterable[Ranked]) -> str:
    return "\n".join(
        f"<tr><td>{_link(r.report, r.module)}<br><code>{escape(r.function.name)}</code></td>"
        f"{_complexity_cell(r.function.complexity)}<td>{r.function.length:,}</td></tr>"
        for r in ranked
    )


def _findings(findings: Sequence[Finding]) -> str:
    if not findings:
        return '<tr><td colspan="3">Nothing is wrong, and nothing is odd.</td></tr>'
    return "\n".join(
        f"<tr><td>{_link(f.report, f.module)}</td>"
        f"<td>{_tag(f.kind)}</td>"
        f"<td>{escape(f.text)}</td></tr>"
        for f in findings
    )


def _module_row(report: ModuleReport) -> str:
    if report.status is not Status.AUDITED:
        empty = "<td></td>" * 8
        return (
            f"<tr><td>{_link(report.report, report.module)}</td>{empty}"
            f"<td>{_tag(report.status)}</td></tr>"
        )
    average = mean(f.complexity for f in report.functions) if report.functions else 0.0
    coverage = percent(report.documented, report.documentable)
    cells = [
        _number(report.lines),
        _number(report.code_lines),
        _number(len(report.functions)),
        _number(len(report.classes)),
        _complexity_cell(peak_complexity(report)),
        f'<td data-v="{average:.4f}">{average:.1f}</td>' if report.functions else "<td></td>",
        "<td></td>" if coverage is None else f'<td data-v="{coverage:.4f}">{coverage:.0f} %</td>',
        _number(len(report.markers)),
        f"<td>{_tag('note') if report.notes else ''}</td>",
    ]
    return f"<tr><td>{_link(report.report, report.module)}</td>{''.join(cells)}</tr>"


def _complexity_cell(complexity: int) -> str:
    if not complexity:
        return "<td></td>"
    dot = f'<span class="swatch b{band_of(complexity)}"></span>'
    return f'<td data-v="{complexity}">{dot}{complexity:,}</td>'


def _number(value: int) -> str:
    return f'<td data-v="{value}">{value:,}</td>' if value else '<td data-v="0" class="nil">0</td>'


def _tag(kind: str) -> str:
    return f'<span class="tag {kind}">{kind}</span>'


def _link(report: str, module: str) -> str:
    return f'<a href="{escape(report)}.json">{escape(module)}</a>'
