"""What a process does outside its own memory, one thing at a time."""

from collections.abc import Callable
from dataclasses import dataclass, field

Deliver = Callable[[], None]

COMMIT, READ, EFFECT, THREAD, SESSION = "commit", "read", "effect", "thread", "session"


@dataclass(eq=False, slots=True)
class Operation:
    """One thing done outside: asked for, carried out, and its outcome delivered.

    Attributes:
        kind: "commit", "read", "effect", "thread" or "session".
        what: what it is, as far as that is known before.
        line: operations of one line are carried out in the order of asking.
        act: carries it out and gives what delivers the outcome; None: somebody holds a lock, try
            again later.
        shared: whether it can matter in which order it comes among others.
        number: its place among all operations of its life, from 1.
        changes: what it has changed outside: "commit", "effect", "file".
        detail: what it did, in full; the same in every life in which the same happens.
        full: every statement of it, to compare by.
        moment: "before" or "after" if the process is to die only then, by default both.
        tears: whether it wrote a file, so that it could have been cut off in the middle.
    """

    kind: str
    what: str
    line: object
    act: Callable[[], Deliver | None]
    shared: bool = True
    who: str = ""
    number: int = 0
    changes: set[str] = field(default_factory=set)
    detail: str = ""
    full: str = ""
    moment: str = ""
    tears: bool = False
    begun: bool = False

    @property
    def label(self) -> str:
        """What it is, in a line."""
        what = self.detail or self.what
        return f"{self.who}{self.kind} {what}" if self.who else f"{self.kind} {what}"
