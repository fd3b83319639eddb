"""The sentences say what the engine computed."""

import re
from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import numpy as np
import pytest

from app.wording import (
    USUAL,
    Words,
    budget_sentence,
    bundle_size,
    cost_in_words,
    footer,
    import_sentences,
    literal,
    page_title,
    percent,
    run_lines,
    speedup_sentence,
    spent,
    told,
    unit_title,
)
from engine.analysis.verdict import judged
from engine.bundle.bundle import read_bundle
from engine.bundle.measurements import Measured
from engine.importing.importer import import_file
from engine.policies import POLICIES
from engine.sweep import Sweep, run_sweep
from tests import synthetic
from tests.browser.logs import import_log
from tests.measured import DEVICE, fresh


@pytest.fixture(scope="module")
def maxprob() -> Sweep:
    return run_sweep(POLICIES["maxprob"], synthetic.outputs(examples=900, exits=4), 41)


def test_every_budget_has_its_sentence(maxprob: Sweep) -> None:
    sentences = [budget_sentence(maxprob, step) for step in range(len(maxprob.budgets))]
    for text, accuracy, cost in zip(sentences, maxprob.accuracy, maxprob.cost, strict=True):
        whole = (100 * Decimal(float(cost))).quantize(Decimal(1), ROUND_HALF_UP)  # as the browser rounds
        assert text.startswith(f"{100 * accuracy:.1f}% accuracy at {whole}% of the compute (")
    assert "(as accurate as the full network); almost no image leaves" in sentences[-1]
    below = float(f"{100 * maxprob.full.accuracy:.1f}") - float(f"{100 * maxprob.accuracy[0]:.1f}")  # of the printed numbers
    assert f"({below:.1f} points below the full network); almost every image leaves before half the cost." in sentences[0]


def test_numbers_are_printed_as_in_the_browser() -> None:
    """As `percent` and `costInWords` of app/web/core do."""
    assert [percent(share) for share in (0.8725, 0.8735, 0.0004, 0, 0.99996)] == ["87.3%", "87.4%", "<0.1%", "0.0%", "100.0%"]
    assert [cost_in_words(cost) for cost in (1.204, 0.125, 0.005, 0.0049, 0.0003, 0)] == ["120%", "13%", "1%", "0.5%", "<0.1%", "0%"]


def test_imported_results_without_images_are_of_examples(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    pred, labels = random.integers(0, 4, (2, 400)), random.integers(0, 4, 400)
    np.savez(tmp_path / "mine.npz", pred=pred, conf=random.random((2, 400)), labels=labels, cost_macs=np.array([1e6, 4e6]))
    import_file(tmp_path / "mine.npz", "mine", out=tmp_path / "mine")
    bundle = read_bundle(tmp_path / "mine")
    assert (Words.of(bundle).one, Words.of(bundle).many, Words.of(bundle).truth) == ("example", "examples", "labels")


def test_a_log_has_words_of_its_own(tmp_path: Path) -> None:
    bundle = import_log(tmp_path, "missing-cells")
    words = Words.of(bundle)
    assert (words.measure, words.reference, words.best, words.stage, words.many) == (
        "quality",
        "best single model",
        "best",
        "model",
        "examples",
    )
    assert (words.amount(0.71449), words.amount(0.7, 0), USUAL.amount(0.71449)) == ("0.714", "0.70", "71.4%")
    assert words.against_reference(0.7144, 0.7229) == "0.009 below the best single model, best"
    assert words.against_reference(0.7144, 0.7142) == "as good as the best single model, best"
    assert words.adapted("the labels say at which exit it matches the full network") == (
        "the results say at which model it matches the best single model"
    )
    assert told("At this budget exits 1 and 2 are left out; without exit 3, exit = 2, exit of the rest = 3", bundle) == (
        "At this budget cheap and middle are left out; without best, model = middle, model of the rest = best"
    )
    assert bundle_size(bundle) == "3 models, graded from 0 to 1, 144 examples, texts"
    complete, dominated = import_sentences(bundle)
    assert complete == "144 of the 160 examples are complete; on the others, some models were not run."
    assert re.fullmatch(
        r"Left out, because best is at least as good on calibration and costs less: worse \(0\.\d{3} at 2\d\d% of its cost\)\.", dominated
    )
    sweep = run_sweep(POLICIES["random_mix"], bundle.outputs, 5, "price")
    assert re.match(
        r"0\.\d{3} quality at 100% of the price \(as good as the best single model, best\); almost no example",
        budget_sentence(sweep, 4, words),
    )


def sentence(entry: Measured, *others: Measured) -> str:
    return speedup_sentence(entry, judged(entry, (entry, *others)), ("Exit 1", "Exit 2", "Exit 3", "Exit 4"))


def test_a_speed_up_sentence_says_at_which_budgets_early_exit_is_faster() -> None:
    text = sentence(fresh(32).measured)
    assert text.startswith(
        f"Batch 32 on {DEVICE}, 512 test images timed: early exit is 2.0x faster at a 25% budget and 1.5x faster at a 50%"
    )
    assert "; at a 75% budget it is 1.1x slower because " in text
    assert ", while Exit 3 alone is 1.3x faster with 60.0% accuracy (early exit: 69.0%)" in text
    assert text.endswith(".") and "\n" not in text and ". " not in text


def test_a_speed_up_sentence_gives_a_reason_once() -> None:
    text = sentence(fresh(1).measured)
    assert text.count("because") == 1 and "for the same reason" in text and "deciding" in text
    slow = replace(fresh(1).measured.runs[0], speed_up=0.9, ideal_by_times=1.0)
    one_run = replace(fresh(1).measured, runs=(slow,))
    assert "more time per MAC" in sentence(one_run)
    assert "for one image" in sentence(one_run, fresh(32).measured)
    assert "exits along the way" in sentence(replace(one_run, runs=(replace(slow, ideal_by_macs=1.0),)))
    assert "no budget was run" in sentence(replace(one_run, runs=()))


def test_an_exit_that_is_as_good_alone_is_named() -> None:
    entry = fresh(32).measured
    matched = replace(entry, runs=(replace(entry.runs[0], speed_up=1.3, accuracy=0.6),))
    assert "early exit is 1.3x faster at a 25% budget but Exit 3 alone is 1.3x faster with 60.0% accuracy" in sentence(matched)


def test_a_run_is_told_in_facts() -> None:
    entry = fresh(32).measured
    assert run_lines(entry, entry.runs[0]) == [
        "Measured at batch 32, 25% budget",
        "2.0x faster: 50% of the full network’s time",
        "expected 3.90x from MACs, 3.51x from stage times",
        "55.0% accuracy on 2,000 test images, full network 70.0%",
        f"timed on 512 of them: {DEVICE}, 2026-11-21",
    ]


def test_measured_units_have_readable_names() -> None:
    entries = [replace(fresh(32).measured, units={"ms": "ms_batch_32", "joules": "joules_batch_32"})]
    assert unit_title("ms_batch_32", entries) == f"Milliseconds per image, batch 32, {DEVICE}"
    assert unit_title("joules_batch_32", entries) == f"Joules per image, measured, batch 32, {DEVICE}"
    assert unit_title("ms_batch_1", entries) == "Milliseconds per image, batch 1"
    assert unit_title("macs", entries) == "Compute (MACs)" and unit_title("apples") == "apples"
    assert spent("ms_batch_32_2") == "time at batch 32" and spent("joules_batch_1") == "energy at batch 1" and spent("macs") == "compute"


def test_other_peoples_text_is_not_read_as_markdown() -> None:
    assert literal("![x](y) :red[z]") == r"\!\[x\]\(y\) \:red\[z\]"


def test_a_title_begins_with_what_differs_between_tabs() -> None:
    assert page_title("Doodles", "Explore") == "Doodles · Explore · Offramp"
    assert page_title("", "Library") == "Library · Offramp"


@pytest.mark.parametrize(
    ("provenance", "computed"),
    [
        ({"device": "Abacus, 2 threads", "date": "2026-11-22"}, " · outputs computed on Abacus, 2 threads (2026-11-22)"),
        ({"device": "Aba\ncus\u202e"}, " · outputs computed on Aba cus"),
        ({"date": "2026-11-22", "device": ["x"]}, " · outputs computed 2026-11-22"),
        ({"imported_from": "mine.npz"}, ""),
    ],
)
def test_a_file_ends_with_what_made_it(provenance: dict[str, object], computed: str) -> None:
    assert footer(provenance) == f"Made with Offramp{computed}"
