"""What tests of workflows need: a container of their own, and time that obeys them."""

from vespera.testing.base import AsyncTestBase
from vespera.testing.clock import Sleeper, VirtualClock

__all__ = ["AsyncTestBase", "Sleeper", "VirtualClock"]
