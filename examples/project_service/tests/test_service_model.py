"""The model by real HTTP: it answers, is busy, breaks off; and what counts in a text."""

import pytest

from project_service.model import HttpChatModel
from project_service.offline import offline_model, summarise
from project_service.texts import measure, page, sentences_of
from vespera import CircuitBreaker, RetryPolicy, ServiceGuard
from vespera.domain.errors import (
    AIServiceBadAnswer,
    AIServiceDenied,
    AIServiceRateLimited,
    AIServiceRefused,
    AIServiceUnavailable,
    CircuitBreakerOpenError,
)
from vespera.testing.servers import ModelServer


@pytest.fixture
async def server():
    async with ModelServer(api_key="secret") as server:
        yield server


@pytest.fixture
async def model(server):
    model = HttpChatModel(url=f"{server.base_url}/", name="any", key="secret", guard=ServiceGuard())
    await model.start()
    yield model
    await model.stop()
    await model.stop()


async def test_it_says_what_the_text_is_about(server, model):
    server.chat.replies("  About ships.\n")

    assert await model.complete("Summarise", "A ship came in.") == "About ships."
    asked = server.chat.requests[0].json
    assert [message["content"] for message in asked["messages"]] == ["Summarise", "A ship came in."]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, AIServiceRefused),
        (401, AIServiceDenied),
        (429, AIServiceRateLimited),
        (503, AIServiceUnavailable),
    ],
)
async def test_what_is_wrong_with_it_is_told_by_the_error(server, model, status, kind):
    server.chat.fails(status)

    with pytest.raises(kind, match=str(status)):
        await model.complete("Summarise", "A ship came in.")


async def test_it_breaks_off_or_talks_nonsense(server, model):
    server.resets()
    with pytest.raises(AIServiceUnavailable):
        await model.complete("Summarise", "A ship came in.")
    server.chat.says_wrong_json()
    with pytest.raises(AIServiceBadAnswer):
        await model.complete("Summarise", "A ship came in.")
    for content in (None, "", " "):
        server.chat.replies({"tool_calls": [], "content": content})
        with pytest.raises(AIServiceBadAnswer, match="no text"):
            await model.complete("Summarise", "A ship came in.")


async def test_calls_go_through_its_guard(server):
    guard = ServiceGuard(
        retry=RetryPolicy(max_attempts=2, delay=0), breaker=CircuitBreaker(failure_threshold=2)
    )
    model = HttpChatModel(url=server.base_url, name="any", key="secret", guard=guard)
    await model.start()
    server.chat.fails(503)
    try:
        assert await model.complete("Summarise", "A ship came in.") == "This is a reply."
        server.chat.fails(503, times=2)
        with pytest.raises(AIServiceUnavailable):
            await model.complete("Summarise", "A ship came in.")
        with pytest.raises(CircuitBreakerOpenError):
            await model.complete("Summarise", "A ship came in.")
    finally:
        await model.stop()
    assert len(server.requests) == 4


async def test_the_one_on_loopback_quotes_what_is_told_most():
    text = "A ship came in. It rained. The ship was the largest ship of all. Then came night."
    async with offline_model() as server:
        model = HttpChatModel(url=server.base_url, name="any", key="", guard=ServiceGuard())
        await model.start()
        try:
            said = await model.complete("Summarise", text)
            assert await model.complete("Summarise", "...") == "There is nothing to tell."
        finally:
            await model.stop()

    assert said == summarise(text)
    assert "The ship was the largest ship of all." in said


def test_words_sentences_and_paragraphs_are_counted():
    report = measure("Don't stop. Never!\n\nWhy not? Why?\n")

    assert (report.words, report.sentences, report.paragraphs) == (6, 4, 2)
    assert report.longest_sentence == 2
    assert report.frequent == (("don't", 1), ("never", 1), ("stop", 1))


@pytest.mark.parametrize("text", ["", "   ", "...", "?!\n\n"])
def test_nothing_is_counted_where_there_is_nothing(text):
    assert (measure(text).words, measure(text).longest_sentence) == (0, 0)
    assert list(sentences_of(text)) == []


def test_a_page_says_nothing_that_it_was_not_told_to():
    evil = "<script>alert(1)</script>"
    made = page(title=evil, summary=evil, text=evil, report=measure(evil), approved_by=evil)

    assert "<script>" not in made
    assert made.count("&lt;script&gt;") == 5
