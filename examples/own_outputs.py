"""Your own outputs: the logits of every exit, (exits, examples, classes), swept over three budgets.

Usage, in the folder of the repository: python -m examples.own_outputs
"""

import numpy as np

import engine


def main() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(10, size=3000)
    confidence = np.array([1.0, 2.0, 3.0])[:, None, None]  # later exits are better
    logits = rng.normal(size=(3, 3000, 10)) + confidence * np.eye(10)[labels]
    split = np.repeat(["fit", "calibration", "test"], 1000)
    macs = np.array([1e6, 1e6, 2e6])  # of each stage alone: leaving at the last exit costs 4e6

    outputs = engine.Outputs.from_logits(logits, labels, split, {"macs": macs})
    sweep = engine.run_sweep(engine.policy("maxprob"), outputs, [0.25, 0.5, 0.75])
    for budget, accuracy, cost in zip(sweep.budgets, sweep.accuracy, sweep.cost, strict=True):
        print(f"budget {budget:.0%}: {accuracy:.1%} accuracy at {cost:.1%} of the cost")


if __name__ == "__main__":
    main()
