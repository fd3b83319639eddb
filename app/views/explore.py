"""Explore: drag a budget and see which images leave at which exit of a network."""

from collections.abc import Mapping
from types import MappingProxyType

import streamlit as st

from app import state, store
from app.figures import real_runs
from app.figures.front import FRONT
from app.shown import Shown
from app.state import ViewState
from app.views.registry import view
from app.widgets.chart import draw_table
from app.widgets.dataset_download import dataset_download
from app.widgets.explore import explore_block
from app.widgets.explore_data import explore_data
from app.widgets.fallback import fallback
from app.widgets.hidden_title import hidden_title
from app.widgets.target_form import target_form
from app.wording import NO_BUNDLE, literal, unit_title
from app.worker.pictures import album
from engine.bundle.bundle import Bundle
from engine.bundle.library import Entry
from engine.errors import UserError
from engine.policies import POLICIES
from engine.splits import Split
from engine.sweep import Sweep


@view(title="Explore", url_path="explore", order=10, default=True)
def explore() -> None:
    hidden_title("Explore")
    whole, problems = _open_all()
    for problem in problems:
        st.warning(literal(problem))
    if not whole:
        st.info(NO_BUNDLE)
        return
    entry, policy, unit = _controls(whole)
    st.session_state.setdefault(state.FALLBACK, st.query_params.get(state.FALLBACK) == "1")
    dataset_download(entry)
    _block(entry, policy, unit)
    target_form(entry, policy, unit, go=lambda policy, budget: _go(entry, policy, budget))
    _fallback_switch()


def _go(entry: Entry, policy: str, budget: float) -> None:
    """Restart the live block with a policy and a budget that the page has computed."""
    st.session_state[state.POLICY] = policy
    st.session_state[f"start-{entry.id}"] = ViewState(budget)
    st.session_state[f"starts-{entry.id}"] = st.session_state.get(f"starts-{entry.id}", 0) + 1
    st.query_params[state.BUDGET] = f"{budget:.4f}"


def _fallback_switch() -> None:
    help = "Stock widgets only: nothing moves while you drag. For browsers in which the live block does not work."
    if st.toggle("Basic controls", key=state.FALLBACK, help=help):
        st.query_params[state.FALLBACK] = "1"
    else:
        st.query_params.pop(state.FALLBACK, None)


def _open_all() -> tuple[dict[str, Entry], list[str]]:
    """The bundles that open, by id, and a sentence for each that does not."""
    whole: dict[str, Entry] = {}
    problems: list[str] = []
    for entry in store.listed():
        try:
            store.title(entry)
            whole[entry.id] = entry
        except UserError as problem:
            problems.append(str(problem))
    return whole, problems


def _controls(whole: dict[str, Entry]) -> tuple[Entry, str, str]:
    """What to look at: bundle, policy, unit of cost. Each is a parameter of the address."""
    columns = st.columns([3, 4, 4], vertical_alignment="bottom")
    ids = list(whole)
    with columns[0]:
        titles = _distinct({id: store.title(entry) for id, entry in whole.items()})
        bundle = _select("Bundle", state.BUNDLE, ids, ids[0], titles)
    entry = whole[bundle]
    runnable, reasons = store.runnable(entry)
    with columns[1]:
        missing = "\n\n".join(reasons.values())
        titles = {name: POLICIES[name].title for name in runnable}
        default = state.DEFAULT_POLICY if state.DEFAULT_POLICY in runnable else runnable[0]
        help = f"Not available for this bundle:\n\n{missing}" if missing else None
        policy = _select("Policy", state.POLICY, runnable, default, titles, help, reasons)
    with columns[2]:
        opened = store.opened(entry)
        titles = {unit: unit_title(unit, opened.measured) for unit in opened.outputs.stage_cost}
        notes = "\n\n".join(f"{literal(titles[unit])}: {literal(note)}" for unit, note in opened.unit_notes.items() if note)
        unit = _select("Cost in", state.UNIT, list(titles), next(iter(titles)), titles, notes or None)
    st.caption(POLICIES[policy].summary)
    return entry, policy, unit


def _distinct(titles: dict[str, str]) -> dict[str, str]:
    """{id: title}, with the id added where two titles are equal: a select box identifies its options by their text."""
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
    """A select box whose value is a parameter of the address. An invalid value there is replaced, with a warning.

    key:     of the parameter and of the widget
    titles:  {option: text}
    reasons: {value: why it is not among the options}, a sentence each
    """
    current = st.session_state.get(key)
    if current not in options:
        choice = state.choose(st.query_params, key, options, default, label.lower())
        if reason := reasons.get(current or st.query_params.get(key, "")):
            st.warning(literal(f"{reason} Showing “{titles[default]}” instead."))
        elif choice.notice:
            st.warning(literal(choice.notice))
        st.session_state[key] = choice.value
    value = st.selectbox(label, options, key=key, format_func=lambda option: titles[option], help=help)
    if value == default:
        st.query_params.pop(key, None)
    else:
        st.query_params[key] = value
    return value


@st.fragment
def _block(entry: Entry, policy: str, unit: str) -> None:
    with st.spinner(f"Fitting “{POLICIES[policy].title}” …", show_time=True):  # a learned policy takes seconds, once
        shown = Shown.of(entry, policy, unit)
    start = _start(entry, shown.bundle, shown.sweep)
    for sentence in start.notice:
        st.warning(literal(sentence))
    key = f"{entry.id}-{st.session_state.get(f'starts-{entry.id}', 0)}"
    if st.session_state[state.FALLBACK]:
        now = fallback(shown, album(entry), start, key=f"fallback-{key}")
    else:
        now = explore_block(explore_data(entry, shown, start), start, key=f"explore-{key}")
    if now is not None:
        _write_address(now, shown.bundle)
    _numbers(shown)


def _start(entry: Entry, bundle: Bundle, sweep: Sweep) -> ViewState:
    """Where the live block begins: read from the address once for a session and bundle, then left to the browser."""
    key = f"start-{entry.id}"
    if key not in st.session_state:
        ids = {str(id) for id in bundle.outputs.ids[bundle.outputs.split == Split.TEST].tolist()}
        st.session_state[key] = ViewState.read(st.query_params, float(sweep.budgets[0]), bundle.class_names, ids)
    return st.session_state[key]


def _write_address(now: ViewState, bundle: Bundle) -> None:
    query = now.as_query(bundle.class_names)
    for key in (state.BUDGET, state.CLASS, state.SHOW, state.IMAGE):
        if key not in query:
            st.query_params.pop(key, None)
        elif st.query_params.get(key) != query[key]:
            st.query_params[key] = query[key]


def _numbers(shown: Shown) -> None:
    with st.expander("The numbers"):
        draw_table(FRONT.table(shown, 0))
        if shown.measured:
            draw_table(real_runs.table(shown.measured))
