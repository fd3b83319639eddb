"""Every registered view keeps the contract, and so can a view in a file of one's own."""

import importlib.util
from pathlib import Path

import pytest

import app.views  # noqa: F401  registers the views
from app.views import registry
from app.views.registry import VIEWS, View
from tests.app.contracts import check_view
from tests.app.samples import write_sample

EVERY_VIEW = pytest.mark.parametrize("view", VIEWS.values(), ids=lambda view: view.url_path)


@EVERY_VIEW
def test_a_view_draws_over_a_bundle(view: View, tmp_path: Path) -> None:
    write_sample(tmp_path, examples=150, exits=3)
    page = check_view(view, tmp_path)
    assert not page.warning and not page.error


@EVERY_VIEW
@pytest.mark.parametrize("parts", ["bundles", "."], ids=["empty folder", "no folder"])
def test_a_view_draws_over_no_bundle(view: View, parts: str, tmp_path: Path) -> None:
    (tmp_path / parts).mkdir(exist_ok=True)
    check_view(view, tmp_path)


@EVERY_VIEW
def test_a_view_draws_over_a_damaged_bundle(view: View, tmp_path: Path) -> None:
    write_sample(tmp_path, examples=90, exits=3)
    folder = write_sample(tmp_path, "damaged", examples=90, exits=3)
    (folder / "outputs.parquet").write_bytes(b"cut")
    check_view(view, tmp_path)


OWN_VIEW = """
import streamlit as st

from app import store
from app.views.registry import view


@view(title="Sizes", url_path="sizes", order=40)
def sizes() -> None:
    st.title("Sizes")
    st.write(f"{len(store.listed())} bundles")
"""


def test_a_view_of_ones_own_is_one_file(tmp_path: Path) -> None:
    file = tmp_path / "sizes.py"
    file.write_text(OWN_VIEW)
    spec = importlib.util.spec_from_file_location("sizes_of_my_own", file)
    assert spec is not None and spec.loader is not None
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
    try:
        assert [view.title for view in registry.in_order()][-1] == "Sizes"
        write_sample(tmp_path, examples=90, exits=3)
        page = check_view(VIEWS["sizes"], tmp_path)
        assert page.markdown[0].value == "1 bundles"
    finally:
        registry._views.pop("sizes")
