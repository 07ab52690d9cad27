"""What is to be done, by whom, in which order; and the text that each one needs for it."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

ROLES = ("architect", "implementer", "tester", "documenter")
MOST_SUBTASKS = 20
_KEY = re.compile(r"[a-z][a-z0-9-]{0,39}")
_PATH = re.compile(r"(?!.*\.\.)[\w][\w./-]{0,119}")
_FENCE = re.compile(r"\A\s*```(?:json)?\s*\n(.*?)\n```\s*\Z", re.DOTALL)


class UnusableAnswer(Exception):
    """What the model said cannot be used; asking again may help."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Something that was decided, and why."""

    title: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Subtask:
    """A part of the work for one role.

    ``files`` are the paths that it makes, and no other subtask does; ``needs`` are the keys of the
    subtasks that have to be completed before.
    """

    key: str
    role: str
    title: str
    instructions: str
    files: Sequence[str] = ()
    needs: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The whole work; each subtask stands behind those that it needs."""

    title: str
    summary: str
    subtasks: Sequence[Subtask]
    decisions: Sequence[Decision] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a specialist has made: the content of each of its files, and what to tell of it."""

    files: Mapping[str, str]
    summary: str
    next_action: str = ""
    decisions: Sequence[Decision] = field(default_factory=tuple)


def parse_plan(said: str) -> Plan:
    """The plan that a model's JSON describes.

    Raises:
        UnusableAnswer: it is no JSON, lacks something, or cannot be carried out; it says what.
    """
    given = _object(said)
    subtasks = [_subtask(each) for each in _list(given, "subtasks")]
    if not 1 <= len(subtasks) <= MOST_SUBTASKS:
        raise UnusableAnswer(f"subtasks: 1 to {MOST_SUBTASKS} are wanted, not {len(subtasks)}")
    return Plan(
        title=_text(given, "title"),
        summary=_text(given, "summary"),
        subtasks=_ordered(subtasks),
        decisions=[_decision(each) for each in _list(given, "decisions")],
    )


def parse_answer(said: str, wanted: Sequence[str]) -> Answer:
    """What a specialist has made of a subtask.

    Raises:
        UnusableAnswer: it is no JSON, or has not just the files that are wanted.
    """
    given = _object(said)
    files = given.get("files")
    if not isinstance(files, dict) or not all(isinstance(text, str) for text in files.values()):
        raise UnusableAnswer("files: an object is wanted, with a text for each path")
    if set(files) != set(wanted):
        raise UnusableAnswer(f"files: {', '.join(wanted)} are wanted, not {', '.join(files)}")
    return Answer(
        files=cast("Mapping[str, str]", files),
        summary=_text(given, "summary"),
        next_action=_text(given, "next_action", optional=True),
        decisions=[_decision(each) for each in _list(given, "decisions")],
    )


def context_of(subtask: Subtask, plan: Plan, premise: str, home: str) -> str:
    """All that whoever does the subtask has to know, without asking anybody."""
    before = [each for each in plan.subtasks if each.key in subtask.needs]
    lines = [
        f"# {subtask.title}",
        "",
        f"Premise: {premise}",
        "",
        f"The whole: {plan.title}. {plan.summary}",
        "",
        f"Your part, as {subtask.role}: {subtask.instructions}",
        "",
        f"Make these files, in the directory {home}: {', '.join(subtask.files) or 'none'}.",
    ]
    lines += [f"Done before: {each.title} ({', '.join(each.files)})." for each in before]
    lines += [f"Decided: {each.title}. {each.why}" for each in plan.decisions]
    return "\n".join(lines) + "\n"


def decision_text(decision: Decision, by: str) -> str:
    """The decision as a file."""
    return f"# {decision.title}\n\nDecided by the {by}.\n\n{decision.why}\n"


def _ordered(subtasks: Sequence[Subtask]) -> Sequence[Subtask]:
    """Each behind those that it needs, else in the given order."""
    known = {each.key: each for each in subtasks}
    files = [path for each in subtasks for path in each.files]
    if len(known) < len(subtasks) or len(set(files)) < len(files):
        raise UnusableAnswer("subtasks: a key or a file is there twice")
    for each in subtasks:
        if missing := [key for key in each.needs if key not in known]:
            raise UnusableAnswer(f"subtasks: {each.key} needs {missing[0]}, which is not there")
    ordered: dict[str, Subtask] = {}
    while len(ordered) < len(known):
        ready = [
            each
            for each in subtasks
            if each.key not in ordered and all(key in ordered for key in each.needs)
        ]
        if not ready:
            left = ", ".join(key for key in known if key not in ordered)
            raise UnusableAnswer(f"subtasks: {left} wait for each other")
        ordered[ready[0].key] = ready[0]
    return tuple(ordered.values())


def _subtask(given: Mapping[str, object]) -> Subtask:
    key, role = _text(given, "key"), _text(given, "role")
    if not _KEY.fullmatch(key):
        raise UnusableAnswer(f"key: {key!r} is no short name in small letters")
    if role not in ROLES:
        raise UnusableAnswer(f"role: {role!r} is none of {', '.join(ROLES)}")
    files = _texts(given, "files")
    for path in files:
        if not _PATH.fullmatch(path):
            raise UnusableAnswer(f"files: {path!r} is no relative path")
    return Subtask(
        key=key,
        role=role,
        title=_text(given, "title"),
        instructions=_text(given, "instructions"),
        files=files,
        needs=_texts(given, "needs"),
    )


def _decision(given: Mapping[str, object]) -> Decision:
    return Decision(title=_text(given, "title"), why=_text(given, "why"))


def _object(said: str) -> Mapping[str, object]:
    fenced = _FENCE.match(said)
    try:
        given = json.loads(fenced[1] if fenced else said)
    except ValueError as error:
        raise UnusableAnswer(f"this is no JSON: {error}: {said[:80]!r}") from error
    if not isinstance(given, dict):
        raise UnusableAnswer(f"a JSON object is wanted, not {said[:80]!r}")
    return given


def _list(given: Mapping[str, object], name: str) -> Sequence[Mapping[str, object]]:
    value = given.get(name, [])
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise UnusableAnswer(f"{name}: a list of objects is wanted")
    return value


def _texts(given: Mapping[str, object], name: str) -> Sequence[str]:
    value = given.get(name, [])
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise UnusableAnswer(f"{name}: a list of texts is wanted")
    return tuple(value)


def _text(given: Mapping[str, object], name: str, *, optional: bool = False) -> str:
    value = given.get(name, "" if optional else None)
    if not isinstance(value, str) or not (value.strip() or optional):
        raise UnusableAnswer(f"{name}: a text is wanted, not {value!r}")
    return value.strip()
