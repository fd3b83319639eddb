"""What all visitors share: opened bundles and finished sweeps, kept read-only.

Everything is keyed by the state of the files on disk, so a bundle that was replaced is opened anew and one that broke is noticed.
"""

import streamlit as st

from engine.asking import Answer, Promise, by_accuracy_floor, by_guarantee
from engine.bundle import Bundle, read_bundle
from engine.library import Entry, entries
from engine.policies import POLICIES
from engine.sweep import Sweep, sweep

#: Budgets a sweep of the page has: one for every half per cent or so, finer than a hand moves a slider.
STEPS = 201
#: The shipped bundle whose pictures are our own.
FIRST = "doodles"
#: Rules drawn beside every policy. The static exits, mixing them, and what nobody can beat.
STATIC, MIX, ORACLE = "static", "random_mix", "oracle"

Stamp = tuple[tuple[str, int, int], ...]


@st.cache_resource(show_spinner=False, max_entries=16)
def _opened(folder: str, stamp: Stamp, _entry: Entry) -> Bundle:
    return read_bundle(_entry.folder)


@st.cache_resource(show_spinner=False, max_entries=128)
def _swept(folder: str, stamp: Stamp, policy: str, unit: str, _bundle: Bundle) -> Sweep:
    return sweep(POLICIES[policy], _bundle.outputs, STEPS, unit)


@st.cache_resource(show_spinner=False, max_entries=256)
def _for_accuracy(folder: str, stamp: Stamp, policy: str, unit: str, floor: float, _bundle: Bundle) -> Answer:
    return by_accuracy_floor(POLICIES[policy], _bundle.outputs, floor, unit)


@st.cache_resource(show_spinner=False, max_entries=256)
def _for_promise(folder: str, stamp: Stamp, unit: str, promise: Promise, _bundle: Bundle) -> Answer:
    return by_guarantee(_bundle.outputs, promise, unit)


def listed() -> list[Entry]:
    """Every bundle folder there is, whole or broken; the one that can always show its pictures comes first."""
    return sorted(entries(), key=lambda entry: entry.id != FIRST)


def opened(entry: Entry) -> Bundle:
    """A bundle, checked when it was first opened. Raises UserError if it is damaged."""
    return _opened(str(entry.folder), entry.stamp(), entry)


def swept(entry: Entry, policy: str, unit: str) -> Sweep:
    """A policy over all budgets of the page."""
    return _swept(str(entry.folder), entry.stamp(), policy, unit, opened(entry))


def for_accuracy(entry: Entry, policy: str, unit: str, floor: float) -> Answer:
    """The cheapest setting of a policy that is right so often on calibration. Raises UserError if none is."""
    return _for_accuracy(str(entry.folder), entry.stamp(), policy, unit, floor, opened(entry))


def for_promise(entry: Entry, unit: str, promise: Promise) -> Answer:
    """The cheapest shared threshold that keeps a promise about errors."""
    return _for_promise(str(entry.folder), entry.stamp(), unit, promise, opened(entry))
