"""A target instead of a budget, for the basic controls: an accuracy to reach, or a limit on extra errors."""

import streamlit as st

from app import store
from app.wording import Words, literal, result_sentences
from engine.bundle.library import Entry
from engine.errors import UserError
from engine.targets import Promise

FLOOR, GUARANTEE = "Minimum {}", "Limit on extra errors, guaranteed"


def target_form(entry: Entry, policy: str, unit: str) -> None:
    """The form and its result."""
    # Computed only on demand: a learned policy takes seconds to fit.
    if not st.toggle("Set a target instead of a budget", key="target"):
        return
    bundle = store.opened(entry)
    words = Words.of(bundle)
    columns = st.columns([3, 2, 2], vertical_alignment="bottom")
    kind = columns[0].radio("Target", (FLOOR.format(words.measure), GUARANTEE), horizontal=True, key="target-kind")
    try:
        if kind != GUARANTEE:
            if words.graded:
                floor = columns[1].number_input("Quality", 0.0, 1.0, 0.5, 0.01, key="target-quality")
            else:
                floor = columns[1].number_input("Accuracy (%)", 1.0, 100.0, 95.0, 0.5, key="target-accuracy") / 100
            result = store.for_accuracy(entry, policy, unit, floor)
        else:
            extra = columns[1].number_input("Extra errors (%)", 0.1, 50.0, 1.0, 0.1, key="target-errors")
            confidence = columns[2].number_input("Confidence (%)", 50.0, 99.9, 90.0, 1.0, key="target-confidence")
            result = store.for_promise(entry, unit, Promise(extra / 100, confidence / 100))
    except UserError as problem:
        st.warning(literal(str(problem)))
        return
    st.markdown(literal(result_sentences(result, bundle.outputs.test().examples, words)))
