"""The explore view without a script of our own: stock slider, stock charts, stock images.

Nothing moves during a drag, everything on release. It is for browsers in which the live block does not run, and the baseline that the
live block is measured against.
"""

import numpy as np
import streamlit as st

from app.figures.exit_shares import EXIT_SHARES
from app.figures.front import FRONT
from app.shown import Shown
from app.state import ViewState
from app.widgets.chart import draw_chart
from app.wording import budget_sentence, literal, percent
from app.worker.pictures import Album
from engine.analysis.steps_to_exit_change import steps_to_change
from engine.errors import UserError
from engine.splits import Split

IMAGES = 12  # for each exit


def fallback(shown: Shown, images: Album, start: ViewState, key: str) -> ViewState:
    """The same view as the live block's, after every release. start: where the slider begins"""
    sweep = shown.sweep
    options = [float(budget) for budget in sweep.budgets]
    first = min(options, key=lambda budget: abs(budget - start.budget))
    budget = st.select_slider("Budget", options, first, key=key, format_func=percent)
    step = options.index(budget)
    st.subheader(literal(budget_sentence(sweep, step)), anchor=False)
    if sweep.notes[step]:
        st.caption(literal(sweep.notes[step]))
    front, shares = st.columns(2)
    with front:
        draw_chart(FRONT, shown, step, f"{key}-front")
        for sentence in shown.speedup_verdicts():
            st.caption(literal(sentence))
    with shares:
        draw_chart(EXIT_SHARES, shown, step, f"{key}-shares")
    _gallery(shown, images, step)
    return ViewState(budget, start.shown_class, start.show, start.picked)


def _gallery(shown: Shown, images: Album, step: int) -> None:
    if images.pictures is None:
        st.caption(literal(images.missing))
        return
    outputs, exit = shown.bundle.outputs, shown.sweep.exit
    ids = outputs.ids[outputs.split == Split.TEST]
    steps_away = steps_to_change(exit)[step]
    for k, name in enumerate(shown.bundle.exit_names):
        leaving = np.flatnonzero(exit[step] == k)
        nearest = leaving[np.argsort(steps_away[leaving], kind="stable")][:IMAGES]
        st.markdown(f"**{literal(name)}**: {len(leaving):,} images")
        try:
            encoded = images.pictures.many(ids[nearest].tolist())
        except UserError as problem:
            st.caption(literal(str(problem)))
            return
        with st.container(horizontal=True):
            for image in filter(None, encoded):
                st.image(image, width=56)
