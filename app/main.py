"""The frame of the dashboard: its name, the navigation, and one view below it."""

import os
from pathlib import Path

import streamlit as st

import app.views  # noqa: F401  registers the views
from app.allowed_hosts import PRIVATE
from app.setup_notice import show_setup
from app.views.registry import in_order
from app.wording import literal
from engine.errors import UserError
from engine.extensions import load_extensions

STATIC = Path(__file__).parent / "static"

st.set_page_config(page_title="Offramp", page_icon=str(STATIC / "icon.png"), layout="wide")
st.logo((STATIC / "logo.svg").read_text(), size="large")
st.html(STATIC / "page.css")
try:
    load_extensions()
except UserError as problem:
    st.warning(literal(str(problem)))
if PRIVATE not in os.environ:
    st.error("This server does not deliver the page's scripts and images; start the page with `python run_app.py`.")
    st.stop()
show_setup()
pages = [st.Page(view.show, title=view.title, url_path=view.url_path, default=view.default) for view in in_order()]
st.navigation(pages, position="top").run()
