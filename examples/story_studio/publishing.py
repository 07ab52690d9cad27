"""Files that may be there already."""

from vespera import FileStore, TaskContext
from vespera.domain.errors import FileUnreadable


async def publish(task: TaskContext, files: FileStore, path: str, content: bytes) -> None:
    """Write the file; or read it, if it says just that already: a change that changes nothing would
    prove nothing. What was found is a step, so that a replay goes the same way.
    """
    if await task.step(f"compare {path}", _says, files, path, content):
        await task.files.read_bytes(path)
    else:
        await task.files.write_bytes(path, content)


async def _says(files: FileStore, path: str, content: bytes) -> bool:
    try:
        return await files.read(path) == content
    except FileUnreadable:
        return False
