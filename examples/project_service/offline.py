"""A chat model for those who have none: on loopback, it quotes the most telling sentences."""

from collections import Counter

from project_service.texts import SHORTEST_TELLING, sentences_of
from vespera.testing.servers import ModelServer
from vespera.testing.servers.messages import RecordedRequest

MOST_SENTENCES = 2


def offline_model() -> ModelServer:
    """A server that speaks OpenAI's API; ``async with`` it, and use its ``base_url``."""
    server = ModelServer()
    server.chat.answers(_answer)
    return server


def summarise(text: str) -> str:
    """The sentences with most of the words that come often in the text, in its order."""
    sentences = sentences_of(text)
    often = Counter(word for sentence in sentences for word in _telling(sentence))
    weights = [_weight(sentence, often) for sentence in sentences]
    ranked = sorted(range(len(sentences)), key=lambda index: -weights[index])
    return " ".join(sentences[index] for index in sorted(ranked[:MOST_SENTENCES]))


def _answer(request: RecordedRequest) -> str:
    return summarise(str(request.json["messages"][-1]["content"])) or "There is nothing to tell."


def _weight(sentence: str, often: Counter[str]) -> float:
    words = _telling(sentence)
    return sum(often[word] for word in words) / (len(words) + SHORTEST_TELLING)


def _telling(sentence: str) -> list[str]:
    words = (word.strip(".,;:!?\"'()").lower() for word in sentence.split())
    return [word for word in words if len(word) >= SHORTEST_TELLING]
