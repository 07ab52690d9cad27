"""Looking after the store of contents."""

from unittest.mock import create_autospec

import pytest

from vespera.application.ports.contents import ContentReferences, ContentStore
from vespera.application.usecases.tend_contents import TendContentsUseCase
from vespera.domain.content import ContentFlaw, Removal, StoreUsage
from vespera.domain.errors import InvalidRequest
from vespera.infrastructure.files.never_stored import matching

ONE, TWO, THREE = (f"b3:{number:064x}" for number in range(3))


@pytest.fixture
def store():
    store = create_autospec(ContentStore, instance=True)
    store.purge.return_value = Removal(2, 200)
    return store


@pytest.fixture
def tending(store):
    references = create_autospec(ContentReferences, instance=True)
    references.digests_by_path.return_value = [("a/.env", ONE), ("b.txt", TWO), ("c/.env", THREE)]
    return TendContentsUseCase(contents=store, references=references, matching=matching)


async def test_what_the_store_tells_is_passed_on(tending, store):
    usage = StoreUsage(directory="x", quota=7)
    store.usage.return_value = usage
    store.gc.return_value = Removal(1, 2)
    store.check.return_value = [ContentFlaw("pack", None, "damaged")]

    assert await tending.usage() == usage
    assert await tending.collect() == Removal(1, 2)
    assert await tending.check() == [ContentFlaw("pack", None, "damaged")]


async def test_digests_are_purged(tending, store):
    result = await tending.purge([ONE, TWO])

    assert (result.success, result.removal) == (True, Removal(2, 200))
    store.purge.assert_awaited_once_with({ONE, TWO})


async def test_patterns_are_for_the_paths_that_operations_have_named(tending, store):
    await tending.purge([".env", TWO])

    store.purge.assert_awaited_once_with({ONE, TWO, THREE})


async def test_all_may_be_purged(tending, store):
    await tending.purge(all_=True)

    store.purge.assert_awaited_once_with(None)


async def test_what_is_no_digest_is_told(tending, store):
    store.purge.side_effect = InvalidRequest("is none", field="digest")
    result = await tending.purge(["b3:nonsense"])

    assert (result.success, result.error) == (False, "digest: is none")


async def test_what_is_no_pattern_is_told(tending, store):
    result = await tending.purge([""])

    assert not result.success
    assert "no pattern" in result.error
    store.purge.assert_not_called()
