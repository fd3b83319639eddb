"""Import the outputs of any network into a bundle, or write an example file to start from."""

import argparse
from pathlib import Path
from typing import Any

from engine.errors import UserError


def arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "file", metavar="FILE", nargs="?", type=Path, help=".npz, .safetensors or .parquet file; --template shows its contents"
    )
    command.add_argument("--id", metavar="NAME", help="id of the bundle")
    command.add_argument("--title", metavar="TEXT", help="title of the bundle (default: its id)")
    command.add_argument(
        "--topology", choices=("chain", "family"), help="exits of one network, or separate networks (default: as in the file, else chain)"
    )
    command.add_argument("--template", metavar="KIND", help="write an example file instead: logits, probs, confidence, family or parquet")
    command.add_argument(
        "--out", type=Path, metavar="PATH", help="folder of the bundle (default: data/bundles/NAME), or path of the example file"
    )


def run(given: argparse.Namespace) -> dict[str, Any]:
    from engine.importing.importer import import_file
    from engine.importing.templates import write_template

    if given.template:
        if given.file or given.id or not given.out:
            raise UserError("To write an example file, give --template KIND and --out FILE, without a file to import and without --id.")
        path = write_template(given.template, given.out)
        if not given.json:
            print(f"Example written to {path}; import it with `python -m engine import {path} --id NAME`.")
        return {"template": given.template, "file": str(path)}
    if not (given.file and given.id):
        raise UserError("An import needs a file and an id for the bundle; give `python -m engine import FILE --id NAME`.")
    imported = import_file(given.file, given.id, given.title, given.topology, given.out)
    outputs, exit_names = imported.draft.outputs, imported.draft.exit_names
    test = outputs.test()
    accuracy = test.correct.mean(axis=1).tolist()
    if not given.json:
        size = f"{outputs.exits} exits, {outputs.classes} classes, {outputs.examples:,} examples"
        print(f"Bundle written to {imported.folder}: {size}; costs in {', '.join(outputs.stage_cost)}.")
        for note in imported.notes:
            print(note)
        print(f"Accuracy on the {test.examples:,} test examples: ", end="")
        print(", ".join(f"{name} {share:.2%}" for name, share in zip(exit_names, accuracy, strict=True)) + ".")
    return {
        "id": imported.draft.id,
        "bundle": str(imported.folder),
        "exits": outputs.exits,
        "classes": outputs.classes,
        "examples": outputs.examples,
        "said": outputs.recorded,
        "topology": outputs.kind,
        "stage_cost": {unit: cost.tolist() for unit, cost in outputs.stage_cost.items()},
        "test_accuracy": accuracy,
        "notes": list(imported.notes),
    }
