"""What the signatures need, and what they are of."""

import sys

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from vespera.domain.errors import InvalidRequest, MissingExtra
from vespera.infrastructure.signing import Ed25519Signing


def test_without_its_package_it_says_what_to_install(monkeypatch):
    private_key, public_key = Ed25519Signing().new_keys()
    for name in ("primitives.serialization", "primitives.asymmetric.ed25519"):
        monkeypatch.setitem(sys.modules, f"cryptography.hazmat.{name}", None)

    for call in (
        Ed25519Signing().new_keys,
        lambda: Ed25519Signing().sign(private_key, b""),
        lambda: Ed25519Signing().is_signed(public_key, b"", b""),
    ):
        with pytest.raises(MissingExtra, match=r"pip install 'vespera\[audit\]'"):
            call()


def test_keys_of_another_kind_are_refused():
    other = generate_private_key(SECP256R1())
    private = other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = other.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    with pytest.raises(InvalidRequest, match="must be a private key for Ed25519"):
        Ed25519Signing().sign(private, b"")
    with pytest.raises(InvalidRequest, match="must be a public key for Ed25519"):
        Ed25519Signing().is_signed(public, b"", b"")
