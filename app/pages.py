"""What the pages share: a bundle and a policy put together for showing."""

import streamlit as st

from app import store
from app.payload import Shown, explorer_payload
from app.pictures import album
from engine.library import Entry
from engine.policies import POLICIES


def shown(entry: Entry, policy: str, unit: str) -> Shown:
    """A policy on a bundle, with what it is held against."""
    return Shown(
        entry=entry,
        bundle=store.opened(entry),
        album=album(entry),
        policy=policy,
        chosen=store.swept(entry, policy, unit),
        mix=store.swept(entry, store.MIX, unit),
        oracle=store.swept(entry, store.ORACLE, unit),
    )


@st.cache_resource(show_spinner=False, max_entries=64)
def _payload(folder: str, stamp: store.Stamp, policy: str, unit: str, missing: str, _shown: Shown) -> dict:
    return explorer_payload(_shown)


def payload(entry: Entry, policy: str, unit: str) -> dict:
    """What the live block is sent; worked out once for all visitors."""
    found = shown(entry, policy, unit)
    return _payload(str(entry.folder), entry.stamp(), policy, unit, found.album.missing, found)


def runnable(entry: Entry) -> tuple[list[str], dict[str, str]]:
    """Names of the policies that can run on a bundle, and for the others one sentence why not."""
    outputs = store.opened(entry).outputs
    reasons = {name: policy.why_not(outputs) for name, policy in POLICIES.items()}
    return [name for name, reason in reasons.items() if reason is None], {name: reason for name, reason in reasons.items() if reason}
