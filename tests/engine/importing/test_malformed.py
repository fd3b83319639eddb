"""Whatever a file holds, the answer is a bundle or one sentence, and every sentence that files can lead to is reached."""

from pathlib import Path
from typing import Any

from engine.bundle.bundle import read_bundle
from engine.errors import UserError
from engine.importing.options import Options
from engine.importing.readers.separate_process import ImportTask, Worker
from tests.engine.importing.malformed import OPTIONS, changed_file, invalid_files
from tests.engine.importing.watched_worker import places, reached, watched
from tests.sentences import assert_one_sentence

CHANGED = 300
MOST = 256 * 2**20


def outcome(worker: Worker, path: Path, options: dict[str, Any], most: int = MOST) -> str:
    """The refusal of a file, or nothing if it was imported. Fails if it is neither, or if something else is left."""
    folder = path.parent / "bundle"
    options = dict(options)
    kind = options.pop("kind", None)
    given = Options(**options | {"models": tuple(options.get("models", ()))})
    try:
        worker.import_file(ImportTask(path, "x", folder, None, kind, given, most))
    except UserError as refused:
        assert_one_sentence(str(refused))
        assert len(str(refused)) < 500 and str(refused).isprintable()
        assert not folder.exists()
        return str(refused)
    read_bundle(folder)
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    return ""


def test_every_file_is_imported_or_refused_and_every_sentence_is_reached(tmp_path, monkeypatch):
    (tmp_path / "files").mkdir()
    files = list(invalid_files(tmp_path / "files"))
    files += [(changed_file(tmp_path / "files", seed), OPTIONS[seed % len(OPTIONS)]) for seed in range(CHANGED)]
    assert len(files) >= 500
    refused, workers, problems = 0, set(), []
    with watched(Worker(), tmp_path / "notes", monkeypatch) as worker:
        for path, options in files:
            try:
                refused += bool(outcome(worker, path, options))
            except Exception as problem:
                problems.append(f"{path.name} {options}: {problem}")
            workers.add(worker.pid)
    assert not problems, "\n".join(problems)
    all_places = places("engine/importing")
    print("refused", refused, "of", len(files), "workers", len(workers))
    missing = set(all_places) - reached(tmp_path / "notes", all_places)
    print("\n".join(sorted(missing)))
