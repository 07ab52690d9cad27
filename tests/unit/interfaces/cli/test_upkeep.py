"""What the database's keeper tells is printed line by line."""

import pytest

from vespera.application.ports.care import Flaw, Inspection, Migration
from vespera.interfaces.cli import upkeep


def test_a_finding_is_one_line_whatever_its_text(capsys):
    flaws = [Flaw("integrity", "two\nlines\tand \x1b[2J")]

    upkeep.show_inspection(Inspection(path="work.db", revision="0001", flaws=flaws), as_json=False)

    assert capsys.readouterr().out.splitlines() == [
        "integrity: two lines and \\x1b[2J",
        "work.db: 1 finding (revision 0001)",
    ]


@pytest.mark.parametrize(
    ("before", "line"),
    [
        ("", "work.db: migrated from revision none to 0002"),
        ("0001", "work.db: migrated from revision 0001 to 0002"),
        ("0002", "work.db: is of revision 0002 already"),
    ],
)
def test_a_migration_tells_from_where_to_where(capsys, before, line):
    upkeep.show_migration(Migration(path="work.db", before=before, after="0002"), as_json=False)

    assert capsys.readouterr().out == f"{line}\n"
