"""What tests of workflows need: containers of their own, time that obeys them, and more.

Each name is imported when it is first used: the pytest plugin, which lives here too, is loaded in
projects that use none of it.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vespera.testing.base import AsyncTestBase as AsyncTestBase
    from vespera.testing.clock import Sleeper as Sleeper
    from vespera.testing.clock import VirtualClock as VirtualClock
    from vespera.testing.concurrency import ConcurrencyProbe as ConcurrencyProbe
    from vespera.testing.concurrency import assert_concurrent as assert_concurrent
    from vespera.testing.errors import Deadlock as Deadlock
    from vespera.testing.errors import TestingError as TestingError
    from vespera.testing.errors import VirtualTimeOff as VirtualTimeOff
    from vespera.testing.faults import Faults as Faults
    from vespera.testing.http_mocks import mock_response as mock_response
    from vespera.testing.http_mocks import mock_session as mock_session
    from vespera.testing.loop import VirtualLoop as VirtualLoop
    from vespera.testing.loop_clock import LoopClock as LoopClock
    from vespera.testing.mocks import async_context_manager_mock as async_context_manager_mock
    from vespera.testing.mocks import (
        create_async_context_manager_mock as create_async_context_manager_mock,
    )
    from vespera.testing.mocks import mock_client as mock_client
    from vespera.testing.replaying import Replayed as Replayed
    from vespera.testing.replaying import replay as replay
    from vespera.testing.results import sequence as sequence
    from vespera.testing.sample_resources import SampleResources as SampleResources
    from vespera.testing.sim.app import App as App
    from vespera.testing.sim.crash import explore_crashes as explore_crashes
    from vespera.testing.sim.crash_test import crash_test as crash_test
    from vespera.testing.sim.errors import ExplorationError as ExplorationError
    from vespera.testing.sim.errors import ExplorationFailed as ExplorationFailed
    from vespera.testing.sim.errors import NonDeterministicScenario as NonDeterministicScenario
    from vespera.testing.sim.errors import ScenarioFailed as ScenarioFailed
    from vespera.testing.sim.errors import VacuousExploration as VacuousExploration
    from vespera.testing.sim.invariants import database_integrity as database_integrity
    from vespera.testing.sim.invariants import engine_integrity as engine_integrity
    from vespera.testing.sim.report import CrashReport as CrashReport
    from vespera.testing.sim.report import ScheduleReport as ScheduleReport
    from vespera.testing.sim.schedule import explore_schedules as explore_schedules
    from vespera.testing.stateful import AsyncRuleMachine as AsyncRuleMachine
    from vespera.testing.step_environment import StepEnvironment as StepEnvironment
    from vespera.testing.streams import stream_mock as stream_mock
    from vespera.testing.waiting import eventually as eventually
    from vespera.testing.world import World as World
else:
    _HOMES = {
        "App": "sim.app",
        "AsyncRuleMachine": "stateful",
        "AsyncTestBase": "base",
        "ConcurrencyProbe": "concurrency",
        "CrashReport": "sim.report",
        "Deadlock": "errors",
        "ExplorationError": "sim.errors",
        "ExplorationFailed": "sim.errors",
        "Faults": "faults",
        "LoopClock": "loop_clock",
        "NonDeterministicScenario": "sim.errors",
        "Replayed": "replaying",
        "SampleResources": "sample_resources",
        "ScenarioFailed": "sim.errors",
        "ScheduleReport": "sim.report",
        "Sleeper": "clock",
        "StepEnvironment": "step_environment",
        "TestingError": "errors",
        "VacuousExploration": "sim.errors",
        "VirtualClock": "clock",
        "VirtualLoop": "loop",
        "VirtualTimeOff": "errors",
        "World": "world",
        "assert_concurrent": "concurrency",
        "async_context_manager_mock": "mocks",
        "crash_test": "sim.crash_test",
        "create_async_context_manager_mock": "mocks",
        "database_integrity": "sim.invariants",
        "engine_integrity": "sim.invariants",
        "eventually": "waiting",
        "explore_crashes": "sim.crash",
        "explore_schedules": "sim.schedule",
        "mock_client": "mocks",
        "mock_response": "http_mocks",
        "mock_session": "http_mocks",
        "replay": "replaying",
        "sequence": "results",
        "stream_mock": "streams",
    }

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
        return value


# AsyncRuleMachine is no part of ``*``: it needs hypothesis, which not everybody has.
__all__ = [
    "App",
    "AsyncTestBase",
    "ConcurrencyProbe",
    "CrashReport",
    "Deadlock",
    "ExplorationError",
    "ExplorationFailed",
    "Faults",
    "LoopClock",
    "NonDeterministicScenario",
    "Replayed",
    "SampleResources",
    "ScenarioFailed",
    "ScheduleReport",
    "Sleeper",
    "StepEnvironment",
    "TestingError",
    "VacuousExploration",
    "VirtualClock",
    "VirtualLoop",
    "VirtualTimeOff",
    "World",
    "assert_concurrent",
    "async_context_manager_mock",
    "crash_test",
    "create_async_context_manager_mock",
    "database_integrity",
    "engine_integrity",
    "eventually",
    "explore_crashes",
    "explore_schedules",
    "mock_client",
    "mock_response",
    "mock_session",
    "replay",
    "sequence",
    "stream_mock",
]
