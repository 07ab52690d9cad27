"""What is to survive every death of the process; for the tests that kill it."""

from collections.abc import Callable, Mapping
from typing import Any

from story_studio.container import StudioContainer
from story_studio.media import folder_of
from story_studio.ports import Illustrator, Narrator, StoryWriter
from story_studio.studio import main
from vespera.testing import App, World

PREMISE = "a door in the sea"
FOLDER = folder_of(PREMISE, 1)
SETTINGS = dict.fromkeys(("chat_url", "speech_url", "image_url"), "http://studio.test/v1")


class Writers(World.Service):
    """A chat model that outlives the process."""

    async def generate(self, prompt: str) -> Mapping[str, Any]:
        """Always the same story."""
        return self.record("text", {"content": "# The Door\n\nOnce there was a door.\n"})  # type: ignore[no-any-return]


class Silence:
    """A voice that is gone for good."""

    async def generate_audio(self, text: str) -> str:
        """It never speaks."""
        raise ConnectionError("the voice is gone")


class Hands(World.Service):
    """A hand that draws."""

    async def generate_image(self, text: str) -> str:
        """One picture."""
        self.record("image")
        return "data:image/png;base64,iVBORw0KGgo="


def build(world: World) -> Callable[[], StudioContainer]:
    """Containers of one world."""

    def made() -> StudioContainer:
        container = StudioContainer(**SETTINGS)
        container.override(StoryWriter, world.service(Writers))
        container.override(Narrator, Silence())
        container.override(Illustrator, world.service(Hands))
        return container

    return made


async def tell(app: App) -> None:
    """The program, from its begin to its end."""
    assert isinstance(app.container, StudioContainer)
    await main(app.container, {"premise": PREMISE})


def the_story_is_told(app: App, world: World) -> None:
    """It is there without its voice, proven, and was paid for no more often than deaths explain."""
    page = app.files.read(f"{FOLDER}/index.html")
    assert 'src="picture.png"' in page
    assert "the voice is gone" in page
    assert app.files.verify_all().all_verified
    for service in (Writers, Hands):
        assert 1 <= len(world.log(service).calls) <= app.life, world.log()
