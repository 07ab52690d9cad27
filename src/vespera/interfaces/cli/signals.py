"""Commands that tell a task what it waits for. Whoever runs the task hears of it."""

import click

from vespera.interfaces.cli.given import json_of
from vespera.interfaces.cli.options import Asked, on_container, text, word


@click.command()
@click.argument("task_id", type=word, metavar="ID")
@click.argument("name", type=word)
@click.option("--payload", metavar="JSON|@FILE", help="What it brings, JSON; @- is stdin.")
@click.option(
    "--id", "signal_id", type=word, metavar="ID", help="The same id is the same signal, sent once."
)
@on_container
def signal(
    *,
    task_id: str,
    name: str,
    payload: str | None,
    signal_id: str | None,
    asked: Asked,
) -> None:
    """Send a signal, which `task.wait_for_signal(NAME)` receives; it is kept until then."""
    from vespera.interfaces.cli import rendering, sending

    sending_it = sending.signal(task_id, name, json_of(payload, "--payload"), signal_id)
    rendering.show_sent(asked.answer(sending_it), as_json=asked.as_json)


def _decision(name: str, told: str, *, approved: bool) -> click.Command:
    """The command by which a person says yes, or no."""

    @click.command(name, help=told)
    @click.argument("task_id", type=word, metavar="ID")
    @click.option("--name", default="", type=text, help="Which question, if the task asks several.")
    @click.option("--by", default="", type=text, metavar="WHO", help="Who decides.")
    @click.option("--comment", default="", type=text, help="What the task is told besides.")
    @on_container
    def decide(
        *,
        task_id: str,
        name: str,
        by: str,
        comment: str,
        asked: Asked,
    ) -> None:
        from vespera.interfaces.cli import rendering, sending

        deciding = sending.decision(task_id, approved=approved, name=name, by=by, comment=comment)
        rendering.show_sent(asked.answer(deciding), as_json=asked.as_json)

    return decide


approve = _decision("approve", "Say yes to what a task asks.", approved=True)
reject = _decision("reject", "Say no to what a task asks.", approved=False)
