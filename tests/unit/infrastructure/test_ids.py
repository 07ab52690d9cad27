import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from datetime import UTC, datetime, timedelta
from unittest.mock import Mock
from uuid import RFC_4122, UUID

import pytest

from vespera.application.ports.clock import Clock
from vespera.infrastructure.ids import TimeOrderedIds

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def clock() -> Mock:
    clock = Mock(spec=Clock)
    clock.now.return_value = NOON
    return clock


@pytest.fixture
def new_id(clock) -> Callable[[], str]:
    return TimeOrderedIds(clock)


def test_an_id_is_a_uuid7_of_32_hexadecimal_digits(new_id):
    for _ in range(100):
        made = new_id()
        assert UUID(made).hex == made
        assert (UUID(made).version, UUID(made).variant) == (7, RFC_4122)


def test_an_id_begins_with_the_clocks_milliseconds(new_id):
    assert int(new_id()[:12], 16) == NOON.timestamp() * 1000


def test_ids_of_one_millisecond_increase(new_id):
    ids = [new_id() for _ in range(1000)]
    assert ids == sorted(set(ids))


def test_ids_increase_when_the_clock_steps_back(clock, new_id):
    first = new_id()
    clock.now.return_value = NOON - timedelta(days=365)
    second = new_id()
    clock.now.return_value = NOON + timedelta(milliseconds=1)
    assert first < second < new_id()


def test_ids_increase_with_time(clock, new_id):
    ids = []
    for seconds in range(100):
        clock.now.return_value = NOON + timedelta(seconds=seconds)
        ids.append(new_id())
    assert ids == sorted(set(ids))


def test_two_makers_under_a_clock_that_stands_still_share_no_id(clock):
    one, other = TimeOrderedIds(clock), TimeOrderedIds(clock)
    assert {one() for _ in range(100)}.isdisjoint(other() for _ in range(100))


def test_a_process_that_is_forked_makes_other_ids_than_its_parent(new_id, monkeypatch):
    new_id()
    child = copy(new_id)
    of_the_parent = {new_id() for _ in range(30)}
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert of_the_parent.isdisjoint(child() for _ in range(30))


def test_ids_made_in_many_threads_are_all_different(new_id):
    with ThreadPoolExecutor(8) as threads:
        ids = list(threads.map(lambda _: new_id(), range(2000)))
    assert len(set(ids)) == 2000


def test_running_out_of_random_bits_goes_on_in_the_next_millisecond(clock, new_id):
    new_id._last = (int(NOON.timestamp() * 1000) + 1 << 74) - 1
    made = new_id()
    assert int(made[:12], 16) == NOON.timestamp() * 1000 + 1
    assert UUID(made).version == 7
    assert made < new_id()
