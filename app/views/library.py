"""Library: the bundles that are here, what made them, and what is wrong with those that do not open."""

import streamlit as st

from app import store
from app.wording import literal, unit_title
from engine.bundle.bundle import Bundle
from engine.errors import UserError


def page() -> None:
    st.title("Library")
    st.write("A bundle holds what every exit of a network said about every example of a data set.")
    for entry in store.listed():
        with st.container(border=True):
            try:
                _card(entry.id, store.opened(entry))
            except UserError as problem:
                st.subheader(literal(entry.id), anchor=False)
                st.warning(literal(str(problem)))


def _card(id: str, bundle: Bundle) -> None:
    outputs = bundle.outputs
    st.subheader(literal(bundle.title), anchor=False)
    pictures = f"{len(bundle.images):,} pictures" if bundle.images is not None else "no pictures"
    size = f"{outputs.exits} exits, {outputs.classes} classes, {outputs.examples:,} examples, {pictures}"
    st.write(f"{literal(id)}: {size}. Every checksum is right.")
    for unit, note in bundle.unit_notes.items():
        st.caption(literal(f"{unit_title(unit)}: {note}"))
    with st.expander("Provenance"):
        st.json(bundle.provenance)
