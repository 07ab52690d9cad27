import subprocess
import sys
from pathlib import Path

from vespera.domain.ids import OwnerId
from vespera.infrastructure import owners as module
from vespera.infrastructure.owners import LockFileOwners


def test_without_a_directory_nobody_is_dead_but_those_who_left():
    owners = LockFileOwners(None)
    here, gone = owners.register(), owners.register()
    owners.leave(gone)
    owners.leave(gone)
    assert set(owners.dead([here, gone, OwnerId("stranger")])) == {gone}


def test_ids_of_one_host_begin_alike():
    one, other = LockFileOwners(None).register(), LockFileOwners(None).register()
    assert one.rpartition("-")[0] == other.rpartition("-")[0] != ""


def test_a_host_without_a_boot_id_goes_by_its_name(monkeypatch):
    monkeypatch.setattr(module, "_BOOT_ID", Path("/nonexistent"))
    monkeypatch.setattr(module.socket, "gethostname", lambda: "odd/../host name.local")
    assert LockFileOwners(None).register().startswith("oddhostnamelocal-")


def test_a_system_without_such_locks_leaves_it_to_the_leases(monkeypatch):
    monkeypatch.setattr(module, "_HAS_LOCKS", False)
    owners = LockFileOwners(Path("/nonexistent"))
    owner = owners.register()
    assert not owners.dead([owner])
    owners.leave(owner)
    assert set(owners.dead([owner])) == {owner}


def test_the_module_can_be_imported_on_a_system_without_such_locks():
    code = (
        "import sys; sys.modules['fcntl'] = None\n"
        "from vespera.infrastructure.owners import LockFileOwners\n"
        "LockFileOwners(None).register()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
