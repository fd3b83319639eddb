"""The sentences say what the engine computed."""

from dataclasses import replace

import pytest

from app.wording import budget_sentence, literal, run_lines, speedup_sentence, spent, unit_title
from engine.analysis.verdict import judged
from engine.bundle.measurements import Measured
from engine.policies import POLICIES
from engine.sweep import Sweep, run_sweep
from tests import synthetic
from tests.measured import DEVICE, fresh


@pytest.fixture(scope="module")
def maxprob() -> Sweep:
    return run_sweep(POLICIES["maxprob"], synthetic.outputs(examples=900, exits=4), 41)


def test_every_budget_has_its_sentence(maxprob: Sweep) -> None:
    sentences = [budget_sentence(maxprob, step) for step in range(len(maxprob.budgets))]
    for text, accuracy, cost in zip(sentences, maxprob.accuracy, maxprob.cost, strict=True):
        assert text.startswith(f"{100 * accuracy:.1f}% accuracy at {100 * cost:.0f}% of the compute (")
    assert "(as accurate as the full network); almost no image leaves" in sentences[-1]
    below = 100 * (maxprob.full.accuracy - maxprob.accuracy[0])
    assert f"({below:.1f} points below the full network); almost every image leaves before half the cost." in sentences[0]


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
