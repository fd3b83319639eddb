"""Runs a recipe's network once over its data set and keeps the outputs of every exit.

The unit of work is a shard, an explicit list of examples, written under a temporary name, synced, renamed. To resume, the folder is listed:
a run killed at any moment continues where it stopped and ends in the same bytes as an uninterrupted one. A scheduler has the shards
computed, by this process or by others (`engine.runtime.schedulers`); what happens to one shard is in `engine.runtime.shard_worker`.

Images, texts and images with masks each have a file that says what is kept of them, see `engine.runtime.example_kinds`.
"""

from pathlib import Path

from engine.bundle.bundle import Draft, check_id, write_bundle
from engine.bundle.large import is_large, write_large
from engine.bundle.lock import writing
from engine.bundle.manifest import MANIFEST, read_manifest
from engine.bundle.origin import Origin
from engine.bundle.replacing import is_imported, prepare_place, reporting
from engine.errors import UserError
from engine.paths import bundles_folder
from engine.progress import Progress, no_progress
from engine.recipes import Recipe, recipe, weights_path
from engine.runtime.assemble_large import assemble_large
from engine.runtime.compute_run import ComputeRun
from engine.runtime.example_kinds import Facts
from engine.runtime.examples_of_run import RunExamples
from engine.runtime.precision import FULL
from engine.runtime.schedulers import Local, Scheduler
from engine.runtime.shards import Shards, ShardStore
from engine.runtime.shared_shards import check_address, shared_shards
from engine.runtime.stage_costs import counted_units, stage_costs
from engine.runtime.weights import provenance_of
from engine.splits import Split

SHARD = 1000
LOCAL = Local()


def compute(
    name: str | Recipe,
    device: str = "auto",
    batch_size: int = 50,
    limit: int | None = None,
    out: Path | None = None,
    progress: Progress = no_progress,
    dtype: str = FULL,
    cuda_graphs: bool = False,
    outputs_only: bool = False,
    scheduler: Scheduler = LOCAL,
    shards_at: str | None = None,
    replace: bool = False,
) -> Path:
    """Run a recipe over its fit, calibration and test examples and write the bundle; returns its folder. Raises UserError.

    limit: most examples of each split;  out: folder of the bundle, by default in the library
    dtype: what the network computes in, one of engine.runtime.precision.DTYPES; outputs are kept in float32
    cuda_graphs: record stages once and replay them, on an NVIDIA GPU
    outputs_only: keep no images or texts; the page reads them from the data set
    scheduler: who computes the shards, by default this process
    shards_at: where shards are kept until all are there: an address that fsspec reads, such as s3://bucket/folder, or a folder; by default
        beside the bundle
    replace: whether the bundle may take the place of one that another recipe made
    """
    source = recipe(name)
    weights = weights_path(source.name)
    if not weights.is_file():
        raise UserError(f"There are no weights for {source.name} at {weights}; {source.remedy}.")
    for option, number in (("--batch-size", batch_size), ("--limit", limit)):
        if number is not None and number < 1:
            raise UserError(f"{option} is {number} but must be at least 1.")
    folder = out or bundles_folder() / source.name
    check_id(folder.name)  # before the work, not after it
    prepare_place(folder)
    if is_imported(folder):
        raise UserError(f"{folder} already exists and is an imported bundle; choose another name or folder.")
    if not replace:
        _check_same_recipe(folder, source.name)
    dataset = source.dataset()
    for split in (Split.CALIBRATION, Split.TEST):
        if not len(dataset.ids(split)):
            raise UserError(f"The data set {dataset.name} has no {split} examples, which every bundle needs; add some and train again.")
    examples = RunExamples.of(dataset, limit)
    if limit is not None and (folder / MANIFEST).is_file():
        before, after = read_manifest(folder)["examples"], len(examples)
        if before > after:
            raise UserError(f"{folder} has {before:,} examples and --limit {limit} would leave {after:,}; choose another place with --out.")
    trained = provenance_of(weights)
    if trained.get("data_digest") not in (None, dataset.digest()):
        # on other images, or on the same ones split differently: the network may have been trained on test examples
        raise UserError(f"The weights at {weights} were trained on other examples than {dataset.name} has now; {source.remedy} again.")
    if shards_at is not None:
        check_address(shards_at, scheduler.has_workers)  # before workers start
    run = ComputeRun(
        recipe=source,
        dataset=dataset,
        trained=trained,
        device=device,
        environment=scheduler.environment(device),
        dtype=dtype,
        batch_size=batch_size,
        cuda_graphs=cuda_graphs,
        shard_size=SHARD,
        examples=examples,
        outputs_only=outputs_only,
    )
    with reporting(folder), writing(folder):
        beside = folder.with_name(folder.name + ".partial")
        store = shared_shards(shards_at, run.key(), run.shards) if shards_at is not None else Shards.begun(beside, run.shards, run.key())
        shards = _shards_of(run, store, beside, scheduler, progress)
        if is_large(run.examples.counts):
            write_large(assemble_large(run, folder.name, shards), folder)
        else:
            write_bundle(_assemble(run, folder.name, shards), folder)
        for place in dict.fromkeys((store, shards)):
            place.remove()
    return folder


def _check_same_recipe(folder: Path, name: str) -> None:
    """Raise UserError if there is a bundle that is not known to be this recipe's."""
    if not (folder / MANIFEST).is_file():
        return
    origin = Origin.of(folder)
    if origin is None and folder.name != name:  # damaged, and not in the place of its recipe
        raise UserError(f"{folder} already holds a bundle that cannot be read; choose another place with --out, or add --replace.")
    if origin is not None and origin.variant != name:
        made = f"of {origin.variant}" if origin.variant else "that no recipe made"
        raise UserError(f"{folder} already holds a bundle {made}; choose another place with --out, or add --replace.")


def _shards_of(run: ComputeRun, store: ShardStore, folder: Path, scheduler: Scheduler, progress: Progress) -> Shards:
    """Have all missing shards of `store` computed; returns them as files. folder: where to copy those of object storage"""
    missing = sorted(set(range(run.shards)) - store.finished())
    if missing:
        scheduler.compute(run, store, missing, progress)
    progress(len(run.examples), len(run.examples))
    if isinstance(store, Shards):
        return store
    shards = Shards.begun(folder, run.shards, run.key())
    shards.copy_from(store)
    return shards


def _assemble(run: ComputeRun, id: str, shards: Shards) -> Draft:
    cascade, units = run.recipe.cascade(), counted_units()
    all_sizes, ids = shards.joined("sizes"), run.examples.ids()
    facts = Facts(
        ids=ids,
        split=run.examples.splits(),
        stage_cost={unit: stage_costs(cascade, stage_cost, all_sizes) for unit, (_, stage_cost) in units.items()},
        kind=cascade.kind,
        factors={name: shards.joined(f"factor.{name}") for name in shards.names("factor.")},
    )
    outputs = run.kind.outputs(shards, facts)
    return Draft(
        id=id,
        title=run.recipe.config.title,
        outputs=outputs,
        class_names=run.dataset.class_names,
        exit_names=run.recipe.config.exit_names or tuple(f"Exit {k + 1}" for k in range(outputs.exits)),
        unit_notes={unit: note for unit, (note, _) in units.items()},
        provenance=run.provenance(),
        **run.kind.pictured_outputs(run.dataset, ids, shards),
        **(run.kind.faces(ids, shards) if run.keeps_examples else {}),
    )
