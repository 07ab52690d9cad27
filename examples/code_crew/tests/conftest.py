"""A crew in a directory of its own."""

import pytest

from code_crew.container import CodeCrewContainer


@pytest.fixture
def workspace(tmp_path):
    path = tmp_path / "workspace"
    path.mkdir()
    return path


@pytest.fixture
def made(workspace):
    """Containers of one workspace and one database, as of one process after the other."""

    def make(**settings):
        database = workspace.parent / "crew.db"
        return CodeCrewContainer(
            database_url=f"sqlite+aiosqlite:///{database}", workspace=str(workspace), **settings
        )

    return make
