"""Writes ``sql.py``: what the other modules here define, as plain texts. Run it by ``make sql``."""

import sys
from types import ModuleType

from vespera.infrastructure.persistence.queries import (
    audit,
    breakers,
    costs,
    dedup,
    events,
    fence,
    file_operations,
    gates,
    histories,
    purge,
    queue,
    reports,
    resources,
    revivals,
    rollbacks,
    schedules,
    schema,
    signals,
    snapshots,
    steps,
    tasks,
    traffic,
    values,
    waivers,
)
from vespera.infrastructure.persistence.statements import Statement

TOPICS = (
    *(schema, tasks, dedup, queue, gates, traffic, fence, steps, signals, histories),
    *(file_operations, reports, schedules, events, purge, revivals, values, snapshots),
    *(rollbacks, waivers, audit, breakers, resources, costs),
)

_HEAD = '''"""Every SQL text of this room. Made from ``queries`` by ``make sql``; not to be edited.

So a task can run without SQLAlchemy, which takes longer to import than all else together.
"""

# ruff: noqa: E501
from vespera.infrastructure.persistence.statements import Statement
'''


def defined_in(topic: ModuleType) -> dict[str, object]:
    """The constants of a topic that ``sql.py`` has too, by name."""
    own = {name: value for name, value in vars(topic).items() if name.isupper() and name[0] != "_"}
    return {name: own[name] for name in own if isinstance(own[name], Statement | tuple)}


def rendered() -> str:
    """The text of ``sql.py``."""
    parts = [_HEAD]
    for topic in TOPICS:
        parts.append(f"# {(topic.__doc__ or '').strip()}\n")
        parts.extend(f"{name} = {_shown(value)}\n" for name, value in defined_in(topic).items())
    return "\n".join(parts)


def _shown(value: object) -> str:
    if isinstance(value, Statement):
        expects = f", expects={value.expects}" if value.expects is not None else ""
        returns = ", returns=True" if value.returns else ""
        stores = f", stores={value.stores!r}" if value.stores else ""
        return f"Statement({_text(value.sql)}{expects}{returns}{stores})"
    if isinstance(value, tuple):
        return f"({', '.join(_text(text) for text in value)})"
    raise TypeError(f"There is no way to write {value!r} down.")


def _text(text: str) -> str:
    return f'"""{text}"""' if '"' in text else f'"{text}"'


if __name__ == "__main__":
    sys.stdout.write(rendered())
