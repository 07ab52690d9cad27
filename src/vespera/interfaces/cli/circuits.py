"""What the commands about circuit breakers ask of the container, and what they print."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from difflib import get_close_matches
from typing import NamedTuple

import click

from vespera.application.ports.breakers import Breakers
from vespera.application.ports.clock import Clock
from vespera.application.runtime.guarding.breaker_status import BreakerStatus, status_of
from vespera.application.runtime.guarding.circuit_breaker import CircuitBreaker
from vespera.domain.circuit import Circuit
from vespera.infrastructure.di.container import Container
from vespera.interfaces.cli.reading import Question
from vespera.interfaces.cli.rendering import aligned, print_json, print_lines


class Shared(NamedTuple):
    """A breaker that workers share, and how it stands."""

    name: str
    status: BreakerStatus


async def listed(container: Container) -> list[Shared]:
    """All of them, by name."""
    moment = container.get(Clock).now()
    found = await container.get(Breakers).all()
    return [
        Shared(name, status_of(one, now=moment.timestamp(), moment=moment))
        for name, one in found.items()
    ]


def closed(name: str) -> Question[Shared]:
    """One that somebody has closed by hand.

    Raises:
        click.ClickException: there is none of this name.
    """

    async def question(container: Container) -> Shared:
        store = container.get(Breakers)
        known = await store.all()
        if name not in known:
            raise click.ClickException(_unknown(name, known))
        one = CircuitBreaker(name=name, store=store, clock=container.get(Clock))
        await one.close()
        return Shared(name, await one.status())

    return question


def show_list(found: list[Shared], *, as_json: bool) -> None:
    """Print breakers line by line."""
    if as_json:
        print_json({"breakers": [_form(one) for one in found]})
        return
    rows: list[tuple[str, ...]] = [("NAME", "STATE", "FAILURES", "SINCE", "UNTIL", "REASON")]
    print_lines(*aligned(rows + [_row(one) for one in found]))


def show_reset(one: Shared, *, as_json: bool) -> None:
    """Print how it stands now."""
    if as_json:
        print_json(_form(one))
    else:
        print_lines(f"{one.name}: {one.status.state}")


def _unknown(name: str, known: Mapping[str, Circuit]) -> str:
    near = get_close_matches(name, known) or list(known)[:5]
    told = f"; known are {', '.join(map(repr, near))}" if near else "; none was ever stored"
    return f"there is no circuit breaker {name!r} in this database{told}"


def _form(one: Shared) -> dict[str, object]:
    return {"name": one.name, **asdict(one.status)}


def _row(one: Shared) -> tuple[str, ...]:
    status = one.status
    return (
        *(one.name, status.state, str(status.failures)),
        *(_told(status.since), _told(status.until), status.reason),
    )


def _told(moment: datetime | None) -> str:
    return "-" if moment is None else f"{moment.astimezone():%Y-%m-%d %H:%M:%S}"
