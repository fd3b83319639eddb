"""Import the outputs of any network, or a log of any models, into a bundle, or write an example file to start from."""

import argparse
from pathlib import Path
from typing import Any

from engine.commands.arguments import assignment, memory, minutes, number, words
from engine.display_text import capital, counted
from engine.errors import UserError
from engine.importing.help_text import TEMPLATE_KINDS, help_text


def arguments(command: argparse.ArgumentParser) -> None:
    command.formatter_class = argparse.RawDescriptionHelpFormatter
    command.epilog = help_text()
    command.add_argument(
        "file",
        metavar="FILE",
        nargs="?",
        type=Path,
        help=".npz, .safetensors, .parquet, .csv or .jsonl file; its contents are listed below",
    )
    command.add_argument("--id", metavar="NAME", help="id of the bundle")
    command.add_argument("--title", metavar="TEXT", help="title of the bundle (default: its id)")
    kind = command.add_mutually_exclusive_group()
    kind.add_argument(
        "--topology", choices=("chain", "family"), help="exits of one network, or separate models (default: as the file says or its names)"
    )
    kind.add_argument("--chain", dest="topology", action="store_const", const="chain", help="short for --topology chain")
    kind.add_argument("--family", dest="topology", action="store_const", const="family", help="short for --topology family")
    command.add_argument("--template", metavar="KIND", help=f"write an example file instead: {', '.join(TEMPLATE_KINDS)}")
    command.add_argument(
        "--out", type=Path, metavar="PATH", help="folder of the bundle (default: data/bundles/NAME), or path of the example file"
    )
    command.add_argument(
        "--most-memory",
        type=memory,
        default=None,
        metavar="SIZE",
        help="memory that the import may take, such as 8G (default: 4G); a file that needs more is refused",
    )
    command.add_argument(
        "--most-minutes",
        type=minutes,
        default=None,
        metavar="NUMBER",
        help="time that the import may take (default: a minute, and more for a larger file), after which it is ended",
    )
    log = command.add_argument_group("logs of models")
    log.add_argument(
        "--map",
        type=assignment,
        action="append",
        default=[],
        metavar="NAME=COLUMN",
        help="the column of one of the names below, or none: conf=",
    )
    log.add_argument("--models", type=words, default=(), metavar="A,B,...", help="the models to take (default: all)")
    log.add_argument(
        "--costs", type=Path, metavar="FILE", help="a second file with costs: columns model and cost, or example, model and cost"
    )
    log.add_argument(
        "--cost", type=assignment, action="append", default=[], metavar="MODEL=NUMBER", help="cost of a model, for each of them"
    )
    log.add_argument("--cost-unit", default="cost", metavar="UNIT", help="unit of costs whose name gives none, such as usd or seconds")
    log.add_argument("--scale", type=number, default=1.0, metavar="NUMBER", help="multiply every quality, such as by 0.01 for percentages")
    log.add_argument(
        "--quality-name", default="", metavar="TEXT", help="what the quality is, such as F1; the page and every command say it"
    )
    log.add_argument("--clip", action="store_true", help="cut qualities outside [0, 1]")


def run(given: argparse.Namespace) -> dict[str, Any]:
    from engine.bundle.bundle import check_id
    from engine.importing.budget import MOST_MEMORY
    from engine.importing.readers.separate_process import ImportTask, Worker
    from engine.importing.templates import write_template
    from engine.paths import bundles_folder

    if given.template:
        if given.file or given.id or not given.out:
            raise UserError("To write an example file, give --template KIND and --out FILE, without a file to import and without --id.")
        path = write_template(given.template, given.out)
        if not given.json:
            print(f"Example written to {path}; import it with `python -m engine import {path} --id NAME`.")
        return {"template": given.template, "file": str(path)}
    if not (given.file and given.id):
        raise UserError("An import needs a file and an id for the bundle; give `python -m engine import FILE --id NAME`.")
    options = _options(given)
    seconds = None if given.most_minutes is None else 60 * given.most_minutes
    folder = given.out or bundles_folder() / check_id(given.id)
    with Worker() as worker:
        task = ImportTask(given.file, given.id, folder, given.title, given.topology, options, given.most_memory or MOST_MEMORY, seconds)
        document = worker.import_file(task)
    shown = document.pop("shown")
    if not given.json:
        stages = counted(document["exits"], "exit" if document["topology"] == "chain" else "model")
        classes = f", {document['classes']} classes" if document["classes"] else ""
        size = f"{stages}{classes}, {counted(document['examples'], 'example')}"
        earlier = " in place of an earlier one" if document["replaced"] else ""
        print(f"Bundle written to {document['bundle']}{earlier}: {size}; costs in {', '.join(document['stage_cost'])}.")
        for note in document["notes"]:
            print(note)
        shares = zip(document["exit_names"], document["test_accuracy"], strict=True)
        print(f"{capital(shown['measure'])} on the {counted(shown['test_examples'], 'test example')}: ", end="")
        print(", ".join(f"{name} {share:.2%}" for name, share in shares) + ".")
        if given.out is None:
            policy = "maxprob" if "maxprob" in shown["scores"] else "random_mix"
            print(f"Select it under Bundle on the page, or run `python -m engine sweep {document['id']} --policy {policy}`.")
    return document


def _options(given: argparse.Namespace) -> Any:
    from engine.importing.options import Options

    def once(option: str, pairs: list[tuple[str, str]]) -> dict[str, str]:
        for name, _ in pairs:
            if sum(name == other for other, _ in pairs) > 1:
                raise UserError(f"{option} gives {name!r} twice; leave one out.")
        return dict(pairs)

    cost = {model: _cost(model, text) for model, text in once("--cost", given.cost).items()}
    return Options(
        columns=once("--map", given.map),
        models=given.models,
        costs=given.costs,
        cost=cost,
        cost_unit=given.cost_unit,
        scale=given.scale,
        clip=given.clip,
        quality_name=given.quality_name,
    )


def _cost(model: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UserError(f"--cost {model}={text[:20]} is not a number; give one such as --cost {model}=0.2.") from None
