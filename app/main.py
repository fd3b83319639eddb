"""The frame of the dashboard: its name, the bar, and below it the view that the address names."""

import os
from pathlib import Path

import streamlit as st

import app.views  # noqa: F401  registers the views
from app.address import ADDRESS, VIEW
from app.allowed_hosts import PRIVATE
from app.selection import bundle_title
from app.setup_notice import show_setup
from app.views.registry import in_order
from app.widgets.top_bar import page_address, top_bar
from app.wording import literal, page_title
from engine.errors import UserError
from engine.extensions import load_extensions

STATIC = Path(__file__).parent / "static"

try:
    load_extensions()
    problem = None
except UserError as error:
    problem = str(error)
views = in_order()
address = st.session_state[ADDRESS] = page_address()
default = next(view for view in views if view.default)
wanted = address.get(VIEW) or default.url_path
view = next((view for view in views if view.url_path == wanted), default)
bundle = bundle_title(address) if view.of_bundle else ""
st.set_page_config(page_title=page_title(bundle, view.title), page_icon=str(STATIC / "icon.png"), layout="wide")
if PRIVATE not in os.environ:
    st.error("This server does not deliver the page's scripts and images; start the page with `python run_app.py`.")
    st.stop()
top_bar({view.in_address: view.title for view in views}, (STATIC / "logo.svg").read_text())
if problem:
    st.warning(literal(problem))
if view.url_path != wanted:
    st.warning(literal(f"There is no view “{wanted[:40]}” here; showing “{view.title}” instead."))
show_setup()
view.show()
