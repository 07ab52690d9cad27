"""What the studio needs from outside."""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Protocol


class StoryWriter(Protocol):
    """A chat model."""

    async def generate(self, prompt: str) -> Mapping[str, Any]:
        """The completed chat, ``{"choices": [{"message": {"content": ...}}], "usage": ...}``."""
        ...


class Narrator(Protocol):
    """Reads aloud."""

    async def generate_audio(self, text: str) -> str:
        """The URL of the sound, which may be a ``data:`` URL."""
        ...


class Illustrator(Protocol):
    """Draws."""

    async def generate_image(self, text: str) -> str:
        """The URL of the picture, which may be a ``data:`` URL."""
        ...


class Voice(Protocol):
    """What a ``TTSClient`` speaks with."""

    def stream_audio(self, text: str) -> AsyncIterator[bytes]:
        """The sound's file, piece by piece."""
        ...


OnPiece = Callable[[str], object]
