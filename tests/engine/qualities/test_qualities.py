"""Qualities have names, which every sentence about them says."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.wording import Words, bundle_size
from engine.__main__ import main
from engine.bundle.bundle import read_bundle, write_bundle
from engine.errors import UserError
from engine.importing.importer import Imported
from engine.importing.notebook import import_frame
from engine.qualities import QUALITIES, QualityMeasure, mean_title, measure_title, quality_measure, register_quality
from tests.masked import masked_draft
from tests.sentences import assert_one_sentence
from tests.synthetic import outputs


def log(tmp_path: Path, values: list[float], **options: str) -> Imported:
    rows = [
        {"id": f"e{i}", "model": model, "score": value, "cost": cost, "split": ["calibration", "test"][i % 2]}
        for i, value in enumerate(values)
        for model, cost in {"small": 1, "large": 4}.items()
    ]
    return import_frame(rows, "log", out=tmp_path / "log", **options)


def test_masks_are_graded_by_mean_iou_unless_asked_otherwise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setenv("OFFRAMP_DATA", str(tmp_path))
    bundle = read_bundle(write_bundle(masked_draft("masks"), tmp_path / "bundles" / "masks"))
    words = Words.of(bundle)
    assert (words.measure, measure_title(bundle.outputs)) == ("mean IoU", "mean IoU")
    assert words.meaning.startswith("Of an image, intersection over union")
    assert "graded from 0 to 1 by mean IoU" in bundle_size(bundle)
    for option, named in ([], "mean IoU"), (["--quality", "pixel_accuracy"], "mean pixel accuracy"):
        assert main(["sweep", "masks", "--policy", "maxprob", "--points", "3", *option]) == 0
        assert f"% {named} at " in capsys.readouterr().out
    assert main(["sweep", "masks", "--policy", "maxprob", "--points", "3", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["quality"] == "mean_iou"
    assert main(["speedup", "masks", "--policy", "maxprob", "--losses", "50"]) == 0
    assert "mean IoU at " in capsys.readouterr().out
    assert main(["list"]) == 0
    assert "graded by mean IoU" in capsys.readouterr().out


def test_an_import_names_its_quality(tmp_path: Path) -> None:
    made = log(tmp_path, np.linspace(0, 1, 40).tolist(), quality_name="F1 of the answer")
    bundle = read_bundle(made.folder)
    assert bundle.outputs.quality_name == "F1 of the answer" and list(bundle.outputs.qualities) == ["F1 of the answer"]
    assert mean_title(bundle.outputs) == "mean F1 of the answer" and Words.of(bundle).measure == "F1 of the answer"


def test_without_a_name_it_is_a_quality_and_what_is_correct_or_not_has_an_accuracy(tmp_path: Path) -> None:
    assert mean_title(log(tmp_path, np.linspace(0, 1, 40).tolist()).draft.outputs) == "mean quality"
    assert mean_title(outputs()) == "accuracy"
    with pytest.raises(UserError, match="correct or incorrect") as refusal:
        log(tmp_path, [0.0, 1.0] * 20, quality_name="F1")
    assert_one_sentence(str(refusal.value))


@pytest.mark.parametrize("name", ["a\nb", "x" * 41, " F1"])
def test_a_name_that_cannot_be_printed_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot name a quality") as refusal:
        log(tmp_path, [0.5] * 40, quality_name=name)
    assert_one_sentence(str(refusal.value))


def test_registered_names_have_titles_and_others_are_shown_as_they_are() -> None:
    assert quality_measure("rouge_l").title == "rouge l" and quality_measure("").title == "quality"
    with pytest.raises(ValueError, match="two qualities"):
        register_quality(QualityMeasure("mean_iou", "mean IoU"))
    for name, measure in QUALITIES.items():
        assert measure.name == name and measure.title and measure.meaning.endswith(".")


def test_a_quality_keeps_its_name_where_models_are_sorted(tmp_path: Path) -> None:
    rows = [
        {"id": f"e{i}", "model": model, "score": round((i % 10) / 10 * best, 2), "cost": cost, "split": ["calibration", "test"][i % 2]}
        for i in range(40)
        for model, cost, best in (("a", 5, 1.0), ("b", 1, 0.5))
    ]
    made = import_frame(rows, "log", out=tmp_path / "log", quality_name="reward")
    assert made.draft.exit_names == ("b", "a") and replace(made.draft.outputs).qualities["reward"].shape == (2, 40)
