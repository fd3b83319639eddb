"""Draws every view, and every bundle under some policies; prints what was shown and which libraries are loaded, as JSON.

python -m tests.app.walk_views

In a process of its own, because it reports what was loaded. The worker process of the page knows the stand-in of CIFAR-10.
"""

import json
import sys
from collections.abc import Sequence

from streamlit.testing.v1 import AppTest

import app.views  # noqa: F401  registers the views
from app import store
from app.address import ADDRESS
from app.views.registry import VIEWS
from app.worker import pictures
from app.worker import process as worker_process
from tests import stand_in_worker
from tests.thorough import variants

LIBRARIES = ("torch", "torchvision", "sklearn", "scipy", "pandas")


def visit(name: str, **query: str) -> AppTest:
    """A view by itself."""
    page = AppTest.from_string(f"from app.views.registry import VIEWS\nVIEWS[{name!r}].show()", default_timeout=100)
    page.session_state[ADDRESS] = query
    return checked(page.run())


def few(policies: Sequence[str]) -> Sequence[str]:
    """Those that a bundle is shown under. Without torch, all of them are swept elsewhere."""
    return variants(policies, policies[0], "jei", policies[-1])


def checked(page: AppTest) -> AppTest:
    assert not page.exception and not page.warning, (page.exception, page.warning)
    return page


def main() -> None:
    worker_process.COMMAND = stand_in_worker.command()
    shown: dict[str, list[str]] = {}
    for name in VIEWS:
        visit(name)
    for entry in store.listed():
        shown[entry.id] = []
        policies = store.runnable(entry)[0]
        visit("explore", bundle=entry.id, policy=policies[0])  # asked for by the browser: the sweep is not there yet
        for policy in few(policies):
            page = visit("explore", bundle=entry.id, policy=policy, fallback="1")
            shown[entry.id].append(page.selectbox(key="basic-policy").value)
        visit("explore", bundle=entry.id, policy=policies[0])  # sent with the page
    page = visit("explore", fallback="1").toggle(key="target").set_value(True).run()
    checked(page.number_input(key="target-accuracy").set_value(50.0).run())
    checked(page.radio(key="target-kind").set_value(page.radio(key="target-kind").options[1]).run())
    loaded = [name for name in LIBRARIES if name in sys.modules]
    print(json.dumps({"shown": shown, "loaded": loaded, "pictures": len(pictures._encoded)}))
    pictures.worker.stop()


if __name__ == "__main__":
    main()
