"""What the browser may fetch, and what nobody may."""

import struct
import urllib.error
import urllib.request

import pytest

from engine.library import open_bundle
from tests.browser.conftest import Site


def fetch(url: str) -> tuple[int, bytes, dict[str, str]]:
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return answer.status, answer.read(), dict(answer.headers)
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read(), dict(refused.headers)


def test_pictures_come_as_they_lie_in_the_bundle(site: Site) -> None:
    bundle = open_bundle(str(site.bundles / "tiny"))
    ids = [int(id) for id in bundle.outputs.test().ids[:3]]
    status, body, headers = fetch(f"{site.url}/offramp/images/tiny/x?ids={ids[0]},999999999,{ids[2]}")
    assert status == 200 and headers["x-content-type-options"] == "nosniff"
    found = []
    while body:
        (size,) = struct.unpack("<I", body[:4])
        found.append(body[4 : 4 + size])
        body = body[4 + size :]
    assert found == [bundle.images[ids[0]], b"", bundle.images[ids[2]]]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("images/tiny/x?ids=one", 400),
        ("images/tiny/x", 400),
        ("images/tiny/x?ids=" + ",".join("1" * 201), 400),
        ("images/nobody/x?ids=1", 404),
        ("images/flipped/x?ids=1", 404),
        ("images/family/x?ids=1", 404),
        ("images/..%2f..%2fetc/x?ids=1", 404),
        ("web/x/nothing.js", 404),
        ("web/x/..%2fmain.py", 404),
        ("web/x/%2e%2e%2fmain.py", 404),
    ],
)
def test_what_is_not_there_is_refused(site: Site, path: str, status: int) -> None:
    found, body, _ = fetch(f"{site.url}/offramp/{path}")
    # What is no address of ours at all, Streamlit answers with its own page.
    assert found == status or (found == 200 and b"<!doctype html" in body[:200].lower() and status == 404)
    assert b"import streamlit" not in body
