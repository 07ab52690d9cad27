"""An in-toto Statement with the predicate Link v0.3."""

from vespera.domain.link_statement import Artifact, link_statement


def test_a_statement_has_the_fields_of_the_specification() -> None:
    statement = link_statement(
        "build",
        products=[Artifact("out", "b3:01", "02"), Artifact("odd\udcff", "x9:03")],
        materials=[Artifact("in", "b3:04")],
        byproducts={"removed": []},
    )

    assert statement == {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [
            {"name": "out", "digest": {"blake3": "01", "sha256": "02"}},
            {"name": r"odd\xff", "digest": {"x9": "03"}},
        ],
        "predicateType": "https://in-toto.io/attestation/link/v0.3",
        "predicate": {
            "name": "build",
            "command": [],
            "materials": [{"name": "in", "digest": {"blake3": "04"}}],
            "byproducts": {"removed": []},
            "environment": {},
        },
    }
