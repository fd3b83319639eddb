"""A report as a file: names of strangers stay text, it fetches nothing, and every script it imports is in it."""

import base64
import gzip
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from app.report.contents import report
from app.report.single_file import html
from app.worker.pictures import Album
from engine.bundle.bundle import read_bundle, write_bundle
from tests import synthetic
from tests.app.samples import sample, show

#: Ends a script, begins a comment, begins a script, ends an attribute; and characters that end lines in older JavaScript.
HOSTILE = "</script><!--<script>\"'>&amp;\u2028\u2029 ]]>"


class Elements(HTMLParser):
    """The elements of a file as a browser reads them: (name, attributes, text inside)."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None], str]] = []
        self.comments: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs), ""))

    def handle_data(self, data: str) -> None:
        if self.elements:
            tag, attributes, text = self.elements[-1]
            self.elements[-1] = tag, attributes, text + data

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)

    def named(self, tag: str, **attributes: str) -> list[tuple[dict[str, str | None], str]]:
        return [(given, text) for name, given, text in self.elements if name == tag and attributes.items() <= given.items()]


@pytest.fixture
def hostile(tmp_path: Path) -> str:
    names = {"class_names": tuple(f"{HOSTILE} {c}" for c in range(6)), "exit_names": tuple(f"{HOSTILE} {k}" for k in range(3))}
    made = synthetic.draft(
        synthetic.outputs(examples=90, exits=3),
        "tiny",
        title=HOSTILE,
        unit_notes={"macs": HOSTILE},
        provenance={"device": HOSTILE},
        **names,
    )
    shown = show(read_bundle(write_bundle(made, tmp_path / "tiny")))
    return html(report(shown, Album(shown.bundle.images, missing=HOSTILE)))


@pytest.fixture
def ordinary(tmp_path: Path) -> str:
    shown = sample(tmp_path)
    return html(report(shown, Album(shown.bundle.images)))


def modules(text: str) -> dict[str, str]:
    """{name: source} of the import map."""
    ((_, imports),) = Elements(text).named("script", type="importmap")
    addresses = json.loads(imports)["imports"]
    return {name: base64.b64decode(address.removeprefix("data:text/javascript;base64,")).decode() for name, address in addresses.items()}


def test_names_of_strangers_stay_text(hostile: str, ordinary: str) -> None:
    mine, theirs = Elements(ordinary), Elements(hostile)
    assert [name for name, _, _ in theirs.elements] == [name for name, _, _ in mine.elements]
    assert theirs.comments == [] and theirs.named("title")[0][1].strip() == f"{HOSTILE} · Explore · Offramp"
    assert mine.named("footer")[0][1].strip() == "Made with Offramp"
    assert theirs.named("footer")[0][1].strip() == f"Made with Offramp · outputs computed on {' '.join(HOSTILE.split())}"
    ((_, data),) = theirs.named("script", type="application/json")
    values = json.loads(data)
    assert values["choices"]["bundle"][0]["title"] == HOSTILE and values["exits"][0]["name"] == f"{HOSTILE} 0"
    assert values["missing"] == HOSTILE
    # HTMLParser knows nothing of the states in which a browser reads a script after "<!--".
    assert "<!--" not in hostile and hostile.count("</script>") == ordinary.count("</script>")


def test_nothing_may_be_fetched(ordinary: str, hostile: str) -> None:
    for text in (ordinary, hostile):
        ((policy, _),) = Elements(text).named("meta", **{"http-equiv": "Content-Security-Policy"})
        directives = dict(part.strip().split(" ", 1) for part in (policy["content"] or "").split(";"))
        assert directives.pop("default-src") == "'none'"
        allowed = {source for sources in directives.values() for source in sources.split()}
        assert allowed <= {"'unsafe-inline'", "data:", "blob:"}
        # It comes before anything that it should apply to.
        assert text.index("Content-Security-Policy") < min(text.index("<style"), text.index("<script"))


def test_it_names_no_address_in_a_network(ordinary: str) -> None:
    scripts = modules(ordinary)
    everything = [ordinary, *scripts.values()]
    assert len(everything) > 15
    # The name of a kind of element is no address that anything is fetched from.
    imported = [url for text in everything for url in re.findall(r"""\bhttps?://[^\s"'`)]*""", text) if url != "http://www.w3.org/2000/svg"]
    assert imported == []
    assert not re.search(r"""(src|href)\s*=\s*["'](?!data:)""", ordinary) and "@import" not in ordinary and "url(" not in ordinary


def test_every_import_is_in_the_file(ordinary: str) -> None:
    scripts = modules(ordinary)
    statement = re.compile(r"""^\s*(?:(?:import|export)\b[^"'\n]*\bfrom\s*|import\s*)["']([^"']+)["']""", re.MULTILINE)
    imported = {name for source in scripts.values() for name in statement.findall(source)}
    assert "offramp/blocks/explore.js" in imported and len(imported) > 15
    assert imported <= scripts.keys()
    comments = re.compile(r"/\*.*?\*/|^\s*//.*?$", re.DOTALL | re.MULTILINE)
    assert not any("import(" in comments.sub("", source) for source in scripts.values()), "an import that is imported only when it runs"
    (entry,) = re.findall(r'<script type="module">import "([^"]+)"</script>', ordinary)
    assert entry in scripts and imported | {entry} == scripts.keys(), "nothing that is not used is carried"


def test_resources_are_those_of_the_content(tmp_path: Path) -> None:
    shown = sample(tmp_path)
    content = report(shown, Album(shown.bundle.images))
    held = {
        given["data-resource"]: gzip.decompress(base64.b64decode(text))
        for given, text in Elements(html(content)).named("script", type="application/octet-stream")
    }
    assert held == content.resources and set(held) == {"bundle", "sweep", "predictions", "images", "takehome"}
    assert html(content) == html(replace(content)), "the same content is the same file"
