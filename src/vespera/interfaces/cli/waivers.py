"""The commands `vespera waive`, `vespera waivers` and `vespera revoke`, and their options."""

import click

from vespera.interfaces.cli.options import Asked, FilePath, on_container, text, word


@click.command()
@click.argument("task_id", metavar="TASK", type=word)
@click.argument("what", metavar="OPERATION|PATH", type=FilePath())
@click.option("--by", type=text, required=True, metavar="NAME", help="Who answers for it.")
@click.option("--reason", type=text, required=True, metavar="TEXT", help="Why it may pass.")
@on_container
def waive(*, task_id: str, what: str, by: str, reason: str, asked: Asked) -> None:
    """Let what could not be proven pass the gate, because somebody answers for it.

    OPERATION is the id of a file operation, PATH a path as `vespera verify TASK` names it. The
    waiver holds for what is found there now; if that changes, it holds no more. Complete the task
    again afterwards.
    """
    from vespera.interfaces.cli import waiving

    waivers = asked.answer(waiving.waived(task_id, what, by=by, reason=reason))
    waiving.show_waived(waivers, as_json=asked.as_json)


@click.command()
@click.argument("task_id", metavar="[TASK]", type=word, required=False)
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True)
@click.option("--before", type=word, metavar="WAIVER", help="Go on behind this one.")
@on_container
def waivers(*, task_id: str | None, limit: int, before: str | None, asked: Asked) -> None:
    """List waivers, the newest first: who let what pass, and why."""
    from vespera.interfaces.cli import waiving

    found = asked.answer(waiving.listed(task_id, limit, before))
    waiving.show_list(found, as_json=asked.as_json)


@click.command()
@click.argument("waiver_id", metavar="WAIVER", type=word)
@click.option("--by", type=text, required=True, metavar="NAME", help="Who revokes it.")
@on_container
def revoke(*, waiver_id: str, by: str, asked: Asked) -> None:
    """Let a waiver hold no more. It stays in the list; a task that is completed stays so."""
    from vespera.interfaces.cli import waiving

    [waiver] = asked.answer(waiving.revoked(waiver_id, by=by))
    waiving.show_revoked(waiver, as_json=asked.as_json)
