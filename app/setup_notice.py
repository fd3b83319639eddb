"""One line above every view while packages are installed in the background, see app.setup_state."""

import streamlit as st

from app.setup_state import setup_state
from app.wording import literal

PAUSE = 2.0  # seconds between two looks


def show_setup() -> None:
    """Nothing, once everything is there or if it never will be: then the places that need torch say so."""
    state = setup_state()
    if state.installing:
        _follow()
    elif state.unavailable_reason and not state.lasting:
        st.caption(literal(state.unavailable_reason))


@st.fragment(run_every=PAUSE)
def _follow() -> None:
    state = setup_state()
    if not state.installing:
        st.rerun()  # what was missing can be shown now
    progress = str(state.unavailable_reason).partition(";")[0]
    st.caption(literal(f"{progress}. Everything that runs no network works already."))
