"""Figures hold what the sweep found, and their sentences say it."""

import json

import numpy as np
import pytest

from app import figures
from app.colours import exit_colours
from app.words import budget_sentence
from engine.policies import POLICIES
from engine.sweep import Sweep, sweep
from tests import synthetic


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
