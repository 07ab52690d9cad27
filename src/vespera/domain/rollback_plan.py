"""How a task's changes can be taken back without hurting anybody else's work.

The operations of a path are read as ``judge`` reads them: each observed change is the deed of one
of them. A path is wanted as it was before the first change that is to be taken back, and may be
touched only if it is still as the last of these left it, with nobody else's change in between.
Paths that were not changed do not occur.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from vespera.domain.chain import Evidence, gather
from vespera.domain.effects import name_of, refutation
from vespera.domain.file_operation import (
    DIGEST,
    Absent,
    DirectoryState,
    FileOperation,
    FileState,
    OperationKind,
    PathState,
    Phase,
    SpecialState,
    UnknownState,
    by_path,
    is_act,
    sides,
)
from vespera.domain.ids import OperationId
from vespera.domain.rollback import (
    TAKES_BACK,
    Obstacle,
    RollbackConflict,
    RollbackPlan,
    RollbackStep,
    StepKind,
)

_OWNER_MAY_CHANGE = 0o300
_OWNER_MAY_ALL = 0o700
_MOST_NAMED = 3


def changed_paths(operations: Sequence[FileOperation]) -> Collection[str]:
    """The paths that these operations may have changed, sorted."""
    changing = (side for one in operations if is_act(one) for side in sides(one))
    return sorted({side.path for side in changing if side.kind is not OperationKind.READ})


def plan_rollback(
    operations: Sequence[FileOperation],
    found: Mapping[str, PathState],
    *,
    mine: Collection[OperationId],
    kept: Callable[[str], bool],
    inside: Mapping[str, Collection[str]],
) -> RollbackPlan:
    """Plan how to take operations back.

    Args:
        operations: everybody's on the paths, oldest first.
        found: for each path what is there now; observed before the operations were read.
        mine: the operations that are to be taken back.
        kept: whether the content of this digest can be had.
        inside: the names in each directory that is there, of those among the paths and above them.
    """
    chains = by_path(operations)
    plan = _Plan(inside)
    for path in sorted(found):
        plan.take(_wish(path, chains.get(path, ()), found[path], mine), kept)
    plan.settle()
    return plan.result()


def taken_back(operations: Sequence[FileOperation]) -> Collection[OperationId]:
    """Those of which at least one path was put back to what was there before.

    Args:
        operations: everybody's on some paths, oldest first.
    """
    gone = set[OperationId]()
    for chain in by_path(operations).values():
        gone |= {one.id for one in chain} - set(_standing(chain))
    return gone


_Wish = RollbackStep | RollbackConflict | None


def _wish(
    path: str, chain: Sequence[FileOperation], found: PathState, mine: Collection[OperationId]
) -> _Wish:
    """The step that one path asks for; None if it is as wanted already."""
    standing = _standing(chain)
    acts = [
        evidence
        for evidence in gather(chain, found)
        if evidence.operation.id in standing and evidence.operation.kind is not OperationKind.READ
    ]
    own = _deeds([one for one in acts if one.operation.id in mine and _has_effect(one)])
    if not own or own[0].before == found:
        return None
    after_first = acts[acts.index(own[0]) :]
    rivals = [one for one in after_first if one.operation.id not in mine and _counts(one)]
    if obstacle := _obstacle(own, rivals, found):
        return RollbackConflict(path=path, obstacle=obstacle[0], told=obstacle[1])
    back = tuple(one.operation.id for one in acts if one.operation.id in mine)
    return RollbackStep(path=path, found=found, wanted=own[0].before, takes_back=back)


def _standing(chain: Sequence[FileOperation]) -> Collection[OperationId]:
    """The operations that were not taken back, or were, by a rollback that was taken back itself,
    and so on.
    """
    gone = set[object]()
    for operation in reversed(chain):
        given = operation.context.get(TAKES_BACK, ())
        if operation.phase is Phase.DONE and operation.id not in gone:
            gone.update(given if isinstance(given, Sequence) else ())
    return {operation.id for operation in chain} - gone


def _has_effect(act: Evidence) -> bool:
    return act.before != act.after or isinstance(act.before, UnknownState)


def _deeds(acts: Sequence[Evidence]) -> Sequence[Evidence]:
    """Each change once: who has announced one may have said afterwards, too, that it was made."""
    deeds: list[Evidence] = []
    announced: list[tuple[PathState, PathState | None]] = []
    for act in acts:
        change = (act.before, act.after)
        if act.operation.phase is Phase.INTENT:
            announced.append(change)
        elif change in announced:
            announced.remove(change)
            continue
        deeds.append(act)
    return deeds


def _counts(act: Evidence) -> bool:
    """Whether it is somebody's work: an announcement that was not carried out is none, and what
    took back the work of somebody leads to what was there before.
    """
    if TAKES_BACK in act.operation.context:
        return False
    return act.operation.phase is not Phase.INTENT or _has_effect(act)


_Obstacle = tuple[Obstacle, str]


def _obstacle(
    own: Sequence[Evidence], rivals: Sequence[Evidence], found: PathState
) -> _Obstacle | None:
    wanted, left = own[0].before, own[-1].after
    if rivals:
        return Obstacle.TASK, _rivals_in_words(rivals)
    if isinstance(found, UnknownState):
        return Obstacle.NOT_KNOWN, f"what is there now is not known: {found.reason}"
    if isinstance(wanted, UnknownState):
        return Obstacle.NOT_KNOWN, f"what was there before is not known: {wanted.reason}"
    if left is None or isinstance(left, UnknownState):
        return Obstacle.NOT_KNOWN, "what was left there is not known: nobody looked"
    if found != left:
        told = f"it was left as {name_of(left)}; now there is {name_of(found)}"
        return Obstacle.EDITED, told
    return _obstacle_between(own)


def _obstacle_between(own: Sequence[Evidence]) -> _Obstacle | None:
    """A change that came in between, or that a mere announcement cannot have been meant for."""
    for one, following in pairwise(own):
        if one.after is not None and one.after != following.before:
            left, met = name_of(one.after), name_of(following.before)
            return Obstacle.EDITED, f"it was left as {left}; then, undeclared, there was {met}"
    for one in own:
        if not _may_be_meant(one):
            told = f"the announced {one.operation.kind} cannot have left {name_of(_left_by(one))}"
            return Obstacle.EDITED, told
    return None


def _may_be_meant(act: Evidence) -> bool:
    """Whether what followed an announcement can be what was announced. Where it cannot, somebody
    else has been there.
    """
    operation, after = act.operation, act.after
    if operation.phase is not Phase.INTENT or after is None:
        return True
    if operation.expected is not None and after != operation.expected:
        return False
    digest = operation.context.get(DIGEST)
    if digest is not None and not (isinstance(after, FileState) and after.digest == digest):
        return False
    return not refutation(operation, act.before, after)


def _left_by(act: Evidence) -> PathState:
    return act.found if act.after is None else act.after


def _rivals_in_words(rivals: Sequence[Evidence]) -> str:
    names = dict.fromkeys(_teller(one.operation) for one in rivals)
    told = list(names)[:_MOST_NAMED]
    more = f" and {len(names) - len(told)} more" if len(names) > len(told) else ""
    return f"changed later by {', '.join(told)}{more}"


def _teller(operation: FileOperation) -> str:
    if operation.task_id is None:
        return "somebody who named no task"
    attempt = f", attempt {operation.attempt}" if operation.attempt is not None else ""
    return f"task {operation.task_id!r}{attempt}"


class _Plan:
    """The steps so far; whether a directory can go or come hangs on those of others."""

    def __init__(self, inside: Mapping[str, Collection[str]]) -> None:
        self._inside = inside
        self._steps: dict[str, RollbackStep] = {}
        self._conflicts: dict[str, RollbackConflict] = {}

    def take(self, wish: _Wish, kept: Callable[[str], bool]) -> None:
        """Take in what a path asks for."""
        if isinstance(wish, RollbackConflict):
            self._conflicts[wish.path] = wish
        elif wish is not None and isinstance(wish.wanted, SpecialState):
            told = f"a {wish.wanted.kind} cannot be made again"
            self._refuse(wish.path, Obstacle.REFUSED, told)
        elif wish is not None and wish.content is not None and not kept(wish.content):
            told = f"the content that was there ({wish.content[:15]}) was not kept"
            self._refuse(wish.path, Obstacle.NOT_KEPT, told)
        elif wish is not None:
            self._steps[wish.path] = wish

    def settle(self) -> None:
        """Refuse what cannot be done as others are not: from below to above what is to go, from
        above to below what is to come.
        """
        for path in sorted(self._steps, key=_depth, reverse=True):
            step = self._steps[path]
            if isinstance(step.found, DirectoryState) and step.kind is not StepKind.SET_MODE:
                self._check_emptiness(path)
        for path in sorted(self._steps, key=_depth):
            if self._steps[path].kind is StepKind.RESTORE and not self._has_place(path):
                told = "the directory that it was in is not there any more"
                self._refuse(path, Obstacle.NO_DIRECTORY, told)

    def result(self) -> RollbackPlan:
        """What was planned."""
        steps = [part for step in self._steps.values() for part in self._parts(step)]
        return RollbackPlan(
            steps=tuple(sorted(steps, key=_order)),
            conflicts=tuple(self._conflicts[path] for path in sorted(self._conflicts)),
            emptied=tuple(sorted(self._emptied())),
        )

    def _refuse(self, path: str, obstacle: Obstacle, told: str) -> None:
        self._steps.pop(path, None)
        self._conflicts[path] = RollbackConflict(path=path, obstacle=obstacle, told=told)

    def _check_emptiness(self, path: str) -> None:
        if path not in self._inside:
            self._refuse(path, Obstacle.REFUSED, "the directory cannot be listed")
            return
        staying = sorted(name for name in self._inside[path] if not self._goes(f"{path}/{name}"))
        if staying:
            named = ", ".join(map(repr, staying[:_MOST_NAMED]))
            more = f" and {len(staying) - _MOST_NAMED} more" if len(staying) > _MOST_NAMED else ""
            told = f"the directory is not empty: there is {named}{more}"
            self._refuse(path, Obstacle.NOT_EMPTY, told)

    def _goes(self, path: str) -> bool:
        return path in self._steps and self._steps[path].wanted == Absent()

    def _stays_a_directory(self, path: str) -> bool:
        return path not in self._steps or isinstance(self._steps[path].wanted, DirectoryState)

    def _has_place(self, path: str) -> bool:
        above = _above(path)
        if above in self._steps:
            return isinstance(self._steps[above].wanted, DirectoryState)
        return not above or above in self._inside

    def _parts(self, step: RollbackStep) -> Iterator[RollbackStep]:
        """A new directory gets its mode last, if nothing could be put into it otherwise."""
        match step:
            case RollbackStep(wanted=DirectoryState(mode)) if (
                step.kind is not StepKind.SET_MODE
                and mode & _OWNER_MAY_CHANGE != _OWNER_MAY_CHANGE
                and any(_above(path) == step.path for path in self._steps)
            ):
                open_ = DirectoryState(mode | _OWNER_MAY_ALL)
                yield replace(step, wanted=open_)
                yield replace(step, found=open_)
            case _:
                yield step

    def _emptied(self) -> Iterator[str]:
        """Directories that nothing is left in, and that stay."""
        emptied = set[str]()
        for path in sorted(self._inside, key=_depth, reverse=True):
            left = {f"{path}/{name}" for name in self._inside[path]}
            touched = any(self._goes(one) for one in left) or left & emptied
            stays = path not in self._conflicts and self._stays_a_directory(path)
            if touched and stays and all(self._goes(one) or one in emptied for one in left):
                emptied.add(path)
        comes = {_above(p) for p, step in self._steps.items() if step.wanted != Absent()}
        yield from emptied - comes


def _above(path: str) -> str:
    return path.rpartition("/")[0]


def _depth(path: str) -> int:
    return path.count("/")


def _order(step: RollbackStep) -> tuple[int, int, str]:
    """Modes that open a directory, then what goes from below to above, then what comes from above
    to below, then modes that may close a directory.
    """
    depth = _depth(step.path)
    match step:
        case RollbackStep(found=DirectoryState(), wanted=DirectoryState(mode)):
            opens = mode & _OWNER_MAY_CHANGE == _OWNER_MAY_CHANGE
            return (0, depth, step.path) if opens else (3, -depth, step.path)
        case RollbackStep(wanted=Absent()):
            return (1, -depth, step.path)
        case _:
            return (2, depth, step.path)
