"""Types whose values are told by a text."""

from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec import convert, to_builtins


class TextForm(NamedTuple):
    """A type whose values are told by a text, in both directions.

    Either function may raise ``ValueError`` with the reason.
    """

    tag: str
    write: Callable[[Any], str]
    read: Callable[[str], object]


def _write_moment(value: datetime | time) -> str:
    """ISO 8601, and what it cannot say: the zone's name, the second pass of a repeated hour."""
    repeated = "[repeated]" if value.fold else ""
    zone = value.tzinfo
    if zone is None or type(zone) is timezone:
        return value.isoformat() + repeated
    if type(zone) is ZoneInfo and zone.key:
        return f"{value.isoformat()}[{zone.key}]{repeated}"
    raise ValueError(
        f"a time zone of type {type(zone).__qualname__} has no stored form;"
        " use datetime.timezone, or zoneinfo.ZoneInfo with a key"
    )


def _read_datetime(text: str) -> datetime:
    stamp, zone, fold = _parts_of_moment(text)
    value = datetime.fromisoformat(stamp).replace(fold=fold)
    if zone is None:
        return value
    local = value.replace(tzinfo=zone)
    if local.utcoffset() == value.utcoffset():
        return local
    return value.astimezone(zone)  # the zone's rules have changed since: the moment counts


def _read_time(text: str) -> time:
    stamp, zone, fold = _parts_of_moment(text)
    value = time.fromisoformat(stamp)
    return value.replace(tzinfo=zone or value.tzinfo, fold=fold)


def _parts_of_moment(text: str) -> tuple[str, ZoneInfo | None, int]:
    fold = int(text.endswith("[repeated]"))
    stamp, _, key = text.removesuffix("[repeated]").rstrip("]").partition("[")
    return stamp, ZoneInfo(key) if key else None, fold


TEXT_FORMS: Mapping[type, TextForm] = {
    datetime: TextForm("$datetime", _write_moment, _read_datetime),
    date: TextForm("$date", date.isoformat, date.fromisoformat),
    time: TextForm("$time", _write_moment, _read_time),
    timedelta: TextForm("$timedelta", to_builtins, lambda text: convert(text, timedelta)),
    Decimal: TextForm("$decimal", str, Decimal),
    UUID: TextForm("$uuid", str, UUID),
    type(Path()): TextForm("$path", str, Path),
}
