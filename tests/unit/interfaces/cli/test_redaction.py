"""Secrets are not shown, whatever they hide in."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from vespera.interfaces.cli.redaction import HIDDEN, redacted


@dataclass
class Client:
    url: str
    api_key: str


class Opaque:
    def __str__(self):
        return "hunter2"


@pytest.mark.parametrize(
    "name",
    [
        *("api_key", "openai_key", "APIKEY", "apiKey", "payload_keys", "password", "DB_PASSWORD"),
        *("secret", "clientSecret", "auth_token", "dsn", "passphrase", "credentials"),
        "private_pem",
    ],
)
@pytest.mark.parametrize("value", ["hunter2", b"hunter2", ["hunter2"], {"a": "hunter2"}, 4711])
def test_what_has_a_secrets_name_is_left_out_whole(name, value):
    assert redacted(name, value) == HIDDEN


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("concurrency", 10),
        ("durability", "full"),
        ("keyboard", "qwertz"),
        ("monkey", "see"),
        ("max_tokens", 4096),
        ("lease_seconds", 30.0),
        ("api_key", None),
        ("api_key", ""),
        ("use_token", True),
        ("database_url", "sqlite+aiosqlite:////data/work.db"),
        ("hosts", ["a", "b"]),
    ],
)
def test_what_is_no_secret_is_shown(name, value):
    assert redacted(name, value) == value


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:hunter2@host:5432/db", f"postgresql://me:{HIDDEN}@host:5432/db"),
        ("postgresql://me:hun/t@er2@host/db", f"postgresql://me:{HIDDEN}@host/db"),
        ("redis://:hunter2@host", f"redis://:{HIDDEN}@host"),
        ("https://host/?a=1&api_key=hunter2#x", f"https://host/?a=1&api_key={HIDDEN}#x"),
        ("https://host/?password=hunter2;b=2", f"https://host/?password={HIDDEN};b=2"),
        ("postgresql://me@host/db", "postgresql://me@host/db"),
        ("http://host:8080/a", "http://host:8080/a"),
    ],
)
def test_passwords_in_urls_are_left_out(url, shown):
    assert redacted("database_url", url) == shown
    assert redacted("replicas", (url,)) == [shown]


def test_secrets_are_found_inside_other_values():
    value = {"url": "x", "auth": {"user": "me"}, "retries": 3, "nested": [{"token": "hunter2"}]}

    assert redacted("service", value) == {
        "url": "x",
        "auth": HIDDEN,
        "retries": 3,
        "nested": [{"token": HIDDEN}],
    }
    assert redacted("client", Client("http://a", "hunter2")) == {
        "url": "http://a",
        "api_key": HIDDEN,
    }


def test_bytes_may_be_a_key_and_objects_may_hold_one():
    assert redacted("seal", b"hunter2") == "(7 bytes)"
    assert redacted("client", Opaque()) == "(Opaque)"
    assert redacted("client", Client) == "(type)"


def test_a_path_is_shown_as_text():
    assert redacted("workspace", Path("/data")) == "/data"
