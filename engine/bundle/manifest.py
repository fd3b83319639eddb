"""The manifest of a bundle: which files it has, what else is known of it, and a seal over all of that.

Sealed means that it holds the SHA-256 of the rest of itself, so that it cannot change unnoticed any more than the files it lists.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.errors import UserError

SCHEMA = 1
MANIFEST, TABLE, LOGITS, IMAGES = "bundle.json", "outputs.parquet", "logits.safetensors", "images.bin"


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a bundle, its seal unbroken. Raises UserError otherwise."""
    path = folder / MANIFEST
    if not path.is_file():
        raise UserError(f"{MANIFEST} is missing from bundle {folder.name}; {remedy(folder)}")
    try:
        raw = path.read_bytes()
        manifest = json.loads(raw)
        schema, files = manifest["schema"], manifest["files"]
        sound = all(isinstance(entry["bytes"], int) and isinstance(entry["sha256"], str) for entry in files.values())
        unchanged = raw == sealed(manifest)
    except (AttributeError, LookupError, OSError, RecursionError, TypeError, ValueError) as problem:
        raise UserError(f"{MANIFEST} in bundle {folder.name} cannot be read ({one_line(problem)}); {remedy(folder)}") from problem
    if schema != SCHEMA:
        found = repr(schema)[:20]
        raise UserError(f"Bundle {folder.name} has schema version {found}, and this Offramp reads version {SCHEMA}; {remedy(folder)}")
    if not unchanged:
        raise UserError(f"{MANIFEST} in bundle {folder.name} was changed after it was written: its checksum differs; {remedy(folder)}")
    if not sound or TABLE not in files or not set(files) <= {TABLE, LOGITS, IMAGES}:
        raise UserError(f"{MANIFEST} in bundle {folder.name} lists files that no bundle has; {remedy(folder)}")
    return manifest


def sealed(manifest: Mapping[str, Any]) -> bytes:
    """The manifest as it is written: with the SHA-256 of all the rest of it."""
    rest = {name: value for name, value in manifest.items() if name != "sha256"}
    seal = hashlib.sha256(_json(rest)).hexdigest()
    return _json({**rest, "sha256": seal})


def _json(document: Mapping[str, Any]) -> bytes:
    return (json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def remedy(folder: Path) -> str:
    """What to do about a bundle that is damaged."""
    return f"restore the folder from where it came, or make it anew with `python -m engine compute {folder.name}` (or `import`)."


def one_line(problem: Exception) -> str:
    """What went wrong, without the advice that some libraries append."""
    return " ".join(f"{type(problem).__name__}: {problem}".split()).split(". ")[0][:160].rstrip(".")
