"""The wiring: Vespera's container, with the studio's clients and its storyteller."""

from collections.abc import Mapping
from functools import partial
from typing import ClassVar

from story_studio.cost_optimizer import CostOptimizer
from story_studio.endpoint import Endpoints
from story_studio.image_client import ImageClient
from story_studio.openrouter_client import OpenRouterClient
from story_studio.ports import Illustrator, Narrator, StoryWriter, Voice
from story_studio.specialists import Storyteller
from story_studio.story_generator import StoryGenerator
from story_studio.tts_client import ElevenLabsClient, EspeakVoice, TTSClient
from vespera import (
    CircuitBreaker,
    Clock,
    Container,
    Provider,
    RetryPolicy,
    Service,
    ServiceGuard,
    providers,
)

TRIES = RetryPolicy(max_attempts=3, delay=1.0, max_delay=30.0, jitter=0.5)


def _guard(name: str, clock: Clock) -> ServiceGuard:
    """Three tries in four minutes, not before the moment that a busy service names; none while it
    is down.
    """
    breaker = CircuitBreaker(failure_threshold=6, reset_after=30.0, name=name)
    return ServiceGuard(
        name=name,
        total_timeout=240.0,
        bulkhead=4,
        retry=TRIES,
        breaker=breaker,
        timeout=120.0,
        clock=clock,
    )


def _writer(*, endpoints: Endpoints, key: str, model: str, clock: Clock) -> OpenRouterClient:
    guard = _guard("chat model", clock)
    return OpenRouterClient(
        api_key=key,
        base_url=partial(endpoints.address, "chat"),
        model=model,
        guard=guard,
        clock=clock,
    )


def _illustrator(*, endpoints: Endpoints, key: str, model: str, clock: Clock) -> ImageClient:
    guard = _guard("image service", clock)
    return ImageClient(
        api_key=key, base_url=partial(endpoints.address, "image"), model=model, guard=guard
    )


def _voice(
    *, endpoints: Endpoints, key: str, voice: str, espeak: EspeakVoice
) -> ElevenLabsClient | EspeakVoice:
    """The service that is named; else espeak-ng, where it is installed; else the loopback's."""
    if not endpoints.is_given("speech") and espeak.is_installed:
        return espeak
    return ElevenLabsClient(api_key=key, base_url=partial(endpoints.address, "speech"), voice=voice)


def _narrator(*, voice: Voice, clock: Clock) -> TTSClient:
    return TTSClient(voice=voice, guard=_guard("speech service", clock))


class StudioContainer(Container):
    """Vespera with a writer, a narrator and an illustrator; those without a URL are on loopback."""

    # A sound is one stored value.
    defaults: ClassVar[Mapping[str, object]] = {
        "payload_limit": 16 * 1024 * 1024,
        "chat_url": "",
        "chat_key": "",
        "chat_model": "openrouter/auto",
        "speech_url": "",
        "speech_key": "",
        "speech_voice": "narrator",
        "espeak": "espeak-ng",
        "image_url": "",
        "image_key": "",
        "image_model": "gpt-image-1",
    }

    endpoints = Service(
        Endpoints,
        chat=Container.config.chat_url,
        speech=Container.config.speech_url,
        image=Container.config.image_url,
    )
    writer: Provider[StoryWriter] = Service(
        _writer,
        endpoints=endpoints,
        key=Container.config.chat_key,
        model=Container.config.chat_model,
        clock=Container.clock,
    )
    espeak = providers.Singleton(EspeakVoice, executable=Container.config.espeak)
    voice: Provider[Voice] = Service(
        _voice,
        endpoints=endpoints,
        key=Container.config.speech_key,
        voice=Container.config.speech_voice,
        espeak=espeak,
    )
    narrator: Provider[Narrator] = providers.Singleton(
        _narrator, voice=voice, clock=Container.clock
    )
    illustrator: Provider[Illustrator] = Service(
        _illustrator,
        endpoints=endpoints,
        key=Container.config.image_key,
        model=Container.config.image_model,
        clock=Container.clock,
    )
    costs = providers.Singleton(
        CostOptimizer,
        tracker=Container.cost_tracker,
        models=providers.Dict(text=Container.config.chat_model),
    )
    generator = providers.Singleton(
        StoryGenerator, writer=writer, narrator=narrator, illustrator=illustrator, costs=costs
    )
    specialists = providers.Aggregate(
        storyteller=providers.Factory(
            Storyteller, generator=generator, costs=costs, files=Container.files
        )
    )
