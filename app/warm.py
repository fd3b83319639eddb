"""What the first visitor would otherwise wait for."""

from contextlib import suppress

from app import media, shown, store
from app.state import DEFAULT_POLICY
from engine.errors import UserError


def warm_up() -> None:
    """Open the first whole bundle, sweep what its page shows first, and compress Plotly."""
    media.plotly_js()
    for entry in store.listed():
        with suppress(UserError):  # a damaged bundle is told about on the page
            shown.shown(entry, DEFAULT_POLICY, next(iter(store.opened(entry).outputs.stage_cost)))
            return
