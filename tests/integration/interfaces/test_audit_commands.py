"""`vespera audit ...`: the trail is signed, and held against what was signed."""

import base64
import json
import sqlite3

import pytest
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey

DESK = """
from vespera import Container, TaskOrchestrator, providers

async def clerk(task):
    await task.files.write_text("a.txt", "new")

class Desk(Container):
    defaults = {"audit": True}
    specialists = providers.Aggregate(clerk=providers.Object(clerk))

async def main(container, input):
    await container.get(TaskOrchestrator).run(title="Write", specialist_type="clerk", task_id=input)
"""


@pytest.fixture
def work(vespera, workspace):
    """Run a task of this id."""
    (workspace / "a.txt").write_text("old")
    (workspace / "desk.py").write_text(DESK)

    def run(task_id: str) -> None:
        ran = vespera("run", f"{workspace / 'desk.py'}:Desk", "--input", json.dumps(task_id))
        assert ran.exit_code == 0, ran.stderr

    return run


@pytest.fixture
def keys(vespera, workspace):
    made = vespera("audit", "key", "-o", workspace / "key")
    assert made.exit_code == 0, made.stderr
    return workspace / "key", workspace / "key.pub"


def tamper(workspace, statement: str) -> None:
    connection = sqlite3.connect(workspace / ".vespera" / "vespera.db")
    connection.execute(statement)
    connection.commit()
    connection.close()


def test_keys_are_made_for_their_owner_and_never_overwritten(vespera, workspace):
    made = vespera("audit", "key", "-o", workspace / "key", "--json")
    private, public = workspace / "key", workspace / "key.pub"
    before = private.read_bytes()

    assert json.loads(made.stdout) == {"private_key": str(private), "public_key": str(public)}
    assert private.stat().st_mode & 0o777 == 0o600
    assert b"PRIVATE KEY" in before
    assert public.read_bytes().startswith(b"-----BEGIN PUBLIC KEY-----")
    assert vespera("audit", "key", "-o", private).exit_code == 1
    public.unlink()
    assert "is there already" in vespera("audit", "key", "-o", private).stderr
    assert private.read_bytes() == before


def test_a_trail_is_as_it_was_written(vespera, work):
    work("t")
    told = vespera("audit", "verify")

    assert (told.exit_code, told.stdout) == (0, "4 entries, as written; held against 3 records\n")


@pytest.mark.parametrize(
    ("statement", "number"),
    [
        ("UPDATE audit_entries SET payload = '{}' WHERE number = 2", 2),
        ("DELETE FROM audit_entries WHERE number = 2", 2),
        ("INSERT INTO audit_entries VALUES (5, 0, 'x', '{}', 'x')", 5),
        ("UPDATE audit_entries SET number = -number WHERE number < 3", 1),
    ],
)
def test_the_first_entry_that_is_wrong_is_told(vespera, workspace, work, statement, number):
    work("t")
    tamper(workspace, statement)
    told = vespera("audit", "verify")
    form = json.loads(vespera("audit", "verify", "--json").stdout)

    assert told.exit_code == 1
    assert told.stdout.startswith(f"entry {number}: ")
    assert (form["sound"], form["flaw"]["number"]) == (False, number)


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("UPDATE file_operations SET path = x'62'", "entry 2: it tells otherwise of the file_oper"),
        ("DELETE FROM file_operations", "entry 2: the file_operation '"),
        ("UPDATE verification_reports SET findings = '[]'", "entry 3: it tells otherwise of the r"),
        ("UPDATE tasks SET attempt = 7", "entry 4: it tells otherwise of the completion 't'"),
    ],
)
def test_what_is_stored_otherwise_is_told(vespera, workspace, work, statement, told):
    work("t")
    tamper(workspace, statement)
    found = vespera("audit", "verify")

    assert (found.exit_code, found.stdout.startswith(told)) == (1, True), found.stdout
    assert vespera("audit", "verify", "--no-records").exit_code == 0


def test_what_was_cut_off_is_found_out_by_a_signed_head(vespera, workspace, work, keys):
    work("t")
    head = workspace / "head.json"
    assert vespera("audit", "sign", "--key", keys[0], "-o", head).exit_code == 0
    work("u")
    against = ("--key", keys[1], "--head", head)
    told = vespera("audit", "verify", *against)
    tamper(workspace, "DELETE FROM audit_entries WHERE number > 3")

    assert told.stdout == "8 entries, as written; held against 6 records, 1 signed\n"
    assert vespera("audit", "verify").exit_code == 0
    assert vespera("audit", "verify", *against).stdout.startswith("entry 4: it is missing")


def test_a_head_is_signed_to_stdout_and_with_a_key_alone(vespera, workspace, work, keys):
    work("t")
    envelope = json.loads(vespera("audit", "sign", "--key", keys[0]).stdout)

    assert json.loads(base64.b64decode(envelope["payload"]))["number"] == 4
    refused = vespera("audit", "sign", "--key", keys[1])
    assert (refused.exit_code, "must be a private key" in refused.stderr) == (1, True)


def test_what_does_not_go_together_and_what_is_no_head_is_refused(vespera, work, keys):
    work("t")
    for words, code in {
        ("--key", keys[1]): 2,
        ("--head", keys[1]): 2,
        ("--key", keys[1], "--head", keys[1]): 1,
    }.items():
        ran = vespera("audit", "verify", *words)
        assert (ran.exit_code, len(ran.stderr.splitlines())) == (code, 1)


def test_an_empty_trail_is_not_signed(vespera, workspace, keys):
    vespera("snapshot")
    ran = vespera("audit", "sign", "--key", keys[0])

    assert (ran.exit_code, "There is nothing to sign" in ran.stderr) == (1, True)
    assert vespera("audit", "verify").stdout == "0 entries, as written; held against 0 records\n"


def test_what_a_task_did_is_attested_so_that_others_can_check_it(vespera, workspace, work, keys):
    work("t")
    ran = vespera("audit", "export", "t", "--key", keys[0], "--name", "build")
    form = json.loads(ran.stdout)
    key_id = form["signatures"][0]["keyid"]
    public = keys[1].read_text()
    key = SSlibKey(key_id, "ed25519", "ed25519", {"public": raw_of(public)})
    envelope = Envelope.from_dict(form)

    assert envelope.payload_type == "application/vnd.in-toto+json"
    assert list(envelope.verify([key], 1)) == [key_id]
    statement = json.loads(envelope.payload)
    assert [one["name"] for one in statement["subject"]] == ["a.txt"]
    assert set(statement["subject"][0]["digest"]) == {"sha256", "blake3"}
    assert [one["name"] for one in statement["predicate"]["materials"]] == ["a.txt"]
    assert statement["predicate"]["byproducts"]["audit"]["number"] == 4


def raw_of(public: str) -> str:
    """The key itself, in hexadecimal digits: the last 32 bytes of the PEM."""
    lines = public.strip().splitlines()[1:-1]
    return base64.b64decode("".join(lines))[-32:].hex()


def test_what_cannot_be_attested_is_told(vespera, work, keys, workspace):
    work("t")
    ran = vespera("audit", "export", "nobody", "--key", keys[0], "-o", workspace / "out")

    assert (ran.exit_code, ran.stderr) == (1, "Error: No task has the id 'nobody'.\n")
    assert not (workspace / "out").exists()
