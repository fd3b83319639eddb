"""The explore view without a script of our own: stock slider, stock charts, stock images.

Nothing moves during a drag, everything on release. It is for browsers in which the live block does not run, and the baseline that the
live block is measured against.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.address import BUNDLE, POLICY, UNIT
from app.dataset_texts import shown_text
from app.figures.exit_shares import EXIT_SHARES
from app.figures.front import FRONT
from app.selection import Option, Selection, select
from app.shown import Shown
from app.widgets.chart import draw_chart
from app.wording import budget_sentence, faces_sentence, literal, percent, told
from app.worker.pictures import Album
from engine.analysis.steps_to_exit_change import steps_to_change
from engine.bundle.bundle import Bundle
from engine.bundle.library import Entry
from engine.display_text import counted
from engine.errors import UserError
from engine.splits import Split

IMAGES, TEXT = 12, 200  # for each exit; characters of a text


def basic_selection(whole: Mapping[str, Entry], query: Mapping[str, str]) -> Selection:
    """Select boxes for bundle, policy and unit, which start where the address says. whole: see `app.selection.select`"""
    wanted = select(whole, query)
    for notice in wanted.notices:
        st.warning(literal(notice))
    columns = st.columns([3, 4, 4])
    bundle = _select_box(columns[0], "Bundle", BUNDLE, wanted.bundles, wanted.entry.id)
    wanted = select(whole, {**query, BUNDLE: bundle})
    policy = _select_box(columns[1], "Policy", POLICY, wanted.policies, wanted.policy)
    unit = _select_box(columns[2], "Cost in", UNIT, wanted.units, wanted.unit)
    return select(whole, {BUNDLE: bundle, POLICY: policy, UNIT: unit})


def _select_box(column: DeltaGenerator, label: str, key: str, options: Sequence[Option], start: str) -> str:
    values, titles = [option.value for option in options], {option.value: option.title for option in options}
    key = f"basic-{key}"
    if st.session_state.get(key) not in values:
        st.session_state[key] = start
    return column.selectbox(label, values, key=key, format_func=lambda value: titles[value])


def basic_explore(shown: Shown, images: Album, start: float, key: str) -> None:
    """The same view as the live block's, after every release. start: the budget at which the slider begins"""
    sweep = shown.sweep
    options = [float(budget) for budget in sweep.budgets]
    first = min(options, key=lambda budget: abs(budget - start))
    step = options.index(st.select_slider("Budget", options, first, key=key, format_func=percent))
    st.header(literal(budget_sentence(sweep, step, shown.words)), anchor=False)
    if sweep.notes[step]:
        st.caption(literal(told(sweep.notes[step], shown.bundle)))
    if shown.scope:
        st.caption(literal(shown.scope))
    front, shares = st.columns(2)
    with front:
        draw_chart(FRONT, shown, step, f"{key}-front")
        for sentence in shown.speedup_verdicts():
            st.caption(literal(sentence))
    with shares:
        draw_chart(EXIT_SHARES, shown, step, f"{key}-shares")
    _gallery(shown, images, step)


def _gallery(shown: Shown, images: Album, step: int) -> None:
    bundle, exit = shown.bundle, shown.sweep.exit
    if images.pictures is None and bundle.texts is None:
        st.caption(literal(faces_sentence(bundle, images.missing)))
        return
    test = np.flatnonzero(bundle.outputs.split == Split.TEST)
    steps_away = steps_to_change(exit)[step]
    for k, name in enumerate(bundle.exit_names):
        leaving = np.flatnonzero(exit[step] == k)
        nearest = test[leaving[np.argsort(steps_away[leaving], kind="stable")][:IMAGES]]
        st.markdown(f"**{literal(name)}**: {counted(len(leaving), shown.words.one)}")
        if images.pictures is None:
            for text in () if bundle.texts is None else map(shown_text(bundle), bundle.texts[nearest]):
                st.caption(literal(text[:TEXT]))
            continue
        try:
            encoded = images.pictures.many(bundle.outputs.ids[nearest].tolist())
        except UserError as problem:
            st.caption(literal(str(problem)))
            return
        with st.container(horizontal=True):
            for image, example in zip(encoded, nearest.tolist(), strict=True):
                if image:
                    st.image(image, width=56, alt=_described(bundle, example))


def _described(bundle: Bundle, example: int) -> str:
    """Its class, or else its id."""
    labels = bundle.outputs.labels
    if labels is not None and bundle.class_names:
        return bundle.class_names[labels[example]]
    return str((bundle.outputs.ids if bundle.id_texts is None else bundle.id_texts)[example])
