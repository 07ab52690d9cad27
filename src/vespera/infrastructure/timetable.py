"""Cron texts, as Debian's cron reads them."""

from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from difflib import get_close_matches
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

from vespera.domain.errors import InvalidRequest

NICKNAMES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}


class CronTimetable:
    """Five fields (minute hour day month weekday), six (second first), or a nickname (@daily), in
    any time zone.

    A job at fixed local times is run once for each of them: a time that clocks go through twice
    counts the first time, one that they leave out becomes the moment after the gap. A job that
    goes on through all hours or minutes (``*``) keeps its pace instead, whatever clocks show.
    """

    def after(self, cron: str, time_zone: str, moment: datetime) -> Iterator[datetime]:
        """The moments after ``moment``, in UTC and in order; none comes after 50 years without.

        Raises:
            InvalidRequest: ``cron`` or ``time_zone`` makes no sense; the error says why.
        """
        local = moment.astimezone(_zone(time_zone))
        try:
            found = CronSim(NICKNAMES.get(cron.lower(), cron), local)
        except CronSimError as error:
            reason = str(error)[:1].lower() + str(error)[1:]
            raise InvalidRequest(
                f"{cron!r} is no cron text ({reason}); it has minute, hour, day of the month,"
                " month and weekday, as in '0 3 * * mon-fri'",
                field="cron",
            ) from error
        return _increasing(found, moment)


def _increasing(found: Iterator[datetime], moment: datetime) -> Iterator[datetime]:
    """In the hour that clocks go through twice, some that are found are over already."""
    last = moment
    for local in found:
        here = local.astimezone(UTC)
        if here > last:
            last = here
            yield here


def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:  # unknown, no name, or a directory's
        raise _unknown(name) from error


def _unknown(name: str) -> InvalidRequest:
    near = get_close_matches(name, sorted(available_timezones()), n=1)
    hint = f"did you mean {near[0]!r}?" if near else "name one as 'Europe/Berlin'"
    return InvalidRequest(f"there is no time zone {name!r}; {hint}", field="time_zone")
