"""What the live block of the explore view gets with the page: the sentence, the front, and the addresses of the rest.

It is small, so that the first paint waits for no download. The resources of the bundle and of the sweep are fetched over HTTP.
"""

import json
from typing import Any, cast

import numpy as np

from app import media, resources
from app.figures.front import FRONT, figure
from app.figures.style import CONFIG
from app.shown import Shown
from app.state import ViewState
from app.wording import budget_sentence
from app.worker.pictures import Album, album
from engine.bundle.library import Entry


def explore_data(entry: Entry, shown: Shown, start: ViewState) -> dict[str, Any]:
    """Plain JSON values without NaN. start: where the block begins"""
    return data_of(entry, shown, album(entry), start)


def data_of(entry: Entry, shown: Shown, images: Album, start: ViewState) -> dict[str, Any]:
    sweep_address = resources.sweep_address(entry, shown.policy, shown.sweep.unit)
    step = int(np.abs(shown.sweep.budgets - start.budget).argmin())
    return {
        "resources": {"bundle": resources.bundle_address(entry), "sweep": sweep_address, "answers": f"{sweep_address}/answers"},
        "firstSentence": budget_sentence(shown.sweep, step),
        "figure": json.loads(cast("str", figure(shown).to_json())),
        "config": CONFIG,
        "alt": FRONT.alt(shown, 0),
        "speedupVerdict": shown.speedup_verdicts(),
        "plotly": media.plotly_address(),
        "images": media.images_address(entry) if images.pictures is not None else None,
        "missing": images.missing,
    }
