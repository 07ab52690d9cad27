"""A model provider on loopback."""

from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any

from vespera.testing.servers import openai_forms as forms
from vespera.testing.servers.endpoints import RequestRefused
from vespera.testing.servers.http_server import HttpServer
from vespera.testing.servers.messages import RecordedRequest, Reply, reply_with


class ModelServer(HttpServer):
    """A server that speaks OpenAI's API, for clients of it and of all that are compatible.

        async with ModelServer(api_key="test-key") as server:
            server.chat.replies("Hello!", "Good bye.")
            server.chat.fails(status=429, retry_after=2)         # the next chat, before any reply
            client = MyClient(base_url=server.base_url, api_key="test-key")
            assert await client.ask("Say hello") == "Hello!"
            assert server.chat.requests[0].json["messages"][-1]["content"] == "Say hello"

    Each endpoint has ``replies``, ``answers``, ``requests`` and the faults of ``FaultPlan``; the
    server has the faults for all of them, ``requests`` and ``release``. Where an endpoint is told
    nothing, it gives a usual answer. Ids and times are the same in every run. A token is a word.

    Attributes:
        chat: ``POST /v1/chat/completions``, also as a stream of events (``"stream": true``), which
            ends with ``[DONE]``; ``stream_options.include_usage`` is heeded. It replies with text;
            with a list of texts, streamed in these pieces; or with a dict of the message's fields,
            such as ``{"tool_calls": [...]}``.
        models: ``GET /v1/models``; one by ``GET /v1/models/{id}``.
        speech: ``POST /v1/audio/speech``: bytes, by default of a real WAV of a tenth of a second,
            whatever format was asked for.
        images: ``POST /v1/images/generations``: the bytes of a picture, by default of a real PNG of
            the size asked for (or 64 x 64), in base64 or at a URL of this server.
    """

    def __init__(self, *, models: Sequence[str] = (), api_key: str | None = None) -> None:
        """Begin with no replies given.

        Args:
            models: the models there are; others are refused with status 404. By default a
                "test-model" is listed, and requests may name any model.
            api_key: asked of all requests but those of pictures' URLs, as a bearer token.
        """
        super().__init__(api_key=api_key)
        self._models = tuple(models)
        self._numbers = count(1)
        self._pictures: dict[str, bytes] = {}
        listed = self._models or ("test-model",)
        self.chat = self.at("POST", "/v1/chat/completions", "This is a reply.", self._chat)
        self.models = self.at("GET", "/v1/models", listed, self._list_models)
        self.speech = self.at("POST", "/v1/audio/speech", None, self._speak)
        self.images = self.at("POST", "/v1/images/generations", None, self._draw)
        self.at("GET", "/v1/models/{id}", listed, self._show_model)
        self.at("GET", "/pictures/{name}", None, self._show_picture, public=True)

    @property
    def base_url(self) -> str:
        """What clients take for the API's address: ``http://127.0.0.1:<port>/v1``."""
        return f"{self.url}/v1"

    def _chat(self, request: RecordedRequest, given: object) -> Reply:
        body = self._body(request, "messages")
        forms.check_messages(body["messages"])
        return forms.chat_reply(body, given, next(self._numbers))

    def _speak(self, request: RecordedRequest, given: object) -> Reply:
        self._body(request, "input")
        return forms.speech_reply(given)

    def _draw(self, request: RecordedRequest, given: object) -> Reply:
        body = self._body(request, "prompt", model_may_miss=True)
        pictures = {}
        for _ in range(forms.number_of_pictures(body)):
            name = f"{next(self._numbers)}.png"
            pictures[f"{self.url}/pictures/{name}"] = forms.picture(body, given)
            self._pictures[name] = pictures[f"{self.url}/pictures/{name}"]
        return forms.images_reply(pictures, as_text=body.get("response_format") == "b64_json")

    def _body(
        self, request: RecordedRequest, needed: str, *, model_may_miss: bool = False
    ) -> Mapping[str, Any]:
        body = forms.body_of(request, *([needed] if model_may_miss else ["model", needed]))
        if self._models and "model" in body:
            forms.check_model(body["model"], self._models)
        return body

    def _list_models(self, _request: RecordedRequest, given: Any) -> Reply:
        return forms.models_reply(given)

    def _show_model(self, request: RecordedRequest, given: Any) -> Reply:
        return forms.model_reply(request.values["id"], given)

    def _show_picture(self, request: RecordedRequest, _given: object) -> Reply:
        picture = self._pictures.get(request.values["name"])
        if picture is None:
            raise RequestRefused(404, f"There is no picture {request.path}.")
        return reply_with(picture, headers={"Content-Type": "image/png"})
