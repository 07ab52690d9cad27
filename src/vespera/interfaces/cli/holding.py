"""What the commands about resources ask of the container, and what they print."""

import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import NamedTuple

from vespera.application.ports.owners import Owners
from vespera.application.runtime.resources.manager import AsyncResourceManager, CleanupStatus
from vespera.domain.resource import ResourceRecord, ResourceState
from vespera.infrastructure.di.container import Container
from vespera.interfaces.cli.reading import Question
from vespera.interfaces.cli.rendering import aligned, print_json, print_lines


class Holding(NamedTuple):
    """A resource, and who holds it: alive, dead, or elsewhere (another machine or boot)."""

    record: ResourceRecord
    holder: str


def listed(limit: int, before: str | None, *, released: bool) -> Question[Sequence[Holding]]:
    """A page of resources."""

    async def question(container: Container) -> Sequence[Holding]:
        manager, owners = container.get(AsyncResourceManager), container.get(Owners)
        found = await manager.list_resources(released=released, limit=limit, before=before)
        holders = {record.owner for record in found}
        dead, strangers = owners.dead(holders), owners.strangers(holders)
        return [
            Holding(one, _holder(one, one.owner in dead, one.owner in strangers)) for one in found
        ]

    return question


def verified(resource_id: str) -> Question[CleanupStatus]:
    """Whether a resource is gone."""

    async def question(container: Container) -> CleanupStatus:
        return await container.get(AsyncResourceManager).verify_cleanup(resource_id)

    return question


def released(resource_id: str) -> Question[CleanupStatus]:
    """What became of a resource that somebody has released by hand."""

    async def question(container: Container) -> CleanupStatus:
        return await container.get(AsyncResourceManager).release_leftover(resource_id)

    return question


def show_list(found: Sequence[Holding], *, as_json: bool) -> None:
    """Print resources line by line."""
    if as_json:
        print_json({"resources": [form_of(one.record, one.holder) for one in found]})
        return
    rows: list[tuple[str, ...]] = [("ID", "TYPE", "STATE", "HOLDER", "SINCE", "TASK", "TRACE")]
    print_lines(*aligned(rows + [_row(one) for one in found]))


def show_status(status: CleanupStatus, *, as_json: bool) -> None:
    """Print whether it is gone; if not, that is the exit code."""
    if as_json:
        print_json(status)
    else:
        told = "is gone" if status.cleaned_up else f"is not gone: {status.error}"
        print_lines(f"{status.resource_id}: {told}")
    if not status.cleaned_up:
        sys.exit(1)


def form_of(record: ResourceRecord, holder: str = "") -> dict[str, object]:
    """A resource as it is given in JSON."""
    return {**asdict(record), **({"holder": holder} if holder else {})}


def row_of_leftover(record: ResourceRecord) -> tuple[str, ...]:
    """What recovery says of a resource."""
    gone = record.state is ResourceState.RELEASED
    label = "released:" if gone else "not released:"
    return (label, record.id, record.resource_type, record.error or "")


def _holder(record: ResourceRecord, is_dead: bool, is_elsewhere: bool) -> str:
    if record.state is ResourceState.RELEASED:
        return "nobody"
    return "dead" if is_dead else "elsewhere" if is_elsewhere else "alive"


def _row(one: Holding) -> tuple[str, ...]:
    record = one.record
    since = f"{record.created_at.astimezone():%Y-%m-%d %H:%M:%S}"
    trace = ", ".join(f"{name}={value}" for name, value in record.trace.items())
    told = f"{trace} ({record.error})" if record.error else trace
    return (
        *(record.id, record.resource_type, record.state, one.holder),
        *(since, record.task_id or "", told),
    )
