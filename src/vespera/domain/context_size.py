"""How large the context of a task may be, in bytes."""

from typing import Final

DEFAULT_BYTES: Final = 16 * 1024
LEAST_BYTES: Final = 2 * 1024
"""What is known of the task itself has room in it, however long its texts are."""
