"""Signed documents, in the form of DSSE."""

import json
from typing import Any

import pytest

from vespera.domain.envelope import Envelope, EnvelopeSignature, envelope_from, envelope_json
from vespera.domain.errors import InvalidRequest


def test_what_is_signed_is_the_payload_with_its_type() -> None:
    """The example of the specification."""
    envelope = Envelope(payload_type="http://example.com/HelloWorld", payload=b"hello world")

    assert envelope.signed_bytes == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"


def test_an_envelope_is_json_and_an_envelope_again() -> None:
    signatures = [EnvelopeSignature("me", b"\xff\xfe\xfd"), EnvelopeSignature("", b"")]
    envelope = Envelope(payload_type="a/b", payload=b"\xfb\xef\xbe", signatures=signatures)
    form = envelope_json(envelope)

    assert form == {
        "payload": "++++",
        "payloadType": "a/b",
        "signatures": [{"keyid": "me", "sig": "//79"}, {"keyid": "", "sig": ""}],
    }
    assert envelope_from(json.dumps(form)) == envelope


def test_both_alphabets_of_base64_are_read_and_the_hint_may_be_missing() -> None:
    text = '{"payload": "----", "payloadType": "a/b", "signatures": [{"sig": "__79"}]}'

    assert envelope_from(text) == Envelope(
        payload_type="a/b",
        payload=b"\xfb\xef\xbe",
        signatures=[EnvelopeSignature("", b"\xff\xfe\xfd")],
    )


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "[]",
        "7",
        '"text"',
        b"\xff\xfe\xff",
        "{}",
        '{"payload": "", "payloadType": 7, "signatures": []}',
        '{"payload": "???", "payloadType": "a", "signatures": []}',
        '{"payload": "é", "payloadType": "a", "signatures": []}',
        '{"payload": "", "payloadType": "a", "signatures": 7}',
        '{"payload": "", "payloadType": "a", "signatures": ["x"]}',
        '{"payload": "", "payloadType": "a", "signatures": [{"keyid": "x"}]}',
        "[" * 100_000,
    ],
)
def test_what_is_no_envelope_is_refused(wrong: Any) -> None:
    with pytest.raises(InvalidRequest, match="is no signed envelope"):
        envelope_from(wrong)
