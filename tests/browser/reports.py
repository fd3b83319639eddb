"""A small report: the page's own block in a file that is opened from disk."""

from pathlib import Path

from app.report.contents import report
from app.report.single_file import html
from app.shown import Shown
from app.worker.pictures import album, worker
from engine.bundle.bundle import write_bundle
from engine.bundle.library import find_bundle
from tests import synthetic

#: Of the written report. At the least budget, all examples leave at the first exit.
EXITS, LEAST_BUDGET = 4, 0.125


def write_report(folder: Path) -> Path:
    write_bundle(synthetic.draft(synthetic.outputs(examples=1500, exits=EXITS, seed=3), "tiny"), folder / "tiny")
    entry = find_bundle(str(folder / "tiny"))
    try:
        content = report(Shown.of(entry, "maxprob", "macs"), album(entry))
    finally:
        worker.stop()
    path = folder / "report.html"
    path.write_text(html(content))
    return path
