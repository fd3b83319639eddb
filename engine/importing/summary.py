"""What there is to say about an import, as one JSON document."""

from typing import Any

from engine.exit_values import mean_over_examples
from engine.importing.importer import Imported
from engine.qualities import mean_title
from engine.splits import Split


def summary_of(imported: Imported) -> dict[str, Any]:
    """The document that `import --json` prints, with what its other lines need under "shown"."""
    outputs = imported.draft.outputs
    examples, tests = outputs.examples, outputs.test().examples
    accuracy = outputs.test().quality.mean(axis=1, dtype=float) if imported.tested is None else imported.tested
    if imported.whole is not None:
        examples, tests = imported.whole.all_examples, imported.whole.examples[Split.TEST]
    return {
        "id": imported.draft.id,
        "bundle": str(imported.folder),
        "replaced": imported.replaced,
        "exits": outputs.exits,
        "exit_names": list(imported.draft.exit_names),
        "classes": outputs.classes,
        "examples": examples,
        "said": outputs.recorded,
        "topology": str(outputs.kind),
        "stage_cost": {unit: mean_over_examples(cost).tolist() for unit, cost in outputs.stage_cost.items()},
        "test_accuracy": accuracy.tolist(),
        "dominated": list(imported.draft.provenance.get("dominated", [])),
        "notes": list(imported.notes),
        "diagnosis": list(imported.draft.provenance.get("diagnosis", [])),
        "shown": {"test_examples": tests, "measure": mean_title(outputs), "scores": list(outputs.scores)},
    }
