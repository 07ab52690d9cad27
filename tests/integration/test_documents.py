"""The documents do what they say.

All Python blocks of a document are one program, run from the top in an empty directory; a name
such as ``# haiku.py`` in the first line makes a block a file there. ``console`` blocks are run in
the same place, and print what they show (``...`` stands for anything); a ``text`` block is what the
Python block before it printed. ``sh`` blocks are not run; the make targets and commands in them
exist.
"""

import ast
import contextlib
import doctest
import inspect
import io
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, ModuleType

import click
import pytest

from vespera.interfaces.cli.app import app

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
FILE_NAME = re.compile(r"# (?P<name>\S+\.py)\n")
LINK = re.compile(r"\]\((?!https?:)(?P<target>[^)#\s]+)(?:#(?P<anchor>[^)\s]+))?\)")
HEADING = re.compile(r"^#+ (?P<title>.+)$", re.MULTILINE)
PATH = re.compile(r"`((?:src|tests|docs|examples|benchmarks)/[\w./-]+)`")
TEST = re.compile(r"`(test_\w+)`")
TEST_FILES = [*ROOT.glob("tests/**/test_*.py"), *ROOT.glob("examples/**/test_*.py")]
TARGET = re.compile(r"^([a-z-]+):", re.MULTILINE)
ALIKE = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
TO_RUN = """
*To run the code:* it awaits at the top level, as IPython and `python -m asyncio` let you; in a
file, put what awaits into an `async def main()`, and end with `asyncio.run(main())`.
"""
NOT_OURS = {"basedpyright", "cd", "git", "mypy", "pip"}


@dataclass(frozen=True)
class Block:
    """What stands between two fences, and in which line it begins."""

    language: str
    text: str
    line: int


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def text_of(document: Path) -> str:
    return document.read_text(encoding="utf-8")


def blocks_of(document: Path) -> list[Block]:
    text = text_of(document)
    return [
        Block(found["language"], found["text"], text.count("\n", 0, found.start("text")))
        for found in FENCE.finditer(text)
    ]


def commands_of(block: Block) -> list[tuple[str, str]]:
    """Each command, and what it is shown to print."""
    parts = re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]
    split = (part.partition("\n") for part in parts)
    return [(command, shown) for command, _, shown in split]


@pytest.fixture
def program(request, tmp_path, monkeypatch):
    """The module that a document's Python blocks make up, in a directory of its own."""
    monkeypatch.chdir(tmp_path)
    module = ModuleType("document")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module


def compiled(block: Block, document: Path) -> CodeType:
    """The block as code, which may await at the top level."""
    source = "\n" * block.line + block.text  # so that a traceback tells the document's line
    return compile(source, str(document), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


def awaits(block: Block, document: Path) -> bool:
    """Whether it is code that a plain file could not have."""
    is_code = block.language == "python" and not FILE_NAME.match(block.text)
    return is_code and bool(compiled(block, document).co_flags & inspect.CO_COROUTINE)


async def run_python(block: Block, document: Path, program: ModuleType) -> str:
    """What the block printed."""
    file = FILE_NAME.match(block.text)
    if file:
        Path(file["name"]).write_text(block.text, encoding="utf-8")
        return ""
    code = compiled(block, document)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        result = eval(code, vars(program))  # the flag makes it a coroutine where it awaits
        if inspect.iscoroutine(result):
            await result
    return printed.getvalue()


def check_printed(shown: str, printed: str, *more: str) -> None:
    is_shown = doctest.OutputChecker().check_output(shown, printed, ALIKE)
    assert is_shown, "\n".join([printed, "instead of", shown, *more])


def run_console(block: Block) -> None:
    beside = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    for command, shown in commands_of(block):
        ran = subprocess.run(
            ["bash", "-c", command],
            env={**os.environ, "PATH": beside, "COLUMNS": "100"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        check_printed(shown, ran.stdout, command, ran.stderr)


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
async def test_the_blocks_of_a_document_run(document, program):
    printed = ""
    for block in blocks_of(document):
        match block.language:
            case "python":
                printed = await run_python(block, document, program)
            case "text":
                check_printed(block.text, printed)
            case "console":
                run_console(block)


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_whose_code_awaits_at_the_top_level_says_once_how_to_run_it(document):
    is_needed = any(awaits(block, document) for block in blocks_of(document))

    assert text_of(document).count(TO_RUN) == is_needed


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_a_block_says_what_is_done_with_it(document):
    languages = {block.language for block in blocks_of(document)}

    assert languages <= {"console", "python", "sh", "text", "toml"}


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_the_commands_of_a_document_exist(document):
    blocks = [block for block in blocks_of(document) if block.language == "sh"]

    commands = [command for block in blocks for command, _ in commands_of(block)]

    assert [
        command for command in commands if not exists(shlex.split(command, comments=True))
    ] == []


def exists(words: list[str]) -> bool:
    if words[0] == "make":
        targets = TARGET.findall((ROOT / "Makefile").read_text(encoding="utf-8"))
        return set(words[1:]) <= set(targets)
    if words[0] == "vespera":
        return is_our_command(words[1:])
    return words[0] in NOT_OURS


def is_our_command(words: list[str]) -> bool:
    command: click.Command = app
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        if words[0] not in command.commands:
            return False
        command, words = command.commands[words[0]], words[1:]
    known = {option for parameter in command.params for option in parameter.opts}
    return {word for word in words if word.startswith("--")} <= known | {"--help"}


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_the_links_of_a_document_lead_somewhere(document):
    links = LINK.finditer(FENCE.sub("", text_of(document)))

    dead = [link[0] for link in links if not leads_somewhere(document, link)]

    assert dead == []


def leads_somewhere(document: Path, link: re.Match[str]) -> bool:
    target = document.parent / link["target"]
    if link["anchor"] is None or not target.is_file():
        return target.exists()
    titles = [found["title"] for found in HEADING.finditer(FENCE.sub("", text_of(target)))]
    return link["anchor"] in map(anchor, titles)


def anchor(title: str) -> str:
    return re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_the_files_that_a_document_names_exist(document):
    paths = PATH.findall(text_of(document))

    assert [path for path in paths if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_the_tests_that_a_document_names_exist(document, known_tests):
    tests = TEST.findall(text_of(document))

    assert [test for test in tests if test not in known_tests] == []


@pytest.fixture(scope="module")
def known_tests():
    files = {path.stem for path in TEST_FILES}
    return files.union(*(re.findall(r"def (test_\w+)", text_of(path)) for path in TEST_FILES))
