"""What can be taken home from the explore view: the routes of a policy at one budget as a table, the policy as JSON, and both by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from app.shown import Shown
from engine.analysis.routes_table import as_csv, as_parquet, routes_table
from engine.policies import POLICIES
from engine.policies.saved import document_bytes, policy_document, unsavable_reason, usage


@dataclass(frozen=True)
class Form:
    """A form of the table of routes. write: the table -> the file"""

    media_type: str
    write: Callable[[pa.Table], bytes]


FORMS: Mapping[str, Form] = {"csv": Form("text/csv; charset=utf-8", as_csv), "parquet": Form("application/vnd.apache.parquet", as_parquet)}


def saving(shown: Shown) -> dict[str, str]:
    """unavailable: why the policy cannot be saved, or empty;  usage: a few lines of Python that load and use it"""
    bundle = shown.bundle
    how = usage(bundle.id, predicts=bundle.outputs.prediction is not None)
    return {"unavailable": unsavable_reason(POLICIES[shown.policy]) or "", "usage": how}


def step_of(shown: Shown, budget: float) -> int:
    """The step of the sweep whose budget is nearest."""
    return int(np.abs(shown.sweep.budgets - budget).argmin())


def routes_at(shown: Shown, step: int) -> pa.Table:
    """The routes of the test examples at one step of the budget, see `engine.analysis.routes_table`."""
    return routes_table(shown.sweep, shown.bundle, step)


def document_at(shown: Shown, step: int) -> bytes:
    """The policy with its knob set for one step of the budget, as a file. Raises UserError if it cannot be saved."""
    sweep = shown.sweep
    document: dict[str, Any] = policy_document(
        POLICIES[shown.policy], sweep.rules[step], shown.bundle, sweep.unit, float(sweep.budgets[step])
    )
    return document_bytes(document)
