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
    "path",
    [
        "images/tiny/x?ids=one",
        "images/tiny/x",
        "images/tiny/x?ids=" + ",".join("1" * 201),
        "images/nobody/x?ids=1",
        "images/flipped/x?ids=1",
        "images/family/x?ids=1",
        "images/..%2f..%2fetc/x?ids=1",
        "web/x/nothing.js",
        "web/x/..%2fmain.py",
        "web/x/%2e%2e%2fmain.py",
    ],
)
def test_what_is_not_there_is_refused(site: Site, path: str) -> None:
    status, body, _ = fetch(f"{site.url}/offramp/{path}")
    assert status in (400, 404) and len(body) < 200
