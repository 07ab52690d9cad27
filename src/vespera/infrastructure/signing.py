"""Ed25519 signatures, by the package ``cryptography``, which is an extra."""

from hashlib import sha256
from importlib import import_module
from typing import Any

from vespera.domain.envelope import EnvelopeSignature
from vespera.domain.errors import InvalidRequest, MissingExtra


class Ed25519Signing:
    """Makes keys, signs, and checks signatures. Keys are PEM: PKCS#8 and SubjectPublicKeyInfo,
    without a passphrase. See ``Signing``.
    """

    def new_keys(self) -> tuple[bytes, bytes]:
        """A new private key, and its public one."""
        forms = _part("hazmat.primitives.serialization")
        private = _part("hazmat.primitives.asymmetric.ed25519").Ed25519PrivateKey.generate()
        pem = private.private_bytes(
            forms.Encoding.PEM, forms.PrivateFormat.PKCS8, forms.NoEncryption()
        )
        return pem, _public_pem(private.public_key())

    def sign(self, private_key: bytes, message: bytes) -> EnvelopeSignature:
        """The signature; its hint is the SHA-256 of the public key as it is in the PEM.

        Raises:
            InvalidRequest: it is no private key for Ed25519.
        """
        key = _loaded("load_pem_private_key", private_key, password=None)
        if not isinstance(key, _part("hazmat.primitives.asymmetric.ed25519").Ed25519PrivateKey):
            raise _no_key("private")
        return EnvelopeSignature(_key_id(key.public_key()), key.sign(message))

    def is_signed(self, public_key: bytes, message: bytes, signature: bytes) -> bool:
        """Whether the owner of the key has signed this message so.

        Raises:
            InvalidRequest: it is no public key for Ed25519.
        """
        key = _loaded("load_pem_public_key", public_key)
        if not isinstance(key, _part("hazmat.primitives.asymmetric.ed25519").Ed25519PublicKey):
            raise _no_key("public")
        try:
            key.verify(signature, message)
        except _part("exceptions").InvalidSignature:
            return False
        return True


def _loaded(loader: str, pem: bytes, **more: Any) -> Any:
    load = getattr(_part("hazmat.primitives.serialization"), loader)
    try:
        return load(pem, **more)
    except (ValueError, TypeError, _part("exceptions").UnsupportedAlgorithm) as error:
        raise _no_key("private" if more else "public") from error


def _no_key(kind: str) -> InvalidRequest:
    return InvalidRequest(
        f"must be a {kind} key for Ed25519 (PEM, without a passphrase); `vespera audit key` makes"
        " one",
        field="key",
    )


def _public_pem(key: Any) -> bytes:
    forms = _part("hazmat.primitives.serialization")
    pem: bytes = key.public_bytes(forms.Encoding.PEM, forms.PublicFormat.SubjectPublicKeyInfo)
    return pem


def _key_id(key: Any) -> str:
    forms = _part("hazmat.primitives.serialization")
    der = key.public_bytes(forms.Encoding.DER, forms.PublicFormat.SubjectPublicKeyInfo)
    return sha256(der).hexdigest()


def _part(name: str) -> Any:
    try:
        return import_module(f"cryptography.{name}")
    except ModuleNotFoundError as error:
        raise MissingExtra("The audit trail's signatures", "cryptography", "audit") from error
