"""What is to be done when nobody reads the output any more, as in `vespera task list | head -1`."""

import os
import select
from typing import TextIO

UNREAD = select.POLLERR | select.POLLHUP


def silenced_if_unread(stream: TextIO) -> bool:
    """Whether the stream is a pipe without a reader.

    If so it leads nowhere from now on, and nothing fails when Python flushes it at its end.
    """
    try:
        descriptor = stream.fileno()
    except OSError:  # no real file
        return False
    poll = select.poll()
    poll.register(descriptor, 0)
    if not any(events & UNREAD for _, events in poll.poll(0)):
        return False
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)
    return True
