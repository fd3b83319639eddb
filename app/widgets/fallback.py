"""The block without a script of our own: stock slider, stock charts, stock pictures.

Nothing follows the hand, everything follows its release. It is what remains where the live block cannot run, and what that one is
measured against.
"""

import numpy as np
import streamlit as st

from app import wording as words
from app.figures import front as figures
from app.payload.explore import Shown
from app.state import View
from engine.analysis.steps_to_exit_change import steps_to_change
from engine.errors import UserError
from engine.policies import POLICIES
from engine.splits import Split

PICTURES = 12  # per exit


def fallback(shown: Shown, start: View, key: str) -> View:
    """The same view as the live block's, after every release. start: where the slider begins."""
    chosen = shown.chosen
    options = [float(budget) for budget in chosen.budgets]
    first = min(options, key=lambda budget: abs(budget - start.budget))
    budget = st.select_slider("Budget", options, first, key=key, format_func=words.percent)
    step = options.index(budget)
    st.subheader(words.literal(words.budget_sentence(chosen, step)), anchor=False)
    if chosen.notes[step]:
        st.caption(words.literal(chosen.notes[step]))
    left, beside = st.columns(2)
    title = POLICIES[shown.policy].title
    with left:
        front = figures.with_point(figures.front(chosen, title, shown.mix, shown.oracle, shown.measured), chosen, step)
        alt = figures.front_alt(chosen, title, shown.mix, shown.oracle, shown.measured)
        st.plotly_chart(front, config=figures.CONFIG, alt=alt, key=f"{key}-front")
        for sentence in shown.speedup_verdicts():
            st.caption(words.literal(sentence))
    with beside:
        shares = figures.exit_shares(chosen, shown.bundle.exit_names, step)
        alt = figures.exit_shares_alt(chosen, shown.bundle.exit_names, step)
        st.plotly_chart(shares, config=figures.CONFIG, alt=alt, key=f"{key}-shares")
    _pictures(shown, step)
    return View(budget, start.shown_class, start.show, start.picked)


def _pictures(shown: Shown, step: int) -> None:
    bundle, images = shown.bundle, shown.album.pictures
    if images is None:
        st.caption(words.literal(shown.album.missing))
        return
    ids = bundle.outputs.ids[bundle.outputs.split == Split.TEST]
    exit = shown.chosen.exit
    away = steps_to_change(exit)[step]
    for k, name in enumerate(bundle.exit_names):
        there = np.flatnonzero(exit[step] == k)
        nearest = there[np.argsort(away[there], kind="stable")][:PICTURES]
        st.markdown(f"**{words.literal(name)}**: {len(there):,} images")
        try:
            pictures = images.many(ids[nearest].tolist())
        except UserError as problem:
            st.caption(words.literal(str(problem)))
            return
        with st.container(horizontal=True):
            for picture in filter(None, pictures):
                st.image(picture, width=56)
