"""`vespera snapshot ...` and `vespera diff`: what stood in the workspace, and what has changed."""

import json
import re

ID = r"[0-9a-f]{32}"


def taken(vespera, *words: str) -> dict[str, object]:
    return json.loads(vespera("snapshot", *words, "--json").stdout)


def test_a_snapshot_makes_the_database_and_says_what_it_has_seen(vespera, workspace):
    (workspace / "a.txt").write_text("a")
    (workspace / ".gitignore").write_text("*.log")
    (workspace / "b.log").touch()
    first = vespera("snapshot", "--label", "before")
    second = vespera("snapshot")

    assert re.fullmatch(f"{ID}: 2 files in 1 directory, 1 left out \\(2 read\\)\n", first.stdout)
    assert re.fullmatch(f"{ID}: 2 files in 1 directory, 1 left out \\(0 read\\)\n", second.stdout)
    assert (workspace / ".vespera" / "vespera.db").exists()


def test_contents_are_kept_if_that_is_asked_for_but_those_of_secrets(vespera, workspace):
    (workspace / "a.txt").write_text("a")
    (workspace / "patterns.key").write_text("secret")
    told = vespera("snapshot", "--contents").stdout

    assert told.endswith(" (2 read), 1 with their contents\n")
    assert taken(vespera, "--contents")["kept"] == 1
    usage = json.loads(vespera("store", "du", "--json").stdout)
    assert usage["contents"] == 1


def test_what_could_not_be_kept_is_told_with_the_reason(vespera, workspace):
    (workspace / "notes.log").write_text("a")
    program = workspace / "program.py"
    program.write_text(
        "from vespera import Container\n\n"
        "class Desk(Container):\n    defaults = {'store_never': ['*.log']}\n"
    )
    told = vespera("snapshot", "--contents", "--app", f"{program}:Desk")
    found = taken(vespera, "--contents", "--app", f"{program}:Desk")

    assert told.stdout.splitlines()[1] == "not kept:  notes.log  never"
    assert found["not_kept"] == [{"path": "notes.log", "reason": "never"}]


def test_a_store_without_room_takes_no_snapshot(vespera, workspace):
    (workspace / "a.txt").write_text("a" * 100)
    program = workspace / "program.py"
    program.write_text(
        "from vespera import Container\n\n"
        "class Desk(Container):\n    defaults = {'store_quota': 1}\n"
    )
    refused = vespera("snapshot", "--contents", "--app", f"{program}:Desk")

    assert refused.exit_code == 1
    assert "quota" in refused.stderr
    assert json.loads(vespera("snapshot", "list", "--json").stdout)["snapshots"] == []


def test_everything_is_read_if_that_is_asked_for(vespera, workspace):
    (workspace / "a.txt").write_text("a")
    taken(vespera)

    assert taken(vespera, "--full")["hashed"] == 1


def test_snapshots_are_listed_newest_first_page_by_page(vespera):
    for label in ("one", "two"):
        vespera("snapshot", "--label", label, "--for", "the build")
    listed = vespera("snapshot", "list", "--limit", "1")
    found = json.loads(vespera("snapshot", "list", "--limit", "1", "--json").stdout)
    rest = vespera("snapshot", "list", "--before", found["next"]).stdout

    head, row = listed.stdout.splitlines()
    assert head.split() == ["ID", "TAKEN", "FILES", "LEFT", "OUT", "UNKNOWN", "FOR", "LABEL"]
    assert row.endswith("  the build  two")
    assert listed.stderr == f"more: vespera snapshot list --before {found['next']}\n"
    assert rest.splitlines()[1].endswith("one")


def test_what_has_changed_since_is_told_path_by_path(vespera, workspace):
    for name in ("changed", "moved", "removed", "same"):
        (workspace / name).write_text(name)
    (workspace / ".git").mkdir()
    (workspace / ".git" / "HEAD").write_text("1")
    snapshot = taken(vespera)["id"]
    (workspace / "changed").write_text("other")
    (workspace / "moved").rename(workspace / "to")
    (workspace / "removed").unlink()
    (workspace / ".git" / "HEAD").write_text("2")
    told = vespera("diff", snapshot).stdout

    assert told.splitlines() == [
        "modified  changed",
        "removed   moved",
        "removed   removed",
        "added     to",
        "perhaps renamed: moved -> to",
        "the git repository's HEAD changed",
    ]


def test_two_snapshots_are_compared_as_json(vespera, workspace):
    (workspace / "a").symlink_to("b")
    older = taken(vespera)
    (workspace / "a").unlink()
    newer = taken(vespera)
    found = json.loads(vespera("diff", older["id"], newer["id"], "--json").stdout)

    for each in (older, newer):
        del each["not_kept"]
    assert (found["older"], found["newer"]) == (older, newer)
    assert found["changes"] == [
        {
            "path": "a",
            "kind": "removed",
            "before": {"state": "symlink", "target": "b"},
            "after": {"state": "absent"},
        }
    ]
    assert (found["renames"], found["repository"]) == ([], [])


def test_where_nothing_has_changed_that_is_said(vespera):
    vespera("snapshot")

    assert vespera("diff", "newest", "--full").stdout == "nothing has changed\n"


def test_what_is_not_known_is_told_with_the_reason(vespera, workspace):
    (workspace / "a.log").touch()
    vespera("snapshot")
    (workspace / ".gitignore").write_text("*.log")

    assert vespera("diff", "newest").stdout.splitlines() == [
        "added    .gitignore",
        "unknown  a.log       (ignored)",
    ]


def test_what_was_not_looked_at_is_listed(vespera, workspace):
    (workspace / "out").mkdir()
    (workspace / "out" / "a").touch()
    (workspace / ".gitignore").write_text("out/")
    vespera("snapshot")
    shown = json.loads(vespera("snapshot", "show", "newest", "--json").stdout)

    assert vespera("snapshot", "show", "newest").stdout.splitlines() == [
        "1 file in 1 directory",
        "not examined:  out  ignored",
    ]
    assert shown["not_examined"] == [{"path": "out", "reason": "ignored"}]
    assert (shown["files"], shown["ignored"]) == (1, 1)


def test_names_that_no_terminal_shows_are_escaped(vespera, workspace):
    vespera("snapshot")
    (workspace / "a\x1b[31m\udcff").touch()

    assert vespera("diff", "newest").stdout == "added  a\\x1b[31m\\udcff\n"


def test_snapshots_are_removed_if_that_is_agreed_to(vespera):
    for _ in range(3):
        vespera("snapshot")
    refused = vespera("snapshot", "forget", "--keep", "1")
    removed = vespera("snapshot", "forget", "--keep", "1", "-y")
    told = vespera("snapshot", "forget", "--older-than", "1d", "-y", "--json")

    assert refused.exit_code == 2
    assert "-y says yes" in refused.stderr
    assert removed.stdout.startswith("snapshots removed: ")
    assert json.loads(told.stdout) == {"removed": 0}


def test_what_is_to_be_removed_must_be_said(vespera):
    vespera("snapshot")
    ran = vespera("snapshot", "forget", "-y")

    assert ran.exit_code == 2
    assert "Say --older-than, or --keep." in ran.stderr


def test_a_snapshot_that_is_not_there_is_an_error_in_one_line(vespera):
    vespera("snapshot")
    for words in (("diff", "nothing", "newest"), ("snapshot", "show", "nothing")):
        ran = vespera(*words)
        assert ran.exit_code == 1
        assert ran.stderr == "Error: No snapshot has the id 'nothing'.\n"


def test_looking_makes_no_database(vespera, workspace):
    for words in (("diff", "newest"), ("snapshot", "list")):
        assert "there is no database" in vespera(*words).stderr
    assert list(workspace.iterdir()) == []
