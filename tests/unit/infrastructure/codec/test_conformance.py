"""The codecs keep the promises of the port."""

import base64

from vespera.infrastructure.codec.compressed_codec import CompressedCodec
from vespera.infrastructure.codec.encrypted_codec import EncryptedCodec
from vespera.infrastructure.codec.msgspec_codec import MsgspecCodec
from vespera.testing.conformance import CodecConformance

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
