"""`vespera store du|gc|check|purge`."""

import json

import pytest

JOB = """
    from vespera import Container, TaskContext, TaskOrchestrator, providers
    from vespera.application.ports.contents import ContentStore
    from vespera.domain.content import ContentSource

    async def writer(task: TaskContext):
        await task.files.write_text("a.txt", "one " * 100)
        await task.files.write_text("sub/b.log", "two " * 100)

    class Writing(Container):
        specialists = providers.Aggregate(writer=providers.Object(writer))

    async def main(container, input):
        request = {"title": "Write", "specialist_type": "writer", "task_id": "one"}
        await container.get(TaskOrchestrator).run_all([request])
        given = [ContentSource("a.txt"), ContentSource("sub/b.log")]
        await container.get(ContentStore).put([*given, ContentSource("", data=b"garbage")])
"""


@pytest.fixture
def stored(vespera, program, workspace):
    """The store of a program that has put three contents, one of them garbage by now."""
    ran = vespera("run", program(JOB))
    assert ran.exit_code == 0, ran.stderr
    return workspace / ".vespera" / "vespera.db-contents"


def test_du_says_how_much_there_is(vespera, stored):
    told = json.loads(vespera("store", "du", "--json").stdout)
    ran = vespera("store", "du")

    assert (told["directory"], told["contents"], told["packs"]) == (str(stored), 3, 1)
    assert told["bytes"] == sum(path.stat().st_size for path in stored.glob("*.pack"))
    assert (told["plain_bytes"], told["quota_bytes"]) == (807, 2 * 1024**3)
    assert ran.exit_code == 0
    assert ran.stdout.startswith(f"{stored}: 3 contents in 1 pack, ")
    assert "0.0 % of the quota" in ran.stdout


def test_du_makes_no_store(vespera, stored, workspace):
    vespera("store", "purge", "--all", "-y")
    for path in stored.iterdir():
        path.unlink()
    stored.rmdir()
    ran = vespera("store", "du")

    assert ran.stdout == f"nothing is kept yet (quota: {2 * 1024**3:,} bytes)\n"
    assert not stored.exists()


def test_gc_removes_what_nothing_refers_to(vespera, stored):
    ran = vespera("store", "gc")
    again = json.loads(vespera("store", "gc", "--json").stdout)

    assert (ran.exit_code, ran.stderr) == (0, "")
    assert ran.stdout.startswith("1 content removed, ")
    assert again == {"contents": 0, "bytes": 0}
    assert json.loads(vespera("store", "du", "--json").stdout)["contents"] == 2


def test_check_finds_nothing_in_a_sound_store(vespera, stored):
    ran = vespera("store", "check")

    assert (ran.exit_code, ran.stdout) == (0, "nothing found\n")
    assert json.loads(vespera("store", "check", "--json").stdout) == {"sound": True, "findings": []}


def test_check_prints_a_line_for_each_finding(vespera, stored):
    (pack,) = stored.glob("*.pack")
    pack.write_bytes(pack.read_bytes()[:-1])
    ran = vespera("store", "check")
    told = json.loads(vespera("store", "check", "--json").stdout)

    assert ran.exit_code == 1
    assert ran.stdout.count("\n") == 2
    assert str(pack) in ran.stdout
    assert ran.stdout.endswith("1 finding\n")
    assert told["sound"] is False
    assert told["findings"][0]["pack"] == pack.name
    assert told["findings"][0]["digest"] is None


@pytest.mark.parametrize(
    ("words", "left"), [(["*.log"], 2), (["/a.txt", "sub/"], 1), (["--all"], 0), (["*.md"], 3)]
)
def test_purge_removes_what_is_chosen(vespera, stored, words, left):
    ran = vespera("store", "purge", "-y", *words, "--json")

    assert json.loads(ran.stdout)["contents"] == 3 - left
    assert json.loads(vespera("store", "du", "--json").stdout)["contents"] == left
    assert vespera("verify").exit_code == 0


def test_purge_takes_a_digest(vespera, stored):
    unknown = vespera("store", "purge", "-y", f"b3:{0:064x}")

    assert unknown.stdout == "0 contents removed, 0 bytes free again\n"
    wrong = vespera("store", "purge", "-y", "b3:12")
    assert wrong.exit_code == 2
    assert wrong.stderr.startswith("Error: digest: 'b3:12' is no digest")


@pytest.mark.parametrize("words", [[], ["--all", "a.txt"]])
def test_purge_wants_to_know_what(vespera, stored, words):
    ran = vespera("store", "purge", "-y", *words)

    assert ran.exit_code == 2
    assert "Say what is to go: DIGEST, PATTERN, or --all." in ran.stderr


def test_purge_asks_first(vespera, stored):
    ran = vespera("store", "purge", "--all")

    assert ran.exit_code == 2
    assert "Remove all contents from the store for good? There is no terminal" in ran.stderr
    assert json.loads(vespera("store", "du", "--json").stdout)["contents"] == 3


@pytest.mark.parametrize("verb", ["du", "gc", "check"])
def test_without_a_database_there_is_no_store(vespera, workspace, verb):
    ran = vespera("store", verb)

    assert ran.exit_code == 1
    assert "there is no database at" in ran.stderr
    assert list(workspace.iterdir()) == []


def test_two_databases_in_one_workspace_have_stores_of_their_own(vespera, program, workspace):
    job = program(JOB)
    for name in ("one.db", "two.db"):
        assert vespera("run", job, "--db", workspace / name).exit_code == 0
    vespera("store", "purge", "--all", "-y", "--db", workspace / "one.db")

    told = vespera("store", "du", "--json", "--db", workspace / "two.db").stdout
    assert json.loads(told)["contents"] == 3
    assert vespera("store", "check", "--db", workspace / "two.db").exit_code == 0


def test_doctor_tells_of_the_store(vespera, stored):
    ran = vespera("doctor")

    assert any(line.split()[1] == "store" for line in ran.stdout.splitlines() if line[0] != " ")
