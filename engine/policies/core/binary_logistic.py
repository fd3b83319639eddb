"""Weighted binary logistic regression for the many small gates of one policy, by Newton's method or by L-BFGS.

The steps and the criteria of convergence are those of scikit-learn's solvers "newton-cholesky" and "lbfgs", so the results are the same up
to rounding. Only its validation and conversion of arrays is left out, which takes most of the time of a small fit.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

#: Converged when no slope of the mean loss is above this, nor, by Newton's method, half the squared Newton decrement.
TOLERANCE = 1e-4
MOST_STEPS, MOST_LBFGS_STEPS = 100, 1000
#: A step is halved at most so often until the loss falls by at least this share of what its slope promises.
MOST_HALVINGS, SUFFICIENT_DECREASE = 20, 2.0**-11
EPSILON = float(np.finfo(np.float64).eps)
#: With more than this share of the weight on saturated examples, the Hessian is not to be relied on.
SATURATED = 0.25


@dataclass(frozen=True, eq=False)
class Problem:
    """The mean loss to minimise, in the weight of every feature and, last, the bias.

    inputs (examples, features + 1), with a last column of ones; share (examples,), of the total weight; target (examples,), 0 or 1;
    penalty (features + 1,), 0 for the bias
    """

    inputs: NDArray[np.float64]
    share: NDArray[np.float64]
    target: NDArray[np.float64]
    penalty: NDArray[np.float64]

    @classmethod
    def of(cls, features: NDArray[np.float64], positive: NDArray[np.bool_], weight: NDArray[np.float64], l2: float) -> "Problem":
        """features (examples, features); positive (examples,), with examples of both kinds; weight (examples,), above 0
        l2: strength of the penalty on the weights, above 0
        """
        inputs, total = np.column_stack([features, np.ones(len(features))]), weight.sum()
        penalty = np.full(inputs.shape[1], l2 / total)
        penalty[-1] = 0.0
        return cls(inputs, weight / total, positive.astype(np.float64), penalty)

    def loss(self, coefficients: NDArray[np.float64], log_odds: NDArray[np.float64]) -> float:
        pointwise = np.logaddexp(0.0, log_odds) - self.target * log_odds
        return float(self.share @ pointwise + 0.5 * (self.penalty * coefficients) @ coefficients)

    def slope(self, coefficients: NDArray[np.float64], probability: NDArray[np.float64]) -> NDArray[np.float64]:
        return self.inputs.T @ (self.share * (probability - self.target)) + self.penalty * coefficients

    def loss_and_slope(self, coefficients: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        log_odds = self.inputs @ coefficients
        return self.loss(coefficients, log_odds), self.slope(coefficients, expit(log_odds))


def newton(problem: Problem) -> NDArray[np.float64] | None:
    """The coefficients at the least loss; None if the method fails, for a slower one to be used."""
    from scipy.linalg import get_lapack_funcs  # slow to import, and not needed to list the policies

    potrf, pocon, potrs = get_lapack_funcs(("potrf", "pocon", "potrs"), dtype=np.float64)
    examples, count = problem.inputs.shape
    coefficients, log_odds = np.zeros(count), np.zeros(examples)
    loss, probability = problem.loss(coefficients, log_odds), expit(log_odds)
    slope = problem.slope(coefficients, probability)
    for _ in range(MOST_STEPS):
        curvature = probability * (1 - probability)
        if problem.share @ (curvature <= 0) > SATURATED:
            return None
        hessian = problem.inputs.T @ ((problem.share * curvature)[:, None] * problem.inputs)
        hessian[np.diag_indices_from(hessian)] += problem.penalty
        factor, failed = potrf(hessian)
        if failed or pocon(factor, np.abs(hessian).sum(axis=0).max())[0] < EPSILON:
            return None
        step = potrs(factor, -slope)[0]
        along, promised = problem.inputs @ step, SUFFICIENT_DECREASE * float(slope @ step)
        size = 1.0
        for _ in range(MOST_HALVINGS + 1):
            moved, odds = coefficients + size * step, log_odds + size * along
            moved_loss, moved_probability = problem.loss(moved, odds), expit(odds)
            moved_slope = problem.slope(moved, moved_probability)
            fall = moved_loss - loss
            # A difference this small is rounding; the slopes then tell whether the step leads on.
            if fall <= size * promised or (abs(fall) <= abs(16 * EPSILON * loss) and np.abs(moved_slope).sum() < np.abs(slope).sum()):
                break
            size *= 0.5
        else:
            return None
        coefficients, log_odds, loss, probability, slope = moved, odds, moved_loss, moved_probability, moved_slope
        if np.abs(slope).max() <= TOLERANCE and 0.5 * (step @ hessian @ step) <= TOLERANCE:
            return coefficients
    return None


def lbfgs(problem: Problem) -> NDArray[np.float64] | None:
    """The coefficients at the least loss; None if the method fails."""
    from scipy.optimize import minimize  # slow to import, and not needed to list the policies

    limits = {"maxiter": MOST_LBFGS_STEPS, "maxls": 50, "gtol": TOLERANCE, "ftol": 64 * EPSILON}
    result = minimize(problem.loss_and_slope, np.zeros(problem.inputs.shape[1]), method="L-BFGS-B", jac=True, options=limits)
    return result.x if result.success else None


def fit_binary_logistic(
    features: NDArray[np.float64], positive: NDArray[np.bool_], weight: NDArray[np.float64], l2: float, *, by_newton: bool = True
) -> NDArray[np.float64]:
    """The weight of every feature and, last, the bias, (features + 1,); see `Problem.of`. The bias is not penalised.

    Newton's method suits few features that nearly determine each other. Where a method fails, scikit-learn's own solver is used.
    """
    problem = Problem.of(features, positive, weight, l2)
    coefficients = newton(problem) if by_newton else lbfgs(problem)
    if coefficients is None:
        from sklearn.linear_model import LogisticRegression  # slow to import, and hardly ever needed

        solver = "newton-cholesky" if by_newton else "lbfgs"
        model = LogisticRegression(C=1 / l2, solver=solver, max_iter=MOST_STEPS if by_newton else MOST_LBFGS_STEPS)
        model.fit(features, positive, sample_weight=weight)
        coefficients = np.append(model.coef_[0], model.intercept_)
    return coefficients
