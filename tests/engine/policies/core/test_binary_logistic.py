import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from engine.policies.core import binary_logistic
from engine.policies.core.binary_logistic import Problem, fit_binary_logistic, lbfgs, newton


def drawn(examples=120, features=5, seed=0):
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(examples, features))
    inputs[:, -1] = inputs[:, 0] + 1e-3 * inputs[:, -1]  # nearly determined by another, as the scores of one exit are
    positive = inputs[:, 0] + rng.normal(size=examples) > 0.5
    return inputs, positive, rng.exponential(size=examples)


def by_scikit_learn(inputs, positive, weight, l2, solver="newton-cholesky"):
    model = LogisticRegression(C=1 / l2, solver=solver, max_iter=1000).fit(inputs, positive, sample_weight=weight)
    return np.append(model.coef_[0], model.intercept_)


@pytest.mark.parametrize("l2", [100.0, 10.0, 1.0, 1e-3])
@pytest.mark.parametrize("seed", range(3))
def test_newtons_method_gives_what_scikit_learn_gives(l2, seed):
    """Not only nearly: it takes the same steps, and stops where scikit-learn stops."""
    coefficients = newton(Problem.of(*drawn(seed=seed), l2))
    assert coefficients is not None
    np.testing.assert_allclose(coefficients, by_scikit_learn(*drawn(seed=seed), l2), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_lbfgs_gives_what_scikit_learn_gives(seed):
    coefficients = lbfgs(Problem.of(*drawn(seed=seed), 1.0))
    assert coefficients is not None
    np.testing.assert_allclose(coefficients, by_scikit_learn(*drawn(seed=seed), 1.0, "lbfgs"), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("seed", [42, 48])
def test_steps_that_overshoot_are_halved(seed, monkeypatch):
    """With features and weights of very different sizes a full step would raise the loss."""
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(20, 4)) * 10 ** rng.uniform(-2, 2, 4) * np.exp(3 * rng.normal(size=(20, 1)))
    given = inputs, rng.random(20) < 0.2, np.exp(4 * rng.normal(size=20)), 1e-4
    np.testing.assert_allclose(newton(Problem.of(*given)), by_scikit_learn(*given), rtol=1e-6)
    monkeypatch.setattr(binary_logistic, "MOST_HALVINGS", 0)
    assert newton(Problem.of(*given)) is None


@pytest.mark.parametrize(("method", "solver"), [("newton", "newton-cholesky"), ("lbfgs", "lbfgs")])
def test_where_a_method_fails_scikit_learn_is_used(method, solver, monkeypatch):
    expected = by_scikit_learn(*drawn(), 2.0, solver)
    monkeypatch.setattr(binary_logistic, method, lambda problem: None)
    np.testing.assert_array_equal(fit_binary_logistic(*drawn(), 2.0, by_newton=method == "newton"), expected)


def test_two_equal_features_without_a_penalty_to_speak_of_are_left_to_scikit_learn():
    inputs, positive, weight = drawn()
    twice = np.column_stack([inputs[:, 0], inputs[:, 0]])
    assert newton(Problem.of(twice, positive, weight, 1e-15)) is None
    assert newton(Problem.of(twice, positive, weight, 1.0)) is not None


def test_too_few_steps_of_lbfgs_are_a_failure(monkeypatch):
    monkeypatch.setattr(binary_logistic, "MOST_LBFGS_STEPS", 1)
    assert lbfgs(Problem.of(*drawn(), 1.0)) is None
