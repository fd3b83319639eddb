"""Methods: every policy, in its own words."""

import streamlit as st

from engine.policies import POLICIES


def page() -> None:
    st.title("Methods")
    st.write("A policy decides, example by example, where to stop. Each has a knob; fitting it to a budget sets the knob.")
    for name, policy in POLICIES.items():
        with st.container(border=True):
            st.subheader(policy.title, anchor=name)
            st.write(policy.summary)
            lines = [f"**Knob:** {policy.knob}", f"**Source:** {policy.source}", f"**On the command line:** `--policy {name}`"]
            if not policy.deployable:
                lines.append("**A bound, not a method to deploy:** it reads the labels of what it routes.")
            st.markdown("  \n".join(lines))
