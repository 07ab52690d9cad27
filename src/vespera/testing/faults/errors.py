"""What can be wrong with a fault."""


class InjectedFault(Exception):
    """Something went wrong because a test wanted it to; what a fault raises if nothing is said."""


class FaultRefused(Exception):
    """The fault cannot be made as asked: no such target, or the target cannot fail like that."""


class FaultNeverHit(AssertionError):
    """The test armed a fault that nothing ran into, so it tested nothing."""
