from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vespera.domain.errors import UnstorableValue
from vespera.domain.file_operation import (
    Absent,
    DirectoryState,
    FileState,
    SpecialState,
    SymlinkState,
    UnknownState,
)
from vespera.domain.retry import NEVER, RetryPolicy
from vespera.domain.task import TaskFailure
from vespera.infrastructure.persistence.values import (
    from_failure,
    from_micros,
    from_micros_if_any,
    from_path,
    from_retry,
    from_state,
    storable_texts,
    to_failure,
    to_json,
    to_mapping,
    to_micros,
    to_micros_if_any,
    to_path,
    to_retry,
    to_state,
)

any_text = st.text(st.characters())  # lone surrogates among them
sizes = st.integers(min_value=0, max_value=2**62)
states = st.one_of(
    st.just(Absent()),
    st.builds(FileState, any_text, sizes, sizes),
    st.builds(SymlinkState, any_text),
    st.builds(DirectoryState, sizes),
    st.builds(SpecialState, any_text),
    st.builds(UnknownState, any_text),
)


@given(st.datetimes(timezones=st.just(UTC)))
def test_every_moment_comes_back_to_the_microsecond(moment):
    assert from_micros(to_micros(moment)) == moment


@given(st.datetimes(timezones=st.just(UTC)), st.datetimes(timezones=st.just(UTC)))
def test_stored_moments_have_the_order_of_the_moments(one, other):
    assert (to_micros(one) < to_micros(other)) == (one < other)


def test_a_moment_of_another_time_zone_is_the_same_moment():
    moment = datetime(2030, 6, 1, 12, tzinfo=UTC)
    elsewhere = moment.astimezone(timezone(timedelta(hours=5)))

    assert to_micros(elsewhere) == to_micros(moment)


def test_no_moment_stays_no_moment():
    assert to_micros_if_any(None) is None
    assert from_micros_if_any(None) is None


@given(st.binary())
def test_every_path_of_a_file_system_comes_back(raw):
    assert to_path(from_path(raw)) == raw


@given(states)
def test_every_state_comes_back(state):
    assert from_state(to_state(state)) == state


@given(st.lists(any_text, max_size=3), any_text, any_text)
def test_every_failure_comes_back_with_any_text_in_it(types, message, traceback):
    failure = TaskFailure(error_types=tuple(types), message=message, traceback=traceback)

    assert from_failure(to_failure(failure)) == failure


def test_no_failure_stays_no_failure():
    assert from_failure(to_failure(None)) is None


@pytest.mark.parametrize(
    "policy",
    [
        NEVER,
        RetryPolicy(
            max_attempts=7,
            delay=0.25,
            multiplier=3,
            max_delay=9.5,
            jitter=0.5,
            retry_on=("OSError",),
        ),
    ],
)
def test_a_retry_policy_comes_back(policy):
    assert from_retry(to_retry(policy)) == policy


@given(st.dictionaries(any_text, any_text | st.none() | st.booleans() | sizes))
def test_stored_json_is_text_that_every_database_takes(mapping):
    assert to_mapping(mapping, what="metadata").isascii()


@pytest.mark.parametrize("value", [{"a": object()}, [float("nan")], {"a": {1, 2}}, {(1, 2): 3}])
def test_a_value_without_json_form_is_refused_by_name(value):
    with pytest.raises(UnstorableValue, match="metadata"):
        to_json(value, what="metadata")


def test_a_value_that_holds_itself_is_refused():
    loop = []
    loop.append(loop)

    with pytest.raises(UnstorableValue, match="metadata"):
        to_json(loop, what="metadata")


def test_only_real_text_can_be_in_the_database():
    assert storable_texts(["id", "\ud800", "\0", "ü", 7, None]) == ["id", "\0", "ü"]
