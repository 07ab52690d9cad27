"""Sources that put the audit to the test: those shipped beside this file, and a huge one."""

from pathlib import Path

from codebase_audit.sources import Source

FIXTURES = Path(__file__).parent / "fixtures"
HUGE_ROWS = 5_000


def odd_sources(home: Path) -> list[Source]:
    """The shipped fixtures, and a module of a megabyte, which is made in ``home``."""
    home.mkdir(parents=True, exist_ok=True)
    huge, text = home / "huge.py", huge_module()
    if not huge.exists() or huge.read_text() != text:  # an audit may be reading it right now
        huge.with_suffix(".tmp").write_text(text)
        huge.with_suffix(".tmp").replace(huge)
    return [Source(root=FIXTURES, prefix="odd"), Source(root=home, prefix="odd")]


def huge_module() -> str:
    """The source of a module with a long table in it."""
    rows = (f'    ({number}, "{number:0200b}"),\n' for number in range(HUGE_ROWS))
    return f'"""A table that somebody generated."""\n\nTABLE = [\n{"".join(rows)}]\n'
