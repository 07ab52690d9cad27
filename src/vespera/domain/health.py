"""Whether an installation is fit for its work: facts in, remarks out."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from vespera.domain.content import StoreUsage

_MIB = 1024 * 1024
LITTLE_ROOM = 512 * _MIB
NO_ROOM = 16 * _MIB
LONG_LOG = 256 * _MIB
LATE = timedelta(minutes=5)
_WAL_BUG_FIXED = (3, 51, 3)
_NETWORK = frozenset(
    {"9p", "afs", "ceph", "cifs", "davfs", "gfs2", "gpfs", "lustre", "ncpfs", "nfs", "nfs4"}
    | {"ocfs2", "prl_fs", "smb3", "smbfs", "vboxsf", "vmhgfs", "virtiofs"}
)
_NETWORK_FUSE = ("sshfs", "gluster", "s3fs", "rclone", "gcsfuse", "blobfuse", "ceph", "davfs")
_MEMORY = frozenset({"tmpfs", "ramfs"})
NEARLY_FULL = 0.9
_OTHERS_WRITE = 0o002
_OTHERS = 0o077


class Level(StrEnum):
    """How much a remark matters. Only an error keeps Vespera from working."""

    OK = "ok"
    NOTE = "note"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Remark:
    """What was looked at, what was found, and what to do about it, if anything."""

    level: Level
    about: str
    text: str
    remedy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFacts:
    """The interpreter and what is installed.

    ``packages`` gives the version of each package that Vespera needs, ``extras`` those of each
    optional group; None is a package that is not installed.
    """

    python: str
    system: str
    packages: Mapping[str, str | None]
    extras: Mapping[str, Mapping[str, str | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceFacts:
    """What can be told of a path.

    ``mode`` is None if nothing is there, ``writable`` then speaks of the nearest directory that
    is. ``filesystem`` and ``free`` (bytes) are those of the file system there; "" and None where
    the system does not tell. ``case_matters`` is None where it cannot be told.
    """

    path: str
    mode: int | None
    is_directory: bool
    readable: bool
    writable: bool
    size: int = 0
    modified: datetime | None = None
    filesystem: str = ""
    free: int | None = None
    case_matters: bool | None = None


def on_host(host: HostFacts) -> Iterator[Remark]:
    """Remarks on the interpreter and its packages."""
    yield Remark(Level.OK, "python", f"{host.python} on {host.system}")
    yield _on_packages(host.packages)
    for extra, packages in sorted(host.extras.items()):
        missing = sorted(name for name, version in packages.items() if version is None)
        if missing:
            told = f"extra {extra!r}: {', '.join(missing)} is not installed"
            remedy = f"if you need it: pip install 'vespera[{extra}]'"
            yield Remark(Level.NOTE, "packages", told, remedy)


def _on_packages(packages: Mapping[str, str | None]) -> Remark:
    if not packages:
        told = "this is no installed copy of Vespera; what it needs is not known"
        return Remark(Level.NOTE, "packages", told, "pip install it to have it checked")
    missing = sorted(name for name, version in packages.items() if version is None)
    if missing:
        told = f"{', '.join(missing)} is needed, but not installed"
        return Remark(Level.ERROR, "packages", told, "pip install --force-reinstall vespera")
    listed = ", ".join(f"{name} {version}" for name, version in sorted(packages.items()))
    return Remark(Level.OK, "packages", listed)


def on_sqlite(version: str, *, takes_turns: bool) -> Remark:
    """A remark on the library: versions before 3.51.3 can lose what a checkpoint moves."""
    numbers = tuple(int(part) for part in version.split(".")[:3])
    if numbers >= _WAL_BUG_FIXED:
        return Remark(Level.OK, "sqlite", version)
    if takes_turns:
        kept = "Vespera's processes take turns by a lock file, and are safe from it"
    else:
        kept = "a database in memory is safe from it"
    return Remark(
        Level.WARNING,
        "sqlite",
        f"{version} can damage a file that two connections write to and checkpoint at once"
        f" (the WAL-reset bug, mended in 3.51.3); {kept}",
        "let no other program write to the file, nor checkpoint it, while Vespera runs; or use a"
        " Python with SQLite 3.51.3 or newer",
    )


def on_durability(durability: str, *, in_memory: bool) -> Remark:
    """A remark on what a commit survives."""
    if in_memory:
        told = "the database is in memory: it is gone when the process ends"
        return Remark(Level.NOTE, "durability", told, "name a file (--db) to keep it")
    if durability == "full":
        return Remark(Level.OK, "durability", "full: a commit that returned survives a power cut")
    return Remark(
        Level.NOTE,
        "durability",
        f"{durability}: a commit survives the end of the process, but a power cut may take the"
        " last ones",
        "durability='full' where that matters",
    )


def on_revision(revision: str | None, newest: str, path: str) -> Remark:
    """A remark on the database's tables."""
    if revision is None:
        told = f"there is none yet at {path}"
        return Remark(Level.NOTE, "database", told, "the first program that runs makes it")
    if revision == newest:
        return Remark(Level.OK, "database", f"{path} (revision {revision})")
    return Remark(
        Level.NOTE,
        "database",
        f"{path} is of the older revision {revision or 'none'}; this version's is {newest}",
        "the next program that runs migrates it; `vespera db migrate` does it now",
    )


def on_database_file(
    file: PlaceFacts, directory: PlaceFacts, log: PlaceFacts, now: datetime
) -> Iterator[Remark]:
    """Remarks on where the database is, on who may do what to it, and on its log."""
    if not (file.readable and file.writable):
        right = "read" if not file.readable else "written"
        told = f"{file.path} cannot be {right} by this user"
        yield Remark(Level.ERROR, "permissions", told, "chown or chmod it; check the mount")
    if not directory.writable:
        told = f"{directory.path} cannot be written by this user; SQLite keeps its log there"
        yield Remark(Level.ERROR, "permissions", told, "chown or chmod it; check the mount")
    yield from _on_others(file, directory)
    yield from _on_file_system(file, "database")
    yield from _on_room(file, "database")
    if log.size > LONG_LOG:
        told = f"the log {log.path} has grown to {_in_words(log.size)}"
        yield Remark(
            Level.WARNING,
            "database",
            told,
            "end whoever has been reading for long; it shrinks then",
        )
    if file.modified is not None and file.modified - now > LATE:
        told = f"{file.path} was changed in the future ({file.modified:%Y-%m-%d %H:%M} UTC)"
        yield Remark(
            Level.WARNING,
            "clock",
            told,
            "set this machine's clock; until then leases end late and delayed tasks start late",
        )


def _on_others(file: PlaceFacts, directory: PlaceFacts) -> Iterator[Remark]:
    if file.mode is not None and file.mode & _OTHERS_WRITE:
        told = f"everybody may write to {file.path}"
        yield Remark(Level.WARNING, "permissions", told, f"chmod o-w {file.path}")
    is_ours = directory.path.endswith("/.vespera")
    if is_ours and directory.mode is not None and directory.mode & _OTHERS:
        told = f"{directory.path} is open to other users, and payloads are in it"
        yield Remark(Level.WARNING, "permissions", told, f"chmod 700 {directory.path}")


def on_workers(alive: Collection[str]) -> Remark:
    """A remark on the workers that are alive on this machine."""
    if not alive:
        told = "none is alive on this machine"
        return Remark(Level.NOTE, "workers", told, "if tasks wait for one: vespera worker APP")
    count = f"{len(alive)} alive on this machine"
    return Remark(Level.OK, "workers", f"{count}: {', '.join(sorted(alive))}")


def on_leftovers(
    directory: str, dead: Collection[str], unknown: Collection[str]
) -> Iterator[Remark]:
    """Remarks on lock files that workers have left, and on those that may be of other machines."""
    if dead:
        yield Remark(
            Level.WARNING,
            "leftovers",
            f"{_files(dead)} of dead workers in {directory}",
            "nothing: the next worker takes their tasks back, and removes the files after an hour",
        )
    if unknown:
        yield Remark(
            Level.WARNING,
            "leftovers",
            f"{_files(unknown)} in {directory} of workers on another machine, or from before the"
            " last start of this one",
            "remove them if no other machine works on this database",
        )


def on_workspace(place: PlaceFacts) -> Iterator[Remark]:
    """Remarks on the directory that tasks work in."""
    if place.mode is None or not place.is_directory:
        told = f"{place.path} is no directory"
        yield Remark(Level.ERROR, "workspace", told, "make it, or name another (--workspace)")
        return
    if not (place.readable and place.writable):
        right = "read" if not place.readable else "written"
        told = f"{place.path} cannot be {right} by this user; tasks that work on files fail"
        yield Remark(Level.ERROR, "workspace", told, "chown or chmod it, or name another directory")
    else:
        yield Remark(Level.OK, "workspace", place.path)
    if place.case_matters is False:
        yield Remark(
            Level.WARNING,
            "workspace",
            f"{place.path} does not tell upper from lower case: two paths may be one file, and its"
            " proof then speaks of the other",
            "write each path in one way only",
        )
    yield from _on_file_system(place, "workspace")
    yield from _on_room(place, "workspace")


def on_contents(usage: StoreUsage, place: PlaceFacts) -> Iterator[Remark]:
    """Remarks on the store of contents, and on who may enter it."""
    told = f"{_in_words(usage.size)} of {_in_words(usage.quota)} in {place.path}"
    if usage.size < NEARLY_FULL * usage.quota:
        yield Remark(Level.OK, "store", told)
    else:
        remedy = "vespera store gc; or raise 'store_quota', or shorten 'store_retention'"
        yield Remark(Level.WARNING, "store", f"nearly full: {told}", remedy)
    if place.mode is not None and place.mode & _OTHERS:
        told = f"{place.path} is open to other users, and what was in files is in it"
        yield Remark(Level.WARNING, "permissions", told, f"chmod 700 {place.path}")


def _on_file_system(place: PlaceFacts, about: str) -> Iterator[Remark]:
    kind = place.filesystem
    if kind in _NETWORK or (kind.startswith("fuse") and any(n in kind for n in _NETWORK_FUSE)):
        if about == "database":
            told = "SQLite's log works on one machine only, and locks may not hold"
            remedy = "keep the database on a local disk"
        else:
            told = "changes by others may be seen late"
            remedy = "let one machine alone work there while tasks run"
        yield Remark(
            Level.WARNING,
            about,
            f"{place.path} is on a network file system ({kind}): {told}",
            remedy,
        )
    elif kind in _MEMORY:
        told = f"{place.path} is kept in memory ({kind}): it is gone after a restart of the machine"
        yield Remark(Level.WARNING, about, told, "choose a place on a disk to keep it")


def _on_room(place: PlaceFacts, about: str) -> Iterator[Remark]:
    if place.free is None:
        return
    told = f"{_in_words(place.free)} free for the {about}"
    if place.free >= LITTLE_ROOM:
        yield Remark(Level.OK, "disk", told)
    else:
        level = Level.ERROR if place.free < NO_ROOM else Level.WARNING
        yield Remark(level, "disk", f"only {told}", "free some space, or choose another disk")


def _in_words(size: int) -> str:
    gib = 1024 * _MIB
    return f"{size / gib:,.1f} GiB" if size >= gib else f"{size / _MIB:,.1f} MiB"


def _files(names: Collection[str]) -> str:
    return f"{len(names)} lock file{'' if len(names) == 1 else 's'}"
