import pytest

from vespera.testing.faults import FaultRefused
from vespera.testing.faults.targets import parse_target


@pytest.mark.parametrize(
    ("target", "kind", "met", "missed"),
    [
        ("step:charge", "step", ["charge"], ["charge2", "Charge", ""]),
        ("step:charge *", "step", ["charge 1", "charge "], ["charge"]),
        ("step:*", "step", ["charge", "a:b"], []),
        ("commit", "commit", ["commit"], []),
        ("database:read-only", "database", ["read-only"], ["full"]),
        ("file:write", "file", ["write a", "write a/b"], ["read a"]),
        ("file:* a.txt", "file", ["write a.txt", "read a.txt"], ["read b.txt", "read x/a.txt"]),
        ("file:read r/*.json", "file", ["read r/a.json"], ["read r/x/a.json", "read r/a.jsonx"]),
        ("file:read **/*.json", "file", ["read a.json", "read x/y/a.json"], ["read a.txt"]),
        ("file:delete a?", "file", ["delete ab"], ["delete a", "delete a/"]),
        ("file:observe my file", "file", ["observe my file"], ["observe my"]),
        ("bank.charge", "call", ["bank.charge"], ["bank.refund"]),
        ("bank.*", "call", ["bank.charge", "bank.refund"], ["tasks.get"]),
    ],
)
def test_a_target_is_met_by_what_it_names(target, kind, met, missed):
    parsed = parse_target(target)

    assert parsed.kind == kind
    assert [name for name in (*met, *missed) if parsed.matches(name)] == met


@pytest.mark.parametrize(
    ("target", "hint"),
    [
        (None, "None is no target, which is a text"),
        ("", "Targets are"),
        ("charge", "Targets are"),
        ("step", r"Did you mean 'step:'"),
        ("step:", r"Did you mean 'step:'"),
        ("setp:charge", "Targets are"),
        ("commits", "Did you mean 'commit'"),
        ("commit:3", "Did you mean 'commit'"),
        ("database", "Did you mean 'database:'"),
        ("database:ful", r"busy, full, read-only, corrupt\. Did you mean 'full'"),
        ("file:wirte a.txt", r"Did you mean 'write'"),
        ("file:", "none of write, delete"),
    ],
)
def test_what_is_no_target_is_refused_with_near_ones(target, hint):
    with pytest.raises(FaultRefused, match=hint):
        parse_target(target)
