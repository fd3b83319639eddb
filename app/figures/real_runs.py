"""The table of the real runs that the front marks."""

from collections.abc import Sequence

from app.figures.registry import Table
from engine.bundle.measurements import Measured


def table(measured: Sequence[Measured]) -> Table:
    runs = [(entry, run) for entry in measured for run in entry.runs]
    columns = {
        "Device": [entry.device for entry, _ in runs],
        "Batch size": [entry.batch_size for entry, _ in runs],
        "Images timed": [entry.examples for entry, _ in runs],
        "Budget": [run.budget for _, run in runs],
        "Compute spent": [run.cost for _, run in runs],
        "Time taken": [run.time for _, run in runs],
        "Accuracy": [run.accuracy for _, run in runs],
        "Speed-up": [run.speed_up for _, run in runs],
        "Expected from MACs": [run.ideal_by_macs for _, run in runs],
        "Expected from stage times": [run.ideal_by_times for _, run in runs],
    }
    formats: dict[str, str] = dict.fromkeys(("Budget", "Compute spent", "Time taken", "Accuracy"), "percent")
    formats |= dict.fromkeys(("Speed-up", "Expected from MACs", "Expected from stage times"), "%.2fx")
    caption = "Measured with real early exits. Budget, compute and time are shares of the full network’s in the same run."
    return Table(columns, formats, caption)
