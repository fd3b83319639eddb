"""Prints the result tables of README.md and docs/ from the shipped bundles. None of them is typed by hand.

python benchmarks/tables.py [--only PART ...] [--write]
"""

import re
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs from anywhere as `python benchmarks/tables.py`

from benchmarks.options import Options, run
from benchmarks.parts.bags import plain_and_bags
from benchmarks.parts.cells import how_read
from benchmarks.parts.eenet import eenet
from benchmarks.parts.masks import masks_table
from benchmarks.parts.networks import exits_table, networks_table
from benchmarks.parts.policies import FIRST, hull_row, policies_table
from benchmarks.parts.speedups import speedups
from engine.bundle.library import open_bundle
from engine.policies import POLICIES
from engine.sweep import run_sweep

ROOT = Path(__file__).resolve().parents[1]
#: The documents that contain the tables, each between the marks of its part.
DOCUMENTS = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))


def results() -> list[str]:
    bundle = open_bundle("doodles")
    return [
        *policies_table(bundle, FIRST),
        "",
        how_read(bundle),
    ]


def exits() -> list[str]:
    bundle = open_bundle("doodles")
    return exits_table(bundle, run_sweep(POLICIES["maxprob"], bundle.outputs, [0.25, 0.5]))


def methods() -> list[str]:
    bundle = open_bundle("doodles")
    return [*policies_table(bundle, POLICIES), hull_row(bundle), "", how_read(bundle)]


def cifar10() -> list[str]:
    dense, heads, bags, family = (open_bundle(f"cifar10-{name}") for name in ("msdnet", "resnet", "bof", "family"))
    return [
        *networks_table((dense, heads, bags, family)),
        "",
        "Network selection, `cifar10-family`:",
        "",
        *policies_table(family, FIRST, (0.15, 0.25, 0.35, 0.5)),
        "",
        how_read(family),
        "",
        "Early exits of one network, `cifar10-msdnet`:",
        "",
        *policies_table(dense, FIRST, (0.2, 0.3, 0.4, 0.6)),
        "",
        how_read(dense),
    ]


def sentences() -> list[str]:
    bundles = [open_bundle(f"{name}-minilm") for name in ("sst2", "ag-news")]
    lines = [*networks_table(bundles)]
    for bundle in bundles:
        lines += ["", f"`{bundle.id}`:", "", *policies_table(bundle, FIRST, (0.25, 0.5, 0.75)), "", how_read(bundle)]
    return lines


def phrases() -> list[str]:
    bundle = open_bundle("phrases")
    return [
        *networks_table([bundle]),
        "",
        *exits_table(bundle, run_sweep(POLICIES["maxprob"], bundle.outputs, [0.4, 0.6])),
        "",
        *policies_table(bundle, FIRST, (0.3, 0.5, 0.7)),
        "",
        how_read(bundle),
    ]


def twenty() -> list[str]:
    heads, bags, family = (open_bundle(f"cifar100-twenty-{name}") for name in ("resnet", "bof", "family"))
    return [
        *networks_table([heads, bags, family]),
        "",
        "Early exits of one network, `cifar100-twenty-resnet`:",
        "",
        *policies_table(heads, FIRST, (0.25, 0.5, 0.75)),
        "",
        how_read(heads),
        "",
        "Network selection, `cifar100-twenty-family`:",
        "",
        *policies_table(family, FIRST, (0.15, 0.25, 0.5)),
        "",
        how_read(family),
    ]


def streets() -> list[str]:
    bundle = open_bundle("camvid")
    return [
        *masks_table(bundle),
        "",
        f"In percent on the {bundle.outputs.test().examples:,} test frames, with 95% intervals: Student's t for means over pictures, and a"
        " bootstrap over the frames for the data set. IoU is intersection over union, of a picture over the classes in either of its masks,"
        f" and of the data set over all {len(bundle.class_names)} classes. Outputs computed on:"
        f" {bundle.provenance.get('device', 'unknown')}.",
    ]


#: The parts to print, by the name in their marks.
PARTS: dict[str, Callable[[], list[str]]] = {
    "results": results,
    "methods": methods,
    "exits": exits,
    "cifar10": cifar10,
    "bags": plain_and_bags,
    "sentences": sentences,
    "phrases": phrases,
    "twenty": twenty,
    "eenet": eenet,
    "speedups": speedups,
    "camvid": streets,
}


def between_marks(part: str) -> re.Pattern[str]:
    """Matches a part of a document: its first mark, its present text, and its last mark."""
    return re.compile(f"(<!-- {part}: begin -->\n).*?(<!-- {part}: end -->)", re.DOTALL)


def main() -> None:
    parser = Options("tables", __doc__)
    parser.add_argument(
        "--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART", help=f"parts to print: {', '.join(PARTS)} (default: all)"
    )
    parser.add_argument("--write", action="store_true", help="also write the tables into README.md and docs/")
    given = parser.parse_args()
    documents = {path: path.read_text(encoding="utf-8") for path in DOCUMENTS}
    for name in given.only:
        text = "\n".join(PARTS[name]())
        print(text, end="\n\n")
        for path, document in documents.items():
            documents[path] = between_marks(name).sub(lambda marks, text=text: f"{marks[1]}{text}\n{marks[2]}", document)
    if given.write:
        for path, document in documents.items():
            path.write_text(document, encoding="utf-8")


if __name__ == "__main__":
    run(main)
