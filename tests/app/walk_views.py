"""Every page, and on every bundle every policy that runs on it; then what was shown and which libraries that took, as JSON.

python -m tests.app.walk_views

In a process of its own, for what it tells is what was loaded. The worker process of the page knows the stand-in of CIFAR-10.
"""

import json
import sys

from streamlit.testing.v1 import AppTest

from app import shown as pages
from app import store
from app.worker import pictures
from app.worker import process as worker_process
from tests import stand_in_worker

WATCHED = ("torch", "torchvision", "sklearn", "scipy", "pandas")


def visit(name: str, **query: str) -> AppTest:
    """A page by itself: AppTest knows no st.navigation."""
    page = AppTest.from_string(f"from app.views import {name}; {name}.page()", default_timeout=100)
    for key, value in query.items():
        page.query_params[key] = value
    return checked(page.run())


def checked(page: AppTest) -> AppTest:
    assert not page.exception and not page.warning, (page.exception, page.warning)
    return page


def main() -> None:
    worker_process.COMMAND = stand_in_worker.command()
    shown: dict[str, list[str]] = {}
    for name in ("explore", "methods", "library"):
        visit(name)
    for entry in store.listed():
        shown[entry.id] = []
        for policy in pages.runnable(entry)[0]:
            page = visit("explore", bundle=entry.id, policy=policy)
            shown[entry.id].append(page.selectbox(key="policy").value)
        visit("explore", bundle=entry.id, plain="1")
    page = visit("explore").toggle(key="ask").set_value(True).run()
    checked(page.number_input(key="ask-floor").set_value(50.0).run())
    checked(page.radio(key="ask-how").set_value(page.radio(key="ask-how").options[1]).run())
    loaded = [name for name in WATCHED if name in sys.modules]
    print(json.dumps({"shown": shown, "loaded": loaded, "pictures": len(pictures._encoded)}))
    pictures.worker.stop()


if __name__ == "__main__":
    main()
