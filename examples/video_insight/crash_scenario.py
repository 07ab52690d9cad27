"""What is to survive every death of the process; for the tests that kill it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from vespera.testing import App, World
from video_insight import films
from video_insight.container import InsightContainer
from video_insight.insight import main
from video_insight.model import VisionModel
from video_insight.specialists import PAGE

FRAMES = 2


class Eye(World.Service):
    """A model that outlives the process that asks it."""

    async def process(self, given: Mapping[str, Any], /) -> Mapping[str, Any]:
        """It sees the same in everything, and remembers what it was shown."""
        seen = Path(given["image_path"])
        self.record(f"{seen.parent.name[:5]}/{seen.stem}")
        return {"description": "A balloon.", "objects": ["balloon"]}


def build(world: World) -> Callable[[], InsightContainer]:
    """Containers of one world, whose folder has a video."""
    folder = world.directory / "clips"
    folder.mkdir(exist_ok=True)
    (folder / "a.mp4").write_bytes(films.film(films.balloons, seconds=0.25, width=64, height=36))

    def made() -> InsightContainer:
        # The address is never asked; without one, a server would be started.
        container = InsightContainer(model_url="http://model.test/v1")
        container.override(VisionModel, world.service(Eye))
        return container

    return made


async def look(app: App) -> None:
    """The program, from its begin to its end."""
    assert isinstance(app.container, InsightContainer)
    await main(app.container, {"folder": str(app.world.directory / "clips"), "frames": FRAMES})


def all_is_seen(app: App, world: World) -> None:
    """The page is there and proven, and no frame was looked at more often than a death explains."""
    assert "A balloon." in app.files.read(PAGE)
    assert app.files.verify_all().all_verified
    asked = world.log(Eye)
    assert {effect.key for effect in asked.calls} == {"a-mp4/1", "a-mp4/2"}
    assert all(asked.count(key=key) <= app.life for key in asked.keys), asked
