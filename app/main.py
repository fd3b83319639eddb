"""The frame of the dashboard: name, navigation, one page at a time."""

from pathlib import Path

import streamlit as st

from app.views import explore, library, methods

HERE = Path(__file__).parent

st.set_page_config(page_title="Offramp", page_icon=str(HERE / "static" / "icon.png"), layout="wide")
st.logo((HERE / "static" / "logo.svg").read_text(), size="large")
st.html(HERE / "static" / "page.css")
chosen = st.navigation(
    [
        st.Page(explore.page, title="Explore", url_path="explore", default=True),
        st.Page(methods.page, title="Methods", url_path="methods"),
        st.Page(library.page, title="Library", url_path="library"),
    ],
    position="top",
)
chosen.run()
