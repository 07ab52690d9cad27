"""Facts about an installation become remarks that say what to do."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from vespera.domain import health
from vespera.domain.content import StoreUsage
from vespera.domain.health import HostFacts, Level, PlaceFacts

NOW = datetime(2030, 1, 1, tzinfo=UTC)
MIB = 1024 * 1024
HOST = HostFacts(
    python="CPython 3.11.7",
    system="Linux",
    packages={"msgspec": "0.22", "alembic": "1.18"},
    extras={"cli": {"click": "8.2", "rich": "14"}, "crypto": {"cryptography": "50"}},
)
FILE = PlaceFacts(
    path="/data/work.db",
    mode=0o644,
    is_directory=False,
    readable=True,
    writable=True,
    size=4096,
    modified=NOW,
    filesystem="ext4",
    free=10_000 * MIB,
)
DIRECTORY = replace(FILE, path="/data", mode=0o755, is_directory=True, case_matters=True)
LOG = replace(FILE, path="/data/work.db-wal")


def told(remarks):
    return [(remark.level, remark.about) for remark in remarks]


def of_file(file=FILE, directory=DIRECTORY, log=LOG, now=NOW):
    return [r for r in health.on_database_file(file, directory, log, now) if r.level != Level.OK]


def of_workspace(**changes):
    place = replace(DIRECTORY, **changes)
    return [r for r in health.on_workspace(place) if r.level is not Level.OK]


def test_a_complete_host_is_fine():
    remarks = list(health.on_host(HOST))

    assert told(remarks) == [(Level.OK, "python"), (Level.OK, "packages")]
    assert remarks[0].text == "CPython 3.11.7 on Linux"
    assert remarks[1].text == "alembic 1.18, msgspec 0.22"


def test_an_extra_that_is_not_installed_is_a_note_that_says_how_to_get_it():
    extras = {"crypto": {"cryptography": None}, "cli": {"click": "8.2", "rich": None}}

    remarks = list(health.on_host(replace(HOST, extras=extras)))[2:]

    assert told(remarks) == [(Level.NOTE, "packages")] * 2
    assert remarks[0].text == "extra 'cli': rich is not installed"
    assert "pip install 'vespera[crypto]'" in remarks[1].remedy


def test_a_needed_package_that_is_not_installed_is_an_error():
    remark = list(health.on_host(replace(HOST, packages={"alembic": None, "msgspec": "1"})))[1]

    assert (remark.level, remark.text) == (Level.ERROR, "alembic is needed, but not installed")
    assert remark.remedy


def test_a_copy_that_was_never_installed_is_noted():
    remark = list(health.on_host(replace(HOST, packages={})))[1]

    assert remark.level is Level.NOTE


@pytest.mark.parametrize(
    ("version", "level"),
    [
        ("3.40.1", Level.WARNING),
        ("3.51.2", Level.WARNING),
        ("3.51.3", Level.OK),
        ("3.52.0", Level.OK),
        ("4.0.0", Level.OK),
    ],
)
def test_a_sqlite_with_the_wal_reset_bug_is_warned_of(version, level):
    assert health.on_sqlite(version, takes_turns=True).level is level


def test_the_warning_of_the_bug_says_what_we_do_and_what_to_do():
    remark = health.on_sqlite("3.40.1", takes_turns=True)

    assert "take turns by a lock file" in remark.text
    assert "3.51.3" in remark.remedy
    assert "in memory is safe" in health.on_sqlite("3.40.1", takes_turns=False).text


@pytest.mark.parametrize(
    ("durability", "in_memory", "level", "words"),
    [
        ("full", False, Level.OK, "survives a power cut"),
        ("normal", False, Level.NOTE, "may take the last ones"),
        ("full", True, Level.NOTE, "gone when the process ends"),
    ],
)
def test_the_durability_in_use_is_told(durability, in_memory, level, words):
    remark = health.on_durability(durability, in_memory=in_memory)

    assert remark.level is level
    assert words in remark.text


@pytest.mark.parametrize(
    ("revision", "level", "words"),
    [
        ("0002", Level.OK, "/work.db (revision 0002)"),
        ("0001", Level.NOTE, "older revision 0001; this version's is 0002"),
        ("", Level.NOTE, "older revision none"),
        (None, Level.NOTE, "there is none yet at /work.db"),
    ],
)
def test_the_revision_of_the_database_is_told(revision, level, words):
    remark = health.on_revision(revision, "0002", "/work.db")

    assert remark.level is level
    assert words in remark.text
    assert bool(remark.remedy) == (level is not Level.OK)


def test_a_database_in_its_place_is_fine():
    assert of_file() == []


@pytest.mark.parametrize(
    ("file", "directory", "words"),
    [
        ({"writable": False}, {}, "/data/work.db cannot be written"),
        ({"readable": False}, {}, "/data/work.db cannot be read"),
        ({}, {"writable": False}, "/data cannot be written by this user; SQLite keeps its log"),
    ],
)
def test_a_database_that_cannot_be_used_is_an_error(file, directory, words):
    (remark,) = of_file(replace(FILE, **file), replace(DIRECTORY, **directory))

    assert (remark.level, remark.about) == (Level.ERROR, "permissions")
    assert words in remark.text
    assert remark.remedy


def test_a_database_that_everybody_may_write_to_is_warned_of():
    (remark,) = of_file(replace(FILE, mode=0o666))

    assert (remark.level, remark.remedy) == (Level.WARNING, "chmod o-w /data/work.db")


def test_our_own_directory_is_its_owners_alone():
    own = replace(DIRECTORY, path="/data/.vespera", mode=0o700)

    assert of_file(directory=own) == []
    (remark,) = of_file(directory=replace(own, mode=0o750))
    assert (remark.level, remark.remedy) == (Level.WARNING, "chmod 700 /data/.vespera")


def test_a_file_that_is_not_there_yet_has_no_permissions():
    absent = replace(FILE, mode=None, modified=None, size=0)

    assert of_file(absent, replace(DIRECTORY, path="/data/.vespera", mode=None)) == []


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "9p", "fuse.sshfs", "fuse.glusterfs"])
def test_a_database_on_a_network_file_system_is_warned_of(kind):
    (remark,) = of_file(replace(FILE, filesystem=kind))

    assert told([remark]) == [(Level.WARNING, "database")]
    assert f"network file system ({kind})" in remark.text
    assert "local disk" in remark.remedy


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "overlay", "fuseblk", "apfs", ""])
def test_a_local_file_system_is_not(kind):
    assert of_file(replace(FILE, filesystem=kind)) == []


def test_a_database_in_memory_disks_is_warned_of():
    (remark,) = of_file(replace(FILE, filesystem="tmpfs"))

    assert "gone after a restart" in remark.text


@pytest.mark.parametrize(
    ("free", "level"),
    [(512 * MIB, Level.OK), (512 * MIB - 1, Level.WARNING), (16 * MIB - 1, Level.ERROR)],
)
def test_the_room_on_the_disk_is_told(free, level):
    remarks = list(health.on_database_file(replace(FILE, free=free), DIRECTORY, LOG, NOW))

    assert told(remarks) == [(level, "disk")]


def test_room_that_cannot_be_told_is_not_guessed():
    file = replace(FILE, free=None)

    assert list(health.on_database_file(file, DIRECTORY, LOG, NOW)) == []


def test_much_room_is_told_in_larger_units():
    (remark,) = health.on_database_file(FILE, DIRECTORY, LOG, NOW)

    assert remark.text == "9.8 GiB free for the database"


def test_a_log_that_has_grown_is_warned_of():
    (remark,) = of_file(log=replace(LOG, size=300 * MIB))

    assert remark.text == "the log /data/work.db-wal has grown to 300.0 MiB"


def test_a_clock_that_was_set_back_is_warned_of():
    assert of_file(now=NOW - timedelta(minutes=4)) == []
    (remark,) = of_file(now=NOW - timedelta(minutes=6))
    assert told([remark]) == [(Level.WARNING, "clock")]
    assert "2030-01-01 00:00" in remark.text


def test_lock_files_of_the_dead_and_of_strangers_are_warned_of():
    assert list(health.on_leftovers("/d", (), ())) == []
    dead, strangers = health.on_leftovers("/d", ["a"], ["b", "c"])

    assert dead.text == "1 lock file of dead workers in /d"
    assert "takes their tasks back" in dead.remedy
    assert strangers.text.startswith("2 lock files in /d of workers on another machine")
    assert told([dead, strangers]) == [(Level.WARNING, "leftovers")] * 2


def test_a_workspace_in_order_is_fine():
    assert of_workspace() == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"mode": None}, "/data is no directory"),
        ({"is_directory": False}, "/data is no directory"),
        ({"writable": False}, "/data cannot be written"),
        ({"readable": False}, "/data cannot be read"),
    ],
)
def test_a_workspace_that_cannot_be_worked_in_is_an_error(changes, words):
    (remark,) = of_workspace(**changes)

    assert told([remark]) == [(Level.ERROR, "workspace")]
    assert words in remark.text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"case_matters": False}, "does not tell upper from lower case"),
        ({"filesystem": "nfs4"}, "changes by others may be seen late"),
        ({"filesystem": "tmpfs"}, "kept in memory"),
    ],
)
def test_a_workspace_with_a_trap_is_warned_of(changes, words):
    (remark,) = of_workspace(**changes)

    assert told([remark]) == [(Level.WARNING, "workspace")]
    assert words in remark.text
    assert remark.remedy


def test_a_case_that_cannot_be_told_is_no_warning():
    assert of_workspace(case_matters=None) == []


def test_workers_that_are_alive_are_named():
    remark = health.on_workers({"b", "a"})

    assert (remark.level, remark.text) == (Level.OK, "2 alive on this machine: a, b")


def test_where_nobody_works_is_told_how_to():
    remark = health.on_workers([])

    assert (remark.level, remark.about) == (Level.NOTE, "workers")
    assert "vespera worker" in remark.remedy


@pytest.mark.parametrize(
    ("size", "level"), [(0, Level.OK), (899, Level.OK), (900, Level.WARNING), (1000, Level.WARNING)]
)
def test_a_store_that_is_nearly_full_is_warned_of(size, level):
    usage = StoreUsage(directory="/data/contents", size=size, quota=1000)
    (remark,) = health.on_contents(usage, replace(DIRECTORY, mode=0o700))

    assert remark.level is level
    assert ("store_quota" in remark.remedy) is (level is Level.WARNING)


def test_a_store_that_others_may_enter_is_warned_of():
    usage = StoreUsage(directory="/data/contents", size=1, quota=1000)
    place = replace(DIRECTORY, path="/data/contents", mode=0o750)
    *_, remark = health.on_contents(usage, place)

    assert (remark.level, remark.remedy) == (Level.WARNING, "chmod 700 /data/contents")
