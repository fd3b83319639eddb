"""Logs of models as strangers publish them, imported and written as reports: what the page has to show in words."""

from collections.abc import Callable, Mapping
from pathlib import Path

from app.report.contents import report
from app.report.single_file import html
from app.shown import Shown
from app.warming import first_shown
from app.worker.pictures import album
from engine.bundle.bundle import Bundle, read_bundle
from engine.bundle.library import Entry
from engine.importing.importer import import_file
from engine.importing.options import Options
from engine.outputs import CascadeKind
from tests.app.samples import STEPS, show
from tests.engine.importing.invented_logs import graded_arrays, invented, write_csv

#: A file, how it is read, and whether its models are exits of one network.
Log = tuple[Path, Options, CascadeKind | None]

TOPICS = ("a river that changed its bed", "the colour of old snow", "two trains and a tunnel", "why glue does not stick to its own bottle")


def two_models(folder: Path) -> Log:
    """What two models got correct, and nothing else."""
    cells = invented({"small": (0.5, 0.2), "large": (0.8, 0.9)}, [str(i) for i in range(160)], 5, varying=False)
    rows = [{model: int(cell.quality) for model, cell in by_model.items()} for by_model in cells.values()]
    return write_csv(folder / "two.csv", rows), Options(cost={"small": 0.2, "large": 0.9}, cost_unit="usd"), None


def nine_models(folder: Path) -> Log:
    """Nine models, of which two are dominated; with text ids and a confidence."""
    models = {f"vendor-{k}/chat-{size}b-instruct": (0.24 + 0.12 * k, 0.0004 * 2**k) for k, size in enumerate((1, 3, 7, 8, 13, 34, 70))}
    models |= {"legacy/large-2": (0.55, 0.05), "legacy/huge": (0.62, 0.2)}
    rows = [
        {"query_id": id, "llm": model, "is_correct": int(cell.quality), "inference_cost": cell.cost, "confidence": cell.conf}
        for id, by_model in invented(models, [f"mmlu.{i}" for i in range(240)], 11, varying=False).items()
        for model, cell in by_model.items()
    ]
    return write_csv(folder / "nine.csv", rows), Options(), None


def graded(folder: Path) -> Log:
    """Two exits whose masks have a quality, and times that depend on the picture."""
    return graded_arrays(folder).file, Options(), CascadeKind.CHAIN


def twelve_exits(folder: Path) -> Log:
    """Twelve exits of one network, with the text of every example."""
    exits = {str(k): (0.3 + 0.05 * k, 1.0) for k in range(1, 13)}
    rows = []
    for i, (id, by_exit) in enumerate(invented(exits, [f"line-{i}" for i in range(200)], 12, varying=False).items()):
        text = f"Question {i}: what do you know about {TOPICS[i % 4]}, and which {7 * i} of its details would you leave out?"
        for exit, cell in by_exit.items():
            row = {"id": id, "exit": int(exit), "correct": int(cell.quality), "conf": cell.conf, "macs": float(exit), "text": text}
            rows.append({**row, "factor_length": len(text)})
    return write_csv(folder / "twelve.csv", rows), Options(), CascadeKind.CHAIN


def missing_cells(folder: Path) -> Log:
    """Summaries with a quality: some attempts failed, some were never run, and one model is dominated."""
    cells = invented(
        {"cheap": (0.5, 1.0), "middle": (0.72, 2.0), "best": (0.9, 4.0), "worse": (0.6, 9.0)},
        [f"doc {i}" for i in range(160)],
        8,
        graded=True,
    )
    rows = []
    for i, (id, by_model) in enumerate(cells.items()):
        for model, cell in by_model.items():
            failed, absent = i % 10 == 3 and model == "cheap", i % 10 == 7 and model == "best"
            row = {"document": id, "model": model, "rouge": "" if failed else cell.quality, "error": "time-out" if failed else ""}
            row |= {"price": cell.cost, "confidence": "" if failed else cell.conf, "prompt": f"Summarise document {i} in one sentence."}
            rows += [] if absent else [row]
    options = Options(columns={"quality": "rouge", "example": "document"})
    return write_csv(folder / "missing.csv", rows), options, None


LOGS: Mapping[str, Callable[[Path], Log]] = {
    made.__name__.replace("_", "-"): made for made in (two_models, nine_models, graded, twelve_exits, missing_cells)
}


def import_log(folder: Path, name: str) -> Bundle:
    """Write a log and import it as the bundle `NAME` of a folder."""
    file, options, kind = LOGS[name](folder)
    import_file(file, name, kind=kind, out=folder / name, options=options)
    return read_bundle(folder / name)


def write_log(folder: Path, name: str) -> Shown:
    """Import a log and write the report of what the page shows of it at first, `NAME.html`."""
    bundle, entry = import_log(folder, name), Entry(name, folder / name)
    shown = show(bundle, *first_shown(entry), STEPS)
    (folder / f"{name}.html").write_text(html(report(shown, album(entry))), encoding="utf-8")
    return shown
