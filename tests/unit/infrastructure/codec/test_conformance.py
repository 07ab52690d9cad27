"""The codecs keep the promises of the port."""

import base64

from vespera.application.ports.codec import Codec
from vespera.infrastructure.codec.compressed_codec import CompressedCodec
from vespera.infrastructure.codec.encrypted_codec import EncryptedCodec
from vespera.infrastructure.codec.json_forms import JsonForms
from vespera.infrastructure.codec.msgspec_codec import MsgspecCodec
from vespera.testing.conformance import CodecConformance, ValueFormsConformance

KEY = base64.b64encode(bytes(range(32))).decode()


class TestMsgspecCodec(CodecConformance):
    too_large = 1024 * 1024

    def make_codec(self) -> MsgspecCodec:
        return MsgspecCodec()


class TestCompressedCodec(CodecConformance):
    too_large = 1024 * 1024

    def make_codec(self) -> CompressedCodec:
        return CompressedCodec(MsgspecCodec(), smallest=0)


class TestEncryptedCodec(CodecConformance):
    too_large = 1024 * 1024

    def make_codec(self) -> EncryptedCodec:
        return EncryptedCodec(MsgspecCodec(), KEY)


class TestFormsOfPlainValues(ValueFormsConformance):
    def make_forms(self) -> tuple[Codec, JsonForms]:
        codec = MsgspecCodec()
        return codec, JsonForms(codec)


class TestFormsOfPackedValues(ValueFormsConformance):
    def make_forms(self) -> tuple[Codec, JsonForms]:
        packed = CompressedCodec(MsgspecCodec(), smallest=0)
        codec = EncryptedCodec(packed, KEY, accept_plain=False)
        return codec, JsonForms(codec)


class CodecOfAnotherKind:
    """As a user may write one: nothing of how it stores values is known."""

    def __init__(self) -> None:
        self._inner = MsgspecCodec()

    def encode(self, value: object, *, what: str) -> bytes:
        return self._inner.encode(value, what=what)[::-1]

    def decode(self, data: bytes) -> object:
        return self._inner.decode(data[::-1])

    def plain(self, data: bytes) -> object:
        return self._inner.plain(data[::-1])

    def same(self, one: bytes, other: bytes) -> bool:
        return self._inner.same(one[::-1], other[::-1])


class TestFormsOfAnotherCodec(ValueFormsConformance):
    def make_forms(self) -> tuple[Codec, JsonForms]:
        codec = CodecOfAnotherKind()
        return codec, JsonForms(codec)
