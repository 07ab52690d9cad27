"""The codec keeps the promises of its port."""

from vespera.infrastructure.codec.msgspec_codec import MsgspecCodec
from vespera.testing.conformance import CodecConformance


class TestMsgspecCodec(CodecConformance):
    too_large = 1024 * 1024

    def make_codec(self) -> MsgspecCodec:
        return MsgspecCodec()
