from datetime import UTC, datetime, timedelta

from vespera.infrastructure.clock import SystemClock


def test_now_is_aware_and_in_utc():
    before = datetime.now(UTC)
    now = SystemClock().now()
    assert now.tzinfo is UTC
    assert before <= now <= before + timedelta(minutes=1)
