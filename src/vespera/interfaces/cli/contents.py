"""What the commands `vespera store ...` ask, and what they print."""

from collections.abc import Sequence

import click

from vespera.application.usecases.tend_contents import PurgeContentsResult, TendContentsUseCase
from vespera.domain.content import ContentFlaw, Removal, StoreUsage
from vespera.infrastructure.di.container import Container
from vespera.interfaces.cli.reading import Question
from vespera.interfaces.cli.rendering import print_json, print_lines


async def usage(container: Container) -> StoreUsage:
    """How much there is."""
    return await container.get(TendContentsUseCase).usage()


async def collect(container: Container) -> Removal:
    """Collect the garbage."""
    return await container.get(TendContentsUseCase).collect()


async def check(container: Container) -> Sequence[ContentFlaw]:
    """Read everything."""
    return await container.get(TendContentsUseCase).check()


def purge(chosen: Sequence[str], *, all_: bool) -> Question[PurgeContentsResult]:
    """Remove these, or all."""

    async def question(container: Container) -> PurgeContentsResult:
        return await container.get(TendContentsUseCase).purge(chosen, all_=all_)

    return question


def show_usage(found: StoreUsage, *, as_json: bool) -> None:
    """Print how much is kept."""
    if as_json:
        told = {"contents": found.contents, "packs": found.packs, "bytes": found.size}
        more = {"plain_bytes": found.plain, "quota_bytes": found.quota}
        print_json({"directory": found.directory, **told, **more})
    elif found.directory is None:
        print_lines(f"nothing is kept yet (quota: {found.quota:,} bytes)")
    else:
        share = 100 * found.size / found.quota
        print_lines(
            f"{found.directory}: {counted(found.contents)} in {_packs(found.packs)},"
            f" {found.size:,} bytes ({found.plain:,} before compression),"
            f" {share:.1f} % of the quota of {found.quota:,}"
        )


def show_removal(removal: Removal, *, as_json: bool) -> None:
    """Print how much has gone."""
    if as_json:
        print_json({"contents": removal.contents, "bytes": removal.size})
    else:
        print_lines(f"{counted(removal.contents)} removed, {removal.size:,} bytes free again")


def show_flaws(flaws: Sequence[ContentFlaw], *, as_json: bool) -> None:
    """Print a line for each flaw, and how many there are."""
    if as_json:
        found = [{"pack": flaw.pack, "digest": flaw.digest, "text": flaw.text} for flaw in flaws]
        print_json({"sound": not flaws, "findings": found})
        return
    print_lines(*(" ".join(flaw.text.split()) for flaw in flaws))
    count = len(flaws)
    print_lines(f"{count:,} finding{'' if count == 1 else 's'}" if count else "nothing found")


def show_purge(result: PurgeContentsResult, *, as_json: bool) -> None:
    """Print how much has gone.

    Raises:
        click.UsageError: a digest or a pattern makes no sense.
    """
    if not result.success:
        raise click.UsageError(result.error or "")
    show_removal(result.removal, as_json=as_json)


def counted(contents: int) -> str:
    """So many contents, in words."""
    return f"{contents:,} content{'' if contents == 1 else 's'}"


def _packs(count: int) -> str:
    return f"{count:,} pack{'' if count == 1 else 's'}"
