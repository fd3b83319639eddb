"""The manifest of a bundle: its files, all facts about it, and a seal.

The seal is the SHA-256 of the rest of the manifest in canonical form, so it depends only on the content, not on white space or on the order
of the keys.
"""

import hashlib
import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from engine.bundle.origin import MANIFEST, remedy
from engine.display_text import printable
from engine.errors import UserError
from engine.storage.files import sha256_of

#: Version 2 has outputs that 1 does not: quality instead of classes, costs that depend on the example, or features beside scores. Version 3
#: has several qualities, or masks. Version 4 has a sample of its examples. Each is written only for those.
SCHEMA, GRADED_SCHEMA, MASKS_SCHEMA, LARGE_SCHEMA = 1, 2, 3, 4
SCHEMAS = (SCHEMA, GRADED_SCHEMA, MASKS_SCHEMA, LARGE_SCHEMA)
TABLE, LOGITS, IMAGES, MASKS = "outputs.parquet", "logits.safetensors", "images.bin", "masks.bin"
#: The table and the logits of the sample of a large bundle, see `engine.bundle.large`.
SAMPLE, SAMPLE_LOGITS = "sample.parquet", "sample.safetensors"


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a bundle. Raises UserError if it cannot be read or its seal does not match."""
    path = folder / MANIFEST
    if not path.is_file():
        raise UserError(f"{MANIFEST} is missing from bundle {name_of(folder)}; {remedy(folder)}")
    try:
        manifest = json.loads(path.read_bytes().decode("utf-8"), object_pairs_hook=without_duplicates)
        schema, files = manifest["schema"], manifest["files"]
        well_formed = all(isinstance(entry["bytes"], int) and isinstance(entry["sha256"], str) for entry in files.values())
        intact = manifest.get("sha256") in (seal(manifest), _text_seal(manifest))
    except (AttributeError, LookupError, OSError, RecursionError, TypeError, ValueError) as problem:
        raise UserError(f"{MANIFEST} in bundle {name_of(folder)} cannot be read ({one_line(problem)}); {remedy(folder)}") from problem
    if type(schema) is not int or schema not in SCHEMAS:
        shown, readable = repr(schema)[:20], f"{', '.join(map(str, SCHEMAS[:-1]))} and {SCHEMAS[-1]}"
        raise UserError(
            f"Bundle {name_of(folder)} has schema version {shown}, but this version of Offramp reads {readable}; {remedy(folder)}"
        )
    if not intact:
        raise UserError(f"{MANIFEST} in bundle {name_of(folder)} was changed after it was written: its checksum differs; {remedy(folder)}")
    needed = {TABLE, *([SAMPLE] if schema == LARGE_SCHEMA else [])}
    known = {LOGITS, IMAGES, *([MASKS] if schema >= MASKS_SCHEMA else []), *([SAMPLE_LOGITS] if schema == LARGE_SCHEMA else [])}
    if not well_formed or not needed <= set(files) <= needed | known:
        raise UserError(f"{MANIFEST} in bundle {name_of(folder)} has an invalid list of files; {remedy(folder)}")
    return manifest


def check_files(folder: Path, manifest: Mapping[str, Any], unread: Collection[str] = ()) -> None:
    """Raise UserError if any file of a bundle is missing, truncated or changed. unread: files of which only the size is checked"""
    for name, entry in manifest["files"].items():
        path = folder / name
        if not path.is_file():
            raise UserError(f"{name} is missing from bundle {name_of(folder)}; {remedy(folder)}")
        if path.stat().st_size != entry["bytes"]:
            raise UserError(f"{name} in bundle {name_of(folder)} has {path.stat().st_size:,} of {entry['bytes']:,} bytes; {remedy(folder)}")
        if name not in unread and sha256_of(path) != entry["sha256"]:
            raise UserError(f"{name} in bundle {name_of(folder)} was changed after it was written: its checksum differs; {remedy(folder)}")


def without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object. Two equal keys are refused: readers would disagree about which one counts."""
    if len({key for key, _ in pairs}) < len(pairs):
        raise ValueError("it has a key twice")
    return dict(pairs)


def sealed(manifest: Mapping[str, Any]) -> bytes:
    """The bytes of a manifest with its seal, as written to disk."""
    return _text({**_without_seal(manifest), "sha256": seal(manifest)})


def seal(manifest: Mapping[str, Any]) -> str:
    """SHA-256 of a manifest without its own `sha256`, in canonical form: UTF-8 JSON, keys sorted, no white space."""
    canonical = json.dumps(_without_seal(manifest), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _text_seal(manifest: Mapping[str, Any]) -> str:
    """The seal of older bundles, over the text as written. Such bundles must always open."""
    return hashlib.sha256(_text(_without_seal(manifest))).hexdigest()


def _without_seal(manifest: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in manifest.items() if name != "sha256"}


def _text(document: Mapping[str, Any]) -> bytes:
    return (json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def name_of(folder: Path) -> str:
    """A bundle folder's name for a sentence. A folder that was renamed by hand may have any name, even one that is not text."""
    return printable(folder.name, 100)


def one_line(problem: Exception) -> str:
    """An exception in one line, without the advice that some libraries append."""
    return " ".join(f"{type(problem).__name__}: {problem}".split()).split(". ")[0][:160].rstrip(".")
