"""Writes the golden policies of the current schema, saved policies that every later version of Offramp must be able to load.

python -m tests.golden.make_policies

Every policy that can be saved is set on the golden bundle with logits. Beside its document are the exits and predictions of the examples on
which no knob was set. An existing file is left as it is: one that newer code has written again would prove nothing.
"""

import json
from pathlib import Path

from engine.bundle.bundle import read_bundle
from engine.policies import POLICIES
from engine.policies.saved import SCHEMA, policy_document
from engine.splits import Split
from engine.sweep import run_sweep

GOLDEN = Path(__file__).resolve().parent
BUDGET = 0.7


def main() -> None:
    path = GOLDEN / f"policies-schema-{SCHEMA}.json"
    if path.exists():
        return
    bundle = read_bundle(GOLDEN / "bundle-schema-1")
    entries = []
    for policy in POLICIES.values():
        if not policy.deployable:
            continue
        rule = run_sweep(policy, bundle.outputs, [BUDGET]).rules[0]
        routes = {str(split): rule.route(bundle.outputs.part(split)) for split in (Split.FIT, Split.TEST)}
        expected = {split: {"exit": route.exit.tolist(), "prediction": route.prediction.tolist()} for split, route in routes.items()}
        entries.append({"routes": expected, "document": policy_document(policy, rule, bundle, "macs", BUDGET)})
    path.write_text(json.dumps(entries, allow_nan=False, ensure_ascii=False).replace('{"routes"', '\n{"routes"') + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
