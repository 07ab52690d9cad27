"""`vespera breaker`: circuit breakers that workers share, seen from outside."""

import asyncio
import json
from datetime import datetime

import pytest

from vespera import CircuitBreaker, Clock, Container
from vespera.application.ports.breakers import Breakers


@pytest.fixture
def failed(workspace):
    """One call of each of these services has failed, and opened its breaker."""

    async def call(names):
        database = workspace / ".vespera" / "vespera.db"
        async with Container(database_url=str(database), workspace=workspace) as container:
            for name in names:
                breaker = CircuitBreaker(
                    failure_threshold=1,
                    name=name,
                    store=container.get(Breakers),
                    clock=container.get(Clock),
                )
                with pytest.raises(ConnectionError):
                    await breaker.call(broken)

    async def broken():
        raise ConnectionError("no route")

    return lambda *names: asyncio.run(call(names))


def test_open_breakers_are_listed_with_their_reasons(vespera, failed):
    failed("tts", "model: gpt")

    head, *rows = vespera("breaker", "list").stdout.splitlines()
    assert head.split() == ["NAME", "STATE", "FAILURES", "SINCE", "UNTIL", "REASON"]
    assert [row.split("  ")[0] for row in rows] == ["model: gpt", "tts"]
    assert rows[1].split()[1:3] == ["open", "1"]
    assert rows[1].endswith("ConnectionError: no route")


def test_breakers_are_told_in_json(vespera, failed):
    failed("tts")

    [row] = json.loads(vespera("breaker", "list", "--json").stdout)["breakers"]
    since, until = map(datetime.fromisoformat, (row.pop("since"), row.pop("until")))
    assert (until - since).total_seconds() == pytest.approx(30)
    assert row == {
        "name": "tts",
        "state": "open",
        "failures": 1,
        "reason": "ConnectionError: no route",
    }


def test_one_that_is_reset_is_closed_and_the_others_are_not(vespera, failed):
    failed("chat", "tts")

    assert vespera("breaker", "reset", "tts", "-y").stdout == "tts: closed\n"
    rows = json.loads(vespera("breaker", "list", "--json").stdout)["breakers"]
    assert [(row["name"], row["state"], row["failures"]) for row in rows] == [
        ("chat", "open", 1),
        ("tts", "closed", 0),
    ]
    told = json.loads(vespera("breaker", "reset", "chat", "-y", "--json").stdout)
    assert (told["name"], told["state"], told["reason"]) == ("chat", "closed", "")


def test_where_nobody_can_be_asked_nothing_is_reset(vespera, failed):
    failed("tts")
    refused = vespera("breaker", "reset", "tts")

    assert refused.exit_code == 2
    assert "-y says yes" in refused.stderr
    assert "open" in vespera("breaker", "list").stdout


@pytest.mark.parametrize(
    ("known", "told"), [(["tts", "chat"], "known are 'tts'"), ([], "none was ever stored")]
)
def test_one_that_is_not_there_is_named_with_those_that_are(vespera, failed, known, told):
    failed(*known)
    refused = vespera("breaker", "reset", "tt", "-y")

    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "there is no circuit breaker 'tt' in this database" in refused.stderr
    assert told in refused.stderr


def test_a_list_of_none_is_a_heading(vespera, failed):
    failed()

    assert len(vespera("breaker", "list").stdout.splitlines()) == 1
    assert json.loads(vespera("breaker", "list", "--json").stdout) == {"breakers": []}
