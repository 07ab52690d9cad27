"""The chain of the audit trail: what is done to it is found, at the first entry that is wrong."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vespera.domain.audit import (
    NO_ENTRY,
    AuditEntry,
    AuditFlaw,
    AuditHead,
    canonical,
    checked_kind,
    entry_after,
    flaw_against,
    flaw_of,
    head_at,
)
from vespera.domain.errors import InvalidRequest


def a_chain(length: int, mark: str = "") -> list[AuditEntry]:
    entries: list[AuditEntry] = []
    head = NO_ENTRY
    for number in range(length):
        payload = canonical({"number": number, "mark": mark})
        entries.append(entry_after(head, at=number, kind="x", payload=payload))
        head = head_at(entries[-1])
    return entries


def first_flaw(entries: Sequence[AuditEntry]) -> AuditFlaw | None:
    head = NO_ENTRY
    for entry in entries:
        if flaw := flaw_of(head, entry):
            return flaw
        head = head_at(entry)
    return None


def test_what_was_written_is_sound() -> None:
    assert first_flaw(a_chain(10)) is None
    assert [entry.number for entry in a_chain(3)] == [1, 2, 3]


@pytest.mark.parametrize(
    "change", [{"at": 99}, {"kind": "y"}, {"payload": "{}"}, {"hash": "0" * 64}]
)
def test_an_entry_that_was_changed_is_found(change: dict[str, Any]) -> None:
    entries = a_chain(5)
    entries[2] = replace(entries[2], **change)
    flaw = first_flaw(entries)

    assert flaw is not None
    assert (flaw.number, "changed" in flaw.text) == (3, True)


@pytest.mark.parametrize("at", [0, 2])
def test_an_entry_that_was_removed_is_found(at: int) -> None:
    entries = a_chain(5)
    del entries[at]
    flaw = first_flaw(entries)

    assert flaw is not None
    assert (flaw.number, "missing" in flaw.text) == (at + 1, True)


def test_what_was_removed_and_numbered_anew_is_found() -> None:
    entries = a_chain(5)
    del entries[2]
    numbered = [replace(entry, number=number) for number, entry in enumerate(entries, 1)]

    assert (first_flaw(numbered) or AuditFlaw(0, "")).number == 3


def test_what_was_inserted_is_found_behind_it() -> None:
    entries = a_chain(5)
    entries.insert(2, entry_after(head_at(entries[1]), at=0, kind="x", payload="{}"))
    numbered = [replace(entry, number=number) for number, entry in enumerate(entries, 1)]

    assert (first_flaw(numbered) or AuditFlaw(0, "")).number == 4


def test_what_was_reordered_is_found() -> None:
    entries = a_chain(5)
    one, two = entries[1], entries[2]
    entries[1:3] = [replace(two, number=2), replace(one, number=3)]

    assert (first_flaw(entries) or AuditFlaw(0, "")).number == 2


def test_a_chain_that_was_written_anew_is_found_by_a_head() -> None:
    signed = head_at(a_chain(5)[2])
    found = a_chain(5, "forged")

    assert first_flaw(found) is None
    assert flaw_against(signed, head_at(a_chain(5)[2])) is None
    flaw = flaw_against(signed, head_at(found[2]))
    assert flaw is not None
    assert (flaw.number, "anew" in flaw.text) == (3, True)


def test_a_chain_that_was_cut_off_is_found_by_a_head() -> None:
    flaw = flaw_against(head_at(a_chain(5)[4]), head_at(a_chain(3)[2]))

    assert flaw == AuditFlaw(4, "it is missing: the chain ends before it, and had 5 entries once")
    assert flaw_against(AuditHead(1, "x"), NO_ENTRY) is not None


@given(st.data(), st.integers(2, 8))
def test_whatever_is_changed_removed_or_exchanged_is_never_sound(
    data: st.DataObject, length: int
) -> None:
    entries = a_chain(length)
    at = data.draw(st.integers(0, length - 2))
    match data.draw(st.sampled_from(["change", "remove", "exchange", "double"])):
        case "change":
            entries[at] = replace(entries[at], payload=canonical({"forged": data.draw(st.text())}))
        case "remove":
            del entries[at]
        case "exchange":
            entries[at], entries[at + 1] = entries[at + 1], entries[at]
        case _:
            entries.insert(at, entries[at])
    flaw = first_flaw(entries)

    assert flaw is not None
    assert flaw.number in {at + 1, at + 2}


def test_payloads_have_one_form() -> None:
    assert canonical({"b": [1, "é", "\udcff"], "a": None}) == (
        '{"a":null,"b":[1,"\\u00e9","\\udcff"]}'
    )


@pytest.mark.parametrize("wrong", [{"a": object()}, {"a": float("nan")}, {1: "", "a": ""}])
def test_what_has_no_form_is_refused(wrong: Any) -> None:
    with pytest.raises(InvalidRequest, match="payload"):
        canonical(wrong)


@pytest.mark.parametrize("wrong", ["", "a b", "a\n", "x" * 101, None, 7, "report", "withdrawal"])
def test_what_is_no_kind_is_refused(wrong: Any) -> None:
    with pytest.raises(InvalidRequest, match="kind"):
        checked_kind(wrong)


def test_a_kind_is_a_name() -> None:
    assert checked_kind("waiver") == "waiver"
