"""Explore: drag a budget and see which images leave at which exit of a network."""

import streamlit as st

from app import address
from app.explore_data import explore_data
from app.figures import real_runs
from app.figures.front import FRONT
from app.selection import openable, select
from app.shown import Shown
from app.views.registry import view
from app.widgets.basic_controls import basic_explore, basic_selection
from app.widgets.chart import draw_table
from app.widgets.dataset_download import dataset_download
from app.widgets.explore import explore_block
from app.widgets.hidden_title import hidden_title
from app.widgets.target_form import target_form
from app.wording import NO_BUNDLE, fitting, literal
from app.worker.pictures import album

_BASIC = "basic"


@view(title="Explore", url_path="explore", order=10, default=True)
def explore() -> None:
    hidden_title("Explore")
    whole, problems = openable()
    for problem in problems:
        st.warning(literal(problem))
    if not whole:
        st.info(NO_BUNDLE)
        return
    query = st.session_state.get(address.ADDRESS, {})
    basic = st.session_state.setdefault(_BASIC, query.get(address.FALLBACK) == "1")
    selection = basic_selection(whole, query) if basic else select(whole, query)
    dataset_download(selection.entry)
    if basic:
        with st.spinner(literal(f"{fitting(selection.policy_on_bundle)} …"), show_time=True):
            shown = Shown.of(selection.entry, selection.policy, selection.unit)
        basic_explore(shown, album(selection.entry), address.budget_of(query), key=f"basic-{selection.entry.id}")
        target_form(selection.entry, selection.policy, selection.unit)
        _numbers(shown)
    elif Shown.is_ready(selection.entry, selection.policy, selection.unit):
        shown = Shown.of(selection.entry, selection.policy, selection.unit)
        explore_block(explore_data(selection, shown, address.budget_of(query)))
        _numbers(shown)
    else:  # fitted when the browser asks for it, with its progress in sight
        explore_block(None)
    st.toggle(
        "Basic controls",
        key=_BASIC,
        help="Stock widgets only: nothing moves while you drag. For browsers in which the page’s own do not work.",
    )


def _numbers(shown: Shown) -> None:
    with st.expander("The numbers"):
        draw_table(FRONT.table(shown, 0))
        if shown.measured:
            draw_table(real_runs.table(shown.measured))
