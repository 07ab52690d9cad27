"""Whatever calls do and clocks show: a circuit lets one try, and never stays shut."""

from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from vespera.domain.circuit import CLOSED, Admission, Circuit, CircuitRule

RULE = CircuitRule(failure_threshold=3, reset_after=30.0, probe_seconds=10.0)


@dataclass(frozen=True)
class Call:
    began: Circuit
    at: float


class CircuitMachine(RuleBasedStateMachine):
    """Calls begin, and end in any order, well, badly, or without a word, while time passes."""

    def __init__(self) -> None:
        super().__init__()
        self.circuit, self.now, self.calls = CLOSED, 1000.0, []

    def change(self, circuit: Circuit) -> None:
        """Stored by compare-and-set: a change is the next version."""
        assert circuit is self.circuit or circuit.version == self.circuit.version + 1
        self.circuit = circuit

    @rule()
    def begin(self) -> None:
        admission = self.circuit.admits(self.now)
        if admission is Admission.REFUSED:
            return
        if admission is Admission.PROBE:
            trying = [call for call in self.calls if call.began.probe == self.circuit.probe != 0]
            assert all(not 0 <= self.now - call.at < RULE.probe_seconds for call in trying)
            self.change(self.circuit.leased(RULE, self.now))
        self.calls.append(Call(self.circuit, self.now))

    @precondition(lambda self: self.calls)
    @rule(data=st.data(), end=st.sampled_from(["well", "badly", "without a word", "never"]))
    def end(self, data: st.DataObject, end: str) -> None:
        call = self.calls.pop(data.draw(st.integers(0, len(self.calls) - 1)))
        if end == "well":
            self.change(self.circuit.succeeded(call.began))
        elif end == "badly":
            self.change(self.circuit.failed(call.began, RULE, self.now, "down"))
        elif end == "without a word":
            self.change(self.circuit.let_go(call.began))

    @rule(seconds=st.sampled_from([0.0, 1.0, 9.9, 10.0, 30.0, 3600.0, -1.0, -3600.0]))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def open(self) -> None:
        self.change(self.circuit.opened(RULE, self.now, "maintenance"))

    @rule()
    def close(self) -> None:
        self.change(self.circuit.closed())

    @invariant()
    def a_closed_one_is_below_the_threshold(self) -> None:
        assert self.circuit.since is not None or self.circuit.failures < RULE.failure_threshold

    @invariant()
    def none_stays_shut(self) -> None:
        longest = max(RULE.reset_after, RULE.probe_seconds)
        if self.circuit.admits(self.now) is Admission.REFUSED:
            assert 0 < self.circuit.rests_until - self.now <= longest + 1e-6  # of floats


TestCircuit = CircuitMachine.TestCase
TestCircuit.settings = settings(max_examples=20, stateful_step_count=30, deadline=None)
