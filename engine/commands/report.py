"""Write one bundle under one policy as a single HTML file: front, exits, images and a live handle, without a server or a network."""

import argparse
from importlib import import_module
from typing import Any

#: The page's own code makes the file. It is named here and imported on demand, because the engine knows no screen.
_COMMAND = "app.report.command"


def arguments(command: argparse.ArgumentParser) -> None:
    import_module(_COMMAND).arguments(command)


def run(given: argparse.Namespace) -> dict[str, Any]:
    return import_module(_COMMAND).run(given)
