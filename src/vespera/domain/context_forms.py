"""What is known of a task in JSON and in Markdown, neither of them larger than it may be.

Both are made of the same items, in the same order. Each section shows some of its items first;
then come differences of files, the shortest first; then the rest of the items. What has no room is
left out and counted. Long texts within an item are cut, and end in ``...``.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from vespera.domain.context_items import (
    LONGEST_TEXT,
    SECTIONS,
    Section,
    clipped,
    code,
    facts_of,
    told_facts,
)
from vespera.domain.context_recovery import RecoveredContext
from vespera.domain.context_size import DEFAULT_BYTES

_FIRST = 20
_SHARE = 34
_SMALLEST_ITEM = 10


@dataclass(frozen=True, slots=True)
class _Shown:
    """How many items of each section, and the differences of which paths."""

    items: Mapping[str, int]
    diffs: frozenset[str] = frozenset()


class _Known:
    """What could be told, if there were room: ``items`` of each section by its name, and the paths
    that have a difference, the shortest first. Of the texts about the task itself each may take
    ``longest`` bytes, so that all have room.
    """

    def __init__(self, context: RecoveredContext, max_bytes: int) -> None:
        self.context = context
        self.longest = min(LONGEST_TEXT, max_bytes // _SHARE)
        self.items = {section.name: section.items(context) for section in SECTIONS}
        patches = [(len(one.patch), one.net.change.path) for one in context.changes]
        self.diffs = [path for size, path in sorted(patches) if size]


def json_of(context: RecoveredContext, max_bytes: int = DEFAULT_BYTES) -> Mapping[str, object]:
    """Plain JSON values; ``json.dumps(..., indent=2)`` of them has at most ``max_bytes``.

    Args:
        context: what is known.
        max_bytes: ``LEAST_BYTES`` or more.
    """
    known = _Known(context, max_bytes)

    def size(shown: _Shown) -> int:
        return len(json.dumps(_as_json(known, shown), indent=2))

    return _as_json(known, _fitting(known, size, max_bytes))


def markdown_of(context: RecoveredContext, max_bytes: int = DEFAULT_BYTES) -> str:
    """Markdown, with at most ``max_bytes`` as UTF-8.

    Args:
        context: what is known.
        max_bytes: ``LEAST_BYTES`` or more.
    """
    known = _Known(context, max_bytes)

    def size(shown: _Shown) -> int:
        return len(_as_markdown(known, shown).encode())

    return _as_markdown(known, _fitting(known, size, max_bytes))


def _as_json(known: _Known, shown: _Shown) -> Mapping[str, object]:
    form = dict(facts_of(known.context, known.longest))
    for section in SECTIONS:
        items = known.items[section.name][: shown.items[section.name]]
        form[section.name] = [section.form(item, shown.diffs) for item in items]
    if known.context.undeclared is None:
        form["undeclared"] = None
    form["left_out"] = _left_out(known, shown)
    return form


def _as_markdown(known: _Known, shown: _Shown) -> str:
    title = f"# Context of task {code(known.context.task_id, known.longest)}"
    lines = [title, "", *told_facts(known.context, known.longest)]
    left_out = _left_out(known, shown)
    for section in SECTIONS:
        lines += ["", f"## {section.title}", ""]
        lines += _told_section(known, section, shown)
        if section.name in left_out:
            lines.append(f"- and {left_out[section.name]} more")
    if "diffs" in left_out:
        lines += ["", f"Differences left out for want of room: {left_out['diffs']}."]
    return "\n".join(lines) + "\n"


def _told_section(known: _Known, section: Section, shown: _Shown) -> Sequence[str]:
    if section.name == "undeclared" and known.context.undeclared is None:
        why_not = clipped(known.context.why_not_looked, known.longest)
        return [f"Nobody has looked for them: {why_not}"]
    items = known.items[section.name]
    if not items:
        return [section.none]
    chosen = items[: shown.items[section.name]]
    return [line for item in chosen for line in section.lines(item, shown.diffs)]


def _left_out(known: _Known, shown: _Shown) -> Mapping[str, int]:
    left = {name: len(items) - shown.items[name] for name, items in known.items.items()}
    left["diffs"] = len(known.diffs) - len(shown.diffs)
    return {name: number for name, number in left.items() if number}


def _fitting(known: _Known, size: Callable[[_Shown], int], max_bytes: int) -> _Shown:
    shown = _Shown(dict.fromkeys(known.items, 0))
    shown = _with_items(shown, _rounds(known, 0, _FIRST), size, max_bytes)
    told = {one.net.change.path for one in known.context.changes[: shown.items["changes"]]}
    diffs = [path for path in known.diffs if path in told]
    fits = _most(
        len(diffs),
        lambda number: size(_Shown(shown.items, frozenset(diffs[:number]))) <= max_bytes,
    )
    shown = _Shown(shown.items, frozenset(diffs[:fits]))
    rest = _rounds(known, _FIRST, max_bytes // _SMALLEST_ITEM)
    return _with_items(shown, rest, size, max_bytes)


def _with_items(
    shown: _Shown, names: Sequence[str], size: Callable[[_Shown], int], max_bytes: int
) -> _Shown:
    """With one more item for each of the names, from the first on, as long as there is room."""

    def more(number: int) -> _Shown:
        items = dict(shown.items)
        for name in names[:number]:
            items[name] += 1
        return _Shown(items, shown.diffs)

    most = min(len(names), max_bytes // _SMALLEST_ITEM)
    return more(_most(most, lambda number: size(more(number)) <= max_bytes))


def _rounds(known: _Known, begin: int, end: int) -> Sequence[str]:
    """Names of sections, one for each item from ``begin`` to ``end``, in turns."""
    lengths = {name: len(items) for name, items in known.items.items()}
    longest = min(max(lengths.values()), end)
    return [name for at in range(begin, longest) for name in lengths if at < lengths[name]]


def _most(limit: int, fits: Callable[[int], bool]) -> int:
    """The greatest number up to the limit that fits, where none fits above one that does not."""
    low, high = 0, limit
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low
