"""What the container makes of its settings."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from vespera.domain.errors import InvalidRequest
from vespera.domain.policy import proof_policies_of
from vespera.domain.retention import age_of, retention_of
from vespera.domain.retry import LARGEST_WHOLE, TEN_YEARS, number_of, whole_number_of
from vespera.domain.surveying import snapshot_tasks_by_type
from vespera.infrastructure.di.base import providers
from vespera.infrastructure.files.ignoring import rules_of
from vespera.infrastructure.files.never_stored import checked_patterns
from vespera.infrastructure.files.secrets import SECRETS
from vespera.infrastructure.persistence.database import AsyncDatabaseManager
from vespera.infrastructure.persistence.spilling import checked_spill_above

POLL = timedelta(seconds=1)
SHORTEST_LEASE = 0.001  # in seconds
MOST_THREADS = 10_000
MOST_BYTES = 2**60


def check_settings(given: Mapping[str, Any]) -> None:
    """Refuse settings that make no sense.

    Raises:
        InvalidRequest: there is one; the error names it and says what is allowed.
    """
    _check_workspace(given["workspace"])
    whole_number_of(given["concurrency"], "concurrency", least=1, most=LARGEST_WHOLE)
    whole_number_of(given["step_threads"], "step_threads", least=1, most=MOST_THREADS)
    whole_number_of(given["payload_limit"], "payload_limit", least=1, most=LARGEST_WHOLE)
    if given["crash_limit"] is not None:
        whole_number_of(given["crash_limit"], "crash_limit", least=1, most=LARGEST_WHOLE)
    checked_spill_above(given["spill_above"])
    retention_of(given["retention"])
    if given["snapshots_kept"] is not None:
        whole_number_of(given["snapshots_kept"], "snapshots_kept", least=0, most=LARGEST_WHOLE)
    _check_patterns(given["snapshot_ignore"], given["snapshot_watch"])
    proof_policies_of(given["proof"])
    snapshot_tasks_by_type(given["snapshot_tasks"])
    _check_flag(given["store_replaced"], "store_replaced")
    whole_number_of(given["store_quota"], "store_quota", least=1, most=MOST_BYTES)
    age_if_any(given["store_retention"], "store_retention")
    checked_patterns(given["store_never"])
    if not isinstance(given["audit"], bool):
        raise InvalidRequest(f"must be True or False, not {given['audit']!r}", field="audit")
    _check_seconds(given["lease_seconds"], "lease_seconds", least=SHORTEST_LEASE)
    if given["linger_seconds"] is not None:
        _check_seconds(given["linger_seconds"], "linger_seconds", least=0)
    _check_seconds(given["release_seconds"], "release_seconds", least=SHORTEST_LEASE)


def directory_of_owners(database: AsyncDatabaseManager) -> Path | None:
    """Owners of the tasks in a database file leave their locks beside it."""
    path = database.path
    return None if path is None else path.with_name(f"{path.name}.owners")


def directory_of_contents(database: AsyncDatabaseManager) -> Path | None:
    """What is kept of files is beside the database file that refers to it, and to nobody else's."""
    path = database.path
    return None if path is None else path.with_name(f"{path.name}-contents")


def age_if_any(value: object, field: str) -> timedelta | None:
    """A setting that is an age; None stays None.

    Raises:
        InvalidRequest: it is something else; the error names ``field``.
    """
    return None if value is None else age_of(value, field)


def span_of(seconds: float | None) -> timedelta | None:
    """A setting in seconds; None stays None."""
    return None if seconds is None else timedelta(seconds=seconds)


def poll_of(database: AsyncDatabaseManager) -> timedelta | None:
    """A database that is this container's alone has no others to look out for."""
    return POLL if database.shared else None


def keeps_files(database: AsyncDatabaseManager) -> bool:
    """Large values are kept in files beside a database file."""
    return database.path is not None


def catalogue_of(
    group: providers.Aggregate[Any],
) -> Callable[[], Mapping[str, Callable[[], object]]]:
    """The factories of a group (of specialists, of resource types), as they are overridden at the
    moment of asking.
    """

    def catalogue() -> Mapping[str, Callable[[], object]]:
        named: Any = group.last_overriding or group
        return named.providers  # type: ignore[no-any-return]

    return catalogue


def _check_flag(value: object, field: str) -> None:
    """Refuse what is neither True nor False.

    Raises:
        InvalidRequest: it is something else; the error names ``field``.
    """
    if not isinstance(value, bool):
        raise InvalidRequest(f"must be True or False, not {value!r}", field=field)


def _check_seconds(value: object, field: str, *, least: float) -> None:
    """Refuse what is no number of seconds, or too small.

    Raises:
        InvalidRequest: it is; the error names ``field``.
    """
    number_of(value, field, least=least, most=TEN_YEARS, what="a number of seconds")


def _check_patterns(ignore: object, watch: object) -> None:
    """Refuse what is no list of patterns.

    Raises:
        InvalidRequest: something else was given, or what is no pattern.
    """
    for field, value in (("snapshot_ignore", ignore), ("snapshot_watch", watch)):
        if not isinstance(value, list | tuple) or not all(isinstance(one, str) for one in value):
            raise InvalidRequest(f"must be a list of patterns, not {value!r}", field=field)
    if ignore != () or watch != SECRETS:
        rules_of(tuple(ignore), tuple(watch))  # type: ignore[arg-type]  # lists of text, as was checked


def _check_workspace(value: object) -> None:
    """Refuse what names no directory.

    Raises:
        InvalidRequest: it is no path, or one that no directory can have.
    """
    path = fspath(value) if isinstance(value, str | PathLike) else None
    if not isinstance(path, str) or not path or "\0" in path:
        raise InvalidRequest(
            f"must be the path of a directory, as text or a Path, not {value!r}", field="workspace"
        )
