"""The library: bundles are opened by id or by path, and broken ones are refused."""

import os

import pytest

from engine.bundle.bundle import MANIFEST, read_bundle, write_bundle
from engine.bundle.library import Entry, entries, open_bundle
from engine.errors import UserError
from tests.sentences import assert_one_sentence
from tests.synthetic import draft, outputs


@pytest.fixture
def library(tmp_path, monkeypatch):
    """A data folder with two bundles; returns the folder of the bundles."""
    monkeypatch.setenv("OFFRAMP_DATA", str(tmp_path))
    for seed, id in enumerate(("one", "two")):
        write_bundle(draft(outputs(examples=9, seed=seed), id=id), tmp_path / "bundles" / id)
    return tmp_path / "bundles"


def test_bundles_are_listed_by_id(library):
    assert [(entry.id, entry.folder) for entry in entries()] == [("one", library / "one"), ("two", library / "two")]
    assert [entry.id for entry in entries(library)] == ["one", "two"]


def test_unfinished_folders_and_files_are_not_listed(library):
    for name in ("one.new", "one.old", "three.new", "two.partial"):
        (library / name).mkdir()
    (library / "notes.txt").write_text("a file, not a bundle")
    assert [entry.id for entry in entries()] == ["one", "two"]


def test_broken_folders_are_listed(library):
    (library / "broken").mkdir()
    assert [entry.id for entry in entries()] == ["broken", "one", "two"]


def test_a_folder_whose_name_is_not_text_is_listed_under_a_name_that_is(library):
    try:
        os.mkdir(os.fsencode(library) + b"/not \xff text")
    except OSError:  # some file systems only take text
        return
    (entry,) = (entry for entry in entries() if entry.id not in ("one", "two"))
    assert entry.id == "not ? text"
    with pytest.raises(UserError) as problem:
        read_bundle(entry.folder)
    str(problem.value).encode()  # can be printed and sent
    assert_one_sentence(str(problem.value))


def test_a_bundle_is_listed_while_it_is_replaced(library):
    (library / "one").rename(library / "one.old")
    assert [entry.id for entry in entries()] == ["one", "two"]
    assert open_bundle("one").id == "one"


def test_no_library_yet(tmp_path, monkeypatch):
    monkeypatch.setenv("OFFRAMP_DATA", str(tmp_path / "nothing" / "here"))
    assert entries() == []
    with pytest.raises(UserError, match="none yet"):
        open_bundle("one")


@pytest.mark.parametrize("way", [lambda folder: "two", lambda folder: str(folder / "two"), lambda folder: str(folder / "two") + "/"])
def test_open_by_id_and_by_path(library, way):
    assert open_bundle(way(library)).id == "two"


def test_open_by_relative_path(library, monkeypatch):
    monkeypatch.chdir(library)
    monkeypatch.setenv("OFFRAMP_DATA", str(library / "elsewhere"))
    assert open_bundle("two").id == open_bundle("./two").id == "two"


def test_an_id_takes_precedence_over_a_folder_of_that_name(library, tmp_path, monkeypatch):
    (tmp_path / "work" / "two").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "work")
    assert open_bundle("two").id == "two"


def test_the_name_of_the_folder_is_the_id(library):
    """A copied bundle is opened by the name of its folder, whatever its manifest says."""
    (library / "two").rename(library / "renamed")
    assert open_bundle("renamed").id == "two"
    with pytest.raises(UserError):
        open_bundle("two")


@pytest.mark.parametrize("name", ["three", "", ".", "..", "a/b/c", "x" * 5000, "nul\0byte", "one.new", "~", "*"])
def test_an_unknown_bundle_is_a_user_error(library, name):
    with pytest.raises(UserError) as mistake:
        open_bundle(name)
    assert_one_sentence(str(mistake.value))


def test_the_error_for_an_unknown_bundle_lists_the_known_ones(library):
    with pytest.raises(UserError, match=r"no bundle 'three'; give a path or one of: one, two\."):
        open_bundle("three")


def test_a_path_without_a_manifest_says_so(library):
    (library / "two" / MANIFEST).unlink()
    for name in ("two", str(library / "two")):
        with pytest.raises(UserError, match=r"bundle\.json is missing from bundle two"):
            open_bundle(name)


def test_a_stamp_changes_with_the_files(library):
    entry = entries()[0]
    before = entry.stamp()
    assert before == entries()[0].stamp()
    file = entry.folder / MANIFEST
    os.utime(file, ns=(0, file.stat().st_mtime_ns + 1))
    touched = entry.stamp()
    assert touched != before
    file.unlink()
    assert entry.stamp() != touched
    write_bundle(draft(outputs(examples=12), id="one"), entry.folder)
    assert entry.stamp() not in (before, touched) and read_bundle(entry.folder).outputs.examples == 12


def test_a_removed_bundle_has_an_empty_stamp(library):
    entry = entries()[0]
    entry.folder.rename(library / "elsewhere")
    assert entry.stamp() == ()


def test_a_bundle_that_never_existed_has_an_empty_stamp(tmp_path):
    assert Entry("gone", tmp_path / "gone").stamp() == ()
