"""What is taken home over HTTP: the table of routes, the policy as JSON, and the page as one file; or one sentence."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pyarrow.csv
import pyarrow.parquet
import pytest
from starlette.requests import Request
from starlette.responses import Response

from app.store import STEPS
from app.take_home_route import ROUTES
from engine.analysis.routes_table import as_csv, routes_table
from engine.bundle.bundle import read_bundle
from engine.policies import POLICIES
from engine.sweep import run_sweep
from tests.app.samples import write_sample
from tests.coroutines import run
from tests.sentences import assert_one_sentence
from tests.thorough import variants

#: Loads a policy, routes the test examples of a bundle, and prints the exit of each, from 1.
ROUTE = """
import sys
import engine
policy, bundle = engine.load_policy(sys.argv[1]), engine.open_bundle(sys.argv[2])
print(*[exit + 1 for exit in policy.route(bundle.outputs.test()).exit.tolist()])
"""


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_sample(tmp_path)
    monkeypatch.setenv("OFFRAMP_DATA", str(tmp_path))
    return tmp_path


def get(path: str, query: str) -> Response:
    (route,) = (route for route in ROUTES if route.path == f"/offramp/{path}")
    return run(route.endpoint(Request({"type": "http", "query_string": query.encode(), "headers": []})))


@pytest.mark.parametrize("policy", variants(["maxprob", "bolukbasi", "random_mix"], "bolukbasi"))
def test_the_table_is_that_of_the_engine(data: Path, policy: str) -> None:
    bundle = read_bundle(data / "bundles" / "tiny")
    sweep = run_sweep(POLICIES[policy], bundle.outputs, STEPS)
    expected = routes_table(sweep, bundle, 60)
    query = f"bundle=tiny&policy={policy}&unit=macs&budget={sweep.budgets[60]}"
    csv = get("routes", f"{query}&format=csv")
    assert csv.status_code == 200 and csv.body == as_csv(expected)
    assert csv.headers["content-disposition"].startswith(f'attachment; filename="tiny-{policy}-')
    parquet = get("routes", f"{query}&format=parquet")
    assert pyarrow.parquet.read_table(io.BytesIO(parquet.body)).equals(expected)


@pytest.mark.parametrize("policy", variants(["maxprob", "bolukbasi", "eenet"], "eenet"))
def test_the_policy_routes_in_another_process_as_the_table_says(data: Path, tmp_path: Path, policy: str) -> None:
    query = f"bundle=tiny&policy={policy}&unit=macs&budget=0.4"
    table = pyarrow.csv.read_csv(io.BytesIO(get("routes", f"{query}&format=csv").body))
    document = tmp_path / "policy.json"
    document.write_bytes(get("policy", query).body)
    arguments = [sys.executable, "-c", ROUTE, str(document), str(data / "bundles" / "tiny")]
    routed = subprocess.run(arguments, capture_output=True, text=True, check=True, timeout=100).stdout.split()
    assert [int(exit) for exit in routed] == table["exit"].to_pylist() and len(set(routed)) > 1


def test_the_page_is_one_file(data: Path) -> None:
    response = get("report", "bundle=tiny&policy=maxprob&unit=macs")
    document = bytes(response.body).decode()
    assert response.status_code == 200 and document.startswith("<!DOCTYPE html>") and "data-report" in document
    assert response.headers["content-security-policy"] == "sandbox"  # opened from here it runs nothing


@pytest.mark.parametrize(
    ("path", "query", "reason"),
    [
        ("routes", "bundle=none&policy=maxprob&unit=macs&budget=0.3&format=csv", "no bundle “none”"),
        ("routes", "bundle=tiny&policy=none&unit=macs&budget=0.3&format=csv", "no policy “none”"),
        ("routes", "bundle=tiny&policy=maxprob&unit=none&budget=0.3&format=csv", "no costs in “none”"),
        ("routes", "bundle=tiny&policy=maxprob&unit=macs&budget=nan&format=csv", "budget “nan”"),
        ("routes", "bundle=tiny&policy=maxprob&unit=macs&budget=much&format=csv", "budget “much”"),
        ("routes", "bundle=tiny&policy=maxprob&unit=macs&budget=0.3&format=exe", "format “exe”"),
        ("routes", "bundle=tiny&policy=maxprob&unit=macs&budget=0.3", "'format' is missing"),
        ("policy", "bundle=tiny&policy=oracle&unit=macs&budget=0.3", "labels"),
        ("policy", "bundle=tiny&unit=macs&budget=0.3", "'policy' is missing"),
        ("report", "bundle=../tiny&policy=maxprob&unit=macs", "no bundle “../tiny”"),
    ],
)
def test_what_cannot_be_had_is_one_sentence(data: Path, path: str, query: str, reason: str) -> None:
    response = get(path, query)
    assert response.status_code in (400, 404)
    assert_one_sentence(bytes(response.body).decode(), reason)


def test_a_document_says_where_it_is_from(data: Path) -> None:
    document = json.loads(get("policy", "bundle=tiny&policy=maxprob&unit=macs&budget=0.4").body)
    assert (document["bundle"], document["policy"], document["unit"]) == ("tiny", "maxprob", "macs") and document["usage"]
