"""Compressed and encrypted values come back as they went in, and nobody takes one for another."""

import base64
import os
import sys
import tracemalloc
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from vespera.application.ports.codec import LOST, Codec
from vespera.domain.errors import InvalidRequest, MissingExtra, PayloadTooLarge, UnreadableValue
from vespera.infrastructure.codec.compressed_codec import CompressedCodec
from vespera.infrastructure.codec.encrypted_codec import EncryptedCodec
from vespera.infrastructure.codec.json_forms import JsonForms
from vespera.infrastructure.codec.msgspec_codec import MsgspecCodec

KEY, OTHER = (base64.urlsafe_b64encode(bytes([start]) * 32).decode() for start in (7, 8))
LIMIT = 10_000
PLAIN = MsgspecCodec(LIMIT)
CODECS = {
    "zlib": CompressedCodec(PLAIN),
    "zlib from the first byte": CompressedCodec(PLAIN, smallest=0),
    "zstd": CompressedCodec(PLAIN, method="zstd", level=19, smallest=0),
    "encrypted": EncryptedCodec(PLAIN, KEY),
    "both": EncryptedCodec(CompressedCodec(PLAIN, smallest=0), [KEY]),
    "the wrong way round": CompressedCodec(EncryptedCodec(PLAIN, KEY), smallest=0),
    "twice": EncryptedCodec(EncryptedCodec(PLAIN, KEY), OTHER),
    "compressed twice": CompressedCodec(CompressedCodec(PLAIN, smallest=0), smallest=0),
}
every_codec = pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)


@dataclass(frozen=True)
class Point:
    x: int


VALUES = [
    None,
    "",
    {},
    "Zürich \0 ✓" * 500,
    {"a": [1, {"b": None}], "c": (1, b"2", {3})},
    Point(7),
    [Decimal("1.10"), datetime(2030, 1, 1, tzinfo=UTC)],
    {1: "a", (2, 3): "b"},
]


@every_codec
def test_what_was_lost_is_said_to_be_so_by_whatever_codec(codec):
    lost = LOST + b"the payload of task 'a' is in a file that is missing"
    stored = codec.encode(1, what="payload")

    for reading in (lambda: codec.decode(lost), lambda: codec.same(stored, lost)):
        with pytest.raises(UnreadableValue, match=r"^the payload of task 'a' is in a file"):
            reading()
    assert "the payload of task 'a'" in codec.plain(lost)
    with pytest.raises(UnreadableValue, match=r"^the payload of task 'a'"):
        JsonForms(codec).to_json(lost)


@every_codec
@pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value)[:40])
def test_values_come_back_with_their_types(codec, value):
    back = codec.decode(codec.encode(value, what="payload"))

    assert (type(back), back) == (type(value), value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@settings(max_examples=50)  # for each of the codecs
@given(value=JSON)
def test_any_value_comes_back_from_every_codec(value):
    assert [name for name, codec in CODECS.items() if not comes_back(codec, value)] == []


def comes_back(codec, value):
    data = codec.encode(value, what="payload")
    plain = PLAIN.plain(PLAIN.encode(value, what="payload"))
    return codec.decode(data) == value and codec.plain(data) == plain


@every_codec
def test_values_that_were_stored_plain_are_read(codec):
    data = PLAIN.encode({"a": (1, 2)}, what="payload")

    assert codec.decode(data) == {"a": (1, 2)}
    assert codec.plain(data) == {"a": [1, 2]}


@every_codec
def test_the_limit_counts_the_size_before_packing(codec):
    codec.encode("x" * (LIMIT - 2), what="payload")

    with pytest.raises(PayloadTooLarge, match="payload"):
        codec.encode("x" * (LIMIT - 1), what="payload")


@every_codec
def test_damage_is_unreadable_or_found_out_and_nothing_else(codec):
    whole = codec.encode([{"a": (1, b"2")}, Point(1), "x" * 100], what="payload")
    cuts = [whole[:end] for end in range(len(whole))]
    flips = [whole[:i] + bytes([whole[i] ^ 1]) + whole[i + 1 :] for i in range(len(whole))]

    for data in [*cuts, *flips, whole + b"x", b"\0V", b"\0Ve", b"\0Vz", b"\0Vs", b"\0" * 100]:
        codec.plain(data)
        try:
            codec.decode(data)
        except UnreadableValue:
            continue
        assert not data.startswith(b"\0")  # what is packed is read whole, or not at all


@every_codec
def test_two_stored_forms_of_one_value_are_the_same(codec):
    one = codec.encode({"a": 1, "b": {"x": [1, 2], "y": None}, 1: {2: 3, 4: 5}}, what="payload")
    other = codec.encode({1: {4: 5, 2: 3}, "b": {"y": None, "x": [1, 2]}, "a": 1}, what="payload")
    plain = PLAIN.encode({"b": {"y": None, "x": [1, 2]}, "a": 1, 1: {2: 3, 4: 5}}, what="payload")

    assert codec.same(one, other)
    assert codec.same(one, plain)
    assert codec.same(plain, other)


@every_codec
@pytest.mark.parametrize(
    "other", [{"a": 2}, {"a": "1"}, {"a": [1]}, {"a": 1.0}, {"a": 1, "b": 1}, [1, 2], None]
)
def test_other_values_are_not_the_same(codec, other):
    one = codec.encode({"a": 1}, what="payload")

    assert not codec.same(one, codec.encode(other, what="payload"))
    assert not codec.same(codec.encode([2, 1], what="p"), codec.encode([1, 2], what="p"))


@pytest.mark.parametrize(
    ("name", "shown"), [("encrypted", "(encrypted)"), ("zstd", "(compressed)")]
)
def test_without_the_right_codec_people_are_told_what_it_is_and_what_is_needed(name, shown):
    data = CODECS[name].encode("secret " * 100, what="payload")

    assert PLAIN.plain(data) == shown
    with pytest.raises(UnreadableValue, match=r"give the container an? \w+Codec"):
        PLAIN.decode(data)
    with pytest.raises(UnreadableValue):
        PLAIN.same(data, b"1")
    with pytest.raises(UnreadableValue):
        PLAIN.same(b"1", data)


class TestCompression:
    def test_a_large_value_becomes_smaller_and_a_small_one_stays_as_it_is(self):
        codec = CompressedCodec(PLAIN)

        assert len(codec.encode("word " * 1000, what="payload")) < 200
        assert codec.encode("word", what="payload") == PLAIN.encode("word", what="payload")

    def test_what_would_not_become_smaller_is_stored_as_it_is(self):
        value = base64.b85encode(os.urandom(2000)).decode() + "'"
        codec = CompressedCodec(PLAIN, method="zlib", level=0)

        assert codec.encode(value, what="payload") == PLAIN.encode(value, what="payload")

    @pytest.mark.parametrize("method", ["zlib", "zstd"])
    def test_what_another_method_has_stored_is_read(self, method):
        data = CompressedCodec(PLAIN, method=method).encode("x" * 1000, what="payload")

        for other in ("zlib", "zstd"):
            assert CompressedCodec(PLAIN, method=other).decode(data) == "x" * 1000

    def test_an_inner_codec_whose_bytes_look_like_ours_is_understood(self):
        class Odd(MsgspecCodec):
            def encode(self, value: object, *, what: str) -> bytes:
                return b"\0Vz" + super().encode(value, what=what)

            def decode(self, data: bytes) -> object:
                return super().decode(data.removeprefix(b"\0Vz"))

        codec = CompressedCodec(Odd())

        assert codec.decode(codec.encode("short", what="payload")) == "short"

    def test_no_more_comes_out_than_was_promised(self):
        data = bytearray(CompressedCodec(PLAIN).encode("x" * 9000, what="payload"))
        data[3:11] = (100).to_bytes(8)

        with pytest.raises(UnreadableValue, match="compressed and damaged"):
            CompressedCodec(PLAIN).decode(bytes(data))

    @pytest.mark.parametrize(
        ("mark", "compress"), [(b"z", zlib.compress), (b"s", zstandard.compress)]
    )
    def test_a_little_that_would_become_much_does_not_fill_the_memory(self, mark, compress):
        much = compress(bytes(50_000_000))
        tracemalloc.start()
        try:
            with pytest.raises(UnreadableValue, match="compressed and damaged"):
                CompressedCodec(PLAIN).decode(b"\0V" + mark + (100).to_bytes(8) + much)
            assert tracemalloc.get_traced_memory()[1] < 5_000_000
        finally:
            tracemalloc.stop()

    @pytest.mark.parametrize(
        ("arguments", "field"),
        [
            ({"method": "gzip"}, "method"),
            ({"method": None}, "method"),
            ({"level": 10}, "level"),
            ({"level": -1}, "level"),
            ({"method": "zstd", "level": 23}, "level"),
            ({"level": "6"}, "level"),
            ({"smallest": -1}, "smallest"),
            ({"smallest": 1.5}, "smallest"),
        ],
    )
    def test_arguments_that_make_no_sense_are_refused(self, arguments, field):
        with pytest.raises(InvalidRequest) as refused:
            CompressedCodec(PLAIN, **arguments)

        assert refused.value.field == field

    def test_without_its_package_zstd_says_what_to_install(self, monkeypatch):
        data = CODECS["zstd"].encode("x" * 1000, what="payload")
        monkeypatch.setitem(sys.modules, "zstandard", None)

        with pytest.raises(MissingExtra, match=r"pip install 'vespera\[zstd\]'"):
            CompressedCodec(PLAIN, method="zstd")
        with pytest.raises(UnreadableValue, match=r"pip install 'vespera\[zstd\]'"):
            CompressedCodec(PLAIN).decode(data)


class TestEncryption:
    def test_nothing_of_the_value_is_stored(self):
        data = EncryptedCodec(PLAIN, KEY).encode("a secret of some length", what="payload")

        assert b"secret" not in data
        assert len(data) == len(PLAIN.encode("a secret of some length", what="payload")) + 40

    def test_the_same_value_is_stored_otherwise_each_time(self):
        codec = EncryptedCodec(PLAIN, KEY)

        stored = {codec.encode("secret", what="payload") for _ in range(100)}

        assert len(stored) == 100
        assert len({data[12:24] for data in stored}) == 100

    def test_the_first_key_encrypts_and_all_decrypt(self):
        old, new = EncryptedCodec(PLAIN, [OTHER]), EncryptedCodec(PLAIN, [KEY, OTHER])
        stored = old.encode("before", what="payload")

        assert new.decode(stored) == "before"
        assert EncryptedCodec(PLAIN, KEY).decode(new.encode("after", what="payload")) == "after"
        assert new.same(stored, new.encode("before", what="payload"))

    def test_a_key_that_is_not_here_is_named_and_people_see_that_it_is_encrypted(self):
        stored = EncryptedCodec(PLAIN, KEY).encode("secret", what="payload")
        codec = EncryptedCodec(PLAIN, OTHER)

        assert codec.plain(stored) == "(encrypted)"
        with pytest.raises(UnreadableValue, match=r"with the key \w{16}.* add the key") as refused:
            codec.decode(stored)
        assert KEY not in str(refused.value)
        with pytest.raises(UnreadableValue):
            codec.same(stored, b"1")

    def test_what_was_changed_is_said_to_be(self):
        codec = EncryptedCodec(PLAIN, KEY)
        stored = codec.encode("secret", what="payload")

        for place in range(12, len(stored)):
            changed = bytearray(stored)
            changed[place] ^= 1
            with pytest.raises(UnreadableValue, match="changed since"):
                codec.decode(bytes(changed))
        assert "changed since" in str(codec.plain(stored[:-1]))

    def test_plain_values_are_refused_if_asked_to(self):
        codec = EncryptedCodec(PLAIN, KEY, accept_plain=False)

        with pytest.raises(UnreadableValue, match="not encrypted"):
            codec.decode(b'{"a":1}')
        assert "not encrypted" in str(codec.plain(b'{"a":1}'))
        assert codec.decode(codec.encode(1, what="payload")) == 1

    @pytest.mark.parametrize(
        "keys",
        [KEY, [KEY], (OTHER, KEY), base64.urlsafe_b64decode(KEY), [os.urandom(32), KEY.encode()]],
        ids=["text", "list", "tuple", "bytes", "both"],
    )
    def test_keys_are_given_as_bytes_or_text(self, keys):
        if isinstance(keys, list) and len(keys) == 2:
            keys = [keys[0], keys[1].decode()]
        codec = EncryptedCodec(PLAIN, keys)

        assert codec.decode(codec.encode("a", what="payload")) == "a"

    @pytest.mark.parametrize(
        "keys",
        [
            "",
            [],
            None,
            7,
            "short",
            b"short",
            KEY[:-1],
            KEY + "=",
            [KEY, "hunter2"],
            "ö" * 44,
            [None],
        ],
        ids=repr,
    )
    def test_what_is_no_key_is_refused_and_not_told(self, keys):
        with pytest.raises(InvalidRequest, match=r"32 random bytes.*new_key") as refused:
            EncryptedCodec(PLAIN, keys)

        assert refused.value.field == "keys"
        assert "hunter2" not in str(refused.value)
        assert KEY[:8] not in str(refused.value)

    def test_new_keys_are_all_different_and_32_bytes(self):
        keys = {EncryptedCodec.new_key() for _ in range(100)}

        assert len(keys) == 100
        assert {len(base64.urlsafe_b64decode(key)) for key in keys} == {32}

    def test_nothing_of_the_key_is_told_by_its_object(self):
        codec = EncryptedCodec(PLAIN, KEY)

        assert KEY not in repr(codec) + repr(vars(codec))
        assert repr(base64.urlsafe_b64decode(KEY)) not in repr(vars(codec))

    def test_without_its_package_it_says_what_to_install(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.ciphers.aead", None)

        with pytest.raises(MissingExtra, match=r"pip install 'vespera\[crypto\]'"):
            EncryptedCodec(PLAIN, KEY)


def test_they_are_codecs():
    codecs: list[Codec] = [CompressedCodec(PLAIN), EncryptedCodec(PLAIN, KEY)]

    assert all(codec.encode(1, what="payload") for codec in codecs)
