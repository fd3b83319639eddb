"""All checks for likely mistakes in an import. Each is a function of the outputs and their names alone, in a file of its own."""

from dataclasses import replace

from engine.importing.diagnosis.alike import alike
from engine.importing.diagnosis.before_score import before_score
from engine.importing.diagnosis.chance import chance
from engine.importing.diagnosis.class_order import class_order
from engine.importing.diagnosis.cost_order import cost_order
from engine.importing.diagnosis.cost_scale import cost_scale
from engine.importing.diagnosis.cumulative_costs import cumulative_costs
from engine.importing.diagnosis.dominated_models import dominated_models
from engine.importing.diagnosis.repeated_rows import repeated_rows
from engine.importing.diagnosis.split_difference import split_difference
from engine.importing.diagnosis.stepped_confidence import stepped_confidence
from engine.importing.diagnosis.subject import Check, Subject, without_logits
from engine.importing.diagnosis.too_small import too_small

CHECKS: tuple[Check, ...] = (
    class_order,
    chance,
    alike,
    repeated_rows,
    stepped_confidence,
    cost_order,
    cumulative_costs,
    cost_scale,
    dominated_models,
    split_difference,
    before_score,
    too_small,
)


def diagnose(subject: Subject) -> list[str]:
    """One sentence, with its evidence, for each likely mistake."""
    slim = replace(subject, outputs=without_logits(subject.outputs))
    sentences = (check(slim) for check in CHECKS)
    return [sentence for sentence in sentences if sentence is not None]
