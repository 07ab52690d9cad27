"""What a model says becomes a plan, or it is told what is wrong with it."""

import json

import pytest

from scriptorium.offline import said_to
from scriptorium.plan import UnusableAnswer, context_of, parse_answer, parse_plan
from scriptorium.specialists import PLANNING


def planned(*subtasks, **more):
    usual = {"title": "t", "instructions": "i", "role": "tester"}
    given = {"title": "whole", "summary": "s", "subtasks": [{**usual, **each} for each in subtasks]}
    return json.dumps({**given, **more})


def test_the_known_plan_is_one():
    plan = parse_plan(said_to(PLANNING))

    assert [each.key for each in plan.subtasks] == ["design", "code", "tests", "manual"]
    assert plan.subtasks[3].needs == ("design", "code")


def test_each_subtask_stands_behind_those_that_it_needs():
    plan = parse_plan(
        planned({"key": "a", "needs": ["b"]}, {"key": "b", "needs": ["c"]}, {"key": "c"})
    )

    assert [each.key for each in plan.subtasks] == ["c", "b", "a"]


def test_json_in_a_fence_is_read_too():
    assert parse_plan(f"```json\n{planned({'key': 'a'})}\n```").title == "whole"


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("Sure! Here is your plan.", "no JSON"),
        ("[]", "object"),
        (planned(), "1 to 20"),
        (planned(*({"key": f"k{n}"} for n in range(21))), "1 to 20"),
        (planned({"key": "a"}, {"key": "a"}), "twice"),
        (planned({"key": "a", "files": ["x"]}, {"key": "b", "files": ["x"]}), "twice"),
        (planned({"key": "a", "needs": ["b"]}), "not there"),
        (
            planned({"key": "a", "needs": ["b"]}, {"key": "b", "needs": ["a"]}),
            "wait for each other",
        ),
        (planned({"key": "a", "needs": ["a"]}), "wait for each other"),
        (planned({"key": "A B"}), "short name"),
        (planned({"key": "a", "role": "manager"}), "architect"),
        (planned({"key": "a", "files": ["../x"]}), "relative path"),
        (planned({"key": "a", "files": ["/etc/x"]}), "relative path"),
        (planned({"key": "a", "files": [".git/x"]}), "relative path"),
        (planned({"key": "a", "files": "x"}), "list of texts"),
        (planned({"key": "a", "title": " "}), "title"),
        (planned({"key": "a"}, decisions=["x"]), "list of objects"),
        (planned({"key": "a"}, summary=7), "summary"),
    ],
)
def test_what_cannot_be_carried_out_is_told(said, why):
    with pytest.raises(UnusableAnswer, match=why):
        parse_plan(said)


def test_an_answer_has_just_the_files_that_are_wanted():
    files = {"a.py": "pass\n"}

    answer = parse_answer(json.dumps({"files": files, "summary": "done"}), ["a.py"])
    assert (answer.files, answer.next_action) == (files, "")

    for wrong in ({}, {**files, "b.py": ""}, {"a.py": 1}, None):
        with pytest.raises(UnusableAnswer, match="files"):
            parse_answer(json.dumps({"files": wrong, "summary": "done"}), ["a.py"])


def test_the_context_of_a_subtask_is_all_that_is_needed():
    plan = parse_plan(said_to(PLANNING))

    told = context_of(plan.subtasks[2], plan, "Count words", "home")

    for part in ("Count words", "as tester", "home: test_wordtally.py", "wordtally.py", "Decided:"):
        assert part in told
    assert "README.md" not in told
