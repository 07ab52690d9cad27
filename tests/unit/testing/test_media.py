import io
import struct
import wave
import zlib

from vespera.testing.media import png, wav


def test_a_picture_is_a_png_of_the_size():
    data = png(3, 2, colour=(1, 2, 3))

    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", data[16:24]) == (3, 2)
    length = struct.unpack(">I", data[33:37])[0]
    assert data[37:41] == b"IDAT"
    assert zlib.decompress(data[41 : 41 + length]) == (b"\x00" + b"\x01\x02\x03" * 3) * 2
    assert data.endswith(b"IEND" + struct.pack(">I", zlib.crc32(b"IEND")))


def test_a_sound_is_a_wav_of_the_length():
    with wave.open(io.BytesIO(wav(0.5))) as sound:
        assert sound.getnchannels() == 1
        assert sound.getnframes() / sound.getframerate() == 0.5
        assert any(sound.readframes(10))
