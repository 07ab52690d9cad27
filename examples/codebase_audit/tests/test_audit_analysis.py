"""The audit of one module."""

import io
import sysconfig
import textwrap
import tokenize
from pathlib import Path

import pytest

from codebase_audit.analysis import (
    MOST_LISTED,
    ModuleReport,
    Status,
    analyse,
    printable,
)
from codebase_audit.odd_sources import FIXTURES, huge_module


def audited(source: str, module: str = "package.module") -> ModuleReport:
    return analyse(textwrap.dedent(source).encode(), module=module, path="package/module.py")


def complexity_of(body: str) -> int:
    source = "async def f(x, y, z):\n" + textwrap.indent(textwrap.dedent(body), "    ")
    return audited(source).functions[0].complexity


def fixture(name: str) -> ModuleReport:
    return analyse((FIXTURES / f"{name}.py").read_bytes(), module=name, path=f"{name}.py")


@pytest.mark.parametrize(
    ("body", "complexity"),
    [
        pytest.param("pass", 1, id="nothing"),
        pytest.param("if x: pass", 2, id="if"),
        pytest.param("if x: pass\nelse: pass", 2, id="else"),
        pytest.param("if x: pass\nelif y: pass\nelif z: pass\nelse: pass", 4, id="elif"),
        pytest.param("for _ in x: pass\nelse: pass", 2, id="for"),
        pytest.param("async for _ in x: pass", 2, id="async for"),
        pytest.param("while x: pass", 2, id="while"),
        pytest.param("with x: pass\nasync with y: pass", 1, id="with"),
        pytest.param("assert x, y", 1, id="assert"),
        pytest.param("try: pass\nfinally: pass", 1, id="finally"),
        pytest.param("try: pass\nexcept A: pass\nexcept B: pass\nelse: pass", 3, id="except"),
        pytest.param("try: pass\nexcept* A: pass", 2, id="except group"),
        pytest.param("return x if y else z", 2, id="conditional expression"),
        pytest.param("return x and y", 2, id="and"),
        pytest.param("return x and y and z", 3, id="and and"),
        pytest.param("return x and y or z", 3, id="and or"),
        pytest.param("return not x", 1, id="not"),
        pytest.param("return x < y < z", 1, id="comparisons"),
        pytest.param("return [a for a in x for b in y]", 1, id="comprehension"),
        pytest.param("return {a for a in x if a if y}", 3, id="ifs of a comprehension"),
        pytest.param("return lambda: x if y else z", 2, id="lambda"),
        pytest.param("match x:\n case 1: pass\n case 2: pass", 3, id="match"),
        pytest.param("match x:\n case 1: pass\n case _: pass", 2, id="match with a default"),
        pytest.param("match x:\n case 1: pass\n case other: pass", 2, id="match with a name"),
        pytest.param("match x:\n case _ if y: pass", 2, id="match with a guard"),
        pytest.param("match x:\n case [1 | 2, *_]: pass", 2, id="match with a pattern"),
        pytest.param("class A:\n  y = 1 if x else 2", 2, id="body of an inner class"),
    ],
)
def test_complexity_is_one_and_the_number_of_decisions(body: str, complexity: int):
    assert complexity_of(body) == complexity


def test_a_nested_function_has_a_complexity_of_its_own():
    report = audited("""
        def outer(x):
            if x:
                def inner(y):
                    return y and x
            return inner
    """)

    assert [(f.name, f.complexity) for f in report.functions] == [("outer", 2), ("outer.inner", 2)]


def test_the_default_of_a_nested_function_belongs_to_the_function_around_it():
    report = audited("""
        def outer(x):
            def inner(y=1 if x else 2): pass
    """)

    assert [(f.name, f.complexity) for f in report.functions] == [("outer", 2), ("outer.inner", 1)]


def test_definitions_are_found_wherever_they_stand_and_in_order():
    report = audited("""
        if True:
            def in_if(): pass
        else:
            def in_else(): pass
        try:
            def in_try(): pass
        except Exception:
            def in_except(): pass
        finally:
            def in_finally(): pass
        with open("x"):
            async def in_with(): pass
        match 1:
            case 1:
                class InCase:
                    def method(self): pass
    """)

    assert [f.name for f in report.functions] == [
        "in_if",
        "in_else",
        "in_try",
        "in_except",
        "in_finally",
        "in_with",
        "InCase.method",
    ]
    assert [c.name for c in report.classes] == ["InCase"]


def test_length_goes_from_def_to_the_last_line_of_the_body():
    report = audited("""
        @property

        def f(
            x,
        ):
            '''Doc.'''

            return x

        # after
    """)

    assert (report.functions[0].line, report.functions[0].length) == (4, 6)


def test_docstrings_are_asked_of_what_is_public():
    report = audited('''
        """Module."""
        def documented():
            """Yes."""
        def bare(): pass
        def _private(): pass
        class Public:
            """Yes."""
            def method(self): pass
            def __init__(self): pass
            class _Private:
                def hidden(self): pass
        def outer():
            """Yes."""
            def nested(): pass
    ''')

    assert (report.documented, report.documentable) == (4, 6)


def test_an_empty_docstring_is_none():
    assert audited('""').documented == 0


def test_a_module_without_code_has_nothing_to_document():
    assert (audited("# nothing").documentable, audited("").documentable) == (0, 0)


def test_imports_are_absolute_names():
    report = audited("""
        import os.path as p, sys
        from a.b import c, d as e
        from star import *
        def f():
            from lazily import x
    """)

    assert report.imports == ("a.b.c", "a.b.d", "lazily.x", "os.path", "star", "sys")


@pytest.mark.parametrize(
    ("source", "module", "imported"),
    [
        pytest.param("from . import x", "a.b.c", "a.b.x", id="sibling"),
        pytest.param("from .x import y", "a.b.c", "a.b.x.y", id="in a sibling"),
        pytest.param("from .. import x", "a.b.c", "a.x", id="one up"),
        pytest.param("from . import x", "a.__init__", "a.x", id="from a package's own file"),
        pytest.param("from . import x", "single", ".x", id="out of the source"),
        pytest.param("from ...x import y", "a.b", "...x.y", id="far out of the source"),
        pytest.param("from .x import *", "a.b", "a.x", id="everything"),
    ],
)
def test_relative_imports_are_made_absolute(source: str, module: str, imported: str):
    assert audited(source, module).imports == (imported,)


def test_comments_say_what_is_left_to_do():
    report = audited('''
        x = "# TODO: this is a string"
        y = 1  # TODO(me): mend
        #: FIXME
        """
        # XXX: this is one too
        """
        # a TODOLIST is no marker, todo neither
        z = 'it\\'s'  # HACK
    ''')

    assert [(m.line, m.text) for m in report.markers] == [
        (3, "TODO(me): mend"),
        (4, ": FIXME"),
        (9, "HACK"),
    ]


def test_lines_are_code_comment_or_blank():
    report = audited('''\
        # comment

        def f():  # code
            """A docstring
            # with a hash

            is code, but for its blank line."""
            # comment
            return 1
    ''')

    assert (report.lines, report.code_lines, report.comment_lines, report.blank_lines) == (
        9,
        5,
        2,
        2,
    )


@pytest.mark.parametrize(
    ("source", "lines"),
    [("", 0), ("x", 1), ("x\n", 1), ("x\n\n", 2), ("x\r\ny\r\n", 2), ("x\ry", 2), ("\f\nx", 2)],
)
def test_lines_are_counted_as_python_does(source: str, lines: int):
    assert analyse(source.encode(), module="m", path="m.py").lines == lines


@pytest.mark.parametrize("name", ["argparse", "dataclasses", "tokenize", "re/_parser"])
def test_comments_are_those_that_the_tokenizer_sees(name: str):
    source = Path(sysconfig.get_paths()["stdlib"], f"{name}.py").read_bytes()
    tokens = list(tokenize.tokenize(io.BytesIO(source).readline))

    report = analyse(source, module="m", path="m.py")

    assert report.comment_lines == sum(
        token.type == tokenize.COMMENT and not token.line[: token.start[1]].strip()
        for token in tokens
    )


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("invalid_bytes", "line 1: byte 0xff is no utf-8"),
        ("lying_cookie", "line 2: byte 0xe2 is no ascii"),
        ("null_byte", "null bytes"),
        ("tabs_mixed", "line 3: inconsistent use of tabs and spaces"),
        ("too_deep_nesting", "line 3: too many nested parentheses"),
        ("unknown_cookie", "unknown encoding: klingon"),
        ("unparsable", "line 3: Missing parentheses"),
        ("utf_16", "is UTF-16"),
    ],
)
def test_what_cannot_be_parsed_is_told_with_the_reason(name: str, reason: str):
    report = fixture(name)

    assert report.status is Status.UNPARSABLE
    assert reason in report.reason
    assert report.digest


@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("latin_1", "is encoded as iso-8859-1"),
        ("utf_8_with_bom", "begins with a byte order mark"),
        ("invalid_escape", "line 3: "),
    ],
)
def test_what_is_odd_but_parsable_is_noted(name: str, note: str):
    report = fixture(name)

    assert report.status is Status.AUDITED
    assert [n for n in report.notes if n.startswith(note)]


@pytest.mark.parametrize(
    "name",
    [
        "bidi",
        "class",
        "crlf",
        "deep_nesting",
        "empty",
        "long_chain",
        "long_line",
        "no_final_newline",
        "only_comments",
        "unicode_names",
    ],
)
def test_what_only_looks_odd_is_audited(name: str):
    report = fixture(name)

    assert (report.status, report.notes) == (Status.AUDITED, ())


def test_the_number_in_a_fixtures_function_names_is_its_complexity():
    numbers = {"one": 1, "two": 2, "three": 3, "four": 4}

    for function in fixture("branches").functions:
        assert function.complexity == numbers[function.name.rpartition(".")[2].partition("_")[0]]


def test_an_error_of_any_kind_is_a_finding():
    source = b"# coding: rot13\nx = 1\n"

    report = analyse(source, module="m", path="m.py")

    assert report.status is Status.UNPARSABLE
    assert "rot13" in report.reason


def test_a_lone_surrogate_in_a_source_is_a_finding():
    report = analyse(b"# coding: raw_unicode_escape\nx = '\\ud800'\n", module="m", path="m.py")

    assert report.status is Status.UNPARSABLE


def test_expressions_may_nest_deeper_than_the_stack():
    source = "x = " + "-" * 2_000 + "1\n" + "y = a" + ".b" * 500 + "\n"

    report = analyse(source.encode(), module="m", path="m.py")

    assert report.status in {Status.AUDITED, Status.UNPARSABLE}


def test_texts_are_clipped_and_printable():
    report = audited("x = 1  # TODO: \u202e\x1b[31m" + "long " * 100)

    text = report.markers[0].text
    assert text.startswith("TODO: \\u202e\\x1b[31mlong ")
    assert len(text) == 160
    assert text.endswith("…")


def test_long_lists_are_cut_and_what_is_left_out_is_counted():
    report = audited("\n".join(f"def f{n}(): pass" for n in range(MOST_LISTED + 3)))

    assert len(report.functions) == MOST_LISTED
    assert report.left_out == 3


def test_the_huge_module_is_audited():
    report = analyse(huge_module().encode(), module="huge", path="huge.py")

    assert report.status is Status.AUDITED
    assert report.size > 1_000_000


def test_the_same_source_gives_the_same_report_and_another_one_another_digest():
    first, again, other = audited("x = 1"), audited("x = 1"), audited("x = 2")

    assert first == again
    assert first.digest != other.digest


def test_printable_text_hides_nothing():
    assert printable("a\tb\x00\u202e\udc80é") == "a\\tb\\x00\\u202e\\udc80é"
