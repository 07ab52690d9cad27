"""Values that only those can read who have a key."""

import base64
import binascii
import hashlib
import secrets
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from vespera.application.ports.codec import Codec
from vespera.domain.errors import InvalidRequest, MissingExtra, UnreadableValue
from vespera.infrastructure.codec import envelope

Key = str | bytes

_VERSION = b"\1"
_KEY = 32
_NAME = 8
_NONCE = 12
_TAG = 16
_HEAD = len(_VERSION) + _NAME
_WANTED = "32 random bytes, or the text that EncryptedCodec.new_key() gives"


class EncryptedCodec:
    """Encrypts what another codec has encoded (AES-256-GCM); wrap that of the container.

    The first key encrypts; all of them decrypt, so that a new key is put before the old ones, and
    an old one is taken away when nothing is left that it has encrypted. Each value has a random
    nonce of its own and names its key; what was changed since is found out. It is not bound to
    its place: who can write to the database can put one task's value in the place of another's.
    The limit on sizes is the inner codec's; encryption adds 40 bytes to what it counts. A key is
    good for some 4,000,000,000 values.
    """

    def __init__(
        self, inner: Codec, keys: Key | Sequence[Key], *, accept_plain: bool = True
    ) -> None:
        """Wrap ``inner``.

        Args:
            inner: turns values into bytes and back; it may compress them.
            keys: one key or several, each 32 random bytes or the text that ``new_key`` gives.
            accept_plain: read values that were stored before they were encrypted.

        Raises:
            InvalidRequest: the keys cannot be used; they are not told.
            MissingExtra: the package ``cryptography`` is not installed.
        """
        self.inner = inner
        self._accept_plain = accept_plain
        raw = _raw_keys(keys)
        aead = _aead()
        self._ciphers: Mapping[bytes, Any] = {_name_of(key): aead.AESGCM(key) for key in raw}
        self._writing = _name_of(raw[0])

    @staticmethod
    def new_key() -> str:
        """A new random key, as text that a settings file or a variable can hold."""
        return base64.urlsafe_b64encode(secrets.token_bytes(_KEY)).decode()

    def encode(self, value: object, *, what: str) -> bytes:
        """See ``Codec.encode``."""
        return self.packed(self.inner.encode(value, what=what))

    def packed(self, data: bytes) -> bytes:
        """What the inner codec has encoded, as it is stored."""
        head, nonce = _VERSION + self._writing, secrets.token_bytes(_NONCE)
        sealed: bytes = self._ciphers[self._writing].encrypt(nonce, data, head)
        return envelope.marked(envelope.ENCRYPTED, head + nonce + sealed)

    def decode(self, data: bytes) -> object:
        """See ``Codec.decode``."""
        return self.inner.decode(self.unpacked(data))

    def plain(self, data: bytes) -> object:
        """See ``Codec.plain``. What is encrypted with a key that is not here is said to be so."""
        if envelope.kind_of(data) == envelope.ENCRYPTED and self._cipher(data) is None:
            return envelope.shown(data)
        try:
            return self.inner.plain(self.unpacked(data))
        except UnreadableValue as error:
            return f"(unreadable: {error})"

    def same(self, one: bytes, other: bytes) -> bool:
        """See ``Codec.same``."""
        return self.inner.same(self.unpacked(one), self.unpacked(other))

    def unpacked(self, data: bytes) -> bytes:
        """What the inner codec has encoded.

        Raises:
            UnreadableValue: the key is not here, or the data was changed; or it is not encrypted,
                and that is not accepted.
        """
        if envelope.kind_of(data) != envelope.ENCRYPTED:
            envelope.refuse_lost(data)
            if self._accept_plain:
                return data
            raise UnreadableValue(
                "What is stored is not encrypted, and this container accepts only what is"
                " (accept_plain=False); it was stored before encryption, or by somebody else."
            )
        cipher = self._cipher(data)
        if cipher is None:
            raise self._unknown_key(data)
        head, nonce, sealed = _parts(data)
        try:
            found: bytes = cipher.decrypt(nonce, sealed, head)
        except (_aead_failure(), ValueError) as error:
            raise UnreadableValue(
                "What is stored is encrypted and was changed since: the disk has damaged it, or"
                " somebody has. Restore a copy of the database."
            ) from error
        return found

    def _cipher(self, data: bytes) -> Any:
        """The cipher that the value names, or one that shows it to be damaged."""
        head, _, sealed = _parts(data)
        if len(sealed) < _TAG or not head.startswith(_VERSION):
            return self._ciphers[self._writing]
        return self._ciphers.get(head[len(_VERSION) :])

    def _unknown_key(self, data: bytes) -> UnreadableValue:
        named = _parts(data)[0][len(_VERSION) :].hex()
        have = ", ".join(name.hex() for name in self._ciphers)
        return UnreadableValue(
            f"What is stored is encrypted with the key {named}, and this container has {have}"
            " only; add the key to its EncryptedCodec, behind the first one."
        )


def _parts(data: bytes) -> tuple[bytes, bytes, bytes]:
    body = envelope.body_of(data)
    return body[:_HEAD], body[_HEAD : _HEAD + _NONCE], body[_HEAD + _NONCE :]


def _raw_keys(keys: object) -> list[bytes]:
    given = [keys] if isinstance(keys, str | bytes) else keys
    if not isinstance(given, Sequence) or not given:
        raise InvalidRequest(f"must be one key or several; a key is {_WANTED}", field="keys")
    return [_raw_key(key, place) for place, key in enumerate(given, 1)]


def _raw_key(key: object, place: int) -> bytes:
    raw = _from_text(key) if isinstance(key, str) else key
    if not isinstance(raw, bytes) or len(raw) != _KEY:
        raise InvalidRequest(f"key {place} is none: a key is {_WANTED}", field="keys")
    return raw


def _from_text(text: str) -> bytes | None:
    try:
        return base64.b64decode(text.encode(), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError):
        return None


def _name_of(key: bytes) -> bytes:
    """What a stored value calls its key; the key cannot be told from it."""
    return hashlib.sha256(b"vespera key name\0" + key).digest()[:_NAME]


def _aead() -> Any:
    return _cryptography("cryptography.hazmat.primitives.ciphers.aead")


def _aead_failure() -> type[Exception]:
    failure: type[Exception] = _cryptography("cryptography.exceptions").InvalidTag
    return failure


def _cryptography(module: str) -> Any:
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise MissingExtra("EncryptedCodec", "cryptography", "crypto") from error
