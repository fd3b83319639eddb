"""The library: what every bundle holds, and what is wrong with one that does not open."""

from dataclasses import replace
from pathlib import Path

from app.views.registry import VIEWS
from app.wording import NO_BUNDLE, literal
from engine.bundle.bundle import write_bundle
from tests import synthetic
from tests.app.contracts import check_view
from tests.app.samples import write_sample


def test_a_bundle_has_a_card(tmp_path: Path) -> None:
    write_sample(tmp_path, examples=90, exits=3)
    page = check_view(VIEWS["library"], tmp_path)
    assert page.header[0].value == "A tiny bundle"
    assert page.markdown[1].value == "tiny: 3 exits, 6 classes, 90 examples, 30 images. All checksums match."
    assert page.caption[0].value.startswith(r"Compute \(MACs\)\: Made up")
    assert page.json[0].value == '{"recipe": "none", "seed": 0}'


def test_likely_mistakes_of_an_import_are_shown(tmp_path: Path) -> None:
    folder = tmp_path / "bundles" / "logs"
    made = synthetic.outputs(examples=90, exits=2)
    named = ["Exit 1 and Exit 2 give the same *result* on 100.0% of the examples.", 7]
    write_bundle(replace(synthetic.draft(made, "logs"), provenance={"diagnosis": named}), folder)
    page = check_view(VIEWS["library"], tmp_path)
    assert [warning.value for warning in page.warning] == [literal(str(named[0]))]


def test_a_damaged_bundle_has_a_warning(tmp_path: Path) -> None:
    (write_sample(tmp_path, examples=90, exits=3) / "images.bin").unlink()
    page = check_view(VIEWS["library"], tmp_path)
    assert page.header[0].value == "tiny" and len(page.warning) == 1 and "images" in page.warning[0].value


def test_an_empty_folder_says_how_to_make_a_bundle(tmp_path: Path) -> None:
    assert check_view(VIEWS["library"], tmp_path).info[0].value == NO_BUNDLE


def test_names_are_not_read_as_markdown(tmp_path: Path) -> None:
    folder = write_sample(tmp_path, examples=90, exits=3)
    folder.rename(folder.with_name("![x](y)"))
    page = check_view(VIEWS["library"], tmp_path)
    assert not any("![x](y)" in element.value for kind in ("header", "markdown", "warning") for element in page.get(kind))
