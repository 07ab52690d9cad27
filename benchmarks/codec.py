"""What the codec costs: microseconds a call, and the ratio to plain msgspec on the same value.

Run it as ``python benchmarks/codec.py``.
"""

import timeit
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import msgspec

from vespera.infrastructure.codec.msgspec_codec import MsgspecCodec


@dataclass(frozen=True, slots=True)
class Line:
    article: UUID
    price: Decimal


SMALL = {"path": "src/vespera/domain/task.py", "retries": 3, "strict": True, "ratio": 0.5}
WIDE = {"rows": [{"id": n, "name": f"module_{n}", "score": n / 7} for n in range(100)]}
TYPED = {
    "ordered_at": datetime(2030, 1, 1, tzinfo=UTC),
    "lines": [Line(UUID(int=n), Decimal(n) / 100) for n in range(10)],
    "tags": {"new", "urgent"},
}


def main() -> None:
    codec = MsgspecCodec()
    print("value        bytes  encode µs  ratio  decode µs  ratio")
    for name, value in {"small": SMALL, "wide": WIDE, "typed": TYPED}.items():
        data = codec.encode(value, what="value")
        plain = msgspec.json.encode(value)
        encode = _microseconds(lambda value=value: codec.encode(value, what="value"))
        decode = _microseconds(lambda data=data: codec.decode(data))
        plain_encode = _microseconds(lambda value=value: msgspec.json.encode(value))
        plain_decode = _microseconds(lambda plain=plain: msgspec.json.decode(plain))
        print(
            f"{name:10} {len(data):7,} {encode:10.2f} {encode / plain_encode:6.1f}"
            f" {decode:10.2f} {decode / plain_decode:6.1f}"
        )


def _microseconds(call: Callable[[], object]) -> float:
    number = 500
    return min(timeit.repeat(call, number=number, repeat=7)) / number * 1_000_000


if __name__ == "__main__":
    main()
