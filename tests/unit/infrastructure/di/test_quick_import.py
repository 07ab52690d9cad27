"""The web frameworks are left to who needs them, and known all the same."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec

import pytest
from dependency_injector import wiring
from dependency_injector.wiring import Provide, inject
from fastapi import Depends, Request

from vespera import Container
from vespera.infrastructure.di.quick_import import (
    is_request_of_starlette,
    left_for_later,
    mark_of_fastapi,
)


def one() -> int:
    return 1


@inject
def endpoint(found: str = Depends(Provide["config.workspace"])) -> str:  # as it is often written
    return found


def test_what_fastapi_marks_is_known() -> None:
    assert mark_of_fastapi(Depends(one)) is one
    assert mark_of_fastapi(one) is None
    assert mark_of_fastapi(None) is None


def test_a_request_of_starlette_is_nothing_to_be_wired() -> None:
    class Own(Request):
        pass

    assert is_request_of_starlette(Request)
    assert is_request_of_starlette(Own)
    assert not is_request_of_starlette(int)
    assert not is_request_of_starlette("Request")


@pytest.mark.parametrize("known", [mark_of_fastapi, is_request_of_starlette])
def test_who_has_loaded_nothing_has_marked_nothing(
    monkeypatch: pytest.MonkeyPatch, known: object
) -> None:
    for name in ("fastapi.params", "starlette.requests"):
        monkeypatch.delitem(sys.modules, name)

    assert callable(known)
    assert not known(Depends(one))
    assert not known(Request)


def test_one_thread_leaves_them_for_later_and_others_do_not() -> None:
    with left_for_later(), ThreadPoolExecutor(1) as other:
        finder = sys.meta_path[0]
        with pytest.raises(ModuleNotFoundError, match="fastapi"):
            finder.find_spec("fastapi", None)
        assert finder.find_spec("json", None) is None
        assert other.submit(finder.find_spec, "fastapi", None).result() is None

    assert finder not in sys.meta_path
    assert find_spec("fastapi") is not None


def test_a_container_is_made_without_them() -> None:
    code = (
        "import sys; from vespera import Container; Container()\n"
        "assert not {'fastapi', 'starlette'} & set(sys.modules)\n"
        "import fastapi, starlette.requests\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert ran.returncode == 0, ran.stderr


def test_a_wiring_that_was_imported_by_others_is_taken_as_it_is() -> None:
    code = (
        "import dependency_injector.wiring as wiring\n"
        "before = [*wiring.MARKER_EXTRACTORS]\n"
        "from vespera import Container; Container()\n"
        "assert wiring.MARKER_EXTRACTORS == before\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert ran.returncode == 0, ran.stderr


def test_an_endpoint_gets_its_parts_from_the_container() -> None:
    here = [sys.modules[__name__]]
    wiring.wire(Container(workspace="elsewhere"), modules=here)
    try:
        assert endpoint() == "elsewhere"
    finally:
        wiring.unwire(modules=here)


def test_a_subclass_is_made_after_a_container_was_wired() -> None:
    here = [sys.modules[__name__]]
    wiring.wire(Container(), modules=here)
    wiring.unwire(modules=here)

    class Own(Container):
        pass

    assert Own(workspace="elsewhere").config.workspace() == "elsewhere"
