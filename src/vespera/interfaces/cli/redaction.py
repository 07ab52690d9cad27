"""Settings without their secrets."""

import dataclasses
import re
from collections.abc import Mapping
from pathlib import PurePath

HIDDEN = "(redacted)"
_SECRET = frozenset(
    {"apikey", "auth", "authorization", "cookie", "credential", "credentials", "dsn", "key", "keys"}
    | {"passphrase", "passwd", "password", "passwords", "private", "pwd", "secret", "secrets"}
    | {"token", "tokens"}
)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_USER_AND_PASSWORD = re.compile(r"(://[^/?#:@\s]*):\S*@")
_PARAMETER = re.compile(r"(?<=[?&;])([^=&;#\s]+)=([^&;#\s]*)")


def redacted(name: str, value: object) -> object:
    """The value of the setting ``name``, in JSON types, as it may be shown.

    What has a secret's name is left out whole, be it a text or something that holds some; numbers
    of tokens are no secret. Everywhere else passwords in URLs are left out, and bytes, which may
    be keys. Of an object that is no plain data, only the type is told.
    """
    if value is None or isinstance(value, bool):
        return value
    if _is_secret(name) and not (isinstance(value, int | float) and "tokens" in _words(name)):
        return HIDDEN if value != "" else ""
    return _shown(name, value)


def _shown(name: str, value: object) -> object:
    match value:
        case int() | float():
            return value
        case str() | PurePath():
            return _without_passwords(str(value))
        case bytes() | bytearray():
            return f"({len(value)} bytes)"
        case Mapping():
            return {str(key): redacted(str(key), item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [redacted(name, item) for item in value]
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
            return _shown(name, fields)
        case _:
            return f"({type(value).__name__})"


def _is_secret(name: str) -> bool:
    return not _SECRET.isdisjoint(_words(name))


def _words(name: str) -> set[str]:
    return {word.lower() for word in _WORD.findall(name)}


def _without_passwords(text: str) -> str:
    text = _USER_AND_PASSWORD.sub(rf"\1:{HIDDEN}@", text)
    return _PARAMETER.sub(
        lambda found: f"{found[1]}={HIDDEN}" if _is_secret(found[1]) else found[0], text
    )
