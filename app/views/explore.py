"""Explore: a budget that can be dragged, over what a network's exits really said."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import pandas as pd
import streamlit as st

from app import shown as pages
from app import state, store
from app.state import View
from app.widgets.dataset_download import dataset_download
from app.widgets.explore import explorer
from app.widgets.fallback import fallback
from app.widgets.target_form import target_form
from app.wording import literal, unit_title
from engine.bundle.bundle import Bundle
from engine.bundle.library import Entry
from engine.bundle.measurements import Measured
from engine.errors import UserError
from engine.policies import POLICIES
from engine.splits import Split
from engine.sweep import Sweep


def page() -> None:
    whole, broken = _sorted_out()
    for problem in broken:
        st.warning(literal(problem))
    if not whole:
        st.info("There is no bundle to show yet; make one with `python -m engine compute doodles`.")
        return
    entry, policy, unit = _controls(whole)
    st.session_state.setdefault(state.FALLBACK, st.query_params.get(state.FALLBACK) == "1")
    dataset_download(entry)
    _block(entry, policy, unit)
    target_form(entry, policy, unit, go=lambda policy, budget: _go(entry, policy, budget))
    _fallback_switch()


def _go(entry: Entry, policy: str, budget: float) -> None:
    """Start the live block anew at a budget and with a policy that the page itself has found."""
    st.session_state[state.POLICY] = policy
    st.session_state[f"start-{entry.id}"] = View(budget)
    st.session_state[f"starts-{entry.id}"] = st.session_state.get(f"starts-{entry.id}", 0) + 1
    st.query_params[state.BUDGET] = f"{budget:.4f}"


def _fallback_switch() -> None:
    help = "Stock widgets only: nothing moves while you drag. For browsers in which the live block does not work."
    if st.toggle("Plain controls", key=state.FALLBACK, help=help):
        st.query_params[state.FALLBACK] = "1"
    else:
        st.query_params.pop(state.FALLBACK, None)


def _sorted_out() -> tuple[dict[str, Entry], list[str]]:
    """The bundles that open, by id, and a sentence for each that does not."""
    whole: dict[str, Entry] = {}
    broken: list[str] = []
    for entry in store.listed():
        try:
            store.title(entry)
            whole[entry.id] = entry
        except UserError as problem:
            broken.append(str(problem))
    return whole, broken


def _controls(whole: dict[str, Entry]) -> tuple[Entry, str, str]:
    """What to look at: bundle, policy, unit of cost. Each has a key in the address."""
    columns = st.columns([3, 4, 4], vertical_alignment="bottom")
    ids = list(whole)
    with columns[0]:
        titles = _told_apart({id: store.title(entry) for id, entry in whole.items()})
        bundle = _select("Bundle", state.BUNDLE, ids, ids[0], titles)
    entry = whole[bundle]
    runnable, reasons = pages.runnable(entry)
    with columns[1]:
        missing = "\n\n".join(reasons.values())
        titles = {name: POLICIES[name].title for name in runnable}
        default = state.DEFAULT_POLICY if state.DEFAULT_POLICY in runnable else runnable[0]
        help = f"Not on this bundle:\n\n{missing}" if missing else None
        policy = _select("Policy", state.POLICY, runnable, default, titles, help, reasons)
    with columns[2]:
        opened = store.opened(entry)
        titles = {unit: unit_title(unit, opened.measured) for unit in opened.outputs.stage_cost}
        notes = "\n\n".join(f"{literal(titles[unit])}: {literal(note)}" for unit, note in opened.unit_notes.items() if note)
        unit = _select("Cost in", state.UNIT, list(titles), next(iter(titles)), titles, notes or None)
    st.caption(POLICIES[policy].summary)
    return entry, policy, unit


def _told_apart(titles: dict[str, str]) -> dict[str, str]:
    """Titles by id, with the id where two are the same: a select box tells its options apart by what it shows."""
    shown = list(titles.values())
    return {id: f"{title} ({id})" if shown.count(title) > 1 else title for id, title in titles.items()}


def _select(
    label: str,
    key: str,
    options: list[str],
    default: str,
    titles: dict[str, str],
    help: str | None = None,
    reasons: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """A select box that the address knows. What the address asks for and is not here is said and replaced.

    reasons: why something that is known is not among the options, a sentence each
    """
    chosen = st.session_state.get(key)
    if chosen not in options:
        choice = state.choose(st.query_params, key, options, default, label.lower())
        if reason := reasons.get(chosen or st.query_params.get(key, "")):
            st.warning(literal(f"{reason} Showing “{titles[default]}” instead."))
        elif choice.notice:
            st.warning(literal(choice.notice))
        st.session_state[key] = choice.value
    chosen = st.selectbox(label, options, key=key, format_func=lambda option: titles[option], help=help)
    if chosen == default:
        st.query_params.pop(key, None)
    else:
        st.query_params[key] = chosen
    return chosen


@st.fragment
def _block(entry: Entry, policy: str, unit: str) -> None:
    bundle = store.opened(entry)
    with st.spinner(f"Fitting “{POLICIES[policy].title}” …", show_time=True):  # seconds for a learned one, the first time only
        shown = pages.shown(entry, policy, unit)
    start = _start(entry, bundle, shown.chosen)
    for sentence in start.notice:
        st.warning(literal(sentence))
    key = f"{entry.id}-{st.session_state.get(f'starts-{entry.id}', 0)}"
    if st.session_state[state.FALLBACK]:
        _write_address(fallback(shown, start, key=f"plain-{key}"), bundle)
    else:
        left = explorer(pages.payload(entry, policy, unit), start, key=f"explorer-{key}")
        if left:
            _write_address(View(left["budget"], left["class"], left["show"], left["picked"]), bundle)
    _numbers(shown.chosen, bundle, shown.measured)


def _start(entry: Entry, bundle: Bundle, sweep: Sweep) -> View:
    """Where the live block begins: read from the address once a session and bundle, then left to the browser."""
    key = f"start-{entry.id}"
    if key not in st.session_state:
        ids = {str(id) for id in bundle.outputs.ids[bundle.outputs.split == Split.TEST].tolist()}
        st.session_state[key] = View.read(st.query_params, float(sweep.budgets[0]), bundle.class_names, ids)
    return st.session_state[key]


def _write_address(view: View, bundle: Bundle) -> None:
    query = view.as_query(bundle.class_names)
    for key in (state.BUDGET, state.CLASS, state.SHOW, state.IMAGE):
        if key not in query:
            st.query_params.pop(key, None)
        elif st.query_params.get(key) != query[key]:
            st.query_params[key] = query[key]


def _numbers(sweep: Sweep, bundle: Bundle, measured: Sequence[Measured]) -> None:
    """The tables behind the chart."""
    with st.expander("The numbers"):
        step = max((len(sweep.budgets) - 1) // 20, 1)
        rows = slice(None, None, step)
        columns = {
            "Budget": sweep.budgets[rows],
            "Planned cost": sweep.planned_cost[rows],
            "Cost on calibration": sweep.calibration_cost[rows],
            "Cost on test": sweep.cost[rows],
            "Right on calibration": sweep.calibration_accuracy[rows],
            "Right on test": sweep.accuracy[rows],
        }
        for k, name in enumerate(bundle.exit_names):
            columns[f"Leave at {name}"] = sweep.shares[rows, k]
            columns[f"{name} on calibration"] = sweep.calibration_shares[rows, k]
        table = pd.DataFrame(columns)
        st.dataframe(table, hide_index=True, column_config={name: st.column_config.NumberColumn(format="percent") for name in columns})
        st.caption(f"Costs are shares of the full network’s. Knobs were chosen on calibration; test has {sweep.examples:,} examples.")
        if measured:
            _real_runs(measured)


def _real_runs(measured: Sequence[Measured]) -> None:
    """The table behind the measured points."""
    rows = [(entry, run) for entry in measured for run in entry.runs]
    columns = {
        "Device": [entry.device for entry, _ in rows],
        "Batch size": [entry.batch_size for entry, _ in rows],
        "Images timed": [entry.examples for entry, _ in rows],
        "Budget": [run.budget for _, run in rows],
        "Compute spent": [run.cost for _, run in rows],
        "Time taken": [run.time for _, run in rows],
        "Right": [run.accuracy for _, run in rows],
        "Speed-up": [run.speed_up for _, run in rows],
        "Promised by MACs": [run.ideal_by_macs for _, run in rows],
        "Promised by stage times": [run.ideal_by_times for _, run in rows],
    }
    formats = {**dict.fromkeys(("Budget", "Compute spent", "Time taken", "Right"), "percent"), "Speed-up": "%.2f"}
    formats |= dict.fromkeys(("Promised by MACs", "Promised by stage times"), "%.2f")
    config = {name: st.column_config.NumberColumn(format=format) for name, format in formats.items()}
    st.dataframe(pd.DataFrame(columns), hide_index=True, column_config=config)
    st.caption("Measured: the cascade stopping for real. Budget, compute and time are shares of the full network’s in the same run.")
