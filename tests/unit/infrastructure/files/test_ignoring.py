"""Which names are tracked, which are watched, and which are left out."""

import pytest

from vespera.domain.errors import InvalidRequest
from vespera.infrastructure.files.ignoring import Care, Rules, is_own, rules_of
from vespera.infrastructure.files.secrets import SECRETS

NO_RULES = rules_of((), ())


def care(rules: Rules, path: str, *, inside_ignored: bool = False) -> Care:
    """Of a directory, if the path ends with a slash."""
    is_directory = path.endswith("/")
    return rules.care_for(
        path.rstrip("/").encode(), is_directory=is_directory, inside_ignored=inside_ignored
    )


def left_out(lines: str, path: str) -> bool:
    return care(NO_RULES.below(b"", [lines.encode()]), path) is Care.IGNORED


@pytest.mark.parametrize(
    ("lines", "path", "expected"),
    [
        ("*.pyc", "a.pyc", True),
        ("*.pyc", "deep/down/a.pyc", True),
        ("*.pyc", "a.pyc.txt", False),
        ("build/", "build/", True),
        ("build/", "build", False),
        ("build/", "sub/build/", True),
        ("/build", "build", True),
        ("/build", "sub/build", False),
        ("doc/*.txt", "doc/a.txt", True),
        ("doc/*.txt", "doc/sub/a.txt", False),
        ("doc/*.txt", "sub/doc/a.txt", False),
        ("a/**/b", "a/b", True),
        ("a/**/b", "a/x/y/b", True),
        ("**/x", "deep/x", True),
        ("x/**", "x/a", True),
        ("x/**", "x/", False),
        ("*\n!*/\n!*.py", "src/", False),
        ("*\n!*/\n!*.py", "src/a.py", False),
        ("*\n!*/\n!*.py", "src/a.txt", True),
        ("*.log\n!keep.log", "keep.log", False),
        ("!keep.log\n*.log", "keep.log", True),
        ("# *.log", "a.log", False),
        ("\\#a", "#a", True),
        ("\\!a", "!a", True),
        ("a  ", "a", True),
        ("a\\ ", "a ", True),
        ("[ab].c", "a.c", True),
        ("[!ab].c", "a.c", False),
        ("a[\n*.log", "a.log", True),
        ("!\n\\\n*.log", "a.log", True),
        ("?", "é", False),
        ("é", "é", True),
        ("a*", "a\nb", True),
        ("*.log\r", "a.log", True),
        ("", "a", False),
    ],
)
def test_patterns_mean_what_they_mean_to_git(lines: str, path: str, expected: bool) -> None:
    assert left_out(lines, path) is expected


def test_a_byte_order_mark_is_no_part_of_the_first_pattern() -> None:
    assert care(NO_RULES.below(b"", [b"\xef\xbb\xbf*.log"]), "a.log") is Care.IGNORED


def test_names_of_any_bytes_are_matched() -> None:
    rules = NO_RULES.below(b"", [b"\xff*"])

    assert rules.care_for(b"\xff\xfe", is_directory=False, inside_ignored=False) is Care.IGNORED


def test_the_deeper_rule_file_is_the_stronger_and_holds_below_its_directory_only() -> None:
    above = NO_RULES.below(b"", [b"*.log\n/top"])
    below = above.below(b"sub", [b"!a.log\n/own"])

    assert care(above, "sub/a.log") is Care.IGNORED
    assert care(below, "sub/a.log") is Care.TRACKED
    assert care(below, "sub/b.log") is Care.IGNORED
    assert care(below, "sub/own") is Care.IGNORED
    assert care(below, "sub/deep/own") is Care.TRACKED


def test_of_two_rule_files_in_a_directory_the_first_is_the_stronger() -> None:
    rules = NO_RULES.below(b"", [b"!a.log", b"*.log"])

    assert care(rules, "a.log") is Care.TRACKED
    assert care(rules, "b.log") is Care.IGNORED


def test_settings_are_the_strongest_and_the_repository_s_own_exclusions_the_weakest() -> None:
    rules = rules_of(("data/", "!keep.log"), ()).on(b"*.tmp\n*.bak").below(b"", [b"*.log\n!a.tmp"])

    assert care(rules, "keep.log") is Care.TRACKED
    assert care(rules, "sub/data/") is Care.IGNORED
    assert care(rules, "a.tmp") is Care.TRACKED
    assert care(rules, "a.bak") is Care.IGNORED


def test_what_is_watched_is_watched_whether_it_is_left_out_or_not() -> None:
    rules = rules_of(("out/",), ("*.key", "!public.key")).below(b"", [b"*.key"])

    assert care(rules, "a.key") is Care.WATCHED
    assert care(rules, "out/a.key", inside_ignored=True) is Care.WATCHED
    assert care(rules, "public.key") is Care.IGNORED
    assert care(rules, "out/b", inside_ignored=True) is Care.IGNORED
    assert care(rules, "a.key/") is Care.IGNORED


def test_nothing_in_what_is_left_out_is_taken_in_again() -> None:
    rules = rules_of(("!a",), ())

    assert care(rules, "out/a", inside_ignored=True) is Care.IGNORED


@pytest.mark.parametrize("name", [".env", "sub/.env.local", "tls.pem", "id_rsa", ".netrc"])
def test_secrets_are_watched_unless_something_else_is_asked_for(name: str) -> None:
    assert care(rules_of((), SECRETS), name) is Care.WATCHED


@pytest.mark.parametrize("name", [".env.example", "environment.py", "keyboard.txt"])
def test_what_only_looks_like_a_secret_is_tracked(name: str) -> None:
    assert care(rules_of((), SECRETS), name) is Care.TRACKED


def test_other_rules_have_another_fingerprint() -> None:
    every = [
        NO_RULES,
        rules_of(("a",), ()),
        rules_of((), ("a",)),
        rules_of(("a", "b"), ()),
        NO_RULES.on(b"a"),
        NO_RULES.below(b"", [b"a"]),
        NO_RULES.below(b"sub", [b"a"]),
        NO_RULES.below(b"", [b"a", b""]),
        NO_RULES.below(b"", [b"", b"a"]),
    ]

    assert len({rules.fingerprint for rules in every}) == len(every)
    assert rules_of(("a",), ()).fingerprint == rules_of(("a",), ()).fingerprint


@pytest.mark.parametrize(
    ("ignore", "watch", "field"),
    [(("!",), (), "snapshot_ignore"), ((), ("\\",), "snapshot_watch")],
)
def test_a_setting_that_is_no_pattern_is_refused_by_name(
    ignore: tuple[str, ...], watch: tuple[str, ...], field: str
) -> None:
    with pytest.raises(InvalidRequest, match="is no pattern") as refused:
        rules_of(ignore, watch)

    assert refused.value.field == field


def test_what_is_vespera_s_own_is_nobody_s_business() -> None:
    assert is_own(b".vespera", at_root=True)
    assert is_own(b".VESPERA", at_root=True)
    assert is_own(b".vespera-t1.tmp", at_root=False)
    assert not is_own(b".vespera", at_root=False)
    assert not is_own(b".vespera-t1.tmp.txt", at_root=True)
    assert not is_own(b"vespera", at_root=True)
