"""What a file to import may hold: every array and every column with its shape, as `import --help` prints it."""

from collections.abc import Iterable, Sequence
from textwrap import wrap

from engine.importing.logs.column_names import COST_NAMES, ROLES

#: (name, shape, meaning)
Row = tuple[str, str, str]

#: Example files that can be written; `engine.importing.templates` makes them.
TEMPLATE_KINDS = ("logits", "probs", "confidence", "family", "parquet", "mixed", "correct", "quality", "long", "wide")

OUTPUTS: tuple[Row, ...] = (
    ("logits", "(exits, examples, classes)", "raw logits; log-probabilities are recognized"),
    ("probs", "(exits, examples, classes)", "probabilities; each row sums to 1"),
    ("pred", "(exits, examples)", "predicted class, a number or text"),
    ("conf", "(exits, examples)", "probability of the prediction, beside pred, correct or quality; optional"),
    ("correct", "(exits, examples)", "whether each result is correct, in place of pred and labels"),
    ("quality", "(exits, examples)", "how good each result is, from 0 to 1"),
    ("failed", "(exits, examples)", "where a model gave nothing, beside correct or quality; optional"),
)
COSTS: tuple[Row, ...] = (
    ("cost_UNIT", "(exits,) or (exits, examples)", "total cost of leaving at each exit, or"),
    ("stage_cost_UNIT", "(exits,) or (exits, examples)", "cost of each stage, or each model, alone"),
)
OTHERS: tuple[Row, ...] = (
    ("labels", "(examples,)", "true class, a number from 0 or text; needed with logits, probs and pred"),
    ("split", "(examples,)", "fit, calibration or test, or 0, 1 and 2; without it, it is drawn"),
    ("ids", "(examples,)", "whole numbers or text, all different"),
    ("texts", "(examples,)", "what the examples say"),
    ("images", "(examples, height, width, 3)", "uint8, at most 512 pixels a side"),
    ("factor_NAME", "(examples,)", "a covariate, such as how hard an example is"),
    ("before_NAME", "(examples,)", "a number known before any stage runs, such as the length of a question"),
    ("feature_NAME", "(exits, examples)", "a number of each result that may tell whether to go on, such as its length"),
    ("class_names", "(classes,)", "text"),
    ("exit_names", "(exits,)", "text"),
    ("topology", "text", "chain for the exits of one network, family for separate models"),
)


def help_text() -> str:
    """The part of the help below the options."""
    exits = (
        "In place of one array for all exits, there may be one for each: exit0.logits, exit1.probs and so on. A .parquet, .csv or"
        " .jsonl file of any number of rows is read in batches if it has columns such as exit0.pred, exit0.correct or exit0.quality."
    )
    return "\n\n".join(
        (
            _section("Arrays, in .npz and .safetensors files (in .parquet, as columns such as exit0.logits):", (*OUTPUTS, *COSTS, *OTHERS)),
            _paragraph(exits),
            _section(
                "Logs of models in long form, in .csv, .jsonl and .parquet files: a row for each example and model, with these columns:",
                [(name, _names(role.names), role.meaning) for name, role in ROLES.items()]
                + [("cost", f"{_names(COST_NAMES)}, cost_UNIT, stage_cost_UNIT", "what the row cost; the name gives the unit")]
                + [("others", "factor_NAME, before_NAME, feature_NAME", "numbers of the example, and of each result; see above")],
            ),
            _section(
                "Logs of models in wide form: a row for each example, and these columns:",
                (
                    ("MODEL", "name of a model", "its quality, correct or not or from 0 to 1"),
                    ("MODEL.cost", "also MODEL.latency_ms and so on", "its cost for the example"),
                    ("MODEL.conf", "also MODEL.confidence and so on", "its confidence"),
                    ("MODEL.pred", "also MODEL.prediction and so on", "its predicted class, in place of MODEL, beside label"),
                    ("MODEL.failed", "also MODEL.error", "where it failed"),
                    ("MODEL.feature_NAME", "a number", "of its result"),
                    ("others", "example, text, label, split, factor_NAME, before_NAME", "as in long form"),
                ),
            ),
        )
    )


def _section(title: str, rows: Sequence[Row]) -> str:
    lines = [_paragraph(title)]
    for name, shape, meaning in rows:
        lines += wrap(f"{name:<16} {shape}: {meaning}", 110, initial_indent="  ", subsequent_indent=" " * 19)
    return "\n".join(lines)


def _paragraph(text: str) -> str:
    return "\n".join(wrap(text, 110))


def _names(names: Iterable[str]) -> str:
    return ", ".join(names)
