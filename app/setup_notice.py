"""One line above every view while PyTorch is being installed in the background; see app.setup_state."""

import streamlit as st

from app.setup_state import setup_state
from app.wording import literal

INTERVAL = 2.0  # seconds between updates


def show_setup() -> None:
    """Show the line. A platform without torch has none: the places that need torch say so."""
    state = setup_state()
    if state.installing:
        _show_progress()
    elif state.unavailable_reason and not state.lasting:
        st.caption(literal(state.unavailable_reason))


@st.fragment(run_every=INTERVAL)
def _show_progress() -> None:
    state = setup_state()
    if not state.installing:
        st.rerun()  # images that were missing can be shown now
    progress = str(state.unavailable_reason).partition(";")[0]
    st.caption(literal(f"{progress}. Everything that does not run a network works already."))
