"""The public names of the testing kit."""

import importlib
import pkgutil

import pytest

import vespera.testing
from vespera.testing import faults


def test_all_names_are_there_and_sorted():
    names = vespera.testing.__all__
    assert names == sorted(names)
    assert all(getattr(vespera.testing, name) is not None for name in names)


def test_no_module_hides_a_name():
    """Importing a module puts it into its package, in the place of what has the same name."""
    modules = {module.name for module in pkgutil.iter_modules(vespera.testing.__path__)}
    assert modules.isdisjoint(vespera.testing.__all__)


def test_an_unknown_name_is_told():
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        importlib.import_module("vespera.testing").nonsense  # noqa: B018


def test_what_needs_hypothesis_is_there_and_not_in_the_star():
    assert vespera.testing.AsyncRuleMachine.__name__ == "AsyncRuleMachine"
    assert "AsyncRuleMachine" not in vespera.testing.__all__


def test_who_takes_the_package_of_faults_for_the_fixture_is_told():
    with pytest.raises(AttributeError, match="`faults` is a fixture, to be taken as an argument"):
        _ = faults.at
    with pytest.raises(AttributeError, match=r"has no attribute 'fault'$"):
        _ = faults.fault
