"""The promises of ``Breakers``."""

import asyncio

import pytest

from vespera.application.ports.breakers import Breakers
from vespera.domain.circuit import CLOSED, Circuit
from vespera.testing.conformance.stores import PersistenceSuite, Stores


class BreakersConformance(PersistenceSuite):
    """Give ``make_stores``; the circuits of breakers are the ones in question."""

    ports = (Breakers,)

    async def test_one_that_was_never_stored_is_closed(self, stores: Stores) -> None:
        await stores.breakers.save("tts", a_circuit(1))

        assert await stores.breakers.get("other") == CLOSED

    async def test_a_circuit_comes_back_as_it_was_stored(self, stores: Stores) -> None:
        for version in (1, 2):
            assert await stores.breakers.save("model: gpt/5 ä", a_circuit(version))

            assert await stores.breakers.get("model: gpt/5 ä") == a_circuit(version)

    async def test_a_closed_one_comes_back_closed(self, stores: Stores) -> None:
        await stores.breakers.save("tts", a_circuit(1))
        await stores.breakers.save("tts", Circuit(version=2, era=2))

        assert (await stores.breakers.get("tts")).since is None

    @pytest.mark.parametrize("version", [1, 2, 4, 5])
    async def test_only_the_next_version_is_stored(self, stores: Stores, version: int) -> None:
        for number in (1, 2):
            await stores.breakers.save("tts", a_circuit(number, reason="the first"))

        assert not await stores.breakers.save("tts", a_circuit(version, reason="another"))
        assert await stores.breakers.get("tts") == a_circuit(2, reason="the first")

    async def test_what_was_never_stored_begins_with_version_one(self, stores: Stores) -> None:
        assert not await stores.breakers.save("tts", a_circuit(2))
        assert await stores.breakers.get("tts") == CLOSED

    @pytest.mark.parametrize("version", [1, 2])
    async def test_of_many_that_store_the_same_version_one_does(
        self, stores: Stores, version: int
    ) -> None:
        for number in range(1, version):
            await stores.breakers.save("tts", a_circuit(number))
        circuits = [a_circuit(version, reason=str(number)) for number in range(10)]

        done = await asyncio.gather(*(stores.breakers.save("tts", each) for each in circuits))

        assert done.count(True) == 1
        assert await stores.breakers.get("tts") == circuits[done.index(True)]

    async def test_circuits_of_other_names_are_left_alone(self, stores: Stores) -> None:
        await stores.breakers.save("tts", a_circuit(1))
        await stores.breakers.save("TTS", a_circuit(1, reason="other"))

        assert (await stores.breakers.get("tts")).reason == a_circuit(1).reason

    async def test_all_are_told_by_name(self, stores: Stores) -> None:
        assert await stores.breakers.all() == {}
        for name in ("tts", "model: ä", "chat"):
            await stores.breakers.save(name, a_circuit(1, reason=name))
        await stores.breakers.save("tts", Circuit(version=2, era=2))
        found = await stores.breakers.all()

        assert list(found) == ["chat", "model: ä", "tts"]
        assert found["chat"] == a_circuit(1, reason="chat")
        assert found["tts"] == Circuit(version=2, era=2)

    async def test_it_is_stored_though_the_unit_of_work_around_it_is_dropped(
        self, stores: Stores
    ) -> None:
        with pytest.raises(ZeroDivisionError):
            async with stores.unit_of_work():
                await stores.breakers.save("tts", a_circuit(1))
                raise ZeroDivisionError

        assert await stores.breakers.get("tts") == a_circuit(1)


def a_circuit(version: int, reason: str = "ConnectionError: no route") -> Circuit:
    """An open one that somebody tries, with moments as clocks give them."""
    return Circuit(
        version=version,
        era=1,
        failures=7,
        since=1_795_255_555.123_456,
        rests_from=1_795_255_585.1,
        rests_until=1_795_255_615.000_001,
        probe=version,
        reason=reason,
    )
