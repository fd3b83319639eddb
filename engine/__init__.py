"""Offramp's compute engine: early-exit networks and cascades of models, and the outputs of every exit for every example.

The names below are the public interface; they are imported from their modules when they are first used.

    outputs = engine.Outputs.from_logits(logits, labels, split, {"macs": stage_cost})
    result = engine.run_sweep(engine.policy("maxprob"), outputs, [0.25, 0.5])
    result.accuracy, result.cost  # on test, at each budget
"""

import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.analysis.routes_table import routes_by, routes_table, write_routes
    from engine.bundle.bundle import Bundle, Draft, read_bundle, write_bundle
    from engine.bundle.library import open_bundle
    from engine.cost_units import CostUnit, register_cost_unit
    from engine.datasets import Dataset, Images, register_dataset
    from engine.datasets.folder import ImageFolder
    from engine.errors import UserError
    from engine.importing.importer import import_file
    from engine.importing.notebook import import_frame, show
    from engine.importing.readers import register_reader
    from engine.measuring.measure import measure
    from engine.measuring.save_measurements import save_measurements
    from engine.outputs import CascadeKind, Outputs
    from engine.policies import POLICIES, Fitted, Policy, Rule, policy, register_policy
    from engine.policies.core.saved_types import Cascade, register_saved
    from engine.policies.saved import SavedPolicy, load_policy, policy_document, save_policy
    from engine.qualities import QualityMeasure, register_quality
    from engine.recipes import Recipe, recipe
    from engine.recipes.wrapped import wrapped_recipe
    from engine.route import Route
    from engine.runtime.compute import compute
    from engine.splits import Split
    from engine.sweep import Sweep, run_sweep
    from engine.targets import by_accuracy_floor, by_budget, by_guarantee
    from engine.training.loop import train

__all__ = [
    "POLICIES",
    "Bundle",
    "Cascade",
    "CascadeKind",
    "CostUnit",
    "Dataset",
    "Draft",
    "Fitted",
    "ImageFolder",
    "Images",
    "Outputs",
    "Policy",
    "QualityMeasure",
    "Recipe",
    "Route",
    "Rule",
    "SavedPolicy",
    "Split",
    "Sweep",
    "UserError",
    "by_accuracy_floor",
    "by_budget",
    "by_guarantee",
    "compute",
    "import_file",
    "import_frame",
    "load_policy",
    "measure",
    "open_bundle",
    "policy",
    "policy_document",
    "read_bundle",
    "recipe",
    "register_cost_unit",
    "register_dataset",
    "register_policy",
    "register_quality",
    "register_reader",
    "register_saved",
    "routes_by",
    "routes_table",
    "run_sweep",
    "save_measurements",
    "save_policy",
    "show",
    "train",
    "wrapped_recipe",
    "write_bundle",
    "write_routes",
]

#: Progress and warnings of everything here. Handlers are the caller's business, as for any library.
logger = logging.getLogger("offramp")

_MODULES = {
    "engine.analysis.routes_table": ("routes_by", "routes_table", "write_routes"),
    "engine.bundle.bundle": ("Bundle", "Draft", "read_bundle", "write_bundle"),
    "engine.bundle.library": ("open_bundle",),
    "engine.cost_units": ("CostUnit", "register_cost_unit"),
    "engine.datasets": ("Dataset", "Images", "register_dataset"),
    "engine.datasets.folder": ("ImageFolder",),
    "engine.errors": ("UserError",),
    "engine.importing.importer": ("import_file",),
    "engine.importing.notebook": ("import_frame", "show"),
    "engine.importing.readers": ("register_reader",),
    "engine.outputs": ("CascadeKind", "Outputs"),
    "engine.measuring.measure": ("measure",),
    "engine.measuring.save_measurements": ("save_measurements",),
    "engine.policies": ("POLICIES", "Fitted", "Policy", "Rule", "policy", "register_policy"),
    "engine.policies.core.saved_types": ("Cascade", "register_saved"),
    "engine.policies.saved": ("SavedPolicy", "load_policy", "policy_document", "save_policy"),
    "engine.qualities": ("QualityMeasure", "register_quality"),
    "engine.recipes": ("Recipe", "recipe"),
    "engine.recipes.wrapped": ("wrapped_recipe",),
    "engine.route": ("Route",),
    "engine.runtime.compute": ("compute",),
    "engine.splits": ("Split",),
    "engine.sweep": ("Sweep", "run_sweep"),
    "engine.targets": ("by_accuracy_floor", "by_budget", "by_guarantee"),
    "engine.training.loop": ("train",),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULE_OF[name]), name)


def __dir__() -> list[str]:
    return sorted({*__all__, "logger"})
