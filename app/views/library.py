"""Library: the bundles, where they come from, and what is wrong with those that do not open."""

import streamlit as st

from app import store
from app.likely_mistakes import likely_mistakes
from app.scope import shown_sample
from app.views.registry import view
from app.wording import NO_BUNDLE, bundle_size, import_sentences, literal, unit_title
from engine.bundle.bundle import Bundle
from engine.errors import UserError


@view(title="Library", url_path="library", order=30, of_bundle=False)
def library() -> None:
    st.title("Library")
    st.write("A bundle holds the outputs of every exit of a network, or of every model in a log, for every example of a data set.")
    entries = store.listed()
    if not entries:
        st.info(NO_BUNDLE)
    for entry in entries:
        with st.container(border=True):
            try:
                _card(entry.id, store.opened(entry))
            except UserError as problem:
                st.header(literal(entry.id), anchor=False)
                st.warning(literal(str(problem)))


def _card(id: str, bundle: Bundle) -> None:
    st.header(literal(bundle.title), anchor=False)
    checked = (
        "All checksums match."
        if bundle.whole is None
        else f"The checksums of its sample match; `python -m engine verify {literal(id)}` checks all."
    )
    st.write(f"{literal(id)}: {bundle_size(bundle)}. {checked}")
    if bundle.whole is not None:
        st.write(literal(shown_sample(bundle)))
    for sentence in import_sentences(bundle):
        st.write(literal(sentence))
    for unit, note in bundle.unit_notes.items():
        st.caption(literal(f"{unit_title(unit)}: {note}"))
    for sentence in likely_mistakes(bundle.provenance):
        st.warning(literal(sentence))
    with st.expander("Provenance"):
        st.json(bundle.provenance)
