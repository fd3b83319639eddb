"""Figures hold what the sweep found, and their sentences say it."""

import json
from dataclasses import replace

import numpy as np
import pytest

from app.figures import front as figures
from app.theme import exit_colours
from app.wording import budget_sentence, speedup_sentence, spent, unit_title
from engine.analysis.verdict import judged
from engine.bundle.measurements import Measured
from engine.policies import POLICIES
from engine.sweep import Sweep, sweep
from tests import synthetic
from tests.measured import ACCURACY, BUDGETS, DEVICE, SPEED_UPS, fresh


@pytest.fixture(scope="module")
def sweeps() -> dict[str, Sweep]:
    outputs = synthetic.outputs(examples=900, exits=4)
    return {name: sweep(POLICIES[name], outputs, 41) for name in ("maxprob", "random_mix", "oracle")}


def test_the_front_draws_what_was_found(sweeps: dict[str, Sweep]) -> None:
    chosen = sweeps["maxprob"]
    figure = figures.front(chosen, "Title <b>", sweeps["random_mix"], sweeps["oracle"])
    lines = {trace.name: trace for trace in figure.data}
    assert np.allclose(lines["Title <b>"].x, chosen.cost, atol=1e-5) and np.allclose(lines["Title <b>"].y, chosen.accuracy, atol=1e-5)
    assert list(lines["Static exits"].text) == ["1", "2", "3", "4"]
    assert {trace.mode for trace in figure.data} == {"lines", "markers+text"}
    json.dumps(json.loads(figure.to_json()), allow_nan=False)


def test_the_front_marks_what_was_measured(sweeps: dict[str, Sweep]) -> None:
    entries = [fresh(size, device=device).measured for device in (DEVICE, "<b>Slide rule</b>") for size in (1, 32)]
    plain = figures.front(sweeps["maxprob"], "Title", sweeps["random_mix"], sweeps["oracle"])
    one = figures.front(sweeps["maxprob"], "Title", sweeps["random_mix"], sweeps["oracle"], entries[:2])
    (marks,) = one.data[len(plain.data) :]
    assert marks.name == "Measured time, by batch size" and marks.mode == "markers+text"
    assert list(marks.text) == ["1"] * 3 + ["32"] * 3
    assert np.allclose(marks.x, [1 / speed_up for size in (1, 32) for speed_up in SPEED_UPS[size]], atol=1e-5)
    assert np.allclose(marks.y, ACCURACY * 2)
    assert one.layout.xaxis.range[1] > max(marks.x) > 1.04, "a run slower than the full network must be seen"
    assert one.layout.yaxis.range[0] < ACCURACY[0]
    for text, budget in zip(marks.customdata, BUDGETS * 2, strict=True):
        facts = (f"budget {budget:.0%}", "full network’s time", "by MACs", "by stage times", "2,000 test images", "timed on 512", DEVICE)
        assert all(fact in text for fact in facts)
    two = figures.front(sweeps["maxprob"], "Title", sweeps["random_mix"], sweeps["oracle"], entries)
    assert len({trace.marker.symbol for trace in two.data[-2:]}) == 2
    assert two.data[-1].name == "Measured time on &lt;b&gt;Slide rule&lt;/b&gt;" and "&lt;b&gt;" in two.data[-1].customdata[0]
    json.dumps(json.loads(two.to_json()), allow_nan=False)
    alt = figures.front_alt(sweeps["maxprob"], "Title", sweeps["random_mix"], sweeps["oracle"], entries[1:2])
    assert "55.0% correct in 50% of the time" in alt and "batch 32" in alt


def test_batch_sizes_close_to_each_other_stand_on_other_sides_of_their_marks(sweeps: dict[str, Sweep]) -> None:
    entries = [fresh(size).measured for size in (1, 32, 64)]  # those of 32 and 64 are as fast as each other but for a little
    runs = tuple(replace(run, speed_up=1.03 * run.speed_up) for run in entries[2].runs)
    entries[2] = replace(entries[2], runs=runs)
    marks = figures.front(sweeps["maxprob"], "Title", sweeps["random_mix"], sweeps["oracle"], entries).data[-1]
    places = np.array(marks.textposition).reshape(3, -1)
    assert (places[1] != places[2]).all()


def test_a_batch_size_does_not_stand_on_the_curve(sweeps: dict[str, Sweep]) -> None:
    chosen = sweeps["maxprob"]
    (run, *_), step = fresh(1).measured.runs, 30
    just_below = replace(run, speed_up=1 / float(chosen.cost[step]), accuracy=float(chosen.accuracy[step]) - 0.02)
    entry = replace(fresh(1).measured, runs=(just_below,))
    marks = figures.front(chosen, "Title", sweeps["random_mix"], sweeps["oracle"], [entry]).data[-1]
    assert list(marks.textposition) == ["bottom center"]


def said(entry: Measured, *others: Measured) -> str:
    return speedup_sentence(entry, judged(entry, (entry, *others)), ("Exit 1", "Exit 2", "Exit 3", "Exit 4"))


def test_the_page_says_where_stopping_early_pays_and_where_not() -> None:
    text = said(fresh(32).measured)
    assert text.startswith(f"Batch 32 on {DEVICE}, 512 test images timed: stopping early pays at a budget of 25% (2.0 times as fast")
    assert "50% (1.5 times" in text
    assert "at a budget of 75% it does not pay, being 1.1 times slower than the full network, because" in text
    assert "Exit 3 alone is 1.3 times as fast as the full network and gets 60.0% right, the cascade 69.0%" in text
    assert text.endswith(".") and "\n" not in text and ". " not in text


def test_the_page_says_why_and_says_it_once() -> None:
    text = said(fresh(1).measured)
    assert text.count("because") == 1 and "for the same reason" in text and "deciding" in text
    slow = replace(fresh(1).measured.runs[0], speed_up=0.9, ideal_by_times=1.0)
    alone = replace(fresh(1).measured, runs=(slow,))
    assert "more time for a multiplication" in said(alone)
    assert "one image a batch" in said(alone, fresh(32).measured)
    assert "exits passed on the way" in said(replace(alone, runs=(replace(slow, ideal_by_macs=1.0),)))
    assert "no budget was run" in said(replace(alone, runs=()))


def test_an_exit_that_does_as_well_is_named() -> None:
    entry = fresh(32).measured
    matched = replace(entry, runs=(replace(entry.runs[0], speed_up=1.3, accuracy=0.6),))
    assert "1.3 times as fast as the full network and still does not pay: Exit 3 alone is 1.3 times as fast" in said(matched)


def test_measured_units_have_readable_names() -> None:
    entries = [replace(fresh(32).measured, units={"ms": "ms_batch_32", "joules": "joules_batch_32"})]
    assert unit_title("ms_batch_32", entries) == f"Milliseconds per image, batch 32, {DEVICE}"
    assert unit_title("joules_batch_32", entries) == f"Joules per image, measured, batch 32, {DEVICE}"
    assert unit_title("ms_batch_1", entries) == "Milliseconds per image, batch 1"
    assert unit_title("macs", entries) == "Compute (MACs)" and unit_title("apples") == "apples"
    assert spent("ms_batch_32_2") == "time at batch 32" and spent("joules_batch_1") == "energy at batch 1" and spent("macs") == "compute"


def test_no_chart_may_send_anything_anywhere() -> None:
    assert figures.CONFIG["showSendToCloud"] is False and figures.CONFIG["displaylogo"] is False


def test_the_alt_sentence_tells_the_numbers(sweeps: dict[str, Sweep]) -> None:
    chosen = sweeps["maxprob"]
    alt = figures.front_alt(chosen, "MSDNet", sweeps["random_mix"], sweeps["oracle"])
    assert f"{100 * chosen.accuracy[0]:.1f}%" in alt and f"{100 * chosen.accuracy[-1]:.1f}%" in alt
    shares = figures.exit_shares_alt(chosen, ("a", "b", "c", "d"), 20)
    assert f"a {100 * chosen.shares[20, 0]:.1f}%" in shares


def test_every_budget_has_its_sentence(sweeps: dict[str, Sweep]) -> None:
    chosen = sweeps["maxprob"]
    sentences = [budget_sentence(chosen, step) for step in range(len(chosen.budgets))]
    assert all(f"gets {100 * a:.1f}% right" in text for a, text in zip(chosen.accuracy, sentences, strict=True))
    assert "as many as running everything" in sentences[-1] and "next to no image" in sentences[-1]
    assert "nearly every image leaves before half-way" in sentences[0]


@pytest.mark.parametrize("exits", [1, 2, 5, 12])
def test_exits_have_colours_that_differ_and_hold_on_both_pages(exits: int) -> None:
    colours = exit_colours(exits)
    assert len(set(colours)) == exits
    for colour in colours:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        light = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
        dark_page = 0.0079  # the luminance of #0F171B
        assert 1.05 / (light + 0.05) > 1.7 and (light + 0.05) / (dark_page + 0.05) > 1.6
