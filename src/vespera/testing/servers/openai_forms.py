"""The forms of OpenAI's API, as pure functions of a request and of what was to be said."""

import base64
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from vespera.testing.media import png, wav
from vespera.testing.servers.endpoints import RequestRefused
from vespera.testing.servers.messages import RecordedRequest, Reply, reply_with

CREATED = 1_893_456_000  # 2030-01-01, seconds
_MOST_PICTURES = 10
_DONE = b"data: [DONE]\n\n"
_SIZE = re.compile(r"(\d{1,4})x(\d{1,4})")


def body_of(request: RecordedRequest, *needed: str) -> Mapping[str, Any]:
    """The request's JSON, which has what is ``needed``.

    Raises:
        RequestRefused: it is no JSON object, or lacks something.
    """
    try:
        body = request.json
    except ValueError:
        raise RequestRefused(400, "The body of the request is no JSON.") from None
    if not isinstance(body, dict):
        raise RequestRefused(400, "The body of the request is no JSON object.")
    for name in needed:
        if not body.get(name):
            raise RequestRefused(400, f"Missing required parameter: {name!r}.", param=name)
    return body


def check_messages(messages: object) -> None:
    """Refuse what is no list of messages.

    Raises:
        RequestRefused: as the real one does, with status 400 and the place.
    """
    if not isinstance(messages, list):
        raise RequestRefused(400, "'messages' must be a list.", param="messages")
    for index, message in enumerate(messages):
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            where = f"messages[{index}]"
            raise RequestRefused(400, f"{where} must be an object with a 'role'.", param=where)


def number_of_pictures(body: Mapping[str, Any]) -> int:
    """How many pictures are asked for.

    Raises:
        RequestRefused: none, too many, or no number.
    """
    number = body.get("n")
    if number is None:
        return 1
    if type(number) is not int or not 1 <= number <= _MOST_PICTURES:
        raise RequestRefused(400, f"'n' must be from 1 to {_MOST_PICTURES}.", param="n")
    return number


def chat_reply(body: Mapping[str, Any], given: object, number: int) -> Reply:
    """A completed chat, or its stream of events if the request asks for one.

    Args:
        body: the request's JSON.
        given: the text that is said; or a list of the pieces that it is streamed in; or a dict
            with the message's fields, such as ``{"tool_calls": [...]}``.
        number: counts the replies; it makes their ids differ.
    """
    message, pieces = _message(given)
    usage = _usage(body["messages"], pieces)
    reason = "tool_calls" if message.get("tool_calls") else "stop"
    head = {"id": f"chatcmpl-{number}", "created": CREATED, "model": body["model"]}
    if body.get("stream"):
        deltas = _deltas(message, pieces)
        with_usage = (body.get("stream_options") or {}).get("include_usage")
        return _events(head, deltas, reason, usage if with_usage else None)
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": reason}
    return reply_with({**head, "object": "chat.completion", "choices": [choice], "usage": usage})


def models_reply(models: Sequence[str]) -> Reply:
    """The list of models."""
    return reply_with({"object": "list", "data": [_model(name) for name in models]})


def model_reply(name: str, models: Sequence[str]) -> Reply:
    """One model.

    Raises:
        RequestRefused: there is no such model.
    """
    check_model(name, models)
    return reply_with(_model(name))


def check_model(name: object, models: Sequence[str]) -> None:
    """Refuse a model that is not among ``models``.

    Raises:
        RequestRefused: with status 404.
    """
    if name not in models:
        message = f"The model {name!r} does not exist; there are {', '.join(models)}."
        raise RequestRefused(404, message, param="model", code="model_not_found")


def speech_reply(given: object) -> Reply:
    """A sound: what was given, or a short tone."""
    sound = given if isinstance(given, bytes) else wav()
    return reply_with(sound, headers={"Content-Type": "audio/wav"})


def picture(body: Mapping[str, Any], given: object) -> bytes:
    """A picture: what was given, or one of the size that was asked for.

    Raises:
        RequestRefused: the size is none.
    """
    if isinstance(given, bytes):
        return given
    size = _SIZE.fullmatch(str(body.get("size") or "64x64"))
    if not size or "0" in size.groups():
        raise RequestRefused(400, f"Invalid size: {body['size']!r}.", param="size")
    return png(int(size[1]), int(size[2]))


def images_reply(pictures: Mapping[str, bytes], *, as_text: bool) -> Reply:
    """Pictures by their URLs, or in base64."""
    data = [
        {"b64_json": base64.b64encode(picture).decode()} if as_text else {"url": url}
        for url, picture in pictures.items()
    ]
    return reply_with({"created": CREATED, "data": data})


def _message(given: object) -> tuple[dict[str, Any], list[str]]:
    """What is said, and the pieces in which it is streamed: those given, or its words."""
    fields: Mapping[str, Any] = given if isinstance(given, Mapping) else {"content": given}
    content: Any = fields.get("content")
    if isinstance(content, list):
        return {"role": "assistant", **fields, "content": "".join(content)}, content
    pieces = re.findall(r"\s*\S+(?:\s+$)?", content or "")
    return {"role": "assistant", **fields, "content": content}, pieces


def _usage(messages: object, pieces: Sequence[str]) -> dict[str, int]:
    """Tokens: a word that was asked is one, and a piece that was said."""
    asked, said = _words(messages), len(pieces)
    return {"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said}


def _words(said: object) -> int:
    if isinstance(said, str):
        return len(said.split())
    if isinstance(said, Mapping):
        return sum(_words(said[name]) for name in ("content", "text") if name in said)
    return sum(map(_words, said)) if isinstance(said, list) else 0


def _deltas(message: Mapping[str, Any], pieces: Sequence[str]) -> list[dict[str, Any]]:
    others = {name: value for name, value in message.items() if name not in {"role", "content"}}
    calls = [{"index": n, **call} for n, call in enumerate(others.pop("tool_calls", ()))]
    rest = [others | ({"tool_calls": calls} if calls else {})] if others or calls else []
    first: dict[str, Any] = {"role": "assistant", "content": ""}
    return [first, *({"content": piece} for piece in pieces), *rest]


def _events(
    head: Mapping[str, object],
    deltas: Sequence[Mapping[str, object]],
    reason: str,
    usage: Mapping[str, int] | None,
) -> Reply:
    chunk = {**head, "object": "chat.completion.chunk"}
    choices: list[Mapping[str, object]] = [
        *({"index": 0, "delta": delta, "finish_reason": None} for delta in deltas),
        {"index": 0, "delta": {}, "finish_reason": reason},
    ]
    events: list[Mapping[str, object]] = [{**chunk, "choices": [choice]} for choice in choices]
    if usage is not None:
        events.append({**chunk, "choices": [], "usage": usage})
    lines = (f"data: {json.dumps(event)}\n\n".encode() for event in events)
    headers = {"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-cache"}
    return Reply(200, headers, (*lines, _DONE), streamed=True)


def _model(name: str) -> Mapping[str, object]:
    return {"id": name, "object": "model", "created": CREATED, "owned_by": "vespera.testing"}
