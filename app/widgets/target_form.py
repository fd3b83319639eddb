"""Three ways to ask, one answer: besides a budget, an accuracy to reach or a promise to keep. The answer is a budget one can go to."""

from collections.abc import Callable

import streamlit as st

from app import store
from app.wording import literal, percent, spent
from engine.bundle.library import Entry
from engine.errors import UserError
from engine.policies import POLICIES
from engine.targets import Promise, TargetResult

FLOOR, GUARANTEE = "Right at least", "At most so many more errors, guaranteed"


def target_form(entry: Entry, policy: str, unit: str, go: Callable[[str, float], None]) -> None:
    """A question and its answer. go(policy, budget) is called when the visitor wants to see the answer on the front."""
    # Worked out only once somebody asks: a learned policy takes seconds to fit.
    if not st.toggle("Ask for an accuracy or a guarantee instead of a budget", key="ask"):
        return
    columns = st.columns([3, 2, 2], vertical_alignment="bottom")
    how = columns[0].radio("Ask for", (FLOOR, GUARANTEE), horizontal=True, key="ask-how")
    try:
        if how == FLOOR:
            percentage = columns[1].number_input("Percent right", 1.0, 100.0, 95.0, 0.5, key="ask-floor")
            answer = store.for_accuracy(entry, policy, unit, percentage / 100)
        else:
            more = columns[1].number_input("Percent more errors", 0.1, 50.0, 1.0, 0.1, key="ask-more")
            confidence = columns[2].number_input("Confidence, percent", 50.0, 99.9, 90.0, 1.0, key="ask-confidence")
            answer = store.for_promise(entry, unit, Promise(more / 100, confidence / 100))
    except UserError as problem:
        st.warning(literal(str(problem)))
        return
    st.markdown(literal(answer_sentence(answer, store.opened(entry).outputs.test().examples)))
    st.button("Show it on the front", on_click=go, args=(answer.policy, answer.planned_cost))


def answer_sentence(answer: TargetResult, examples: int) -> str:
    """What was found, where it was chosen, and what it does on so many test examples."""
    tuned, test = answer.calibration, answer.test
    chosen = f"{percent(tuned.cost)} of the full network’s {spent(answer.unit)} gets {percent(tuned.accuracy)} right on calibration"
    reported = f"On {examples:,} test examples it spends {percent(test.cost)} and gets {percent(test.accuracy)} right"
    full = f"the full network gets {percent(answer.full.accuracy)}"
    sentences = f"{POLICIES[answer.policy].title}: {chosen}, where it was chosen. {reported}; {full}."
    return f"{sentences} {answer.rule.note}".strip()
