"""What ``--vespera-replay`` takes: names of deaths and of schedules."""

import re

POINT = re.compile(r"(?:[cef]\d+[bat]|v\d+)(?:p\d+)?")
TURN = re.compile(r"o(\d+)x(\d+)|([dl])(\d+)x(\d+(?:\.\d+)?)|r(\d+)")
PLACE = re.compile(r"[1-9]\d*:")


def is_crash_code(code: str) -> bool:
    """Whether it names points at which a process dies: ``c3a``, ``c3a.e1b``, ``v57``."""
    return all(POINT.fullmatch(part) for part in code.split("."))


def is_schedule_code(code: str) -> bool:
    """Whether it names a schedule: ``o3x1-d7x60``, ``r42``."""
    return all(TURN.fullmatch(part) for part in code.split("-"))


def is_code(code: str) -> bool:
    """Whether it is one of these, for the first exploration of a test or, ``2:c3a``, another."""
    place = PLACE.match(code)
    code = code[place.end() :] if place else code
    return is_crash_code(code) or is_schedule_code(code)
