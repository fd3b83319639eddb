"""Your own policy: copy this file into a folder of its own and name that folder in OFFRAMP_EXTENSIONS.

Then every command and the page know the policy.
"""

import engine
from engine.policies.core.base import check_tuning
from engine.policies.core.mixing import OperatingPoints
from engine.policies.methods.static import StaticRule


@engine.register_policy
class FirstOrLast(engine.Policy):
    name, title = "first_or_last", "First or last exit"
    source, knob = "An example.", "the share of images that continue to the last exit"
    summary = "A fixed share of the images continues to the last exit; all others leave at the first."

    def fit(self, fit, calibration, unit):
        check_tuning(fit, calibration)  # nothing is fitted on test
        cost = calibration.static_cost(unit)
        return OperatingPoints([StaticRule(exit, float(cost[exit])) for exit in (0, calibration.exits - 1)])
