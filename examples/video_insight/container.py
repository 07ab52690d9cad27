"""The wiring: Vespera's container, with a model and those who use it."""

from collections.abc import Mapping
from typing import ClassVar

from vespera import Clock, Container, Provider, Service, providers
from video_insight.endpoint import LOOPBACK_KEY, Endpoint
from video_insight.model import Model, VisionModel
from video_insight.specialists import Editor, Filmmaker, Viewer


def _model(*, endpoint: Endpoint, clock: Clock, key: str, name: str) -> Model:
    return Model(api_key=key, model=name, address=endpoint.address, sleep=clock.sleep)


class InsightContainer(Container):
    """Vespera with a vision model: a real one where ``model_url`` is given, or one on loopback."""

    # Six frames of a video are one stored value.
    defaults: ClassVar[Mapping[str, object]] = {
        "payload_limit": 8 * 1024 * 1024,
        "model_url": "",
        "model_key": LOOPBACK_KEY,
        "model_name": "gpt-4o-mini",
    }

    endpoint = Service(Endpoint, url=Container.config.model_url)
    model: Provider[VisionModel] = Service(
        _model,
        endpoint=endpoint,
        clock=Container.clock,
        key=Container.config.model_key,
        name=Container.config.model_name,
    )
    specialists = providers.Aggregate(
        filmmaker=providers.Factory(Filmmaker, files=Container.files),
        viewer=providers.Factory(
            Viewer, model=model, files=Container.files, workspace=Container.config.workspace
        ),
        editor=providers.Factory(Editor, files=Container.files),
    )
