"""The frame of the dashboard."""
import streamlit as st

st.set_page_config(page_title="Offramp", layout="wide")
st.title("Offramp")
