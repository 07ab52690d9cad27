"""What is different between two texts, for people to read and for ``patch`` to apply.

The work is bounded whatever the texts are. Lines that both have once only are taken for the same,
as far as their order allows; what is between them is compared line by line, if it is small, and
else exchanged as a whole: that is more than need be, and never wrong.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import Match, SequenceMatcher

CONTEXT = 3
_MOST_PAIRS = 40_000
_NO_END = "\\ No newline at end of file\n"


@dataclass(frozen=True, slots=True)
class TextDiff:
    """The difference as a unified diff without its two headings, and how many lines it adds and
    removes.
    """

    text: str = ""
    added: int = 0
    removed: int = 0


def text_diff(before: str, after: str) -> TextDiff:
    """What leads from one text to the other; a line ends at a line feed, and nowhere else."""
    old, new = _lines(before), _lines(after)
    matcher = _Bounded(old, new)
    parts, added, removed = [], 0, 0
    for group in matcher.get_grouped_opcodes(CONTEXT):
        parts.append(_heading(group))
        for tag, old_begin, old_end, new_begin, new_end in group:
            if tag == "equal":
                parts += [_told(" ", line) for line in old[old_begin:old_end]]
                continue
            parts += [_told("-", line) for line in old[old_begin:old_end]]
            parts += [_told("+", line) for line in new[new_begin:new_end]]
            removed += old_end - old_begin
            added += new_end - new_begin
    return TextDiff("".join(parts), added, removed)


class _Bounded(SequenceMatcher[str]):
    """The runs of equal lines, found in bounded time."""

    def __init__(self, old: Sequence[str], new: Sequence[str]) -> None:
        super().__init__(None, (), ())
        self._old, self._new = old, new

    def get_matching_blocks(self) -> list[Match]:
        blocks: list[Match] = []
        for match in self._matches():
            last = blocks[-1] if blocks else Match(0, 0, 0)
            if blocks and (last.a + last.size, last.b + last.size) == (match.a, match.b):
                blocks[-1] = Match(last.a, last.b, last.size + match.size)
            else:
                blocks.append(match)
        return [*blocks, Match(len(self._old), len(self._new), 0)]

    def _matches(self) -> Iterator[Match]:
        at, there = 0, 0
        end = (len(self._old), len(self._new))
        for anchor in [*_anchors(self._old, self._new), end]:
            yield from self._between(at, anchor[0], there, anchor[1])
            if anchor != end:
                yield Match(*anchor, 1)
            at, there = anchor[0] + 1, anchor[1] + 1

    def _between(self, old: int, old_end: int, new: int, new_end: int) -> Iterator[Match]:
        while old < old_end and new < new_end and self._old[old] == self._new[new]:
            yield Match(old, new, 1)
            old, new = old + 1, new + 1
        same = 0
        while (
            min(old_end - old, new_end - new) > same
            and self._old[old_end - 1 - same] == self._new[new_end - 1 - same]
        ):
            same += 1
        old_stop, new_stop = old_end - same, new_end - same
        if (old_stop - old) * (new_stop - new) <= _MOST_PAIRS:
            yield from _compared(self._old[old:old_stop], self._new[new:new_stop], old, new)
        if same:
            yield Match(old_stop, new_stop, same)


def _compared(old: Sequence[str], new: Sequence[str], at: int, there: int) -> Iterator[Match]:
    for match in SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks():
        if match.size:
            yield Match(at + match.a, there + match.b, match.size)


def _anchors(old: Sequence[str], new: Sequence[str]) -> Sequence[tuple[int, int]]:
    """Places of lines that are there once on both sides, as many as are in the same order."""
    old_counts, new_counts = Counter(old), Counter(new)
    places = {line: at for at, line in enumerate(new) if new_counts[line] == 1}
    pairs = [
        (at, places[line])
        for at, line in enumerate(old)
        if old_counts[line] == 1 and line in places
    ]
    return _longest_rise(pairs)


def _longest_rise(pairs: Sequence[tuple[int, int]]) -> Sequence[tuple[int, int]]:
    """The longest part of the pairs, which rise by their first, that rises by the second, too."""
    ends: list[int] = []
    piles: list[int] = []
    before: list[int] = []
    for number, (_, place) in enumerate(pairs):
        pile = bisect_left(ends, place)
        before.append(piles[pile - 1] if pile else -1)
        ends[pile : pile + 1] = [place]
        piles[pile : pile + 1] = [number]
    found = []
    at = piles[-1] if piles else -1
    while at >= 0:
        found.append(pairs[at])
        at = before[at]
    return found[::-1]


def _lines(text: str) -> list[str]:
    lines = text.split("\n")
    return [f"{line}\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])


def _heading(group: Sequence[tuple[str, int, int, int, int]]) -> str:
    first, last = group[0], group[-1]
    return f"@@ -{_range(first[1], last[2])} +{_range(first[3], last[4])} @@\n"


def _range(begin: int, end: int) -> str:
    length = end - begin
    if length == 1:
        return str(begin + 1)
    return f"{begin + 1 if length else begin},{length}"


def _told(mark: str, line: str) -> str:
    return mark + line if line.endswith("\n") else f"{mark}{line}\n{_NO_END}"
