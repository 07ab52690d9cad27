from pathlib import Path

import pytest

from vespera.domain.errors import DatabaseLocked, DatabaseReadOnly
from vespera.infrastructure.persistence.file_lock import FileLock, patiently


class Busy(Exception):
    pass


def is_busy(error):
    return isinstance(error, Busy)


def test_an_attempt_is_repeated_while_it_is_busy():
    outcomes = iter([Busy(), Busy(), "done"])

    def attempt():
        outcome = next(outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    assert patiently(attempt, seconds=10, busy=is_busy) == "done"


def test_patience_ends():
    def attempt():
        raise Busy

    with pytest.raises(Busy):
        patiently(attempt, seconds=0.001, busy=is_busy)


def test_patience_ends_when_nobody_wants_the_outcome_any_more():
    waits = iter([False, False, True])

    def attempt():
        raise Busy

    with pytest.raises(Busy):
        patiently(attempt, seconds=1_000_000, busy=is_busy, given_up=lambda: next(waits))
    assert list(waits) == []


def test_another_error_is_not_waited_for():
    attempts = []

    def attempt():
        attempts.append(1)
        raise ValueError

    with pytest.raises(ValueError):
        patiently(attempt, seconds=10, busy=is_busy)
    assert len(attempts) == 1


def test_one_holds_the_lock_at_a_time(tmp_path):
    path = tmp_path / "work.db.lock"
    first, second = FileLock(path), FileLock(path)
    with first.held(), pytest.raises(DatabaseLocked, match=str(path)), second.held():
        pass
    with second.held():
        pass


def test_a_lock_can_be_taken_and_let_go_twice(tmp_path):
    lock = FileLock(tmp_path / "lock")
    lock.acquire()
    lock.acquire()
    lock.release()
    lock.release()
    with FileLock(tmp_path / "lock").held():
        pass


def test_a_lock_that_is_let_go_leaves_no_open_file(tmp_path):
    before = len(list(Path("/dev/fd").iterdir()))
    lock = FileLock(tmp_path / "lock")
    other = FileLock(tmp_path / "lock")
    with lock.held(), pytest.raises(DatabaseLocked), other.held():
        pass

    assert len(list(Path("/dev/fd").iterdir())) == before


def test_a_lock_file_that_cannot_be_made_is_said_to_be_read_only(tmp_path):
    path = tmp_path / "nowhere" / "lock"
    with pytest.raises(DatabaseReadOnly, match=str(path)):
        FileLock(path).acquire()


def test_without_a_path_there_is_nothing_to_wait_for():
    lock = FileLock(None)
    with lock.held(), lock.held():
        pass
