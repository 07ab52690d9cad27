"""What can be said of one module by reading its source: bytes in, ``ModuleReport`` out.

Nothing here touches the disk. Whatever is wrong with a source becomes part of its report.
"""

import ast
import hashlib
import io
import re
import threading
import tokenize
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeVar

MOST_LISTED = 5_000
LONGEST_TEXT = 160
MARKERS = ("TODO", "FIXME", "XXX", "HACK")

_MARKED = re.compile(rf"\b({'|'.join(MARKERS)})\b")
_STRING_OR_COMMENT = re.compile(
    r"""(?P<quotes>\"{3}|'{3}) (?:\\.|[^\\])*? (?P=quotes)
      | " (?:\\.|[^"\\\n])* "
      | ' (?:\\.|[^'\\\n])* '
      | (?P<comment>\#[^\n]*)""",
    re.DOTALL | re.VERBOSE,
)
_LINE_END = re.compile(r"\r\n?")
_WARNING_FILTERS = threading.Lock()  # they belong to the whole process

_BRANCHES = frozenset({ast.If, ast.IfExp, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler})
_TELLING = _BRANCHES | {
    ast.BoolOp,
    ast.comprehension,
    ast.match_case,
    ast.Import,
    ast.ImportFrom,
}
T = TypeVar("T")
Function = ast.FunctionDef | ast.AsyncFunctionDef
Definition = Function | ast.ClassDef


class Status(StrEnum):
    """How far the audit of a module came."""

    AUDITED = "audited"
    UNPARSABLE = "unparsable"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionReport:
    """A function or method. ``length`` is in lines, from ``def`` to the end of the body.

    ``complexity`` is McCabe's number: one, and one more for each ``if``, ``elif``, ``for``,
    ``while``, ``except``, conditional expression, ``and`` or ``or``, ``if`` of a comprehension,
    and ``case`` that may fail to match. A nested function has a number of its own; a lambda
    counts with the function around it.
    """

    name: str
    line: int
    length: int
    complexity: int
    documented: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassReport:
    """A class. ``length`` is in lines, from ``class`` to the end of the body."""

    name: str
    line: int
    length: int
    documented: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Marker:
    """A comment that says that something is left to do."""

    line: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleReport:
    """All that is said of one module.

    ``report`` is the name of its report, without suffix. ``digest`` stands for the source, or
    for the reason why it cannot be read. ``reason`` says why the module is not ``AUDITED``,
    ``notes`` what is odd about it. ``imports`` are dotted names, relative ones made absolute.
    ``documentable`` counts the module itself and its public classes, functions and methods,
    ``documented`` those of them with a docstring. ``left_out`` counts entries beyond
    ``MOST_LISTED`` in the lists.
    """

    module: str
    path: str
    report: str
    status: Status
    reason: str = ""
    notes: Sequence[str] = ()
    digest: str = ""
    size: int = 0
    encoding: str = ""
    lines: int = 0
    code_lines: int = 0
    comment_lines: int = 0
    blank_lines: int = 0
    documentable: int = 0
    documented: int = 0
    functions: Sequence[FunctionReport] = ()
    classes: Sequence[ClassReport] = ()
    imports: Sequence[str] = ()
    markers: Sequence[Marker] = ()
    left_out: int = 0


def analyse(
    source: bytes, *, module: str, path: str, report: str = "", notes: Sequence[str] = ()
) -> ModuleReport:
    """Audit one module's source.

    Args:
        source: the file's bytes, in whichever encoding.
        module: its dotted name (``package.__init__`` for a package's own file).
        path: the name of the file, for people.
        report: the name of its report, without suffix.
        notes: what is odd about the file apart from its content.
    """
    begun = ModuleReport(
        module=module,
        path=path,
        report=report or module,
        status=Status.AUDITED,
        notes=tuple(notes),
        digest=digest_of(source),
        size=len(source),
    )
    try:
        text, encoding = _decode(source)
        tree, warned = _parse(text)
    except Exception as error:  # noqa: BLE001  (whatever the parser raises is a finding)
        return replace(begun, status=Status.UNPARSABLE, reason=_reason(error, source))
    odd = (*begun.notes, *_encoding_notes(encoding), *warned)
    return _measure(text, tree, replace(begun, encoding=encoding, notes=odd))


def digest_of(source: bytes) -> str:
    """A short name for exactly this source."""
    return hashlib.sha256(source).hexdigest()[:16]


def printable(text: str) -> str:
    """The text with all that could disturb a terminal, a page or a database shown as an escape."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _decode(source: bytes) -> tuple[str, str]:
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(source).readline)
    except SyntaxError:
        source.decode()  # tells better which byte is wrong, if one is
        raise
    return _LINE_END.sub("\n", source.decode(encoding)), encoding


def _parse(text: str) -> tuple[ast.Module, Sequence[str]]:
    with _WARNING_FILTERS, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        tree = ast.parse(text)
    return tree, _listed([f"line {w.lineno}: {_clipped(str(w.message))}" for w in caught])


def _encoding_notes(encoding: str) -> Sequence[str]:
    match encoding:
        case "utf-8":
            return ()
        case "utf-8-sig":
            return ("begins with a byte order mark",)
        case _:
            return (f"is encoded as {encoding}",)


def _reason(error: Exception, source: bytes) -> str:
    if source.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "is UTF-16, which no Python source may be"
    match error:
        case SyntaxError(msg=message, lineno=int(line)):
            return f"line {line}: {_clipped(message)}"
        case UnicodeDecodeError(encoding=encoding, start=start):
            line = source.count(b"\n", 0, start) + 1
            return f"line {line}: byte {source[start]:#04x} is no {encoding}"
        case SyntaxError():
            return _clipped(error.msg)
        case _:
            return _clipped(f"{type(error).__name__}: {error}")


def _measure(text: str, tree: ast.Module, report: ModuleReport) -> ModuleReport:
    complexity: Counter[Function | None] = Counter()
    imported: set[str] = set()
    for node, function in _telling_nodes(tree):
        complexity[function] += _decisions(node)
        imported.update(_imported(node, report.module))
    found = list(_definitions(tree))
    functions = [_function(d, complexity[d.node]) for d in found if isinstance(d.node, Function)]
    classes = [_class(d) for d in found if isinstance(d.node, ast.ClassDef)]
    imports = [_clipped(name) for name in sorted(imported)]
    comments = [match for match in _STRING_OR_COMMENT.finditer(text) if match["comment"]]
    markers = list(_markers(text, comments))
    described = [tree, *(d.node for d in found if d.public)] if tree.body else []
    return replace(
        _with_line_counts(report, text, comments),
        documentable=len(described),
        documented=sum(_documented(node) for node in described),
        functions=_listed(functions),
        classes=_listed(classes),
        imports=_listed(imports),
        markers=_listed(markers),
        left_out=sum(
            max(0, len(entries) - MOST_LISTED) for entries in (functions, classes, imports, markers)
        ),
    )


def _telling_nodes(tree: ast.Module) -> Iterator[tuple[ast.AST, Function | None]]:
    """Decisions and imports, each with the innermost function in whose body it is."""
    waiting: list[tuple[ast.AST, Function | None]] = [(tree, None)]
    while waiting:  # no recursion: sources nest as deep as they like
        node, function = waiting.pop()
        if type(node) in _TELLING:
            yield node, function
        own = node if isinstance(node, Function) else None
        body = set(own.body) if own else ()
        waiting.extend(
            (child, own if child in body else function)
            for child in ast.iter_child_nodes(node)
            if child._fields  # operators and contexts have none, and tell nothing
        )


def _decisions(node: ast.AST) -> int:
    if type(node) in _BRANCHES:
        return 1
    match node:
        case ast.BoolOp(values=values):
            return len(values) - 1
        case ast.comprehension(ifs=ifs):
            return len(ifs)
        case ast.match_case(pattern=pattern, guard=guard):
            always = guard is None and isinstance(pattern, ast.MatchAs) and not pattern.pattern
            return 0 if always else 1
        case _:
            return 0


@dataclass(frozen=True, slots=True)
class _Found:
    node: Definition
    name: str
    public: bool


def _definitions(tree: ast.Module) -> Iterator[_Found]:
    """Functions and classes in the order of the source, with dotted names."""
    waiting: list[tuple[ast.AST, str, bool]] = [(tree, "", True)]
    while waiting:
        node, prefix, public = waiting.pop()
        if isinstance(node, Definition):
            name, public = f"{prefix}{node.name}", public and not node.name.startswith("_")
            yield _Found(node, name, public)
            prefix, public = f"{name}.", public and isinstance(node, ast.ClassDef)
        inner = [
            (child, prefix, public)
            for child in ast.iter_child_nodes(node)
            if _holds_definitions(child)
        ]
        waiting.extend(reversed(inner))


def _holds_definitions(node: ast.AST) -> bool:
    return isinstance(node, ast.stmt | ast.ExceptHandler | ast.match_case)


def _function(found: _Found, decisions: int) -> FunctionReport:
    return FunctionReport(
        name=_clipped(found.name),
        line=found.node.lineno,
        length=_length(found.node),
        complexity=1 + decisions,
        documented=_documented(found.node),
    )


def _class(found: _Found) -> ClassReport:
    return ClassReport(
        name=_clipped(found.name),
        line=found.node.lineno,
        length=_length(found.node),
        documented=_documented(found.node),
    )


def _length(node: Definition) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def _documented(node: Definition | ast.Module) -> bool:
    return bool(ast.get_docstring(node, clean=False))


def _imported(node: ast.AST, module: str) -> Iterator[str]:
    match node:
        case ast.Import(names=names):
            yield from (alias.name for alias in names)
        case ast.ImportFrom(names=names):
            origin = _origin(node, module)
            dot = "" if origin.endswith(".") else "."
            yield from (origin if a.name == "*" else f"{origin}{dot}{a.name}" for a in names)


def _origin(node: ast.ImportFrom, module: str) -> str:
    """The absolute name of what a ``from`` names; as written where it leads out of the source."""
    package = module.split(".")[: -node.level] if node.level else []
    if node.level and not package:
        return "." * node.level + (node.module or "")
    return ".".join([*package, *([node.module] if node.module else [])])


def _markers(text: str, comments: Sequence[re.Match[str]]) -> Iterator[Marker]:
    line, counted = 1, 0
    for comment in comments:
        line += text.count("\n", counted, comment.start())
        counted = comment.start()
        if _MARKED.search(comment["comment"]):
            yield Marker(line=line, text=_clipped(comment["comment"].lstrip("# ")))


def _with_line_counts(
    report: ModuleReport, text: str, comments: Sequence[re.Match[str]]
) -> ModuleReport:
    lines = text.removesuffix("\n").split("\n") if text else []
    blank = sum(not line.strip() for line in lines)
    alone = sum(_begins_its_line(text, comment.start()) for comment in comments)
    return replace(
        report,
        lines=len(lines),
        blank_lines=blank,
        comment_lines=alone,
        code_lines=len(lines) - blank - alone,
    )


def _begins_its_line(text: str, at: int) -> bool:
    return not text[text.rfind("\n", 0, at) + 1 : at].strip()


def _clipped(text: str) -> str:
    text = printable(text)
    return text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT - 1]}…"


def _listed(entries: Sequence[T]) -> Sequence[T]:
    return tuple(entries[:MOST_LISTED])
