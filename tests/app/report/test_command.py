"""`python -m engine report`: writes the file, and refuses in one sentence."""

import json
from pathlib import Path

import pytest

from engine.__main__ import main
from tests.app.samples import write_sample


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OFFRAMP_DATA", str(tmp_path))
    write_sample(tmp_path)
    write_sample(tmp_path, "confident", recorded="confidence")
    return tmp_path


def test_it_writes_a_file_and_describes_it(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = data / "report.html"
    assert main(["report", "tiny", "--policy", "entropy", "--unit", "latency_ms", "--out", str(file), "--examples", "20", "--json"]) == 0
    described = json.loads(capsys.readouterr().out)
    size = file.stat().st_size
    assert described == {"bundle": "tiny", "policy": "entropy", "unit": "latency_ms", "file": str(file), "bytes": size}
    first = file.read_bytes()
    assert main(["report", str(data / "bundles" / "tiny"), "--policy", "entropy", "--unit", "latency_ms", "--out", str(file)]) == 0
    text = capsys.readouterr().out
    assert text.startswith(f"Wrote {file}, 0.") and "sample" not in text
    assert file.read_bytes() != first


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"bundle": "unknown"}, "There is no bundle 'unknown'"),
        ({"--policy": "unknown"}, "'unknown'"),
        ({"bundle": "confident", "--policy": "eenet"}, "EENet needs the probabilities of every class"),
        ({"--unit": "joules"}, "This bundle has no costs in 'joules'; give one of: macs, latency_ms."),
        ({"--examples": "0"}, "'0' is not a whole number of at least 1"),
        ({"--out": "{data}"}, "{data} is a folder; give the name of the HTML file to write."),
        ({"--out": "{data}/missing/report.html"}, "{data}/missing/report.html cannot be written because its folder does not exist"),
        ({"--out": "{data}/bundles/tiny/bundle.json/report.html"}, "cannot be written because its folder does not exist"),
    ],
)
def test_a_mistake_is_reported_in_one_sentence(
    data: Path, capsys: pytest.CaptureFixture[str], changed: dict[str, str], sentence: str
) -> None:
    given = {"bundle": "tiny", "--policy": "maxprob", "--out": "{data}/report.html"} | changed
    given = {name: value.format(data=data) for name, value in given.items()}
    options = [part for name, value in given.items() if name != "bundle" for part in (name, value)]
    before = sorted(data.rglob("*"))
    assert main(["report", given["bundle"], *options]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.count("\n") == 1 and "Traceback" not in captured.err
    assert sentence.format(data=data) in captured.err
    assert sorted(data.rglob("*")) == before, "nothing is left behind"
