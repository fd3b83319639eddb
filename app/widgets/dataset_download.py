"""What is said where the pictures are not here but could be had: how much it is, from whom, and a button. Nothing is fetched unasked.

The button is only on a page that is served to this computer alone.
"""

import streamlit as st

from app.allowed_hosts import served_privately
from app.wording import literal
from app.worker import downloads
from app.worker.pictures import album
from engine.bundle.library import Entry
from engine.datasets.published.files import FILES
from engine.paths import datasets_folder, default_datasets_folder

WATCHED = 1.0  # seconds between two looks at a download that goes on
WAITING = 5.0  # and at a folder into which somebody may put the files by hand


def dataset_download(entry: Entry) -> None:
    """A tile if the pictures of this bundle could be downloaded; else nothing."""
    name = album(entry).obtainable
    if name is None:
        return
    going_on = _going_on(name)
    st.fragment(_tile, run_every=WATCHED if going_on else WAITING)(entry, name, going_on)


def _going_on(name: str) -> bool:
    latest = downloads.latest(name)
    return latest is not None and latest.running


def _tile(entry: Entry, name: str, going_on: bool) -> None:
    if _going_on(name) != going_on or album(entry).obtainable is None:
        st.rerun()  # begun or ended, here or by another visitor: the page is drawn anew, and keeps its place
    with st.container(border=True, key="offer"):
        if going_on:
            _progress(name)
        elif served_privately():
            _download_button(name)
        else:
            _explain(name)


def _progress(name: str) -> None:
    files, come = FILES[name], downloads.latest(name).received
    what = "Downloading" if come < files.size else "Unpacking and checking"
    told = f"{what} {files.title}: {come / 1e6:.1f} of {files.size / 1e6:.1f} MB. The page works meanwhile, and you may leave it."
    st.progress(min(come / files.size, 1.0), literal(told))


def _explain(name: str) -> None:
    files = FILES[name]
    lie = "are not whole" if files.complete(datasets_folder()) else "are missing"
    given = datasets_folder() != default_datasets_folder()
    command = f"python -m engine download {name}" + (" --datasets DIR" if given else "")
    which = ", DIR being the folder that run_app.py was given," if given else ","
    st.markdown(
        f"The pictures of {literal(files.title)} {lie}: the person running this server can fetch them with `{command}`{which}"
        " or serve the page to that computer alone, where it has a button for the download."
    )


def _download_button(name: str) -> None:
    files, latest = FILES[name], downloads.latest(name)
    words, button = st.columns([6, 2], vertical_alignment="center")
    size = f"{files.size / 1e6:.0f} MB"
    lies = "is not whole" if files.complete(datasets_folder()) else "is not there"
    words.markdown(
        f"**No pictures yet.** {literal(files.title)} may not be shipped with Offramp, and in {literal(str(datasets_folder()))} it {lies}. "
        f"Everything else works without it. The download is {size} from {literal(files.host)}."
    )
    button.button(f"Download {size}", key=f"download-{name}", on_click=downloads.start, args=(name,), width="stretch")
    if latest is not None and latest.problem:
        st.warning(literal(latest.problem))
