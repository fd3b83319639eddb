"""Library: the bundles, where they come from, and what is wrong with those that do not open."""

import streamlit as st

from app import store
from app.views.registry import view
from app.wording import NO_BUNDLE, literal, unit_title
from engine.bundle.bundle import Bundle
from engine.errors import UserError


@view(title="Library", url_path="library", order=30)
def library() -> None:
    st.title("Library")
    st.write("A bundle holds the outputs of every exit of a network for every example of a data set.")
    entries = store.listed()
    if not entries:
        st.info(NO_BUNDLE)
    for entry in entries:
        with st.container(border=True):
            try:
                _card(entry.id, store.opened(entry))
            except UserError as problem:
                st.subheader(literal(entry.id), anchor=False)
                st.warning(literal(str(problem)))


def _card(id: str, bundle: Bundle) -> None:
    outputs = bundle.outputs
    st.subheader(literal(bundle.title), anchor=False)
    images = f"{len(bundle.images):,} images" if bundle.images is not None else "no images"
    size = f"{outputs.exits} exits, {outputs.classes} classes, {outputs.examples:,} examples, {images}"
    st.write(f"{literal(id)}: {size}. All checksums match.")
    for unit, note in bundle.unit_notes.items():
        st.caption(literal(f"{unit_title(unit)}: {note}"))
    with st.expander("Provenance"):
        st.json(bundle.provenance)
