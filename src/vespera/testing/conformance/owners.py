"""The promises of ``Owners``, within one process and among several."""

import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from vespera.application.ports.owners import Owners
from vespera.domain.ids import OwnerId
from vespera.testing.conformance.suite import AdapterSuite, Made, adapter_of

Start = Callable[[], tuple["subprocess.Popen[str]", OwnerId]]


class OwnersConformance(AdapterSuite):
    """Give ``make_owners``."""

    ports = (Owners,)

    def make_owners(self, directory: Path) -> Made[Owners]:
        """The owners to be tested; ``directory`` is an empty one that they may use."""
        raise self.missing("make_owners", "the Owners of one process")

    @pytest_asyncio.fixture
    async def owners(self, tmp_path: Path) -> AsyncIterator[Owners]:
        """The owners of ``make_owners``."""
        async with adapter_of(self.make_owners, tmp_path) as owners:
            yield owners

    def test_every_owner_has_an_id_of_its_own(self, owners: Owners) -> None:
        ids = [owners.register() for _ in range(50)]

        assert len(set(ids)) == 50
        for owner in ids:
            owners.leave(owner)

    def test_an_owner_that_lives_is_not_called_dead(self, owners: Owners) -> None:
        ids = [owners.register() for _ in range(3)]

        assert not owners.dead(ids)
        for owner in ids:
            owners.leave(owner)

    def test_who_leaves_takes_nobody_along(self, owners: Owners) -> None:
        gone, here = owners.register(), owners.register()
        owners.leave(gone)

        assert not set(owners.dead([gone, here])) - {gone}
        owners.leave(here)

    def test_who_cannot_be_told_is_left_to_the_lease(self, owners: Owners) -> None:
        elsewhere = ["stranger", "another-host-0123456789abcdef", "../escape", ""]

        assert not owners.dead([OwnerId(name) for name in elsewhere])

    def test_only_those_of_other_hosts_are_strangers(self, owners: Owners) -> None:
        here, elsewhere = owners.register(), OwnerId("another-host-0123456789abcdef")

        assert set(owners.strangers([here, elsewhere])) == {elsewhere}
        assert not owners.strangers([])
        owners.leave(here)

    def test_of_nobody_nobody_is_dead(self, owners: Owners) -> None:
        gone = owners.register()
        owners.leave(gone)

        assert not owners.dead([])


class OwnersOfOneHostConformance(OwnersConformance):
    """For owners whose death is known at once on the same host; give ``program``, too."""

    def program(self, directory: Path) -> str:
        """The source of a Python program that registers an owner, with the same ``directory`` as
        ``make_owners``, prints its id in one line, and then waits until its input ends.
        """
        raise self.missing("program", "the source of a program")

    @pytest.fixture
    def start(self, tmp_path: Path) -> Iterator[Start]:
        """Starts ``program`` and gives the process and its owner; none outlives the test."""
        started: list[subprocess.Popen[str]] = []

        def start() -> tuple["subprocess.Popen[str]", OwnerId]:
            command = [sys.executable, "-c", self.program(tmp_path)]
            pipe = subprocess.PIPE
            process = subprocess.Popen(  # noqa: S603 -- the suite's user wrote the program
                command, stdin=pipe, stdout=pipe, text=True
            )
            started.append(process)
            assert process.stdout is not None
            return process, OwnerId(process.stdout.readline().strip())

        yield start
        for process in started:
            process.kill()
            process.communicate()

    def test_an_owner_of_another_process_lives_as_long_as_that(
        self, owners: Owners, start: Start
    ) -> None:
        (process, owner), (_other, neighbour) = start(), start()
        assert not owners.dead([owner, neighbour])
        process.kill()
        process.wait()

        assert set(owners.dead([owner, neighbour])) == {owner}

    def test_an_owner_whose_process_ended_without_leaving_is_dead(
        self, owners: Owners, start: Start
    ) -> None:
        process, owner = start()
        process.communicate("")

        assert set(owners.dead([owner])) == {owner}

    def test_an_owner_whose_process_stands_still_is_not_dead(
        self, owners: Owners, start: Start
    ) -> None:
        process, owner = start()
        process.send_signal(signal.SIGSTOP)

        assert not owners.dead([owner])

    def test_a_death_is_told_to_everybody_who_asks_and_again(
        self, owners: Owners, start: Start
    ) -> None:
        process, owner = start()
        process.kill()
        process.wait()

        assert set(owners.dead([owner])) == {owner}
        here = owners.register()
        assert set(owners.dead([owner, here])) == {owner}
        owners.leave(here)
