"""Your own outputs: the logits of every exit, (exits, examples, classes), swept over three budgets."""

import numpy as np

import engine

rng = np.random.default_rng(0)
labels = rng.integers(10, size=3000)
confidence = np.array([1.0, 2.0, 3.0])[:, None, None]  # later exits are better
logits = rng.normal(size=(3, 3000, 10)) + confidence * np.eye(10)[labels]
split = np.repeat(["fit", "calibration", "test"], 1000)

outputs = engine.Outputs.from_logits(logits, labels, split, {"macs": np.array([1e6, 2e6, 4e6])})
result = engine.run_sweep(engine.policy("maxprob"), outputs, [0.25, 0.5, 0.75])
for budget, accuracy, cost in zip(result.budgets, result.accuracy, result.cost, strict=True):
    print(f"budget {budget:.0%}: {accuracy:.1%} accuracy at {cost:.1%} of the cost")
