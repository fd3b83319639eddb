"""`python -m engine report`: writes the file, and refuses in one sentence."""

import json
import os
from errno import ENOSPC
from pathlib import Path

import pytest

from engine.__main__ import main
from tests.app.samples import write_sample
from tests.sentences import assert_one_sentence


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
    assert file.read_bytes() != first and b"data-view" not in first
    assert main(["report", "tiny", "--policy", "entropy", "--unit", "latency_ms", "--out", str(file), "--budget", "0.4"]) == 0
    assert '<main data-report data-view="budget=0.4">' in file.read_text()


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"bundle": "unknown"}, "There is no bundle 'unknown'"),
        ({"--policy": "unknown"}, "'unknown'"),
        ({"bundle": "confident", "--policy": "ztw"}, "Zero Time Waste ensemble needs the probabilities of every class"),
        ({"--unit": "joules"}, "This bundle has no costs in 'joules'; give one of: macs, latency_ms."),
        ({"--budget": "nan"}, "--budget is nan; give a share of the full network's cost, such as 0.4."),
        ({"--examples": "0"}, "'0' is not a whole number of at least 1"),
        ({"--out": "{data}"}, "{data} is a folder; give the name of the HTML file to write."),
        ({"--out": "{data}/missing/report.html"}, "{data}/missing/report.html cannot be written because its folder does not exist"),
        ({"--out": "{data}/" + "x" * 300 + ".html"}, "cannot be written (File name too long)"),
        ({"--out": "{data}/" + "x" * 248 + ".html"}, "cannot be written (File name too long)"),
        ({"--out": "{data}/bundles/tiny/outputs.parquet"}, "is in the bundle's own folder"),
        ({"--out": "{data}/bundles/tiny/report.html"}, "is in the bundle's own folder"),
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


def test_a_report_is_written_where_a_link_leads(data: Path) -> None:
    (data / "elsewhere").mkdir()
    link, file = data / "link.html", data / "elsewhere" / "report.html"
    link.symlink_to(file)
    assert main(["report", "tiny", "--policy", "static", "--out", str(link)]) == 0
    assert link.is_symlink() and file.read_text().startswith("<!DOCTYPE html>")


def test_a_name_that_is_not_text_can_be_printed(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "tiny", "--policy", "static", "--out", str(data / "nothing" / "not \udcff text.html")]) == 2
    capsys.readouterr().err.encode()


def test_a_full_disk_leaves_nothing_behind(data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    before = sorted(data.rglob("*"))
    assert main(["report", "tiny", "--policy", "static", "--out", str(data / "report.html")]) == 2
    assert "No space left on device" in capsys.readouterr().err
    assert sorted(data.rglob("*")) == before


def test_a_pipe_or_a_device_is_not_replaced(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pipe = data / "pipe"
    os.mkfifo(pipe)
    assert main(["report", "tiny", "--policy", "static", "--out", str(pipe)]) == 2
    assert capsys.readouterr().err == f"{pipe} is a device or a pipe; give --out an ordinary file.\n"
    assert pipe.is_fifo()


def test_a_name_of_another_kind_of_file_is_refused(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "tiny", "--policy", "static", "--out", str(data / "report.pdf")]) == 2
    assert_one_sentence(capsys.readouterr().err.strip(), "report.pdf does not end in .html")
    assert not (data / "report.pdf").exists()
