"""Owners on real lock files, in real processes that really die."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from vespera.domain.errors import DatabaseReadOnly
from vespera.domain.ids import OwnerId
from vespera.infrastructure import owners as module
from vespera.infrastructure.owners import LockFileOwners


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "state" / "owners"


@pytest.fixture
def owners(directory):
    return LockFileOwners(directory)


@pytest.fixture
def another(directory):
    """As another process sees it."""
    return LockFileOwners(directory)


def test_an_owner_lives_until_it_leaves(owners, another, directory):
    owner = owners.register()
    assert [path.name for path in directory.iterdir()] == [owner]
    assert not another.dead([owner])
    owners.leave(owner)
    assert set(owners.dead([owner])) == {owner}
    assert not list(directory.iterdir())
    owners.leave(owner)


def test_an_owner_that_left_has_no_tasks_and_nobody_elsewhere_asks_whether_it_is_dead(
    owners, another
):
    owner = owners.register()
    owners.leave(owner)
    assert not another.dead([owner])


def test_leaving_one_owner_leaves_the_others_alive(owners, another):
    one, other = owners.register(), owners.register()
    owners.leave(one)
    assert set(owners.dead([one, other])) == {one}
    assert not another.dead([other])
    owners.leave(other)


def test_an_owner_whose_file_is_gone_is_left_to_its_lease(owners, another, directory):
    owner = owners.register()
    (directory / owner).unlink()
    assert not another.dead([owner])
    owners.leave(owner)


def test_an_owner_lives_on_when_the_directory_is_gone_or_another_one(owners, another, directory):
    owner = owners.register()
    (directory / owner).unlink()
    directory.rmdir()
    assert not another.dead([owner])
    newcomer = another.register()
    assert not another.dead([owner])
    owners.leave(owner)
    another.leave(newcomer)


def test_an_id_that_is_a_path_touches_nothing(owners, directory):
    host = owners._host
    owners.leave(owners.register())
    precious = directory.parent / "precious"
    precious.touch()
    assert not owners.dead([OwnerId("../precious"), OwnerId(f"{host}-/../../precious")])
    assert precious.exists()


def test_a_file_of_another_host_is_left_alone(owners, directory):
    directory.mkdir(parents=True)
    foreign = directory / "anotherboot-0123456789abcdef"
    foreign.touch()
    owners.leave(owners.register())
    assert foreign.exists()


def left_behind(owners, directory, *, seconds_ago):
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / f"{owners._host}-0123456789abcdef"
    file.touch()
    then = file.stat().st_mtime - seconds_ago
    os.utime(file, (then, then))
    return OwnerId(file.name)


def test_a_death_is_still_proven_after_somebody_has_asked_and_registered(
    owners, another, directory
):
    gone = left_behind(owners, directory, seconds_ago=60)
    assert set(owners.dead([gone])) == {gone}
    owner = owners.register()
    assert set(owners.dead([gone])) == set(another.dead([gone])) == {gone}
    owners.leave(owner)


def test_what_the_dead_left_behind_long_ago_is_removed_when_somebody_registers(owners, directory):
    gone = left_behind(owners, directory, seconds_ago=7200)
    owner = owners.register()
    assert [path.name for path in directory.iterdir()] == [owner]
    assert set(owners.dead([gone])) == {gone}
    owners.leave(owner)


def test_the_file_of_a_long_life_is_not_removed(owners, another, directory):
    owner = owners.register()
    os.utime(directory / owner, (0, 0))
    other = another.register()
    assert {path.name for path in directory.iterdir()} == {owner, other}
    owners.leave(owner)
    another.leave(other)


def test_somebody_who_asks_is_not_taken_for_alive(owners, another, directory):
    gone = left_behind(owners, directory, seconds_ago=0)
    with (directory / gone).open() as asking:
        module.fcntl.flock(asking, module.fcntl.LOCK_SH)
        assert set(another.dead([gone])) == {gone}


def test_a_symbolic_link_in_place_of_a_file_tells_nothing(owners, directory, tmp_path):
    directory.mkdir(parents=True)
    target = tmp_path / "target"
    target.touch()
    link = directory / f"{owners._host}-0123456789abcdef"
    link.symlink_to(target)
    assert not owners.dead([OwnerId(link.name)])
    assert target.exists()


def test_a_file_that_was_removed_between_making_and_locking_is_made_again(
    owners, another, directory, monkeypatch
):
    locks = []
    flock = module.fcntl.flock

    def remove_first(lock, how):
        if not locks:
            next(directory.iterdir()).unlink()
        locks.append(how)
        flock(lock, how)

    monkeypatch.setattr(module.fcntl, "flock", remove_first)
    owner = owners.register()
    monkeypatch.undo()
    assert len(locks) == 2
    assert not another.dead([owner])
    owners.leave(owner)


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_file_system_without_locks_is_told_and_nothing_stays_open(owners, monkeypatch):
    def refuse(_lock, _how):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(module.fcntl, "flock", refuse)
    before = open_files()
    with pytest.raises(DatabaseReadOnly, match="Operation not supported"):
        owners.register()
    assert open_files() == before


def test_a_directory_that_cannot_be_made_is_told_with_its_path(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DatabaseReadOnly, match=r"file/owners: a worker cannot keep its lock file"):
        LockFileOwners(tmp_path / "file" / "owners").register()


def test_a_forked_child_closes_its_copies_of_the_locks(directory, monkeypatch):
    in_child = []
    monkeypatch.setattr(os, "register_at_fork", lambda **calls: in_child.append(calls))
    owners = LockFileOwners(directory)
    before = open_files()
    owners.register()
    in_child[0]["after_in_child"]()
    assert open_files() == before
    del owners
    in_child[0]["after_in_child"]()


WORKER = """
import sys, os
from pathlib import Path
from vespera.infrastructure.owners import LockFileOwners
owners = LockFileOwners(Path(sys.argv[1]))
print(owners.register(), flush=True)
if sys.argv[2:] == ["fork"]:
    if os.fork() == 0:
        print(os.getpid(), flush=True)
sys.stdin.read()
"""


def start_worker(directory: Path, *arguments: str) -> tuple[subprocess.Popen[str], OwnerId]:
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(directory), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    return process, OwnerId(process.stdout.readline().strip())


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    with process:
        process.wait()


@pytest.mark.crash
def test_a_child_that_outlives_its_parent_does_not_keep_it_alive(owners, directory):
    process, owner = start_worker(directory, "fork")
    child = int(process.stdout.readline())
    kill(process)
    try:
        assert set(owners.dead([owner])) == {owner}
    finally:
        os.kill(child, signal.SIGKILL)


def test_those_of_other_hosts_and_of_earlier_starts_are_strangers(tmp_path):
    owners = LockFileOwners(tmp_path)
    own = owners.register()
    host = own.rpartition("-")[0]
    of_this_host = OwnerId(f"{host}-{'0' * 16}")
    others = [OwnerId(f"elsewhere-{'0' * 16}"), OwnerId(f"{host}-short"), OwnerId("")]

    assert owners.strangers([own, of_this_host, *others]) == set(others)
    owners.leave(own)
