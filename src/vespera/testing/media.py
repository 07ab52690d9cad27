"""Small real files: a picture that viewers show, a sound that players play."""

import io
import struct
import wave
import zlib

_SAMPLES_PER_SECOND = 8_000


def png(width: int = 8, height: int = 8, colour: tuple[int, int, int] = (200, 60, 60)) -> bytes:
    """A PNG of one colour, in RGB; ``width`` and ``height`` in pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    line = b"\x00" + bytes(colour) * width
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(line * height)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_png_part(kind, data) for kind, data in parts)


def wav(seconds: float = 0.1) -> bytes:
    """A WAV of a soft square tone of 250 Hz: mono, 16 bits, 8,000 samples a second."""
    file = io.BytesIO()
    period = struct.pack("<32h", *[3_000] * 16, *[-3_000] * 16)
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(_SAMPLES_PER_SECOND)
        sound.writeframes(period * round(seconds * _SAMPLES_PER_SECOND / 32))
    return file.getvalue()


def _png_part(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
