"""The command line: `python -m engine COMMAND`.

Exit codes: 0 done, 2 what the user gave is wrong (one sentence on stderr), 1 our fault (a traceback, so that it can be reported).
Heavy libraries are imported by the command that needs them: `list` and `--help` answer at once.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from engine.errors import UserError

if TYPE_CHECKING:
    from engine.recipes import Recipe

Command = Callable[[argparse.Namespace], dict[str, Any]]


class _Parser(argparse.ArgumentParser):
    """Answers a mistyped command in the form of every other mistake: one sentence."""

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message[:1].upper()}{message[1:]}; see `{self.prog} --help`.")


def list_here(given: argparse.Namespace) -> dict[str, Any]:
    from engine.library import entries, open_bundle
    from engine.policies import POLICIES
    from engine.recipes import RECIPES, Recipe

    def about(recipe: Recipe) -> dict[str, Any]:
        training = recipe.training and asdict(recipe.training)
        return {"name": recipe.name, "title": recipe.title, "description": recipe.description, "training": training}

    bundles, broken = [], []
    for entry in entries():
        try:
            bundle = open_bundle(str(entry.folder))
        except UserError as problem:
            broken.append({"id": entry.id, "problem": str(problem)})
            continue
        outputs = bundle.outputs
        bundles.append(
            {
                "id": entry.id,
                "title": bundle.title,
                "exits": outputs.exits,
                "classes": outputs.classes,
                "examples": outputs.examples,
                "units": list(outputs.stage_cost),
                "policies": [name for name, policy in POLICIES.items() if policy.why_not(outputs) is None],
            }
        )
    policies = [
        {"name": name, "title": p.title, "source": p.source, "knob": p.knob, "needs": sorted(p.needs), "deployable": p.deployable}
        for name, p in POLICIES.items()
    ]
    if not given.json:
        for bundle in bundles:
            size = f"{bundle['exits']} exits, {bundle['classes']} classes, {bundle['examples']:,} examples"
            print(f"bundle  {bundle['id']:<20} {size}; costs in {', '.join(bundle['units'])}")
        for entry in broken:
            print(f"broken  {entry['problem']}")
        for name, recipe in RECIPES.items():
            print(f"recipe  {name:<20} {recipe.description}")
        for policy in policies:
            print(f"policy  {policy['name']:<20} {policy['title']}")
    return {"bundles": bundles, "broken": broken, "recipes": [about(one) for one in RECIPES.values()], "policies": policies}


def download(given: argparse.Namespace) -> dict[str, Any]:
    from engine.download import download as fetch

    place = fetch(given.what)
    if not given.json:
        print(f"{given.what} is at {place}.")
    return {"what": given.what, "path": str(place)}


def _chosen(given: argparse.Namespace) -> "Recipe":
    from engine.recipes import Choices, recipe

    return recipe(given.recipe, Choices(given.exits, given.images, given.network, given.weights))


def train(given: argparse.Namespace) -> dict[str, Any]:
    from engine.train import train as run
    from engine.train import with_settings

    chosen = _chosen(given)
    asked = with_settings(chosen, exit_weights=given.exit_weights, distillation=given.distillation, frozen=given.frozen)
    weights = run(asked, epochs=given.epochs, device=given.device, out=given.out)
    if not given.json:
        print(f"Weights are at {weights}.")
    return {"recipe": chosen.name, "weights": str(weights)}


def compute(given: argparse.Namespace) -> dict[str, Any]:
    from engine.compute import compute as run

    chosen = _chosen(given)
    folder = run(chosen, given.device, given.batch_size, given.limit, given.out, _progress_bar("images"), given.dtype)
    if not given.json:
        print(f"The bundle is at {folder}.")
    return {"recipe": chosen.name, "bundle": str(folder)}


def measure(given: argparse.Namespace) -> dict[str, Any]:
    from engine.keep_measured import bundle_to_keep_in, keep_measured
    from engine.measure import measure as run

    chosen = _chosen(given)
    folder = bundle_to_keep_in(chosen) if given.save else None  # before the work, not after it
    found = run(chosen, given.device, given.batch_sizes, given.examples, dtype=given.dtype)
    document = found.as_json()
    if folder is not None:
        document["saved"] = {"bundle": str(folder), "units": keep_measured(found, folder)}
    if not given.json:
        print(f"{found.recipe} on {found.device}, {found.dtype}; {found.examples:,} test images.")
        print("Milliseconds for a batch: median, 95th percentile.")
        print("  batch  stage      trunk MACs       head MACs        trunk ms               head ms")
        times = found.times
        for i, size in enumerate(times.batch_sizes):
            for k, (trunk, head) in enumerate(zip(found.macs.trunk, found.macs.head, strict=True)):
                taken = f"{times.trunk[i, k]:9.3f} {times.trunk_p95[i, k]:9.3f}   {times.head[i, k]:9.3f} {times.head_p95[i, k]:9.3f}"
                print(f"{size:7} {k + 1:6} {trunk:15,} {head:15,}   {taken}")
        print("Speed-up over the full network in the same run, and the share of it that the ideals promise, by MACs and by stage times.")
        print("  batch  budget     cost      right   images/s   full images/s   speed-up   of MAC ideal   of time ideal")
        for point in found.runs:
            rates = f"{point.images_per_second:10,.0f} {point.full_images_per_second:15,.0f}"
            shares = f"{point.speed_up / point.ideal_by_macs:14.0%} {point.speed_up / point.ideal_by_times:15.0%}"
            about = f"{point.batch_size:7} {point.budget:7.0%} {point.cost:8.1%} {point.accuracy:10.2%}"
            print(f"{about} {rates} {point.speed_up:10.2f} {shares}")
        print("Every exit alone, without the heads before it.")
        print("  batch   exit      right   images/s   speed-up")
        for exit in found.exits:
            print(f"{exit.batch_size:7} {exit.exit + 1:6} {exit.accuracy:10.2%} {exit.images_per_second:10,.0f} {exit.speed_up:10.2f}")
        if found.energy is None:
            print(found.no_energy)
        else:
            print("Joules for an image: each stage with its head, and the full network alone.")
            for size, stages, full in zip(found.energy.batch_sizes, found.energy.stage, found.energy.full, strict=True):
                print(f"{size:7}   {' '.join(f'{joules:10.3g}' for joules in stages)}   {full:10.3g}")
        if folder is not None:
            print(f"Bundle {folder.name} now has costs in {', '.join(document['saved']['units'])}, until `compute` writes it anew.")
    return document


def sweep(given: argparse.Namespace) -> dict[str, Any]:
    from engine.library import open_bundle
    from engine.policies import policy
    from engine.splits import Split
    from engine.sweep import sweep as run

    chosen = policy(given.policy)
    if given.calibrated:
        from engine.policies.temperature import Calibrated

        chosen = Calibrated(chosen)
    bundle = open_bundle(given.bundle)
    units = bundle.outputs.stage_cost
    unit = given.unit or ("macs" if "macs" in units else next(iter(units)))  # an import may know its costs in another unit only
    result = run(chosen, bundle.outputs, given.budgets or given.points, unit, Split(given.split))
    document = result.as_json(bundle.id)
    if not given.json:
        full = document["full"]
        print(f"{chosen.title} on {bundle.title}: {result.split}, {document['examples']:,} examples. ", end="")
        print(f"Full network: {full['accuracy']:.2%} at {full['cost']:.4g} {result.unit}. Costs are shares of that.")
        print("  budget  planned  calibration     cost  accuracy  leaving at each exit")
        for point in document["points"]:
            shares = " ".join(f"{share:6.1%}" for share in point["shares"])
            planned = f"{point['budget']:8.3f} {point['planned_cost']:8.3f} {point['calibration_cost']:12.3f}"
            print(f"{planned} {point['cost']:8.3f} {point['accuracy']:9.2%}  {shares}")
    return document


def import_outputs(given: argparse.Namespace) -> dict[str, Any]:
    from engine.import_templates import write_template
    from engine.importing import import_file

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
    accuracy = test.right.mean(axis=1).tolist()
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
        "said": outputs.said,
        "topology": outputs.topology,
        "stage_cost": {unit: cost.tolist() for unit, cost in outputs.stage_cost.items()},
        "test_accuracy": accuracy,
        "notes": list(made.notes),
    }


def verify(given: argparse.Namespace) -> dict[str, Any]:
    from engine.library import open_bundle

    bundle = open_bundle(given.bundle)
    if not given.json:
        print(f"Bundle {bundle.id} is whole: {bundle.outputs.exits} exits, {bundle.outputs.examples:,} examples, every checksum right.")
    return {"bundle": bundle.id, "whole": True, "examples": bundle.outputs.examples}


def parser() -> argparse.ArgumentParser:
    top = _Parser(prog="python -m engine", description="Compute what every exit of a network says, and sweep policies over it.")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)

    def takes_recipe(command: argparse.ArgumentParser) -> None:
        command.add_argument("recipe", metavar="RECIPE", help="see `list`")
        command.add_argument("--images", type=Path, metavar="DIR", help="for folder and imagenet-family: pictures, DIR/CLASS/anything.jpg")
        command.add_argument("--network", metavar="NAME", help="for folder: a recipe whose network to take, or torchvision:NAME, wrapped")
        places = "where one may leave: units of the trunk (1,3) or layers of a wrapped network (layer1,layer2); the end always is an exit"
        command.add_argument("--exits", type=_words, default=(), metavar="A,B,...", help=places)
        command.add_argument("--weights", type=Path, metavar="FILE", help="a wrapped network's safetensors file, instead of published ones")

    def add(name: str, run: Command, help: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=help, description=help)
        command.set_defaults(run=run)
        command.add_argument("--json", action="store_true", help="print one JSON document on stdout and nothing else")
        return command

    add("list", list_here, "List the bundles, recipes and policies that are here.")

    command = add("download", download, "Fetch what others published; nothing is ever downloaded without this command.")
    known = "cifar10, cifar100, fashion-mnist, svhn, imagenet-weights, or torchvision:NETWORK for its weights"
    command.add_argument("what", metavar="WHAT", help=known)

    command = add("train", train, "Train a recipe's network; killed and started again, it goes on from its checkpoint.")
    takes_recipe(command)
    command.add_argument("--epochs", type=_positive, help="how often to go through the data (default: the recipe's)")
    command.add_argument("--device", default="auto", help="auto, cpu, cuda or mps (default: auto)")
    command.add_argument("--out", type=Path, metavar="DIR", help="where weights, checkpoints and the learning curve go")
    command.add_argument("--exit-weights", type=_numbers, metavar="A,B,...", help="share of each exit in the loss (default: the recipe's)")
    command.add_argument("--distillation", type=_share, metavar="SHARE", help="of an early exit's loss: to agree with the last one")
    frozen = "leave the weights that the training begins with as they are, and train only the rest (wrapped networks: always)"
    command.add_argument("--frozen", action="store_const", const=True, help=frozen)

    command = add("compute", compute, "Run a recipe's network over its data set and write the bundle; resumes where it was stopped.")
    takes_recipe(command)
    command.add_argument("--device", default="auto", help="auto, cpu, cuda or mps (default: auto)")
    command.add_argument("--dtype", default="float32", help="what to compute in: float32, bfloat16 or float16 (default: float32)")
    command.add_argument("--batch-size", type=_positive, default=50, metavar="N", help="images at a time (default: 50)")
    command.add_argument("--limit", type=_positive, metavar="N", help="at most N examples of each split")
    command.add_argument("--out", type=Path, metavar="DIR", help="where the bundle goes (default: data/bundles/RECIPE)")

    command = add("measure", measure, "Time a recipe's stages, and its cascade at several budgets against its full network.")
    takes_recipe(command)
    command.add_argument("--device", default="auto", help="auto, cpu, cuda or mps (default: auto)")
    command.add_argument("--dtype", default="float32", help="what to compute in: float32, bfloat16 or float16 (default: float32)")
    command.add_argument("--batch-sizes", type=_sizes, default=[1, 32, 256], metavar="A,B,...", help="images at a time (default: 1,32,256)")
    command.add_argument("--examples", type=_positive, default=512, metavar="N", help="images to run (default: 512)")
    command.add_argument("--save", action="store_true", help="add it to the recipe's bundle, in the place of what this device said before")

    command = add("sweep", sweep, "Run one policy over many budgets: knobs chosen on calibration, numbers from test.")
    command.add_argument("bundle", metavar="BUNDLE", help="an id or a path")
    command.add_argument("--policy", required=True, metavar="NAME", help="see `list`")
    command.add_argument("--calibrated", action="store_true", help="scale every exit's logits by a temperature first, learned on fit")
    which = command.add_mutually_exclusive_group()
    which.add_argument("--budgets", type=_numbers, metavar="A,B,...", help="mean cost allowed, as shares of the full network's: 0.3,0.5")
    which.add_argument("--points", type=_positive, default=21, metavar="N", help="that many budgets, evenly spread (default: 21)")
    command.add_argument("--unit", help="what cost is counted in (default: macs, or the bundle's first)")
    command.add_argument("--split", default="test", choices=("fit", "calibration", "test"), help="what to report on (default: test)")

    command = add("import", import_outputs, "Make a bundle of other people's outputs, or write a template of what can be imported.")
    command.add_argument("file", metavar="FILE", nargs="?", type=Path, help=".npz, .safetensors or .parquet; see --template")
    command.add_argument("--id", metavar="NAME", help="what the bundle is called")
    command.add_argument("--title", metavar="TEXT", help="what it is shown as (default: its id)")
    command.add_argument("--topology", choices=("chain", "family"), help="one network or separate ones (default: the file's, or chain)")
    command.add_argument("--template", metavar="KIND", help="write a small example instead: logits, probs, confidence, family or parquet")
    command.add_argument("--out", type=Path, metavar="PATH", help="the bundle's folder (default: data/bundles/NAME) or the template")

    command = add("verify", verify, "Check a bundle: checksums, schema, shapes.")
    command.add_argument("bundle", metavar="BUNDLE", help="an id or a path")
    return top


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def _sizes(text: str) -> list[int]:
    return [_positive(part) for part in text.split(",")]


def _words(text: str) -> tuple[str, ...]:
    words = tuple(part.strip() for part in text.split(","))
    if not all(words):
        raise argparse.ArgumentTypeError(f"{text!r} is not a list such as 1,3 or layer1,layer2")
    return words


def _numbers(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of numbers such as 0.3,0.5") from None


def _share(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number such as 0.3") from None


def _progress_bar(what: str, width: int = 30) -> Callable[[int, int], None]:
    """Progress on stderr: a bar that is redrawn on a terminal, a line a tenth elsewhere."""
    told = -1

    def show(done: int, total: int) -> None:
        nonlocal told
        filled = done * width // max(total, 1)
        line = f"[{'#' * filled}{'.' * (width - filled)}] {done:,} of {total:,} {what}"
        if sys.stderr.isatty():
            print(f"\r{line}", end="\n" if done == total else "", file=sys.stderr, flush=True)
        elif done * 10 // max(total, 1) > told:
            told = done * 10 // max(total, 1)
            print(line, file=sys.stderr, flush=True)

    return show


def main(arguments: Sequence[str] | None = None) -> int:
    try:
        given = parser().parse_args(arguments)
        document = given.run(given)
        if given.json:
            print(json.dumps(document, allow_nan=False))
        sys.stdout.flush()
    except UserError as mistake:
        print(mistake, file=sys.stderr)
        return 2
    except BrokenPipeError:
        # Whoever reads has seen enough (`| head`); Python would complain once more when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        print("Stopped; the same command goes on from here.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
