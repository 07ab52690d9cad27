"""Signed documents in the form of DSSE (Dead Simple Signing Envelope, v1)."""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vespera.domain.errors import InvalidRequest


@dataclass(frozen=True, slots=True)
class EnvelopeSignature:
    """A signature, and a hint at whose it is: anybody may write any hint."""

    key_id: str
    signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A document with what it is and who signed it.

    Attributes:
        payload_type: says how the payload is to be understood.
        payload: the document, in JSON.
        signatures: of ``signed_bytes``.
    """

    payload_type: str
    payload: bytes
    signatures: Sequence[EnvelopeSignature] = ()

    @property
    def signed_bytes(self) -> bytes:
        """What is signed: the payload together with its type, so that neither can be exchanged."""
        kind = self.payload_type.encode()
        head = b"DSSEv1 %d %b %d " % (len(kind), kind, len(self.payload))
        return head + self.payload


def envelope_json(envelope: Envelope) -> Mapping[str, object]:
    """The envelope in plain JSON values."""
    return {
        "payload": base64.b64encode(envelope.payload).decode(),
        "payloadType": envelope.payload_type,
        "signatures": [
            {"keyid": one.key_id, "sig": base64.b64encode(one.signature).decode()}
            for one in envelope.signatures
        ],
    }


def envelope_from(text: str | bytes) -> Envelope:
    """The envelope that a JSON text holds; its signatures are not checked.

    Raises:
        InvalidRequest: it holds none.
    """
    try:
        form: Any = json.loads(text)
        return Envelope(
            payload_type=_text(form["payloadType"]),
            payload=_bytes(form["payload"]),
            signatures=[
                EnvelopeSignature(_text(one.get("keyid", "")), _bytes(one["sig"]))
                for one in form["signatures"]
            ],
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        told = f"is no signed envelope (DSSE): {type(error).__name__}: {error}"
        raise InvalidRequest(told, field="envelope") from error


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _bytes(value: Any) -> bytes:
    text = _text(value)
    try:
        return base64.b64decode(text.translate(_URL_SAFE), validate=True)
    except binascii.Error as error:
        raise ValueError(f"{text[:20]!r} is no base64") from error


_URL_SAFE = str.maketrans("-_", "+/")
"""Both alphabets may be read."""
