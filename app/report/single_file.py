"""Puts scripts, styles, data and images into one HTML file, which works from disk with the network off."""

import gzip
import json
import re
import tomllib
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from app import media

ROOT = Path(__file__).resolve().parents[2]
#: Where a script imports another one of ours.
_IMPORT = re.compile(r'^((?:import|export)\b[^"\n]*\bfrom |import )"(\.{1,2}/[^"]+)"', re.MULTILINE)
STYLES = ("hosts/file.css", *media.EXPLORE_STYLES)
#: Nothing may be fetched, whatever a name in the file contains.
POLICY = "default-src 'none'; script-src 'unsafe-inline' data:; style-src 'unsafe-inline'; img-src blob: data:"


@dataclass(frozen=True, eq=False)
class Embedded:
    """title:     of the browser's tab
    footer:    the last line
    data:      plain JSON values
    resources: {name: bytes} of app/payload
    view:      that the file opens with, as a query; the default if empty
    """

    title: str
    footer: str
    data: Mapping[str, Any]
    resources: Mapping[str, bytes]
    view: str = ""


def html(content: Embedded) -> str:
    view = f' data-view="{escape(content.view)}"' if content.view else ""
    resources = "\n".join(map(_resource, content.resources, content.resources.values()))
    styles = "\n".join([_theme(), media.styles(*STYLES)])
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<title>{escape(content.title)}</title>
<style>
{styles}
</style>
<script type="importmap">{_json({"imports": _modules()})}</script>
</head>
<body>
<main data-report{view}></main>
<footer>{escape(content.footer)}</footer>
<script type="application/json" data-report-data>{_json(dict(content.data))}</script>
{resources}
<script type="module">import "offramp/hosts/file.js"</script>
</body>
</html>
"""


def _resource(name: str, body: bytes) -> str:
    text = b64encode(gzip.compress(body, 9, mtime=0)).decode()
    return f'<script type="application/octet-stream" data-resource="{escape(name)}">{text}</script>'


def _json(values: Any) -> str:
    """Within a script element, which the text "</script" would end."""
    return json.dumps(values, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")


@cache
def _modules() -> dict[str, str]:
    """{name: data URL} of every script that the file's host imports, by names instead of relative paths, which data URLs cannot have."""
    names = _reached("hosts/file.js")
    return {f"offramp/{name}": f"data:text/javascript;base64,{b64encode(_renamed(name).encode()).decode()}" for name in names}


def _reached(start: str) -> list[str]:
    """A script and all that it imports, directly or not."""
    names, waiting = [], [start]
    while waiting:
        name = waiting.pop()
        if name not in names:
            names.append(name)
            waiting += [_resolved(name, match[2]) for match in _IMPORT.finditer(_script(name))]
    return sorted(names)


def _renamed(name: str) -> str:
    return _IMPORT.sub(lambda match: f'{match[1]}"offramp/{_resolved(name, match[2])}"', _script(name))


def _script(name: str) -> str:
    return media.web_files()[name].decode()


def _resolved(importer: str, path: str) -> str:
    folder = media.WEB / importer
    return (folder.parent / path).resolve().relative_to(media.WEB.resolve()).as_posix()


def _theme() -> str:
    """The page's colours, under the names that Streamlit gives them."""
    theme = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())["theme"]
    light, dark = (_variables(theme[scheme]) for scheme in ("light", "dark"))
    return f""":root {{ color-scheme: light dark; --st-font: system-ui, sans-serif; {light} }}
@media (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}"""


def _variables(colours: Mapping[str, str]) -> str:
    names = {name: re.sub(r"[A-Z]", lambda match: f"-{match[0].lower()}", name) for name in colours}
    return " ".join(f"--st-{names[name]}: {colour};" for name, colour in colours.items())
