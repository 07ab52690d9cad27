"""A setting that makes no sense is refused when the container is made."""

from pathlib import Path
from typing import ClassVar

import pytest

from vespera import Container
from vespera.domain.errors import InvalidRequest


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("concurrency", value) for value in (0, -1, "4", None, 2.5, True, 10**400)),
        *(("lease_seconds", value) for value in (0, -1, "x", None, True, 1e12, 10**400)),
        *(("lease_seconds", float(value)) for value in ("nan", "inf", "-inf", "1e-9")),
        *(("payload_limit", value) for value in (0, -1, "x", None, 1.5, True)),
        *(("spill_above", value) for value in (-1, "x", 1.5, True)),
        *(("snapshots_kept", value) for value in (-1, "x", 1.5, True)),
        *(("snapshot_ignore", value) for value in ("*.log", None, [1], {"*.log"})),
        *(("snapshot_watch", value) for value in (".env", None, [b".env"])),
        *(("proof", value) for value in ("lax", None, [], ["verified"], 1)),
        *(("store_replaced", value) for value in (0, "yes", None)),
        *(("store_quota", value) for value in (0, -1, "x", None, 1.5, True)),
        *(("audit", value) for value in (1, None, "yes")),
        *(("store_retention", value) for value in (-1, "x", True)),
        *(("store_never", value) for value in (".env", None, 7)),
        *(("workspace", value) for value in (None, "", 123, b"work", "a\0b", True)),
    ],
    ids=lambda given: repr(given)[:20],
)
def test_a_senseless_setting_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(InvalidRequest, match=f"^{name}: must be ") as caught:
        Container({name: value})

    assert caught.value.field == name


@pytest.mark.parametrize("name", ["snapshot_ignore", "snapshot_watch"])
def test_what_is_no_pattern_is_refused_by_name(name: str) -> None:
    with pytest.raises(InvalidRequest, match=f"^{name}: '!' is no pattern"):
        Container({name: ["!"]})


def test_a_subclass_s_default_is_checked_too() -> None:
    class Idle(Container):
        defaults: ClassVar = {"concurrency": 0}

    with pytest.raises(InvalidRequest, match=r"^concurrency: must be a whole number from 1 "):
        Idle()


def test_a_path_of_bytes_is_refused() -> None:
    class InBytes:
        def __fspath__(self) -> bytes:
            return b"work"

    with pytest.raises(InvalidRequest, match=r"^workspace: "):
        Container(workspace=InBytes())


@pytest.mark.parametrize("workspace", [".", "work", "/nonexistent/work", Path("work")], ids=repr)
def test_a_workspace_is_given_as_text_or_as_a_path(workspace: str | Path) -> None:
    assert Container(workspace=workspace).config.workspace() == workspace


@pytest.mark.parametrize(
    "settings",
    [
        {"concurrency": 1},
        {"lease_seconds": 1},
        {"lease_seconds": 0.05},
        {"payload_limit": 1},
        {"spill_above": 0},
        {"spill_above": None},
        {"snapshots_kept": None},
        {"snapshots_kept": 0},
        {"snapshot_ignore": ["*.log", "!keep.log"]},
        {"snapshot_watch": ()},
        {"proof": "report_only"},
        {"proof": ["no_effect"]},
        {"proof": {"builder": ["undeclared"], "*": "strict"}},
        {"payload_limit": 200 * 1024 * 1024},
        {"store_quota": 100 * 1024**3},
        {"store_retention": 3600},
        {"store_retention": None},
        {"audit": True},
        {"store_never": []},
        {"store_never": ["*.secret"]},
    ],
    ids=str,
)
def test_settings_within_their_bounds_are_accepted(settings: dict[str, object]) -> None:
    assert Container(settings)
