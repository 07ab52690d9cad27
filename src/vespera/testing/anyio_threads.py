"""The threads of ``anyio.to_thread``, which asyncio knows nothing of."""

import sys
import threading

_HOME = "anyio._backends._asyncio"


def calls_in_anyio_threads(loop: object) -> int:
    """How many calls are under way for the loop in anyio's worker threads; a web framework runs
    its endpoints there that are not async.
    """
    if _HOME not in sys.modules:
        return 0
    return sum(_is_at_work(thread, loop) for thread in threading.enumerate())


def _is_at_work(thread: object, loop: object) -> bool:
    """Whether it is such a thread, which has not reported back to the loop and rests."""
    resting = getattr(thread, "idle_workers", None)
    return (
        resting is not None
        and getattr(thread, "loop", None) is loop
        and not getattr(thread, "stopping", False)
        and thread not in resting
    )
