"""What a task did to files as an in-toto Statement, predicate Link v0.3: from which materials it
made which products.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
LINK_TYPE = "https://in-toto.io/attestation/link/v0.3"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
_ALGORITHMS = {"b3": "blake3"}


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file with a content.

    Attributes:
        path: in the workspace.
        digest: as Vespera has it (``b3:...``).
        sha256: of the same content, in hexadecimal digits; None: the content is not to be had.
    """

    path: str
    digest: str
    sha256: str | None = None


def link_statement(
    name: str,
    *,
    products: Sequence[Artifact],
    materials: Sequence[Artifact],
    byproducts: Mapping[str, object],
) -> Mapping[str, object]:
    """The statement, in plain JSON values.

    Args:
        name: of the step that it is of.
        products: what the task left, each path once.
        materials: what it changed or read, as that was before; each path once.
        byproducts: what else is to be known.
    """
    return {
        "_type": STATEMENT_TYPE,
        "subject": [_descriptor(one) for one in products],
        "predicateType": LINK_TYPE,
        "predicate": {
            "name": name,
            "command": [],
            "materials": [_descriptor(one) for one in materials],
            "byproducts": byproducts,
            "environment": {},
        },
    }


def _descriptor(artifact: Artifact) -> Mapping[str, object]:
    algorithm, _, digits = artifact.digest.partition(":")
    digest = {_ALGORITHMS.get(algorithm, algorithm): digits}
    if artifact.sha256 is not None:
        digest["sha256"] = artifact.sha256
    return {"name": name_of_path(artifact.path), "digest": digest}


def name_of_path(path: str) -> str:
    """The path as strict readers of JSON take it: bytes that are no UTF-8 are escaped."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
