"""The API that clients of models speak, over real sockets."""

import asyncio
import base64
import io
import json
import struct
import wave

import httpx
import pytest

from vespera.testing.servers import ModelServer, Reply


def events_of(response):
    """The data of the events of a stream that was read."""
    events = response.text.split("\n\n")
    assert events.pop() == ""
    assert all(event.startswith("data: ") for event in events)
    return [event.removeprefix("data: ") for event in events]


def deltas_of(response):
    *chunks, end = events_of(response)
    assert end == "[DONE]"
    return [json.loads(chunk)["choices"][0]["delta"] for chunk in chunks]


class TestChats:
    async def test_a_server_that_is_told_nothing_replies(self, client, chat):
        response = await client.post("chat/completions", json=chat)

        assert response.json() == {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1893456000,
            "model": "any",
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": "This is a reply."},
                    "logprobs": None,
                    "finish_reason": "stop",
                }
            ],
            "usage": {"prompt_tokens": 4, "completion_tokens": 4, "total_tokens": 8},
        }

    async def test_replies_come_in_turn(self, server, client, chat):
        server.chat.replies("Hello!", "And again.")
        server.chat.replies("Good bye.")

        said = [(await client.post("chat/completions", json=chat)).json() for _ in range(3)]

        contents = [each["choices"][0]["message"]["content"] for each in said]
        assert contents == ["Hello!", "And again.", "Good bye."]
        assert len({each["id"] for each in said}) == 3

    async def test_one_request_too_many_is_told(self, server, client, chat):
        server.chat.replies("Hello!")
        await client.post("chat/completions", json=chat)

        response = await client.post("chat/completions", json=chat)

        assert response.status_code == 500
        assert "asked more often than it has replies" in response.json()["error"]["message"]

    async def test_replies_are_computed(self, server, client, chat):
        server.chat.answers(lambda request: request.json["messages"][-1]["content"].upper())

        response = await client.post("chat/completions", json=chat)

        assert response.json()["choices"][0]["message"]["content"] == "SAY HELLO TO ME"

    async def test_replies_are_computed_by_async_functions(self, server, client, chat):
        async def answer(request):
            await asyncio.sleep(0)
            return "later"

        server.chat.answers(answer)

        response = await client.post("chat/completions", json=chat)

        assert response.json()["choices"][0]["message"]["content"] == "later"

    async def test_a_reply_may_call_tools(self, server, client, chat):
        call = {"id": "1", "type": "function", "function": {"name": "add", "arguments": "{}"}}
        server.chat.replies({"content": None, "tool_calls": [call]})

        choice = (await client.post("chat/completions", json=chat)).json()["choices"][0]

        assert choice["message"] == {"role": "assistant", "content": None, "tool_calls": [call]}
        assert choice["finish_reason"] == "tool_calls"

    async def test_a_reply_may_be_sent_as_it_is(self, server, client, chat):
        server.chat.replies(Reply(418, {"X-Pot": "tea"}, (b"short", b" and stout")))

        response = await client.post("chat/completions", json=chat)

        assert (response.status_code, response.text) == (418, "short and stout")
        assert response.headers["x-pot"] == "tea"

    async def test_words_of_all_messages_are_counted(self, client, chat):
        parts = [{"type": "text", "text": "three more words"}, {"type": "image_url"}]
        chat["messages"].append({"role": "user", "content": parts})

        response = await client.post("chat/completions", json=chat)

        assert response.json()["usage"]["prompt_tokens"] == 7


class TestStreams:
    @pytest.fixture
    def chat(self, chat):
        return {**chat, "stream": True}

    async def test_a_reply_comes_word_by_word(self, server, client, chat):
        server.chat.replies("Hello there, you.")

        response = await client.post("chat/completions", json=chat)

        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert deltas_of(response) == [
            {"role": "assistant", "content": ""},
            {"content": "Hello"},
            {"content": " there,"},
            {"content": " you."},
            {},
        ]

    async def test_no_white_space_is_lost(self, server, client, chat):
        server.chat.replies("  two\n\nparagraphs \n")

        response = await client.post("chat/completions", json=chat)

        said = "".join(delta.get("content", "") for delta in deltas_of(response))
        assert said == "  two\n\nparagraphs \n"

    async def test_a_reply_comes_in_the_pieces_it_is_given_in(self, server, client, chat):
        server.chat.replies(["Hel", "lo"])

        response = await client.post("chat/completions", json=chat)

        assert deltas_of(response)[1:3] == [{"content": "Hel"}, {"content": "lo"}]

    async def test_the_pieces_are_one_text_for_who_wants_no_stream(self, server, client, chat):
        server.chat.replies(["Hel", "lo"])

        response = await client.post("chat/completions", json={**chat, "stream": False})

        assert response.json()["choices"][0]["message"]["content"] == "Hello"

    async def test_chunks_say_what_they_are_and_why_they_end(self, server, client, chat):
        server.chat.replies("Hi")

        *chunks, _ = events_of(await client.post("chat/completions", json=chat))

        first, last = json.loads(chunks[0]), json.loads(chunks[-1])
        assert first["object"] == "chat.completion.chunk"
        assert (first["id"], first["model"]) == (last["id"], "any")
        assert first["choices"][0]["finish_reason"] is None
        assert last["choices"][0] == {"index": 0, "delta": {}, "finish_reason": "stop"}

    async def test_the_usage_comes_if_it_is_asked_for(self, server, client, chat):
        chat["stream_options"] = {"include_usage": True}

        *_, usage, _ = events_of(await client.post("chat/completions", json=chat))

        assert json.loads(usage)["choices"] == []
        assert json.loads(usage)["usage"]["total_tokens"] == 8

    async def test_calls_of_tools_are_streamed(self, server, client, chat):
        call = {"id": "1", "type": "function", "function": {"name": "add", "arguments": "{}"}}
        server.chat.replies({"content": "Adding.", "tool_calls": [call]})

        deltas = deltas_of(await client.post("chat/completions", json=chat))

        assert deltas[1] == {"content": "Adding."}
        assert deltas[2] == {"tool_calls": [{"index": 0, **call}]}

    async def test_events_come_one_by_one_and_not_at_the_end(self, server, client, chat):
        server.chat.replies("one two three")
        server.chat.stalls(after=2)

        async with client.stream("POST", "chat/completions", json=chat) as response:
            lines = response.aiter_lines()
            seen = [await anext(lines), await anext(lines), await anext(lines)]
            assert '"content": "one"' in seen[2]
            server.release()
            rest = [line async for line in lines]

        assert rest[-2:] == ["data: [DONE]", ""]


class TestRefusals:
    @pytest.mark.parametrize(
        ("request_made", "message", "param"),
        [
            ({"json": {"model": "any"}}, "Missing required parameter: 'messages'.", "messages"),
            (
                {"json": {"model": "any", "messages": "Hi"}},
                "'messages' must be a list.",
                "messages",
            ),
            (
                {"json": {"model": "any", "messages": [{"role": "user"}, "Hi"]}},
                "messages[1] must be an object with a 'role'.",
                "messages[1]",
            ),
            ({"json": {"messages": [{}]}}, "Missing required parameter: 'model'.", "model"),
            ({"content": b"{"}, "The body of the request is no JSON.", None),
            ({"json": [1]}, "The body of the request is no JSON object.", None),
        ],
    )
    async def test_a_bad_request_is_refused(self, client, request_made, message, param):
        response = await client.post("chat/completions", **request_made)

        assert response.status_code == 400
        assert response.json()["error"] == {
            "message": message,
            "type": "invalid_request_error",
            "param": param,
            "code": None,
        }

    @pytest.mark.parametrize("number", [0, -1, 11, "two", 1.5, True])
    async def test_a_number_of_pictures_that_is_none_is_refused(self, client, number):
        response = await client.post("images/generations", json={"prompt": "a cat", "n": number})

        assert response.status_code == 400
        assert response.json()["error"]["message"] == "'n' must be from 1 to 10."

    async def test_a_request_that_is_refused_takes_no_reply(self, server, client, chat):
        server.chat.replies("Hello!")
        await client.post("chat/completions", json={})

        response = await client.post("chat/completions", json=chat)

        assert response.json()["choices"][0]["message"]["content"] == "Hello!"

    async def test_there_is_nothing_at_other_paths(self, client):
        response = await client.get("embeddings")

        assert response.status_code == 404
        assert response.json()["error"]["message"] == "There is nothing at /v1/embeddings."

    async def test_a_method_that_a_path_does_not_take_is_refused(self, client):
        response = await client.get("chat/completions")

        assert (response.status_code, response.headers["allow"]) == (405, "POST")

    async def test_a_key_is_asked_for_where_one_was_set(self, chat):
        async with (
            ModelServer(api_key="secret") as server,
            httpx.AsyncClient(verify=False) as client,
        ):
            url = f"{server.base_url}/chat/completions"
            answers = [
                await client.post(url, json=chat, headers=headers)
                for headers in (
                    {},
                    {"Authorization": "Bearer wrong"},
                    {"Authorization": "Bearer secret"},
                    {"X-API-Key": "secret"},
                )
            ]

        assert [answer.status_code for answer in answers] == [401, 401, 200, 200]
        assert answers[0].json()["error"]["code"] == "invalid_api_key"
        assert len(server.requests) == 4


class TestModels:
    async def test_any_model_does_unless_some_are_named(self, client):
        listed = (await client.get("models")).json()

        assert [model["id"] for model in listed["data"]] == ["test-model"]

    async def test_those_that_are_named_are_all_there_are(self, chat):
        models = ["starcoder", "mistral"]
        async with ModelServer(models=models) as server, httpx.AsyncClient(verify=False) as client:
            url = server.base_url
            listed = (await client.get(f"{url}/models")).json()["data"]
            known = await client.get(f"{url}/models/mistral")
            unknown = await client.get(f"{url}/models/gpt")
            refused, taken = [
                await client.post(f"{url}/chat/completions", json={**chat, "model": model})
                for model in ("gpt", "mistral")
            ]

        assert [model["id"] for model in listed] == ["starcoder", "mistral"]
        assert known.json() == listed[1]
        assert unknown.status_code == refused.status_code == 404
        assert refused.json()["error"]["code"] == "model_not_found"
        assert taken.json()["model"] == "mistral"


class TestSpeechAndPictures:
    async def test_speech_is_a_real_sound(self, client):
        response = await client.post("audio/speech", json={"model": "tts", "input": "Hello"})

        assert response.headers["content-type"] == "audio/wav"
        with wave.open(io.BytesIO(response.content)) as sound:
            assert sound.getnframes() > 0

    async def test_speech_may_be_given(self, server, client):
        server.speech.replies(b"audio1", b"audio2")
        asked = {"model": "tts", "input": "Hello"}

        sounds = [(await client.post("audio/speech", json=asked)).content for _ in range(2)]

        assert sounds == [b"audio1", b"audio2"]

    async def test_speech_needs_a_text(self, client):
        response = await client.post("audio/speech", json={"model": "tts"})

        assert response.json()["error"]["param"] == "input"

    async def test_pictures_are_real_and_of_the_size_asked_for(self, client):
        asked = {"prompt": "a cat", "size": "32x16", "response_format": "b64_json"}
        response = await client.post("images/generations", json=asked)

        picture = base64.b64decode(response.json()["data"][0]["b64_json"])
        assert struct.unpack(">II", picture[16:24]) == (32, 16)

    async def test_pictures_are_fetched_by_their_urls_without_a_key(self):
        async with (
            ModelServer(api_key="secret") as server,
            httpx.AsyncClient(verify=False) as client,
        ):
            made = await client.post(
                f"{server.base_url}/images/generations",
                json={"prompt": "a cat", "n": 2},
                headers={"Authorization": "Bearer secret"},
            )
            pictures = [await client.get(each["url"]) for each in made.json()["data"]]
            missing = await client.get(f"{server.url}/pictures/99.png")

        assert len({picture.url for picture in pictures}) == 2
        assert all(picture.content.startswith(b"\x89PNG") for picture in pictures)
        assert pictures[0].headers["content-type"] == "image/png"
        assert missing.status_code == 404

    async def test_a_picture_may_be_given(self, server, client):
        server.images.replies(b"\x89PNG mine")

        made = (await client.post("images/generations", json={"prompt": "a cat"})).json()

        assert (await client.get(made["data"][0]["url"])).content == b"\x89PNG mine"

    @pytest.mark.parametrize("size", ["large", "0x10", "10x"])
    async def test_a_size_that_is_none_is_refused(self, client, size):
        asked = {"prompt": "a cat", "size": size}
        response = await client.post("images/generations", json=asked)

        assert response.json()["error"]["message"] == f"Invalid size: {size!r}."
