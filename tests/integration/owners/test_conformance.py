"""Owners with lock files keep the promises of the port, among processes too."""

from pathlib import Path

from vespera.infrastructure.owners import LockFileOwners
from vespera.testing.conformance import OwnersOfOneHostConformance

PROGRAM = """
import sys
from pathlib import Path

from vespera.infrastructure.owners import LockFileOwners

owners = LockFileOwners(Path({directory!r}))
print(owners.register(), flush=True)
sys.stdin.read()
"""


class TestLockFileOwners(OwnersOfOneHostConformance):
    def make_owners(self, directory: Path) -> LockFileOwners:
        return LockFileOwners(directory)

    def program(self, directory: Path) -> str:
        return PROGRAM.format(directory=str(directory))
