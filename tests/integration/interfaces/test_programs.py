"""`vespera run PATH.py[:NAME]` finds the module, its `main`, and its container."""

import sys
from pathlib import Path
from textwrap import dedent

import click
import pytest

from vespera import Container
from vespera.interfaces.cli.programs import load

MAIN = "async def main(container, input): return input\n"


@pytest.fixture(autouse=True)
def _imports_are_undone(monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if "test_program" in (getattr(sys.modules[name], "__file__", None) or ""):
            del sys.modules[name]


@pytest.fixture
def file(tmp_path):
    def write(relative: str, text: str = MAIN) -> Path:
        path = tmp_path / "test_program" / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8")
        return path

    return write


def refusal(target: object) -> str:
    with pytest.raises(click.UsageError) as caught:
        load(str(target))
    return caught.value.message


def module_of(target: object):
    return sys.modules[load(str(target)).main.__module__]


def test_a_file_is_imported_under_its_own_name(file):
    module = module_of(file("my_job.py"))

    assert module.__name__ == "my_job"
    assert sys.modules["my_job"] is module


def test_a_neighbour_that_imports_the_program_gets_the_same_module(file):
    file("neighbour.py", "import weekly_job\n")

    module = module_of(file("weekly_job.py"))

    assert __import__("neighbour").weekly_job is module


def test_relative_imports_work_in_a_package(file):
    file("shop/__init__.py", "")
    file("shop/inner/__init__.py", "")
    file("shop/prices.py", "PRICE = 7\n")

    module = module_of(file("shop/inner/job.py", "from ..prices import PRICE\n" + MAIN))

    assert module.__name__ == "shop.inner.job"
    assert module.PRICE == 7


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("json.py", id="a name of the standard library"),
        pytest.param("my-job 2.py", id="no identifier"),
        pytest.param("a.b.py", id="dots"),
        pytest.param("pytest.py", id="an installed package"),
    ],
)
def test_a_file_with_an_impossible_name_is_imported_all_the_same(file, name):
    path = file(name)

    module = module_of(path)

    assert module.__file__ == str(path)
    assert module.__name__.startswith("vespera_program_")


def test_a_file_with_the_name_of_the_command_itself_is_imported_alone(file, monkeypatch):
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", None)  # as it is in a script

    module = module_of(file("__main__.py"))

    assert module.__name__ == "vespera_program___main__"


def test_the_main_file_of_a_package_is_imported_as_part_of_it(file):
    file("tool/__init__.py", "")

    module = module_of(file("tool/__main__.py"))

    assert module.__name__ == "tool.__main__"


def test_loading_a_program_again_gives_the_same_module(file):
    path = file("daily.py")

    assert module_of(path) is module_of(path)


def test_the_default_container_is_vesperas_own(file):
    assert load(str(file("plain_job.py"))).container is Container


def test_the_only_container_that_the_file_defines_is_used(file):
    path = file(
        "own_container.py",
        "from vespera import Container\nclass Mine(Container): pass\n" + MAIN,
    )

    assert load(str(path)).container.__name__ == "Mine"


def test_the_only_container_that_the_file_imports_is_used(file):
    file("my_container.py", "from vespera import Container\nclass Theirs(Container): pass\n")
    path = file("importing_job.py", "from my_container import Theirs\n" + MAIN)

    assert load(str(path)).container.__name__ == "Theirs"


TWO = "from vespera import Container\nclass A(Container): pass\nclass B(Container): pass\n" + MAIN


def test_of_several_containers_one_must_be_named(file):
    path = file("two_containers.py", TWO)

    assert refusal(path) == (f"{path} has several containers; say which: {path}:A or {path}:B")
    assert load(f"{path}:B").container.__name__ == "B"


def test_a_container_that_is_not_there_is_refused_with_those_that_are(file):
    path = file("known_containers.py", TWO)

    assert refusal(f"{path}:Mine") == (
        f"{path} has no Container subclass 'Mine'; it has: A, B, Container"
    )


def test_a_name_that_is_no_container_is_refused(file):
    path = file("no_container.py")

    assert refusal(f"{path}:main") == f"{path} has no Container subclass 'main'; it has: none"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("", "there is no `main` in it", id="none"),
        pytest.param(
            "def main(container, input): ...", "its `main` is no async function", id="not async"
        ),
        pytest.param(
            "async def main(): ...",
            "its `main` does not fit: too many positional arguments",
            id="takes no arguments",
        ),
    ],
)
def test_a_file_without_a_fitting_main_is_refused(file, text, reason):
    path = file(f"main_{len(text)}.py", text)

    assert refusal(path) == f"{path} needs `async def main(container, input)`; {reason}"


def test_a_file_that_does_not_exist_is_refused(tmp_path):
    path = tmp_path / "nothing.py"

    assert refusal(path) == f"{path} does not exist; name a file: vespera run PATH.py"


def test_a_directory_is_refused(tmp_path):
    assert refusal(tmp_path).startswith(f"{tmp_path} is no Python file")


def test_a_file_that_is_no_python_is_refused(file):
    path = file("notes.txt", "hello")

    assert refusal(path).startswith(f"{path} is no Python file")


def test_a_path_with_a_colon_in_it_is_a_path(file):
    path = file("od:d/job_at_noon.py")

    assert module_of(path).__file__ == str(path)


def test_a_file_that_fails_while_it_is_imported_is_not_kept(file):
    path = file("bro-ken.py", "raise RuntimeError('half-way')\n")

    with pytest.raises(RuntimeError, match="half-way"):
        load(str(path))

    assert "vespera_program_bro_ken" not in sys.modules
