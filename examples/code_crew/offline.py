"""A "model" for those who have none: it knows a few modules, and its first draft is never clean."""

from collections.abc import Mapping, Sequence
from typing import Any

from vespera.testing.servers import ModelServer, RecordedRequest, Reply

DOWN = "starcoder"
"""This one is always busy, so that there is something to switch from."""

MENDING = "Mend what the reviewer found"
"""A prompt that says so is a second one."""

MODULES = {
    "slug": '''"""Titles as they stand in addresses."""

import re
import unicodedata


def slugify(title: str) -> str:
    """The title in lower case letters, digits and hyphens."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")
''',
    "roman": '''"""Roman numerals."""

_SIGNS = {1000: "M", 900: "CM", 500: "D", 400: "CD", 100: "C", 90: "XC"}
_SIGNS |= {50: "L", 40: "XL", 10: "X", 9: "IX", 5: "V", 4: "IV", 1: "I"}


def roman(number: int) -> str:
    """The number as the Romans wrote it, from 1 to 3999."""
    if not 1 <= number < 4000:
        raise ValueError(f"there is no Roman numeral for {number}")
    written = ""
    for value, sign in _SIGNS.items():
        times, number = divmod(number, value)
        written += sign * times
    return written
''',
    "prime": '''"""Prime numbers."""

from collections.abc import Iterator


def primes(limit: int) -> Iterator[int]:
    """The primes below the limit."""
    is_prime = [True] * max(limit, 2)
    for number in range(2, limit):
        if is_prime[number]:
            yield number
            for multiple in range(number * number, limit, number):
                is_prime[multiple] = False
''',
}
ANSWER = '''"""The answer."""


def answer() -> int:
    """To everything."""
    return 42
'''


def offline_model() -> ModelServer:
    """A server that speaks OpenAI's API: ``async with`` it, and use its ``base_url``."""
    server = ModelServer()
    server.chat.answers(_reply)
    return server


def answer_to(messages: Sequence[Mapping[str, Any]]) -> str:
    """A module in a fence: clean, where the prompt says what is to be mended."""
    prompt = str(messages[-1]["content"])
    asked = prompt.lower()
    clean = next((code for word, code in MODULES.items() if word in asked), ANSWER)
    code = clean if MENDING in prompt else drafted(clean)
    return f"Here it is:\n\n```python\n{code}```\n"


def drafted(clean: str) -> str:
    """The module as somebody writes it who is in a hurry: two things are there that nobody uses."""
    docstring, _, rest = clean.partition("\n\n")
    imported = rest.lstrip("\n")
    return f"{docstring}\n\nimport os\nimport sys\n\n{imported}"


def _reply(request: RecordedRequest) -> object:
    asked: Any = request.json
    if asked["model"] == DOWN:
        return Reply(503, parts=(b'{"error": {"message": "The model is busy."}}',))
    return answer_to(asked["messages"])
