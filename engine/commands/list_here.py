"""List bundles, recipes and policies."""

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from engine.errors import UserError

if TYPE_CHECKING:
    from engine.policies.core.base import Policy

#: What a policy needs, by the values of `engine.policies.core.base.Need`.
NEEDS = {
    "labels": "the labels of the examples it routes",
    "features": "logits, a confidence or a feature",
    "probabilities": "the probability of every class",
    "logits": "raw logits",
    "family": "separate models",
    "before": "a number known before any model runs",
    "predictions": "predicted classes",
    "classes": "labels of classes",
}


def arguments(command: argparse.ArgumentParser) -> None:
    """It takes no arguments."""


def run(given: argparse.Namespace) -> dict[str, Any]:
    from engine.bundle.library import entries, open_bundle
    from engine.policies import POLICIES
    from engine.qualities import quality_measure
    from engine.recipes import RECIPES, Recipe

    def about(recipe: Recipe) -> dict[str, Any]:
        training = recipe.training and asdict(recipe.training)
        return {"name": recipe.name, "title": recipe.config.title, "description": recipe.config.description, "training": training}

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
                "examples": bundle.examples,
                "units": list(outputs.stage_cost),
                **({"quality": outputs.quality_name} if outputs.quality_name else {}),
                "policies": [name for name, policy in POLICIES.items() if policy.unavailable_reason(outputs) is None],
            }
        )
    policies = [
        {"name": name, "title": p.title, "source": p.source, "knob": p.knob, "needs": sorted(p.needs), "deployable": p.deployable}
        for name, p in POLICIES.items()
    ]
    if not given.json:
        width = max(map(len, (*RECIPES, *POLICIES, *(bundle["id"] for bundle in bundles))))
        for bundle in bundles:
            size = f"{bundle['exits']} exits, {bundle['classes']} classes, {bundle['examples']:,} examples"
            graded = f"; graded by {quality_measure(bundle['quality']).title}" if "quality" in bundle else ""
            print(f"bundle  {bundle['id']:<{width}}  {size}{graded}; costs in {', '.join(bundle['units'])}")
        for entry in broken:
            print(f"broken  {entry['problem']}")
        for name, recipe in RECIPES.items():
            print(f"recipe  {name:<{width}}  {recipe.config.description}")
        for name, policy in POLICIES.items():
            needs = _needs(policy)
            print(f"policy  {name:<{width}}  {policy.title}{f'; needs {needs}' if needs else ''}")
    return {"bundles": bundles, "broken": broken, "recipes": [about(one) for one in RECIPES.values()], "policies": policies}


def _needs(policy: "Policy") -> str:
    """What outputs must contain for a policy, in words; empty if it needs nothing but quality and cost."""
    words = [NEEDS[need] for need in sorted(policy.needs)]
    score = getattr(policy, "score", None)
    if score is not None and "logits" not in policy.needs:
        words.append("a confidence" if score == "maxprob" else NEEDS["probabilities"])
    return ", ".join(words)
