"""The task that Huey's consumer is started with; see ``with_huey.py``."""

import os

from huey import Huey
from huey.storage import SqliteStorage


class LightStorage(SqliteStorage):
    """WAL with ``synchronous=NORMAL``."""

    def _create_connection(self):
        connection = super()._create_connection()
        connection.execute("pragma synchronous=normal")
        return connection


STORAGES = {"full": SqliteStorage, "normal": LightStorage}

huey = Huey(
    "peer",
    storage_class=STORAGES[os.environ["PEER_DURABILITY"]],
    filename=os.environ["PEER_PATH"],
)


@huey.task()
def same(number: int) -> int:
    return number
