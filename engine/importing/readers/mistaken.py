"""Files that are something else than their name says, or that no reader takes: what they are, and what to do."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from engine.display_text import printable
from engine.errors import UserError

#: Forms that can run code when they are opened.
PICKLES = (".pkl", ".pickle", ".pt", ".pth", ".joblib")
HDF5 = (".h5", ".hdf5", ".hdf", ".he5")
COMPRESSED = (".gz", ".bz2", ".xz", ".zst", ".zip")
#: What files of some kinds begin with.
_BEGINNINGS: Mapping[bytes, str] = {
    b"\x1f\x8b": "is compressed with gzip; unpack it and import what it holds",
    b"BZh": "is compressed with bzip2; unpack it and import what it holds",
    b"\xfd7zXZ\x00": "is compressed with xz; unpack it and import what it holds",
    b"\x28\xb5\x2f\xfd": "is compressed with Zstandard; unpack it and import what it holds",
    b"PK\x03\x04": "is a zip archive or a spreadsheet; unpack it, or save its rows as CSV",
    b"PAR1": "is a Parquet file; let its name end in .parquet",
    b"\xff\xfe": "is text in UTF-16; save it in UTF-8",
    b"\xfe\xff": "is text in UTF-16; save it in UTF-8",
}


def check_ending(path: Path, readers: Iterable[str]) -> None:
    """Raise UserError if no reader takes files with this ending. readers: all endings that are read"""
    name, ending = printable(path.name or str(path)), path.suffix.lower()
    if ending in PICKLES:
        raise UserError(f"{name} is a pickle, which can run any code and is never opened; save its arrays with numpy.savez instead.")
    if ending in HDF5:
        convert = 'numpy.savez("outputs.npz", **{name: data[()] for name, data in h5py.File(path).items()})'
        raise UserError(f"{name} is an HDF5 file, which is not read; convert it with `{convert}` and import that.")
    if ending in COMPRESSED:
        raise UserError(f"{name} is compressed, which is not read; unpack it and import what it holds.")
    if ending == ".tsv":
        raise UserError(f"{name} cannot be imported under this name; let it end in .csv, whose cells may be separated by tabs.")
    if ending not in readers:
        *most_endings, last = readers
        raise UserError(f"{name} cannot be imported because of its file type; give an {', '.join(most_endings)} or {last} file.")


def check_exists(path: Path) -> None:
    """Raise UserError if there is no file, or something else in its place, such as a folder."""
    place = printable(str(path), 200)
    try:
        if path.is_file():
            return
        what = "is a folder; give the path of a file in it" if path.is_dir() else ""
        if not what and path.exists():
            what = "is a pipe or a device; write what it gives to a file and import that"
    except OSError:  # a name that no file can have
        what = ""
    raise UserError(f"{place} {what}." if what else f"There is no file {place}; check the path.")


def check_text(path: Path) -> None:
    """Raise UserError if a file that should be text is of another kind, by what it begins with."""
    with open(path, "rb") as file:
        beginning = file.read(8)
    for known, what in _BEGINNINGS.items():
        if beginning.startswith(known):
            raise UserError(f"{printable(path.name)} {what}.")
