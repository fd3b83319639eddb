"""The bundle of a finished run with many examples, put together shard by shard."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from engine.bundle.kept_precision import MAX_CLASSES_IN_FULL
from engine.bundle.large import Faces, LargeDraft, Piece
from engine.datasets.base import AnyDataset
from engine.recipes import Recipe
from engine.runtime.example_kinds import ExampleKind, Facts
from engine.runtime.examples_of_run import RunExamples
from engine.runtime.shards import Shards
from engine.runtime.stage_costs import counted_units, stage_costs


class Run(Protocol):
    """What is needed of a `ComputeRun`."""

    @property
    def recipe(self) -> Recipe: ...
    @property
    def dataset(self) -> AnyDataset: ...
    @property
    def examples(self) -> RunExamples: ...
    @property
    def kind(self) -> ExampleKind[Any, Any]: ...
    @property
    def keeps_examples(self) -> bool: ...
    def provenance(self) -> dict[str, Any]: ...


@dataclass(frozen=True)
class _OneShard(Shards):
    """A single shard of a run, by its number in it."""

    number: int = 0

    def path(self, index: int) -> Path:
        return super().path(self.number + index)


def assemble_large(run: Run, id: str, shards: Shards) -> LargeDraft:
    """As `engine.runtime.compute` does with all shards at once."""
    cascade, units = run.recipe.cascade(), counted_units()
    sizes = np.unique(np.concatenate([np.unique(sizes, axis=0) for sizes in shards.column("sizes")]), axis=0)
    costs = {unit: stage_costs(cascade, stage_cost, sizes) for unit, (_, stage_cost) in units.items()}
    kept, shape = _logits(shards, len(run.examples))

    def parts() -> Iterator[tuple[Shards, slice]]:
        start = 0
        for index in range(shards.count):
            shard = _OneShard(shards.folder, 1, index)
            end = start + len(shard.array(0, "sizes"))
            yield shard, slice(start, end)
            start = end

    def seen(ids: NDArray[np.int64], shard: Shards) -> dict[str, Any]:
        """What people see of the examples of a shard, and of their outputs."""
        of_outputs = run.kind.pictured_outputs(run.dataset, ids, shard)
        return {**of_outputs, **(run.kind.faces(ids, shard) if run.keeps_examples else {})}

    def pieces() -> Iterator[Piece]:
        for shard, part in parts():
            of_shard = shard.joined("sizes")
            facts = Facts(
                ids=run.examples.ids(part),
                split=run.examples.splits(part),
                stage_cost={unit: stage_costs(cascade, stage_cost, of_shard) for unit, (_, stage_cost) in units.items()},
                kind=cascade.kind,
                factors={name: shard.joined(f"factor.{name}") for name in shard.names("factor.")},
                kept=kept,
            )
            yield Piece(run.kind.outputs(shard, facts), texts=seen(facts.ids, shard).get("texts"))

    def faces(name: str) -> Faces:
        """The images or the masks of some examples."""

        def of(ids: NDArray[np.int64]) -> Iterable[tuple[int, bytes]]:
            wanted = set(ids.tolist())
            for shard, part in parts():
                if wanted.isdisjoint(its := run.examples.ids(part).tolist()):
                    continue
                yield from ((id, face) for id, face in seen(np.array(its), shard)[name] if id in wanted)

        return of

    first_shard, first_part = next(parts())
    first = seen(run.examples.ids(first_part), first_shard)
    exits = len(next(iter(costs.values())))
    shown: dict[str, Any] = {name: faces(name) for name in ("images", "masks") if name in first}
    return LargeDraft(
        id=id,
        title=run.recipe.config.title,
        class_names=run.dataset.class_names,
        exit_names=run.recipe.config.exit_names or tuple(f"Exit {k + 1}" for k in range(exits)),
        unit_notes={unit: note for unit, (note, _) in units.items()},
        provenance=run.provenance(),
        pieces=pieces(),
        stage_cost={unit: cost if cost.ndim == 1 else None for unit, cost in costs.items()},
        mask_size=first.get("mask_size"),
        logits_shape=shape,
        logits_dtype=kept,
        **shown,
    )


def _logits(shards: Shards, examples: int) -> tuple[np.dtype | None, tuple[int, int, int] | None]:
    """The type and the shape of all logits together, None if the examples have none. See `engine.bundle.kept_precision`."""
    if "logits" not in shards.names(""):
        return None, None
    exits, _, classes = shards.array(0, "logits").shape
    shape = exits, examples, classes
    if classes <= MAX_CLASSES_IN_FULL or any(
        np.abs(logits).max(initial=0) > np.finfo(np.float16).max for logits in shards.column("logits")
    ):
        return np.dtype(np.float32), shape
    return np.dtype(np.float16), shape
