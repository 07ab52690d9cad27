"""Secrets are known by the names of their files."""

import pytest

from vespera.domain.errors import InvalidRequest
from vespera.infrastructure.files.never_stored import (
    checked_patterns,
    matching,
    never_stored,
)
from vespera.infrastructure.files.secrets import SECRETS


@pytest.mark.parametrize(
    "path",
    [
        ".env",
        "deep/down/.env",
        ".env.production",
        "prod.env",
        ".ENV",
        "server.pem",
        "tls/Server.Key",
        "me.p12",
        "me.pfx",
        "id_rsa",
        "id_ed25519_work",
        "home/.ssh/config",
        ".netrc",
        ".npmrc",
        ".pypirc",
        "credentials",
        "credentials.json",
        "Credentials/x",
        "odd\nname/.env",
        ".docker/config.json",
    ],
)
def test_what_may_be_a_secret_is_never_stored(path):
    assert never_stored(SECRETS)(path)


@pytest.mark.parametrize(
    "path",
    [
        "src/main.py",
        "environment",
        "env",
        ".env.example",
        "id_rsa.pub",
        "keyboard.py",
        "docs/credential.md",
        "docker/config.json",
        "tokens.py",
    ],
)
def test_the_rest_is_stored(path):
    assert not never_stored(SECRETS)(path)


def test_patterns_of_ones_own_stand_in_the_place_of_the_usual_ones():
    is_never = never_stored(["Private/", "/top.txt", "*.x", "!good.x"])

    assert [
        p for p in ("a/private/b", "top.txt", "c.x", "good.x", "a/top.txt", ".env") if is_never(p)
    ] == [
        "a/private/b",
        "top.txt",
        "c.x",
    ]


def test_without_patterns_everything_is_stored():
    assert not never_stored([])(".env")


@pytest.mark.parametrize("wrong", [".env", 7, None, [""], ["a\0b"], [7], {".env": 1}])
def test_what_are_no_patterns_is_refused(wrong):
    with pytest.raises(InvalidRequest, match="store_never"):
        checked_patterns(wrong)


def test_a_pattern_that_cannot_be_understood_is_refused_when_it_is_first_needed():
    with pytest.raises(InvalidRequest, match="store_never: cannot be understood"):
        never_stored(["!"])("path")


def test_paths_are_found_by_patterns():
    paths = ["a/.env", "b", "logs/one.txt"]

    assert matching([".env", "logs/"], paths) == {"a/.env", "logs/one.txt"}
