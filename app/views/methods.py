"""Methods: every policy in its own words."""

import streamlit as st

from app.views.registry import view
from engine.policies import POLICIES


@view(title="Methods", url_path="methods", order=20)
def methods() -> None:
    st.title("Methods")
    st.write("A policy decides, example by example, where to stop. Fitting it to a budget sets its knob.")
    for name, policy in POLICIES.items():
        with st.container(border=True):
            st.subheader(policy.title, anchor=name)
            st.write(policy.summary)
            lines = [f"**Knob:** {policy.knob}", f"**Source:** {policy.source}", f"**On the command line:** `--policy {name}`"]
            if not policy.deployable:
                lines.append("**A bound, not a method to deploy:** it uses the labels of the examples it routes.")
            st.markdown("  \n".join(lines))
