"""Where threads and files are made, noted while a test is looked after."""

import threading

import pytest

from vespera.testing.tracing import Tracer


@pytest.fixture
def tracer():
    tracer = Tracer()
    yield tracer
    tracer.stop()


def started() -> threading.Thread:
    thread = threading.Thread(target=int)
    thread.start()
    thread.join()
    return thread


def test_a_thread_is_known_if_it_began_meanwhile(tracer):
    before = started()
    tracer.begin()
    meanwhile = started()
    tracer.stop()
    after = started()

    assert tracer.place_of(meanwhile).endswith("in started")
    assert tracer.place_of(before) == tracer.place_of(after) == "(nobody saw it being made)"


def test_a_file_is_known_by_its_whole_path_until_the_next_test(tracer, monkeypatch):
    monkeypatch.chdir("/")
    tracer.begin()
    for path in ("dev/null", "/dev/../dev/zero"):
        open(path, "rb").close()  # noqa: PTH123  # as people do

    assert "test_tracing.py" in tracer.place_of("/dev/null")
    assert "test_tracing.py" in tracer.place_of("/dev/zero")
    tracer.begin()
    assert "nobody" in tracer.place_of("/dev/null")


def test_what_is_put_around_the_start_of_threads_meanwhile_stays(tracer, monkeypatch):
    original = threading.Thread.start
    tracer.begin()
    ours = threading.Thread.start
    seen = []

    def wrapped(thread):
        seen.append(thread.name)
        ours(thread)

    monkeypatch.setattr(threading.Thread, "start", wrapped)
    tracer.stop()
    assert threading.Thread.start is wrapped
    after = started()
    assert seen == [after.name]
    assert "nobody" in tracer.place_of(after)

    monkeypatch.undo()
    tracer.begin()
    tracer.stop()
    assert threading.Thread.start is original
