"""A sweep: one policy over many budgets, with its knob set on calibration and results reported on test.

budgets.py    the usual budgets, and whether those that are given make sense
following.py  what a rule gives on some examples
run.py        the sweep itself and its results
"""

from engine.sweep.budgets import default_budgets
from engine.sweep.following import Followed, follow
from engine.sweep.run import Full, Sweep, run_sweep

__all__ = ["Followed", "Full", "Sweep", "default_budgets", "follow", "run_sweep"]
