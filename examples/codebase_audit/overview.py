"""What can be said of all modules together."""

import statistics
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from codebase_audit.analysis import FunctionReport, ModuleReport, Status, digest_of

MOST_RANKED = 15
MOST_FINDINGS = 40
BANDS = (
    (5, "simple"),
    (10, "moderate"),
    (20, "complex"),
    (50, "very complex"),
    (10**9, "tangled"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """A function among those that stand out."""

    module: str
    report: str
    function: FunctionReport


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something about a module that a person should know. ``kind``: its status, or ``note``."""

    module: str
    report: str
    kind: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The audit in figures. ``fingerprint`` stands for exactly these sources.

    ``findings`` are the first of ``findings_count``; the page has all of them.
    """

    label: str
    fingerprint: str
    modules: int
    audited: int
    lines: int
    code_lines: int
    functions: int
    classes: int
    markers: int
    documented: int
    documentable: int
    median_complexity: float
    mean_complexity: float
    most_complex: Sequence[Ranked]
    longest: Sequence[Ranked]
    findings_count: int
    findings: Sequence[Finding]

    @property
    def docstring_coverage(self) -> float | None:
        """Percent of the public definitions that have a docstring; None if there are none."""
        return percent(self.documented, self.documentable)


def overview_of(label: str, reports: Sequence[ModuleReport]) -> Overview:
    """The figures of these reports."""
    complexities = [f.complexity for report in reports for f in report.functions]
    findings = list(findings_of(reports))
    content = "\n".join(f"{r.report} {r.digest}" for r in reports)
    return Overview(
        label=label,
        fingerprint=digest_of(content.encode()),
        modules=len(reports),
        audited=sum(report.status is Status.AUDITED for report in reports),
        lines=sum(report.lines for report in reports),
        code_lines=sum(report.code_lines for report in reports),
        functions=len(complexities),
        classes=sum(len(report.classes) for report in reports),
        markers=sum(len(report.markers) for report in reports),
        documented=sum(report.documented for report in reports),
        documentable=sum(report.documentable for report in reports),
        median_complexity=float(statistics.median(complexities or [0])),
        mean_complexity=float(statistics.mean(complexities or [0])),
        most_complex=_ranked(reports, lambda f: (f.complexity, f.length)),
        longest=_ranked(reports, lambda f: (f.length, f.complexity)),
        findings_count=len(findings),
        findings=tuple(findings[:MOST_FINDINGS]),
    )


def percent(part: int, whole: int) -> float | None:
    """How many of a hundred; None of nothing."""
    return 100 * part / whole if whole else None


def band_of(complexity: int) -> int:
    """Which of the ``BANDS`` a complexity falls into."""
    return next(number for number, (most, _) in enumerate(BANDS) if complexity <= most)


def findings_of(reports: Sequence[ModuleReport]) -> Iterator[Finding]:
    """What is wrong with modules, and then what is odd about them."""
    for report in reports:
        if report.status is not Status.AUDITED:
            yield Finding(
                module=report.module, report=report.report, kind=report.status, text=report.reason
            )
    for report in reports:
        for note in report.notes:
            yield Finding(module=report.module, report=report.report, kind="note", text=note)


def peak_complexity(report: ModuleReport) -> int:
    """The complexity of the module's most complex function; 0 if it has none."""
    return max((f.complexity for f in report.functions), default=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How well a package is documented."""

    package: str
    documented: int
    documentable: int


def coverage_by_package(reports: Sequence[ModuleReport]) -> Sequence[Coverage]:
    """Docstring coverage per top-level package, those with most definitions first."""
    documented: Counter[str] = Counter()
    documentable: Counter[str] = Counter()
    for report in reports:
        package = report.module.split(".")[0] if "." in report.module else "single modules"
        documented[package] += report.documented
        documentable[package] += report.documentable
    order = sorted(documentable, key=lambda name: (-documentable[name], name))
    return [
        Coverage(package=name, documented=documented[name], documentable=documentable[name])
        for name in order
        if documentable[name]
    ]


def import_graph(reports: Sequence[ModuleReport]) -> Mapping[str, frozenset[str]]:
    """Which modules of this source each module imports. A package goes by its own name."""
    names = {_importable(report) for report in reports}
    return {
        _importable(report): frozenset(
            target
            for name in report.imports
            if (target := _nearest(name, names)) and target != _importable(report)
        )
        for report in reports
    }


def _importable(report: ModuleReport) -> str:
    return report.module.removesuffix(".__init__")


def _nearest(name: str, known: set[str]) -> str:
    """The module that a dotted name is, or is in; empty if it is not of this source."""
    while name and name not in known:
        name = name.rpartition(".")[0]
    return name


def _ranked(
    reports: Sequence[ModuleReport], weight: Callable[[FunctionReport], tuple[int, int]]
) -> Sequence[Ranked]:
    every = [
        Ranked(module=report.module, report=report.report, function=function)
        for report in reports
        for function in report.functions
    ]
    every.sort(key=lambda r: (*(-w for w in weight(r.function)), r.module, r.function.line))
    return tuple(every[:MOST_RANKED])
