"""States, as programs and people are told them."""

import pytest

from vespera.domain.file_operation import (
    Absent,
    DirectoryState,
    FileState,
    PathState,
    SpecialState,
    SymlinkState,
    UnknownState,
)
from vespera.domain.state_form import form_of, in_short


@pytest.mark.parametrize(
    ("state", "form", "short"),
    [
        (Absent(), {"state": "absent"}, "nothing"),
        (
            FileState("b3:0123456789", 7, 0o640),
            {"state": "file", "digest": "b3:0123456789", "size": 7, "mode": 0o640},
            "b3:01234567 7 0640",
        ),
        (SymlinkState("x"), {"state": "symlink", "target": "x"}, "-> x"),
        (DirectoryState(0o700), {"state": "directory", "mode": 0o700}, "directory 0700"),
        (SpecialState("fifo"), {"state": "special", "kind": "fifo"}, "fifo"),
        (UnknownState("why"), {"state": "unknown", "reason": "why"}, "? why"),
    ],
)
def test_each_kind_of_state_has_its_form(
    state: PathState, form: dict[str, object], short: str
) -> None:
    assert (form_of(state), in_short(state)) == (form, short)
