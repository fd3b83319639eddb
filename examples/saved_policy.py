"""A saved policy: route new outputs as it was set to, without fitting anything.

Usage, in the folder of the repository: python -m examples.saved_policy policy.json
The policy is one for a chain, such as `python -m engine route doodles --policy maxprob --budget 0.25 --save-policy policy.json` saves.
"""

import sys

import numpy as np

import engine


def main(path: str) -> None:
    policy = engine.load_policy(path)
    exits, classes = len(policy.exit_names), len(policy.class_names)
    logits = np.random.default_rng(0).normal(scale=3, size=(exits, 1000, classes))  # yours instead, of the same network
    labels = np.zeros(1000, int)  # not read
    outputs = engine.Outputs.from_logits(logits, labels, np.full(1000, "test"), {policy.unit: policy.stage_cost})
    route = policy.route(outputs)
    for name, share in zip(policy.exit_names, route.shares(exits), strict=True):
        print(f"{name}: {share:.1%} of the examples leave here")


if __name__ == "__main__":
    main(sys.argv[1])
