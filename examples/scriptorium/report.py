"""A session as people read it: Markdown for the terminal and for files, and a page."""

import html
from collections.abc import Sequence

from scriptorium.sessions import Branch, SessionStatus
from vespera import TaskStatus

_MARKS = {
    TaskStatus.COMPLETED: "x",
    TaskStatus.FAILED: "!",
    TaskStatus.CANCELLED: "-",
    TaskStatus.ASSIGNED: "?",
}


def tree_of(session: SessionStatus) -> str:
    """The tree of statuses, as a list in Markdown."""
    lines = [f"* [{_mark(session.status)}] **{session.premise}**: {_told(session)}"]
    for branch in session.branches:
        lines.append(
            f"  * [{_mark(branch.status)}] **{branch.title}** ({_who(branch)}): "
            f"{branch.status}{_tail(branch)}"
        )
        if branch.next_action not in {"", "none"}:
            lines.append(f"    * next: {branch.next_action}")
        lines += [f"    * `{_short(path)}`" for path in branch.artifacts]
    return "\n".join(lines) + "\n"


def markdown_of(session: SessionStatus) -> str:
    """All of it: the tree, what was decided, and the files."""
    parts = [f"# {session.premise}\n", "## The tree\n", tree_of(session)]
    if session.decisions:
        parts.append("## Decisions\n")
        parts += [
            f"{text.strip().replace('# ', '### ', 1)}\n" for text in session.decisions.values()
        ]
    parts.append("## Files\n")
    for path, text in _works(session):
        parts.append(f"### `{_short(path)}`\n\n{_fenced(text)}")
    return "\n".join(parts)


def page_of(session: SessionStatus) -> str:
    """The same as a page, which needs nothing from outside; everything in it is escaped."""
    done = sum(branch.status is TaskStatus.COMPLETED for branch in session.branches)
    cards = "\n".join(_card(branch) for branch in session.branches)
    decisions = "\n".join(_decision(text) for text in session.decisions.values())
    files = "\n".join(
        f"<details><summary>{_(_short(path))}</summary><pre>{_(text)}</pre></details>"
        for path, text in _works(session)
    )
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{_(session.premise)}</title>
<style>{_STYLE}</style>
<main>
<header><small>Scriptorium</small><h1>{_(session.premise)}</h1>
<p><b class="{session.status}">{session.status}</b> {done} of {len(session.branches)} subtasks
are completed. {_(session.summary)} {_(session.error)}</p></header>
<h2>The work</h2><section class="cards">{cards}</section>
<h2>Decisions</h2><section class="cards">{decisions}</section>
<h2>Files</h2><section>{files}</section>
</main>
</html>
"""


def _card(branch: Branch) -> str:
    needs = f"<p class='quiet'>after: {_(', '.join(branch.needs))}</p>" if branch.needs else ""
    next_action = branch.next_action if branch.next_action != "none" else ""
    files = "".join(f"<li>{_(_short(path))}</li>" for path in branch.artifacts)
    return f"""<article><b class="{branch.status}">{branch.status}</b>
<h3>{_(branch.title)}</h3><p class="quiet">{_(_who(branch))}, attempt {branch.attempt},
{branch.proven} of {branch.operations} acts on files proven</p>{needs}
<p>{_(branch.summary or branch.error)}</p>
{f"<p>Next: {_(next_action)}</p>" if next_action else ""}<ul>{files}</ul></article>"""


def _decision(text: str) -> str:
    title, _blank, body = text.strip().partition("\n")
    return f"<article><h3>{_(title.lstrip('# '))}</h3><p>{_(body.strip())}</p></article>"


def _works(session: SessionStatus) -> Sequence[tuple[str, str]]:
    return [pair for pair in session.files.items() if pair[0] not in session.decisions]


def _told(session: SessionStatus) -> str:
    return " ".join(part for part in (session.status, session.summary, session.error) if part)


def _who(branch: Branch) -> str:
    return f"{branch.role}, outside" if branch.outside else branch.role


def _tail(branch: Branch) -> str:
    said = branch.summary or branch.error
    proven = f" [{branch.proven}/{branch.operations} proven]" if branch.operations else ""
    return (f", {said}" if said else "") + proven


def _short(path: str) -> str:
    """Without the directory of the session, which all of its files are in."""
    return path.partition("/")[2] or path


def _mark(status: TaskStatus) -> str:
    return _MARKS.get(status, " ")


def _fenced(text: str) -> str:
    """In a fence that is longer than any in the text."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}\n{text.rstrip()}\n{fence}\n"


def _(text: str) -> str:
    return html.escape(text)


_STYLE = """
body { margin: 0; background: #f3f0e8; color: #2a2620; font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 62rem; margin: 2rem auto; padding: 0 1.5rem; }
header { padding: 2rem; background: #2f3e46; color: #fff; border-radius: 12px; }
h1 { margin: .3rem 0 1rem; font: 1.9rem/1.25 Georgia, serif; }
h2 { margin: 2rem 0 .8rem; font: 1.3rem Georgia, serif; }
h3 { margin: .6rem 0 .2rem; font-size: 1.05rem; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(18rem, 1fr)); gap: 1rem; }
article { background: #fff; border-radius: 10px; padding: 1rem 1.2rem;
  box-shadow: 0 1px 4px #0002; }
article p { margin: .4rem 0; } .quiet { color: #857d70; font-size: .85rem; }
article ul { margin: .4rem 0 0; padding-left: 1.1rem; font: .85rem ui-monospace, monospace; }
b[class] { padding: .1rem .6rem; border-radius: 1rem; background: #b9b2a5; color: #fff;
  font-size: .8rem; } b.completed { background: #3a7d44; } b.failed { background: #b3261e; }
b.assigned, b.waiting { background: #c77d0a; } b.running { background: #2f6db5; }
details { background: #fff; border-radius: 10px; margin-bottom: .6rem; padding: .7rem 1.2rem; }
summary { cursor: pointer; font: .9rem ui-monospace, monospace; }
pre { overflow: auto; font: .82rem/1.5 ui-monospace, monospace; }
"""
