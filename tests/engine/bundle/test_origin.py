"""A damaged bundle names what made it, as far as that is known."""

from pathlib import Path
from typing import Any

import pytest

from engine.bundle.bundle import LOGITS, read_bundle, write_bundle
from engine.errors import UserError
from tests.sentences import assert_one_sentence
from tests.synthetic import draft, outputs


@pytest.mark.parametrize(
    ("provenance", "remedy"),
    [
        ({"recipe": "doodles", "variant": "doodles"}, "recreate it with `python -m engine compute doodles --out {folder}`."),
        (
            {"recipe": "doodles", "variant": "tiny"},
            "recreate it with `python -m engine compute doodles` and the options that it was made with.",
        ),
        ({"recipe": "tiny"}, "recreate it with `python -m engine compute tiny`."),
        ({"imported_from": "my log.csv"}, "import my log.csv again with `python -m engine import`."),
        ({"recipe": "`rm -r`"}, "make it again as it was made."),
        ({}, "make it again as it was made."),
    ],
)
def test_the_remedy_names_what_made_it(tmp_path: Path, provenance: dict[str, Any], remedy: str) -> None:
    folder = write_bundle(draft(outputs(examples=30, exits=2), provenance=provenance, images=()), tmp_path / "tiny")
    (folder / LOGITS).write_bytes(b"cut")
    with pytest.raises(UserError) as refusal:
        read_bundle(folder)
    assert_one_sentence(str(refusal.value), f"restore the folder from its source, or {remedy.format(folder=folder)}")


@pytest.mark.parametrize("manifest", ["{", "[]", '{"provenance": 3}', '{"provenance": null}'])
def test_an_unreadable_manifest_names_both_commands(tmp_path: Path, manifest: str) -> None:
    folder = write_bundle(draft(outputs(examples=30, exits=2), images=()), tmp_path / "tiny")
    (folder / "bundle.json").write_text(manifest)
    with pytest.raises(UserError) as refusal:
        read_bundle(folder)
    assert_one_sentence(str(refusal.value), "make it again with the command that made it, `compute` or `import`.")
