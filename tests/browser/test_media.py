"""What a browser may fetch, and what is refused."""

import gzip
import json
import struct
import urllib.error
import urllib.request
from urllib.parse import quote

import pytest

from app.media import WEB, images_address, web_address, web_files
from app.payload.container import decode
from app.resources import bundle_address, sweep_address
from engine.bundle.library import Entry, open_bundle
from tests.browser.conftest import Site


def fetch(url: str) -> tuple[int, bytes, dict[str, str]]:
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return answer.status, answer.read(), dict(answer.headers)
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read(), dict(refused.headers)


def images(site: Site, bundle: str) -> str:
    """The address of the images of a bundle."""
    return f"{site.url}/" + images_address(Entry(bundle, site.bundles / bundle))


def unpacked(body: bytes) -> list[bytes]:
    images = []
    while body:
        (size,) = struct.unpack("<I", body[:4])
        images.append(body[4 : 4 + size])
        body = body[4 + size :]
    return images


@pytest.mark.parametrize("name", ["tiny", "far"])
def test_images_are_those_in_the_bundle(site: Site, name: str) -> None:
    bundle = open_bundle(str(site.bundles / name))
    ids = bundle.outputs.test().ids.tolist()
    status, body, headers = fetch(f"{images(site, name)}?rows=0,29,2")
    assert status == 200 and headers["x-content-type-options"] == "nosniff"
    assert unpacked(body) == [bundle.images[ids[row]] for row in (0, 29, 2)]


@pytest.mark.parametrize("row", ["500", "999999999", "9" * 30, "-1", "+1", "1.0", "one", "²", "٣", "0x1", " 1"])
def test_an_invalid_row_does_not_affect_the_others(site: Site, row: str) -> None:
    bundle = open_bundle(str(site.bundles / "tiny"))
    test = bundle.outputs.test()
    status, body, _ = fetch(f"{images(site, 'tiny')}?rows=0,{quote(row)},499")
    assert test.examples == 500 and status == 200
    assert unpacked(body) == [bundle.images[int(test.ids[0])], b"", bundle.images[int(test.ids[499])]]


def test_the_images_of_an_older_bundle_are_refused(site: Site) -> None:
    status, body, headers = fetch(f"{images(site, 'tiny')[:-1]}?rows=0")
    assert status == 404 and b"load the page again" in body and "cache-control" not in headers


@pytest.mark.parametrize("query", ["", "?rows=", "?rows=,,", "?ids=1", "?rows=" + ",".join("1" * 201)])
def test_a_request_for_no_or_too_many_rows_is_refused(site: Site, query: str) -> None:
    status, body, _ = fetch(images(site, "tiny") + query)
    assert status == 400 and body == b"Ask for 1 to 200 images by row, such as rows=0,1,2."


@pytest.mark.parametrize(
    "path",
    [
        "images/unknown/x?rows=1",
        "images/..%2f..%2fetc/x?rows=1",
        "web/x/nothing.js",
        "web/x/core",
        "web/x/dom.js",
        "web/x/blocks/explore.html",
        "web/x/core/../../main.py",
        "web/x/core/..%2f..%2fmain.py",
        "web/x/..%2fmain.py",
        "web/x/%2e%2e%2fmain.py",
    ],
)
def test_a_file_outside_the_list_is_refused(site: Site, path: str) -> None:
    status, body, _ = fetch(f"{site.url}/offramp/{path}")
    assert status in (400, 404) and len(body) < 200


@pytest.mark.parametrize("name", ["flipped", "family"])
def test_a_bundle_without_images_has_none_to_fetch(site: Site, name: str) -> None:
    status, body, _ = fetch(f"{images(site, name)}?rows=1")
    assert status == 404 and b"has no images" in body


def test_every_script_is_served_and_may_be_cached_for_good(site: Site) -> None:
    scripts = list(WEB.rglob("*.js"))
    assert len(scripts) > 8
    for path in scripts:
        name = path.relative_to(WEB).as_posix()
        status, body, headers = fetch(f"{site.url}/{web_address(name)}")
        assert status == 200 and body == path.read_bytes() == web_files()[name]
        assert "immutable" in headers["cache-control"] and headers["content-type"].startswith("text/javascript")


@pytest.mark.parametrize("name", ["tiny", "family"])
def test_resources_are_compressed_once_and_may_be_cached_for_good(site: Site, name: str) -> None:
    entry = Entry(name, site.bundles / name)
    for address in (bundle_address(entry), sweep_address(entry, "maxprob", "macs")):
        status, body, headers = fetch(f"{site.url}/{address}")
        assert status == 200 and "immutable" in headers["cache-control"] and headers["content-encoding"] == "gzip"
        assert decode(gzip.decompress(body))[0]
    status, body, _ = fetch(f"{site.url}/{sweep_address(entry, 'maxprob', 'macs')}/predictions?row=3")
    assert status == 200 and len(json.loads(body)["classes"]) == open_bundle(str(site.bundles / name)).outputs.exits


def test_unknown_resources_are_refused_in_one_sentence(site: Site) -> None:
    entry = Entry("tiny", site.bundles / "tiny")
    bundle, sweep = bundle_address(entry), sweep_address(entry, "maxprob", "macs")
    digest = sweep.rsplit("/", 1)[1]
    gone = [bundle[:-1] + "x", sweep[:-1] + "x", f"offramp/bundle/nowhere/{digest}", f"offramp/sweep/tiny/nowhere/macs/{digest}"]
    gone += [
        f"offramp/sweep/tiny/maxprob/furlongs/{digest}",
        f"offramp/sweep/flipped/maxprob/macs/{digest}",
        f"{sweep}/predictions?row=500",
    ]
    for address in gone:
        status, body, headers = fetch(f"{site.url}/{address}")
        assert status == 404 and len(body.splitlines()) == 1 and "cache-control" not in headers, address
    for row in ("", "-1", "²", "1.0", "9" * 30):
        assert fetch(f"{site.url}/{sweep}/predictions?row={quote(row)}")[0] == 400
