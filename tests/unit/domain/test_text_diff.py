"""What is different between two texts."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vespera.domain.text_diff import text_diff


def patched(before: str, patch: str) -> str:
    """The text that a unified diff makes of another one; every line that stays is checked."""
    old, new, at = before.splitlines(keepends=True), list[str](), 0
    lines = patch.splitlines(keepends=True)
    for number, line in enumerate(lines):
        whole = line[1:]
        if lines[number + 1 : number + 2] == ["\\ No newline at end of file\n"]:
            whole = whole.removesuffix("\n")
        if line.startswith("@@"):
            begin, _, length = line.split(" ")[1].removeprefix("-").partition(",")
            first = int(begin) - (length != "0")
            new, at = new + old[at:first], first
        if line[0] in " -":
            assert old[at] == whole
            at += 1
        if line[0] in " +":
            new.append(whole)
    return "".join(new + old[at:])


def test_what_is_the_same_has_no_difference() -> None:
    assert text_diff("a\nb\n", "a\nb\n").text == ""
    assert text_diff("", "").text == ""


def test_a_line_is_changed_among_others() -> None:
    before = "".join(f"{n}\n" for n in range(10))
    found = text_diff(before, before.replace("5", "five"))

    assert (found.added, found.removed) == (1, 1)
    assert found.text == "@@ -3,7 +3,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n"


def test_changes_that_are_far_apart_are_told_apart() -> None:
    before = "".join(f"{n}\n" for n in range(30))
    found = text_diff(before, before.replace("\n3\n", "\nthree\n").replace("\n25\n", "\n"))

    assert found.text.count("@@ -") == 2
    assert (found.added, found.removed) == (1, 2)


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        ("", "a\n", "@@ -0,0 +1 @@\n+a\n"),
        ("a\n", "", "@@ -1 +0,0 @@\n-a\n"),
        ("a", "a\n", "@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n"),
        ("a\n", "b", "@@ -1 +1 @@\n-a\n+b\n\\ No newline at end of file\n"),
    ],
)
def test_beginnings_and_ends_are_told_as_patch_has_them(before: str, after: str, text: str) -> None:
    assert text_diff(before, after).text == text


def test_only_a_line_feed_ends_a_line() -> None:
    found = text_diff("a\r\x0b\u2028b\n", "a\r\x0b\u2028c\n")

    assert found.text == "@@ -1 +1 @@\n-a\r\x0b\u2028b\n+a\r\x0b\u2028c\n"


def test_a_block_that_moved_is_told_by_the_shorter_way() -> None:
    long, short = [f"l{n}\n" for n in range(50)], [f"s{n}\n" for n in range(5)]
    found = text_diff("".join(long + short), "".join(short + long))

    assert (found.added, found.removed) == (5, 5)


@pytest.mark.parametrize("line", ["x{0}", "{0}", "{1}"])
def test_what_is_too_much_to_be_compared_is_exchanged_as_a_whole(line: str) -> None:
    before = "".join(line.format("", n % 7) + "\n" for n in range(2_000))
    after = "".join(line.format("", n % 5) + "!\n" for n in range(3_000))
    found = text_diff(before, after)

    assert (found.added, found.removed) == (3_000, 2_000)


LINES = st.lists(st.sampled_from(["a", "b", "c", "dd", "", "-", "+x", "@ 1"]), max_size=30)
TEXTS = st.builds(lambda lines, end: "\n".join(lines) + end, LINES, st.sampled_from(["", "\n"]))


@given(TEXTS, TEXTS)
@example("a\n" * 3 + "b\n" + "c\n", "b\na\na\nc\na\n")
def test_the_difference_leads_from_one_text_to_the_other(before: str, after: str) -> None:
    found = text_diff(before, after)

    assert patched(before, found.text) == after
    assert found.added - found.removed == lines_of(after) - lines_of(before)


def lines_of(text: str) -> int:
    return text.count("\n") + (not text.endswith("\n") and bool(text))
