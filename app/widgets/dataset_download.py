"""What to do where the images are missing and could be downloaded: their size, their source, and a button. Nothing is fetched unasked.

The button exists only on a page that is served to this computer alone.
"""

import streamlit as st

from app.allowed_hosts import served_privately
from app.wording import literal
from app.worker import downloads
from app.worker.pictures import album
from engine.bundle.library import Entry
from engine.datasets.published.files import FILES
from engine.paths import datasets_folder, default_datasets_folder

RUNNING_INTERVAL = 1.0  # seconds between two looks at a running download
WAITING_INTERVAL = 5.0  # and at a folder into which the files may be put by hand


def dataset_download(entry: Entry) -> None:
    """A tile if the images of this bundle could be downloaded, else nothing."""
    name = album(entry).obtainable
    if name is None:
        return
    running = _is_running(name)
    st.fragment(_tile, run_every=RUNNING_INTERVAL if running else WAITING_INTERVAL)(entry, name, running)


def _is_running(name: str) -> bool:
    latest = downloads.latest(name)
    return latest is not None and latest.running


def _tile(entry: Entry, name: str, running: bool) -> None:
    if _is_running(name) != running or album(entry).obtainable is None:
        st.rerun()  # a download has begun or ended, here or for another visitor; the page keeps its scroll position
    with st.container(border=True, key="dataset-download"):
        latest = downloads.latest(name)
        if running and latest is not None:
            _progress(name, latest)
        elif served_privately():
            _download_button(name, latest)
        else:
            _explain(name)


def _start(name: str) -> None:
    downloads.start(name)


def _progress(name: str, download: downloads.Download) -> None:
    files, received = FILES[name], download.received
    what = "Downloading" if received < files.size else "Unpacking and checking"
    text = f"{what} {files.title}: {received / 1e6:.1f} of {files.size / 1e6:.1f} MB. You can go on using the page, or leave it."
    st.progress(min(received / files.size, 1.0), literal(text))


def _explain(name: str) -> None:
    files = FILES[name]
    state = "are damaged" if files.complete(datasets_folder()) else "are missing"
    custom = datasets_folder() != default_datasets_folder()
    command = f"python -m engine download {name}" + (" --datasets DIR" if custom else "")
    folder = ", where DIR is the folder given to run_app.py," if custom else ","
    st.markdown(
        f"The images of {literal(files.title)} {state}. The person who runs this server can download them with `{command}`{folder}"
        " or serve the page to that computer alone, where it has a button for the download."
    )


def _download_button(name: str, latest: downloads.Download | None) -> None:
    files = FILES[name]
    text, button = st.columns([6, 2], vertical_alignment="center")
    size = f"{files.size / 1e6:.0f} MB"
    state = "damaged" if files.complete(datasets_folder()) else "missing"
    text.markdown(
        f"**No images yet.** {literal(files.title)} may not be shipped with Offramp and is {state} in {literal(str(datasets_folder()))}. "
        f"Everything else works without it. The download is {size} from {literal(files.host)}."
    )
    button.button(f"Download {size}", key=f"download-{name}", on_click=_start, args=(name,), width="stretch")
    if latest is not None and latest.problem:
        st.warning(literal(latest.problem))
