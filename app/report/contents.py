"""What goes into a report: the first paint, the resources, and as many examples with their images as fit."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from app.address import DEFAULT_BUDGET
from app.payload.bundle_resource import bundle_resource
from app.payload.container import Packed, encode
from app.payload.first_paint import first_paint
from app.payload.policy_cards import policy_cards
from app.payload.predictions import predictions_resource
from app.payload.sweep_resource import sweep_resource
from app.payload.take_home_resource import take_home_resource
from app.report.single_file import Embedded
from app.shown import Shown
from app.wording import footer, held_terms, page_title, unit_title
from app.worker.pictures import Album
from engine.bundle.bundle import Bundle
from engine.hashing import hash_uniform
from engine.splits import Split

#: The view that a file shows.
VIEW = "Explore"
#: Of the hash that draws them. By the one that random mixes draw with, all examples of a sample would take the same way.
SEED = 1004
#: Examples in a file unless another number is asked for, at most.
MOST_EXAMPLES = 10_000
#: Characters of texts in a file unless a number of examples is asked for. Compressed, they take about a third.
TEXT_CHARACTERS = 1_400_000
#: Bytes of images and masks in a file unless a number of examples is asked for. With the rest, a file then stays below 3 MB.
IMAGE_BYTES = 1_400_000


def report(shown: Shown, images: Album, examples: int | None = None, budget: float | None = None) -> Embedded:
    """budget: that the file opens at, the page's default if left out
    examples: how many to carry; if left out, as many as fit. Shares, accuracy and costs are always those of all test examples."""
    bundle, sweep = shown.bundle, shown.sweep
    order = _shuffled(bundle)[: examples or MOST_EXAMPLES]
    ids = bundle.outputs.ids[bundle.outputs.split == Split.TEST]
    encoded = images.pictures.many(ids[order].tolist()) if images.pictures is not None else []
    if examples is None:
        fitting = len(order)
        if encoded:
            fitting = _fitting(
                [len(image) + masks for image, masks in zip(encoded, _mask_bytes(bundle, ids[order]), strict=True)], IMAGE_BYTES
            )
        if bundle.texts is not None:
            texts = bundle.texts[bundle.outputs.split == Split.TEST][order]
            fitting = min(fitting, _fitting([len(text) for text in texts], TEXT_CHARACTERS))
        order, encoded = order[:fitting], encoded[:fitting]
    sort = np.argsort(order)
    rows = order[sort]
    resources = {
        "bundle": bundle_resource(bundle, rows),
        "sweep": sweep_resource(shown, rows),
        "predictions": predictions_resource(shown, rows),
        "takehome": take_home_resource(shown, rows),
    }
    if encoded:
        resources["images"] = _packed([encoded[i] for i in sort])
    unit = sweep.unit
    named = {"bundle": bundle.id, "policy": shown.policy, "unit": unit}
    titles = {"bundle": bundle.title, "policy": shown.title, "unit": unit_title(unit, bundle.measured)}
    helps = {"unit": bundle.unit_notes.get(unit) or ""}
    data = {
        "selection": named,
        "defaults": named,
        "choices": {name: [{"value": named[name], "title": titles[name], "help": helps.get(name, "")}] for name in named}
        | {"unavailable": []},
        "notices": [],
        "cards": policy_cards([shown.policy]),
        "scope": " ".join(filter(None, (_scope(len(rows), shown), shown.scope))),
        **first_paint(shown, _missing(images, bundle), DEFAULT_BUDGET if budget is None else budget),
    }
    terms = data["terms"] = held_terms(bundle, bool(encoded))
    last = footer(bundle.provenance)
    view = "" if budget is None else f"budget={budget:g}"
    return Embedded(page_title(bundle.title, VIEW), f"This file holds {terms}. {last}" if terms else last, data, resources, view)


def _shuffled(bundle: Bundle) -> NDArray[np.int64]:
    """Rows of the test examples in an order that depends on their ids alone: its beginning is a random sample."""
    return np.argsort(hash_uniform(bundle.outputs.ids[bundle.outputs.split == Split.TEST], SEED), kind="stable")


def _mask_bytes(bundle: Bundle, ids: NDArray[np.int64]) -> list[int]:
    return [0] * len(ids) if bundle.masks is None else [bundle.masks.size_of(id) for id in ids.tolist()]


def _fitting(sizes: Sequence[int], most: int) -> int:
    """How many of the first fit."""
    left = most
    for number, size in enumerate(sizes):
        left -= size
        if left < 0:
            return number
    return len(sizes)


def _missing(images: Album, bundle: Bundle) -> str:
    """As a reader of the file understands it, on whatever computer."""
    if not images.reason:
        return images.missing
    return f"This file holds no {'texts' if bundle.reads_texts else 'images'}, because {images.reason}."


def _scope(carried: int, shown: Shown) -> str:
    tested = shown.sweep.examples
    if carried == tested:
        return ""
    if shown.bundle.whole is not None:
        return f"This file holds {carried:,} examples at random, of the {tested:,} that are the sample of this bundle."
    numbers = f"shares, {shown.words.measure} and costs"
    return f"This file holds a random sample of {carried:,} of the {tested:,} test examples; {numbers} are those of all."


def _packed(images: Sequence[bytes]) -> bytes:
    """size: (rows,) bytes of each image, 0 for an example without one;  images: all of them, one after the other"""
    size = np.array([len(image) for image in images], np.uint32)
    return encode({}, {"size": Packed(size, "u4"), "images": Packed(np.frombuffer(b"".join(images), np.uint8), "u1")})
