"""What people get to read: the page, the summary, the lines on the terminal."""

import re
from html.parser import HTMLParser

import pytest

from codebase_audit import plots
from codebase_audit.analysis import ModuleReport, Status, analyse
from codebase_audit.overview import (
    BANDS,
    band_of,
    coverage_by_package,
    import_graph,
    overview_of,
)
from codebase_audit.report_page import page_of
from codebase_audit.sources import Unreadable
from codebase_audit.specialists import json_of
from codebase_audit.summary import Audited, NotMade, markdown_of
from vespera import TaskResult

EVIL = '<script>alert("no")</script>|`'
VOID = {"meta", "br", "input", "line", "rect", "circle", "path", "li"}


def report_on(module: str, source: str = "") -> ModuleReport:
    return analyse(source.encode(), module=module, path=f"{module}.py")


def unreadable(module: str, reason: str = "is a directory") -> ModuleReport:
    return ModuleReport(
        module=module,
        path=module,
        report="x",
        status=Status.UNREADABLE,
        reason=reason,
        digest=Unreadable(reason).digest,
    )


SOME = [
    report_on("a.__init__", '"""A."""\nfrom a import b\n'),
    report_on("a.b", "import c\n\ndef f(x):\n    return 1 if x else 2\n"),
    report_on("c", "class C:\n    '''Doc.'''\n    def m(self): pass  # TODO: more\n"),
    report_on("d", "def\n"),
    unreadable("e"),
]


def page(reports: list[ModuleReport] = SOME, label: str = "src") -> str:
    return page_of(overview_of(label, reports), reports)


class Balance(HTMLParser):
    """Follows the tags of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.scripts = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.links += [v for k, v in given.items() if k in {"href", "src", "data"} and v]
        self.scripts += tag == "script"
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag


def parsed(text: str) -> Balance:
    balance = Balance()
    balance.feed(text)
    return balance


def test_every_tag_of_the_page_is_closed():
    assert parsed(page()).open == []


def test_the_page_needs_nothing_from_outside():
    text = page()

    assert {link for link in parsed(text).links if not link.startswith("#")} == {
        "a.__init__.json",
        "a.b.json",
        "c.json",
        "d.json",
        "x.json",
    }
    assert not re.search(r"https?:|//[a-z]|@import|url\(", text)


def test_names_and_reasons_cannot_break_out_of_the_page():
    reports = [unreadable(EVIL, EVIL), report_on("m", f"# TODO {EVIL}")]

    text = page(reports, label=EVIL)

    assert EVIL not in text
    assert parsed(text).scripts == 1


def test_the_page_is_the_same_for_the_same_reports():
    assert page() == page()


def test_a_source_without_modules_has_a_page():
    text = page([])

    assert parsed(text).open == []
    assert "Nothing is wrong" in text


@pytest.mark.parametrize(
    "source", ["", "# only\n", "x = 1\n", "def f(): pass\n", "import sys\n"], ids=repr
)
def test_a_single_module_has_a_page(source: str):
    assert parsed(page([report_on("m", source)])).open == []


def test_the_table_can_be_sorted_by_keyboard_and_says_how_it_is_sorted():
    table = page().partition('<table class="sortable">')[2]

    assert table.count('<button type="button">') == 10
    assert table.count('aria-sort="ascending"') == 1


def test_the_overview_adds_up():
    overview = overview_of("src", SOME)

    assert (overview.modules, overview.audited, overview.functions) == (5, 3, 2)
    assert (overview.classes, overview.markers, overview.findings_count) == (1, 1, 2)
    assert overview.most_complex[0].function.name == "f"
    assert overview.docstring_coverage == pytest.approx(100 * 2 / 6)


def test_the_fingerprint_changes_with_any_source():
    other = [*SOME[:-1], unreadable("e", "is no regular file")]

    assert overview_of("src", SOME).fingerprint != overview_of("src", other).fingerprint


def test_findings_beyond_the_first_are_counted_and_all_on_the_page():
    reports = [unreadable(f"m{number}") for number in range(100)]

    overview = overview_of("src", reports)

    assert (len(overview.findings), overview.findings_count) == (40, 100)
    assert "and 60 more" in markdown_of(overview)
    assert page(reports).count("is a directory") == 100


@pytest.mark.parametrize(
    ("complexity", "band"),
    [(1, "simple"), (5, "simple"), (6, "moderate"), (11, "complex"), (21, "very complex"),
     (50, "very complex"), (51, "tangled"), (10_000, "tangled")],
)  # fmt: skip
def test_complexity_falls_into_bands(complexity: int, band: str):
    assert BANDS[band_of(complexity)][1] == band


def test_imports_lead_to_the_nearest_module_of_the_source():
    graph = import_graph(SOME)

    assert graph == {
        "a": frozenset({"a.b"}),
        "a.b": frozenset({"c"}),
        "c": frozenset(),
        "d": frozenset(),
        "e": frozenset(),
    }


def test_packages_are_listed_by_what_they_have_to_document():
    assert [(c.package, c.documented, c.documentable) for c in coverage_by_package(SOME)] == [
        ("a", 1, 3),
        ("single modules", 1, 3),
    ]


def test_a_histogram_counts_every_function():
    histogram = plots.complexity_histogram(SOME)

    assert sum(int(n) for n in re.findall(r'data-tip="(\d+) functions', histogram)) == 2


def test_a_module_report_is_json_with_a_line_per_function():
    lines = json_of(SOME[1]).splitlines()

    assert '  {"name": "f", "line": 3, "length": 2, "complexity": 2, "documented": false}' in lines
    assert ' "docstring_coverage": 0.0' in lines


def test_names_mean_nothing_in_markdown():
    text = markdown_of(overview_of(EVIL, [unreadable(EVIL)]))

    assert "<script>" not in text
    assert "\\|\\`" in text


def test_the_terminal_says_where_the_report_is_and_how_to_prove_it():
    text = str(Audited(overview=overview_of("src", SOME), report="r/index.html", verify="vespera"))

    assert "report:  r/index.html" in text
    assert "verify:  vespera" in text
    assert "unreadable  is a directory" in text


def test_long_names_and_lists_leave_the_terminal_readable():
    reports = [unreadable("package." * 20 + str(number)) for number in range(100)]

    text = str(Audited(overview=overview_of("src", reports), report="r", verify="v"))

    assert max(map(len, text.splitlines())) < 80
    assert "... and 75 more" in text


def test_a_report_that_could_not_be_made_tells_the_first_reasons():
    stopped = [TaskResult(success=False, title=f"Audit {n}", error="no") for n in range(12)]

    text = str(NotMade(stopped=stopped))

    assert "refused: Audit 9: no" in text
    assert text.endswith("... and 2 more")
