"""The local host keeps the promises of the port."""

from collections.abc import Iterator

from vespera.infrastructure.host.local_host import LocalHost
from vespera.infrastructure.threads import Threads
from vespera.testing.conformance import HostConformance


class TestLocalHost(HostConformance):
    def make_host(self) -> Iterator[LocalHost]:
        threads = Threads()
        yield LocalHost(threads)
        threads.close()
