"""What the live block of the explore view gets from the server first: what it can select, a first paint, and the addresses of the rest.

It is small, so that the first paint waits for no download. The resources of the bundle and of the sweep are fetched over HTTP.
"""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from app import media, resources
from app.payload.first_paint import first_paint
from app.scope import figures_of_sample
from app.selection import Option, Selection
from app.shown import Shown
from app.wording import held_terms
from app.worker.pictures import Album, album
from engine.recipes.texts import why_no_network


def explore_data(selection: Selection, shown: Shown, budget: float) -> dict[str, Any]:
    """Plain JSON values without NaN, `ServedData` in app/web/hosts/opening.js. budget: of the first paint"""
    return data_of(selection, shown, album(selection.entry), budget)


def data_of(selection: Selection, shown: Shown, images: Album, budget: float) -> dict[str, Any]:
    entry = selection.entry
    sweep = resources.sweep_address(entry, shown.policy, shown.sweep.unit)
    return {
        "selection": selection.names,
        "defaults": selection.defaults,
        "choices": {
            "bundle": _options(selection.bundles),
            "policy": _options(selection.policies),
            "unit": _options(selection.units),
            "unavailable": list(selection.unavailable),
        },
        "notices": list(selection.notices),
        "resources": {"bundle": resources.bundle_address(entry), "sweep": sweep, "predictions": f"{sweep}/predictions"},
        "takeHome": urlencode(selection.names),
        "version": media.bundle_version(entry),
        "images": media.images_address(entry) if images.pictures is not None else None,
        "scope": shown.scope,
        **({"sampled": figures_of_sample(shown.bundle, shown.sweep)} if shown.is_sampled else {}),
        "terms": held_terms(shown.bundle, images.pictures is not None),
        "noWords": why_no_network(shown.bundle.provenance) if shown.bundle.texts is not None else "",
        **first_paint(shown, images.missing, budget),
    }


def _options(options: Sequence[Option]) -> list[dict[str, str]]:
    return [{"value": option.value, "title": option.title, "help": option.help} for option in options]
