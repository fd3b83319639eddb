"""A target instead of a budget: an accuracy to reach, or a limit on extra errors. The result is a budget that the page can go to."""

from collections.abc import Callable

import streamlit as st

from app import store
from app.wording import literal, percent, spent
from engine.bundle.library import Entry
from engine.errors import UserError
from engine.policies import POLICIES
from engine.targets import Promise, TargetResult

FLOOR, GUARANTEE = "Minimum accuracy", "Limit on extra errors, guaranteed"


def target_form(entry: Entry, policy: str, unit: str, go: Callable[[str, float], None]) -> None:
    """The form and its result. go(policy, budget) is called when the visitor wants to see the result on the front."""
    # Computed only on demand: a learned policy takes seconds to fit.
    if not st.toggle("Set a target instead of a budget", key="target"):
        return
    columns = st.columns([3, 2, 2], vertical_alignment="bottom")
    kind = columns[0].radio("Target", (FLOOR, GUARANTEE), horizontal=True, key="target-kind")
    try:
        if kind == FLOOR:
            percentage = columns[1].number_input("Accuracy (%)", 1.0, 100.0, 95.0, 0.5, key="target-accuracy")
            result = store.for_accuracy(entry, policy, unit, percentage / 100)
        else:
            extra = columns[1].number_input("Extra errors (%)", 0.1, 50.0, 1.0, 0.1, key="target-errors")
            confidence = columns[2].number_input("Confidence (%)", 50.0, 99.9, 90.0, 1.0, key="target-confidence")
            result = store.for_promise(entry, unit, Promise(extra / 100, confidence / 100))
    except UserError as problem:
        st.warning(literal(str(problem)))
        return
    st.markdown(literal(result_sentences(result, store.opened(entry).outputs.test().examples)))
    st.button("Show on the front", on_click=go, args=(result.policy, result.planned_cost))


def result_sentences(result: TargetResult, examples: int) -> str:
    """What the rule does on calibration, where it was tuned, and on the test examples. examples: how many those are"""
    tuned, test, what = result.calibration, result.test, spent(result.unit)
    tuning = f"{percent(tuned.accuracy)} accuracy at {percent(tuned.cost)} of the {what} on calibration, where it was tuned"
    on_test = f"On {examples:,} test examples: {percent(test.accuracy)} accuracy at {percent(test.cost)} of the {what}"
    return (
        f"{POLICIES[result.policy].title}: {tuning}. {on_test}; full network: {percent(result.full.accuracy)}. {result.rule.note}".strip()
    )
