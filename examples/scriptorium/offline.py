"""A model for those who have none: on loopback, it knows one premise, and what to make of it."""

import json
from pathlib import Path

from vespera.testing.servers import ModelServer
from vespera.testing.servers.messages import RecordedRequest

PREMISE = "A command that counts the words of a text and shows the most frequent ones"
FIXTURES = Path(__file__).parent / "fixtures"


def offline_model() -> ModelServer:
    """A server that speaks OpenAI's API; ``async with`` it, and use its ``base_url``."""
    server = ModelServer()
    server.chat.answers(_answer)
    return server


def said_to(instruction: str) -> str:
    """What it answers to an instruction: the plan, or what the role that is named has made."""
    known = json.loads((FIXTURES / "answers.json").read_text(encoding="utf-8"))
    if instruction.startswith("You plan"):
        return json.dumps(known["plan"])
    role = next(role for role in known["roles"] if f"the {role} " in instruction)
    answer = known["roles"][role]
    files = {path: (FIXTURES / path).read_text(encoding="utf-8") for path in answer["files"]}
    return json.dumps({**answer, "files": files})


def _answer(request: RecordedRequest) -> str:
    return said_to(str(request.json["messages"][0]["content"]))
