"""Whatever is put, collected, purged and reopened, in any order: the store does as a dict does."""

import asyncio
import shutil
import tempfile
from pathlib import Path
from unittest.mock import AsyncMock, Mock

from blake3 import blake3
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from vespera.application.ports.clock import Clock
from vespera.application.ports.contents import ContentReferences
from vespera.domain.content import ContentSource
from vespera.domain.errors import ContentMissing
from vespera.infrastructure.files.packed_contents import PackedContents
from vespera.infrastructure.threads import Threads

SIZES = (0, 1, 100, 3000, 70_000, 1024 * 1024, 1024 * 1024 + 1)
CONTENTS = {
    f"b3:{blake3(data).hexdigest()}": data
    for number in range(12)
    for data in [
        blake3(b"%d" % number).digest(length=SIZES[number % len(SIZES)])
        if number % 2
        else b"%d again " % number * (SIZES[number % len(SIZES)] // 8)
    ]
}
some = st.sets(st.sampled_from(sorted(CONTENTS)))


class Store(RuleBasedStateMachine):
    """Two processes use one directory; ``held`` are those that each has put."""

    def __init__(self):
        super().__init__()
        self.place = Path(tempfile.mkdtemp(prefix="vespera-test-"))
        self.references = AsyncMock(spec=ContentReferences)
        self.kept: set[str] = set()
        self.held: dict[int, set[str]] = {0: set(), 1: set()}
        self.threads = Threads()
        self.runner = asyncio.Runner()
        self.stores = [self.opened(), self.opened()]

    def opened(self):
        clock = Mock(spec=Clock, **{"monotonic.return_value": 0.0})
        return PackedContents(
            self.place / "contents",
            self.place,
            self.threads,
            references=self.references,
            clock=clock,
        )

    @rule(digests=some, who=st.integers(0, 1))
    def put(self, digests, who):
        sources = [ContentSource("", data=CONTENTS[digest]) for digest in sorted(digests)]
        results = self.run(who, "put", sources)
        assert [result.digest for result in results] == sorted(digests)
        self.kept |= digests
        self.held[who] |= digests

    @rule(digest=st.sampled_from(sorted(CONTENTS)), who=st.integers(0, 1))
    def get(self, digest, who):
        try:
            found = self.run(who, "get", digest)
        except ContentMissing:
            found = None
        assert found == (CONTENTS[digest] if digest in self.kept else None)

    @rule(live=some, who=st.integers(0, 1))
    def collect(self, live, who):
        self.references.digests.return_value = live
        removal = self.run(who, "gc")
        stays = self.kept & (live | self.held[0] | self.held[1])
        assert removal.contents == len(self.kept - stays)
        self.kept = stays

    @rule(digests=some, who=st.integers(0, 1))
    def purge(self, digests, who):
        removal = self.run(who, "purge", digests)
        assert removal.contents == len(self.kept & digests)
        self.kept -= digests

    @rule(who=st.integers(0, 1))
    def end_and_begin_anew(self, who):
        self.run(who, "stop")
        self.stores[who] = self.opened()
        self.held[who] = set()

    @invariant()
    def both_know_the_same(self):
        for who in (0, 1):
            assert self.run(who, "has", set(CONTENTS)) == self.kept
            assert self.run(who, "usage").contents == len(self.kept)

    def teardown(self):
        for who in (0, 1):
            assert self.run(who, "check") == []
            self.run(who, "stop")
        self.runner.close()
        self.threads.close()
        shutil.rmtree(self.place)

    def run(self, who, method, *arguments):
        return self.runner.run(getattr(self.stores[who], method)(*arguments))


TestStore = Store.TestCase
TestStore.settings = settings(max_examples=8, stateful_step_count=12)
