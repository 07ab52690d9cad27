"""What is left to do after an interruption, or after a change."""

from dataclasses import replace
from pathlib import Path

import pytest

from codebase_audit.plan import Found, Plan, PlanFile, first_plan, next_plan, superseded
from codebase_audit.sources import Module


def found(**digests: str) -> list[Found]:
    return [
        Found(module=Module(name=n, report=n, root="/src", file=f"{n}.py"), digest=digest)
        for n, digest in digests.items()
    ]


def plan(edition: str, *, program: str = "p", label: str = "src", **digests: str) -> Plan:
    return first_plan(found(**digests), label=label, program=program, edition=edition)


def editions(of: Plan) -> dict[str, str]:
    return {entry.found.module.name: entry.edition for entry in of.entries}


def test_the_last_request_waits_for_all_others():
    requests = plan("one", a="1", b="2").requests

    assert [r["specialist_type"] for r in requests] == ["analyst", "analyst", "editor"]
    assert requests[-1]["depends_on"] == [r["task_id"] for r in requests[:-1]]


def test_a_plan_that_still_holds_is_kept():
    last = plan("one", a="1", b="2")

    assert next_plan(last, plan("two", a="1", b="2")) is last


def test_only_what_changed_gets_a_new_task():
    last, fresh = plan("one", a="1", b="2"), plan("two", a="1", b="changed", c="3")

    after = next_plan(last, fresh)

    assert editions(after) == {"a": "one", "b": "two", "c": "two"}
    assert after.page_id != last.page_id
    assert superseded(last, after) == [last.page_id, last.entries[1].task_id]


def test_what_changes_back_gets_a_new_task_again():
    first = plan("one", a="1")
    second = next_plan(first, plan("two", a="2"))
    third = next_plan(second, plan("three", a="1"))

    assert len({first.entries[0].task_id, third.entries[0].task_id}) == 2


def test_reports_of_modules_that_are_gone_are_retired_until_a_page_is_published():
    last = plan("one", a="1", b="2", c="3")
    second = next_plan(last, plan("two", b="2", c="3"), published=True)
    third = next_plan(second, plan("three", c="3"), published=False)
    fourth = next_plan(third, plan("four", c="4"), published=True)

    assert (second.retired, third.retired, fourth.retired) == (("a",), ("a", "b"), ())


def test_a_module_that_comes_back_is_not_retired():
    last = next_plan(plan("one", a="1", b="2"), plan("two", b="2"))

    assert next_plan(last, plan("three", a="1", b="2"), published=False).retired == ()


@pytest.mark.parametrize("change", [{"program": "q"}, {"label": "other"}])
def test_another_program_or_label_makes_another_page(change: dict[str, str]):
    last = plan("one", a="1")

    assert next_plan(last, plan("two", a="1", **change)).page_id != last.page_id


def test_what_another_program_audited_is_audited_anew():
    assert editions(next_plan(plan("one", a="1"), plan("two", program="q", a="1"))) == {"a": "two"}


def test_a_spoiled_task_is_replaced():
    last = plan("one", a="1", b="2")
    spoiled = {last.entries[0].task_id}

    assert editions(next_plan(last, plan("two", a="1", b="2"), spoiled=spoiled)) == {
        "a": "two",
        "b": "one",
    }


def test_a_spoiled_page_is_replaced_alone():
    last = plan("one", a="1")

    after = next_plan(last, plan("two", a="1"), spoiled={last.page_id})

    assert after.page_id != last.page_id
    assert after.entries == last.entries


def test_a_saved_plan_comes_back_the_same(tmp_path: Path):
    odd = Module(name="caf\\udce9", report="caf-1", root="/s\udce9", file="caf\udce9.py")
    saved = first_plan([Found(module=odd, digest="1")], label="s", program="p", edition="one")
    saved = replace(saved, retired=("gone",))

    PlanFile(tmp_path / "new" / "plan.json").save(saved)

    assert PlanFile(tmp_path / "new" / "plan.json").load() == saved


@pytest.mark.parametrize("content", [None, "", "{", "{}", "[]", '{"entries": [1]}'])
def test_a_plan_that_cannot_be_read_is_no_plan(tmp_path: Path, content: str | None):
    path = tmp_path / "plan.json"
    if content is not None:
        path.write_text(content)

    assert PlanFile(path).load() is None
