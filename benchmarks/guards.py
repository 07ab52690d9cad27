"""What guards cost around a call that does nothing, beside the bare call.

The time is that of the processor, so that other programs on the machine count less.
"""

import asyncio
import os
import time
from functools import partial
from statistics import median

from vespera import (
    Bulkhead,
    CircuitBreaker,
    Container,
    Rate,
    RateLimit,
    RetryPolicy,
    ServiceGuard,
    Timeout,
)

CALLS, ROUNDS = 20_000, 15
MOST_MICROSECONDS = 5.0


class Client:
    async def request(self) -> None:
        pass


async def seconds_of(call, calls=CALLS):
    start = time.process_time()
    for _ in range(calls):
        await call()
    return (time.process_time() - start) / calls


async def under_asyncio_timeout(request):
    async with asyncio.timeout(5.0):
        await request()


async def main():
    client = Client()
    request = client.request
    whole = ServiceGuard(
        bulkhead=8,
        retry=RetryPolicy(),
        rate=Rate(10**9),
        breaker=CircuitBreaker(),
        timeout=5.0,
    )
    kinds = {
        "CircuitBreaker.execute": CircuitBreaker(client).execute,
        "CircuitBreaker.call": partial(CircuitBreaker().call, request),
        "Bulkhead.call": partial(Bulkhead(8).call, request),
        "RateLimit.call": partial(RateLimit(10**9).call, request),
        "Timeout.call": partial(Timeout(5.0).call, request),
        "ServiceGuard.call, all parts": partial(whole.call, request),
        "(asyncio.timeout, for comparison)": partial(under_asyncio_timeout, request),
    }
    costs = {name: [] for name in kinds}
    bare = []
    for _ in range(ROUNDS):
        before = await seconds_of(request)
        bare.append(before)
        for name, call in kinds.items():
            costs[name].append(await seconds_of(call) - before)
    print(f"bare call: {median(bare) * 1e6:.2f} us (median of {ROUNDS} rounds of {CALLS:,})")
    for name, seconds in costs.items():
        each, least = median(seconds), min(seconds)
        print(
            f"{name:36} +{each * 1e6:6.2f} us, at best +{least * 1e6:.2f} us"
            f" ({1 + each / median(bare):.1f} x the bare call)"
        )
        is_ours = not name.startswith("(")
        verdict = "yes" if min(seconds) * 1e6 <= MOST_MICROSECONDS else "NO"
        if is_ours:
            print(f"{'':36} within {MOST_MICROSECONDS:g} us over the bare call: {verdict}")
    await durable(client)


async def durable(client):
    """A breaker in a database in memory: a read before and after each call."""
    async with Container() as container:
        breaker = CircuitBreaker(client, name="model", store=container.get("breakers"))
        await breaker.execute()
        print(f"shared breaker, closed: {await seconds_of(breaker.execute, 1000) * 1e6:.0f} us")


if __name__ == "__main__":
    print("load:", *(f"{load:.2f}" for load in os.getloadavg()), "on", os.cpu_count(), "cores")
    asyncio.run(main())
