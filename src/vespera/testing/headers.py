"""Header fields: found in whatever case they are asked for."""

from collections.abc import Iterator, Mapping


class Headers(Mapping[str, str]):
    """The fields of a request or response, in the case and order they came in."""

    def __init__(self, fields: Mapping[str, str] | None = None) -> None:
        """Of the same field given twice, the last counts."""
        self._fields = {name.lower(): (name, text) for name, text in (fields or {}).items()}

    def __getitem__(self, name: str) -> str:
        return self._fields[name.lower()][1]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._fields

    def __iter__(self) -> Iterator[str]:
        return (name for name, _text in self._fields.values())

    def __len__(self) -> int:
        return len(self._fields)

    def __repr__(self) -> str:
        return f"Headers({dict(self)!r})"
