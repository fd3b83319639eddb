"""The title of a view that has no room for one: screen readers read it out, and it takes no space."""

import streamlit as st


def hidden_title(title: str) -> None:
    with st.container(key="hidden-title"):  # styled in page.css
        st.title(title, anchor=False)
