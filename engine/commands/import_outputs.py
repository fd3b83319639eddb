"""Make a bundle of other people's outputs, or write a template of what can be imported."""

import argparse
from pathlib import Path
from typing import Any

from engine.errors import UserError


def arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("file", metavar="FILE", nargs="?", type=Path, help=".npz, .safetensors or .parquet; see --template")
    command.add_argument("--id", metavar="NAME", help="what the bundle is called")
    command.add_argument("--title", metavar="TEXT", help="what it is shown as (default: its id)")
    command.add_argument("--topology", choices=("chain", "family"), help="one network or separate ones (default: the file's, or chain)")
    command.add_argument("--template", metavar="KIND", help="write a small example instead: logits, probs, confidence, family or parquet")
    command.add_argument("--out", type=Path, metavar="PATH", help="the bundle's folder (default: data/bundles/NAME) or the template")


def run(given: argparse.Namespace) -> dict[str, Any]:
    from engine.importing.importer import import_file
    from engine.importing.templates import write_template

    if given.template:
        if given.file or given.id or not given.out:
            raise UserError("A template is written with --template KIND --out FILE, without a file to import and without --id.")
        path = write_template(given.template, given.out)
        if not given.json:
            print(f"A template is at {path}; import it with `python -m engine import {path} --id NAME`.")
        return {"template": given.template, "file": str(path)}
    if not (given.file and given.id):
        raise UserError("An import needs the file and a name for the bundle: `python -m engine import FILE --id NAME`.")
    made = import_file(given.file, given.id, given.title, given.topology, given.out)
    outputs, exit_names = made.draft.outputs, made.draft.exit_names
    test = outputs.test()
    accuracy = test.correct.mean(axis=1).tolist()
    if not given.json:
        size = f"{outputs.exits} exits, {outputs.classes} classes, {outputs.examples:,} examples"
        print(f"The bundle is at {made.folder}: {size}; costs in {', '.join(outputs.stage_cost)}.")
        for note in made.notes:
            print(note)
        print(f"Right among the {test.examples:,} test examples: ", end="")
        print(", ".join(f"{name} {share:.2%}" for name, share in zip(exit_names, accuracy, strict=True)) + ".")
    return {
        "id": made.draft.id,
        "bundle": str(made.folder),
        "exits": outputs.exits,
        "classes": outputs.classes,
        "examples": outputs.examples,
        "said": outputs.recorded,
        "topology": outputs.kind,
        "stage_cost": {unit: cost.tolist() for unit, cost in outputs.stage_cost.items()},
        "test_accuracy": accuracy,
        "notes": list(made.notes),
    }
