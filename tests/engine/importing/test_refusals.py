"""Every way in which a file can be invalid: each is refused with one sentence, and no bundle is written."""

import io
import json
import os
import pickle
import re
import struct
import subprocess
import sys
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import save_file

from engine.__main__ import main
from engine.errors import UserError
from engine.importing.importer import import_file
from engine.importing.templates import TEMPLATES, write_template
from tests.engine.importing.decoding import decode_in_this_process
from tests.sentences import assert_one_sentence


def good(**changes):
    """Arrays of a valid file: 3 exits, 300 examples, 4 classes. None leaves an array out."""
    arrays = {**TEMPLATES["logits"](), "cost": np.array([2.0, 5.0, 9.0])} | changes
    return {name: array for name, array in arrays.items() if array is not None}


def spoilt(name, at, value, dtype=None):
    array = good()[name].astype(dtype or good()[name].dtype)
    array[at] = value
    return {name: array}


def probabilities(**changes):
    probs = TEMPLATES["probs"]()["probs"].astype(np.float64)
    return {"logits": None, "probs": probs} | changes


def confidences(**changes):
    made = TEMPLATES["confidence"]()
    return {"logits": None, "pred": made["pred"], "conf": made["conf"]} | changes


def refusal(path, **options):
    """The sentence with which a file is refused. Fails if the file is not refused, or something is left behind."""
    before = set(path.parent.rglob("*"))
    with pytest.raises(UserError) as refused:
        import_file(path, "x", out=path.parent / "bundle", **options)
    sentence = str(refused.value)
    assert sentence.endswith(".") and "\n" not in sentence and len(sentence) < 400 and sentence.isprintable()
    assert set(path.parent.rglob("*")) == before, "something was left behind"
    return sentence


def costly(unit, most, suffix, bound="up to"):
    """The pattern with which the refusal of a costly file ends. unit: of the memory that it needs;  most: what is allowed"""
    limit = f"more than the {most} allowed; give fewer rows, raise the limit with --most-memory"
    option = f"{' to at least' if bound == 'at least' else ''} \\d+{suffix}, or give a row for each example .+ in batches"
    return rf", whose import takes {bound} [\d,.]+ {unit} of memory, {limit}{option}\."


LOGITS = good()["logits"]
LABELS = good()["labels"]
PROBS = probabilities()["probs"]
IMAGES = good()["images"]

INVALID = [
    # outputs of the exits
    (
        {"logits": None},
        "The file has no outputs of exits; add logits or probs (exits, examples, classes), or pred with conf, correct or quality "
        "(exits, examples).",
    ),
    (
        {"logits": None, "logit": LOGITS},
        "The file has no outputs of exits, only logit, not known here;"
        " add logits or probs (exits, examples, classes), or pred with conf, correct or quality (exits, examples).",
    ),
    ({"probs": PROBS}, "The file has both logits and probs; leave one of them out."),
    (
        confidences(pred=None),
        "There is conf (exits, examples) without predictions, so nothing tells what it is of; add pred (exits, examples), or correct "
        "(exits, examples).",
    ),
    (
        {"logits": LOGITS[0]},
        "logits has shape (300, 4) but must be (exits, examples, classes); use logits[None] for a single exit or numpy.stack for several.",
    ),
    ({"logits": LOGITS[0, 0]}, "logits has shape (4,) but must be (exits, examples, classes); give an array with these axes."),
    (
        {"logits": LOGITS.transpose(1, 0, 2)},
        "logits has shape (300, 3, 4) but must be (exits, examples, classes); use logits.transpose(1, 0, 2).",
    ),
    (
        {"logits": LOGITS.transpose(2, 1, 0)},
        "logits has shape (4, 300, 3) but must be (exits, examples, classes); use logits.transpose(2, 1, 0).",
    ),
    (confidences(pred=confidences()["pred"].T), "pred has shape (300, 3) but must be (exits, examples); use pred.transpose(1, 0)."),
    ({"logits": LOGITS[:, :299]}, "logits has 299 examples but other arrays have 300; give the same examples in all of them."),
    ({"logits": np.zeros((256, 300, 4))}, "The number of exits in logits is 256; give between 1 and 255."),
    ({"logits": np.zeros((0, 300, 4))}, "The number of exits in logits is 0; give between 1 and 255."),
    ({"logits": LOGITS[..., :1]}, "The number of classes in logits is 1; give between 2 and 100,000 (2 for a binary classifier)."),
    (spoilt("logits", (1, 7, 2), np.nan), "logits contains nan at [1, 7, 2] (exit 2, row 7, class 2); correct or leave out that row."),
    (spoilt("logits", (1, 7, 2), -np.inf), "logits contains -inf at [1, 7, 2] (exit 2, row 7, class 2); correct or leave out that row."),
    (
        spoilt("logits", (1, 7, 2), np.inf, np.float16),
        "logits contains inf at [1, 7, 2] (exit 2, row 7, class 2); save float32, as float16 overflows above 65,504.",
    ),
    (
        spoilt("logits", (1, 7, 2), 1e300, np.float64),
        "logits contains inf at [1, 7, 2] (exit 2, row 7, class 2); correct or leave out that row.",
    ),
    ({"logits": PROBS}, "logits look like probabilities (none is negative and every row sums to 1); rename the array to probs."),
    (
        {"logits": PROBS.astype(np.float16)},
        "logits look like probabilities (none is negative and every row sums to 1); rename the array to probs.",
    ),
    ({"logits": np.full((3, 300, 4), "a")}, "logits has dtype <U1; give floats."),
    (
        probabilities(probs=LOGITS * 10),
        "probs contains {} at [0, 0] (exit 1, row 0), but probabilities are between 0 and 1; "
        "if these are logits, rename the array to logits.",
    ),
    (
        probabilities(probs=PROBS * np.where(np.arange(300) == 9, 0.5, 1)[:, None]),
        "probs sum to 0.5 at [0, 9] (exit 1, row 9), not to 1; give the softmax over all classes.",
    ),
    (
        probabilities(probs=np.where(PROBS == PROBS[2, 5, 1], np.nan, PROBS)),
        "probs contains nan at [2, 5, 1] (exit 3, row 5, class 1); correct or leave out that row.",
    ),
    (
        confidences(pred=confidences()["pred"] + 1),
        "pred contains 4 at {}, but the 4 classes are numbered 0 to 3; they seem to be numbered from 1, so subtract 1.",
    ),
    (
        confidences(pred=confidences()["pred"] - 1),
        "pred contains -1 at {}, but the 4 classes are numbered 0 to 3; correct or leave out that row.",
    ),
    (confidences(pred=confidences()["pred"] + 0.5), "pred contains {} at [0, 0] (exit 1, row 0); give whole numbers."),
    (
        confidences(conf=confidences()["conf"] * 100),
        "conf contains {} at [0, 0] (exit 1, row 0); give the probability of the predicted class, between 0 and 1.",
    ),
    (confidences(conf=np.full((6, 300), 0.5)), "conf has 6 exits but other arrays have 3; give the same exits in all of them."),
    (confidences(conf=confidences()["conf"] * np.nan), "conf contains nan at [0, 0] (exit 1, row 0); correct or leave out that row."),
    (
        confidences(class_names=None, labels=LABELS * 10**6),
        "labels contains 3000000 at row 0, but there may be at most 100,000 classes, numbered from 0; correct that row, or number the "
        "classes again.",
    ),
    # labels
    ({**{"labels": np.where(np.arange(300) == 7, 10**9, LABELS)}, **confidences()}, "labels contains 1000000000 at row 7, but {}"),
    ({"labels": None}, "There is no labels array, only logits, cost_macs, {}; add labels (examples,), the true class of every example."),
    ({"labels": None, "lables": LABELS}, "There is no labels array, only lables, logits, {}, the true class of every example."),
    (
        {"labels": np.eye(4)[LABELS]},
        "labels has shape (300, 4) but must be (examples,); use labels[:, 0] for a single column or "
        "labels.argmax(axis=1) for one-hot labels.",
    ),
    ({"labels": LABELS[:1]}, "labels has length 1; give between 2 and 10,000,000 examples."),
    (spoilt("labels", 3, 1.5, float), "labels contains 1.5 at row 3; give whole numbers."),
    (spoilt("labels", 3, np.nan, float), "labels contains nan at row 3; give whole numbers."),
    (
        spoilt("labels", 3, 2**63, np.uint64),
        "labels contains 9223372036854775808 at row 3, but the limit is 9,223,372,036,854,775,807; use smaller numbers.",
    ),
    (spoilt("labels", 3, 4096, np.float16), "labels contains 4096.0 at row 3, but float16 is exact only up to 2,048; save integers."),
    (spoilt("labels", 3, np.inf, np.float16), "labels contains inf at row 3, but float16 is exact only up to 2,048; save integers."),
    (
        spoilt("labels", 3, 2.0**60, float),
        "labels contains 1.152921504606847e+18 at row 3, but float64 is exact only up to 9,007,199,254,740,992; save integers.",
    ),
    (
        {"labels": np.where(LABELS == 3, "ring", "circle")},
        "labels contains 'ring' at row {}, which is not in class_names; add it, or correct the row.",
    ),
    (
        {"labels": np.array(["circle", "ring"])[LABELS % 2], "class_names": None},
        "labels is text, so the order of the classes must be known; add class_names (classes,), as the outputs have them.",
    ),
    (
        {"labels": np.array(["circle", "ring"])[LABELS % 2], "class_names": np.array(["a", "a", "b", "c"])},
        "class_names contains a name twice, so labels that are text could mean either; rename one.",
    ),
    (
        confidences(labels=np.array(["circle", "ring"])[LABELS % 2]),
        "labels is text but pred holds numbers; give both as text or both as numbers.",
    ),
    (spoilt("labels", 3, -1), "labels contains -1 at row 3; number the classes from 0 and leave out unlabelled examples."),
    (spoilt("labels", 3, 4), "labels contains 4 at row 3, but the 4 classes are numbered 0 to 3; correct or leave out that row."),
    (
        {"labels": LABELS + 1},
        "labels contains 4 at {}, but the 4 classes are numbered 0 to 3; they seem to be numbered from 1, so subtract 1.",
    ),
    # costs
    (
        {"cost": None, "cost_macs": None, "stage_cost_latency_ms": None},
        "There is no cost array, only {}; "
        "add cost (exits,), the total cost of leaving at each exit, or stage_cost (exits,), the cost of each stage alone.",
    ),
    ({"stage_cost": np.ones(3)}, "cost and stage_cost give costs in the same unit; leave one of them out."),
    (
        {"cost": np.ones(2)},
        "cost has shape (2,) but must be (3,) or (3, 300); give one number per exit, or one per exit and example.",
    ),
    (
        {"cost": np.ones((3, 300))},
        "cost does not increase (1 at exit 1, row 0, 1 at exit 2, row 0); give cumulative costs, or rename it to stage_cost if each "
        "number is the cost of one stage.",
    ),
    (
        {"cost": np.array([[1.0], [2], [3]]) + (np.arange(300) == 7) * np.array([[0.0], [0], [-2]])},
        "cost does not increase (2 at exit 2, row 7, 1 at exit 3, row 7); give cumulative costs, or rename it to stage_cost if each "
        "number is the cost of one stage.",
    ),
    (
        {"cost": np.array([2.0, 6.0, 5.0])},
        "cost does not increase (6 at exit 2, 5 at exit 3); give cumulative costs, or rename it to stage_cost if each "
        "number is the cost of one stage.",
    ),
    (
        {"cost_macs": np.array([2.0, 2.0, 5.0])},
        "cost_macs does not increase (2 at exit 1, 2 at exit 2); give cumulative costs, or rename it to "
        "stage_cost_macs if each number is the cost of one stage.",
    ),
    ({"cost": np.array([-2.0, 2.0, 5.0])}, "cost is -2 at [0] (exit 1); a stage costs 0 or more and less than 1e30."),
    (
        {"stage_cost": np.zeros(3), "cost": None},
        "stage_cost is 0 for the full network, of which budgets are shares; give the costs in another unit.",
    ),
    (
        {"stage_cost": np.array([2.0, 1e300, 5.0]), "cost": None},
        "stage_cost is 1e+300 at [1] (exit 2); a stage costs 0 or more and less than 1e30.",
    ),
    ({"cost": np.array([1.0, np.nan, 3.0])}, "cost contains nan at [1] (exit 2); give a finite number."),
    (
        {"cost_Watts": np.ones(3)},
        "cost_Watts does not end in a unit; use lower-case letters, digits and underscores, as in cost_latency_ms.",
    ),
    (
        {"topology": np.array("family")},
        "cost is cumulative, but these are separate networks; give the cost of each alone as stage_cost.",
    ),
    (
        {"topology": np.array("family"), "cost": None, "cost_macs": None, "stage_cost_latency_ms": np.array([1.0, 9.0, 4.0])},
        "stage_cost_latency_ms is 9 at network 2 but only 4 at the last, which must be the largest; order the networks "
        "from small to large.",
    ),
    ({"topology": np.array("tree")}, "topology is 'tree'; use 'chain' for the exits of one network or 'family' for separate networks."),
    ({"topology": np.array([])}, "topology is ''; use 'chain' for the exits of one network or 'family' for separate networks."),
    # the rest
    (spoilt("split", 8, "holdout", "<U11"), "split contains 'holdout' at row 8; use fit, calibration or test."),
    (
        spoilt("split", 8, "train"),
        "split contains 'train' at row 8; leave out the training examples, or write fit where only gates learn on them.",
    ),
    ({"split": np.full(300, 3)}, "split contains 3 at row 0; use 0 for fit, 1 for calibration and 2 for test."),
    (
        {"split": np.full(300, "test")},
        "split has no calibration rows; mark some, or leave out split to have one drawn at random: `route --split all` routes every row by"
        " a saved policy.",
    ),
    ({"split": np.full(299, "test")}, "split has shape (299,) but must be (300,); give one value per example."),
    (spoilt("ids", 250, 1003), "ids contains 1003 at rows 3 and 250; give every example its own id."),
    ({"ids": np.arange(300) + 0.5}, "ids contains 0.5 at row 0; give whole numbers."),
    (
        {"ids": np.array([f"q{min(i, 250)}" for i in range(300)])},
        "ids contains 'q250' at rows 250 and 251; give every example its own id.",
    ),
    (
        {"ids": np.array([f"q{i}" + "x" * 200 for i in range(300)])},
        "ids has an id of more than 200 characters, {} and so on; give shorter ids, and the text of the examples in a column of its own.",
    ),
    ({"texts": np.arange(300)}, "texts has dtype int64; give an array of strings, such as numpy.array(list_of_texts)."),
    ({"texts": np.array(["a"])}, "texts has shape (1,) but must be (300,); give one value per example."),
    (
        {"images": IMAGES.transpose(0, 3, 1, 2)},
        "images has shape (300, 3, 16, 16) but must be (examples, height, width, 3); use images.transpose(0, 2, 3, 1).",
    ),
    (
        {"images": IMAGES[..., 0]},
        "images has shape (300, 16, 16) but must be (examples, height, width, 3); for greyscale images use "
        "images.reshape(*images.shape[:3], 1).repeat(3, axis=3).",
    ),
    (
        {"images": IMAGES[..., [0, 1, 2, 0]]},
        "images has shape (300, 16, 16, 4) but must be (examples, height, width, 3); use images[..., :3].",
    ),
    ({"images": IMAGES[0]}, "images has shape (16, 16, 3) but must be (examples, height, width, 3); {}."),
    (
        {"images": IMAGES / 255},
        "images has dtype float64 but must be uint8; for values between 0 and 1 use (images * 255).round().astype('uint8').",
    ),
    ({"images": IMAGES[:9]}, "images has 9 examples but labels has 300; give one image per example."),
    ({"images": np.zeros((300, 1, 513, 3), np.uint8)}, "images are 1 by 513 pixels; resize them to between 1 and 512 pixels per side."),
    ({"images": np.zeros((300, 0, 5, 3), np.uint8)}, "images are 0 by 5 pixels; resize them to between 1 and 512 pixels per side."),
    ({"factor_size": np.full(300, np.nan)}, "factor_size contains nan at row 0; correct or leave out that row."),
    ({"factor_size": np.zeros(3)}, "factor_size has shape (3,) but must be (300,); give one value per example."),
    (
        {"class_names": np.array(["a", "b"])},
        "class_names has shape (2,) and dtype <U1; give 4 names as an array of strings, such as numpy.array(list_of_names).",
    ),
    (
        {"exit_names": np.arange(3)},
        "exit_names has shape (3,) and dtype int64; give 3 names as an array of strings, such as numpy.array(list_of_names).",
    ),
    # types
    (
        {"labels": LABELS.astype(object)},
        "labels holds Python objects, which only pickle can read; convert it first, with astype('int64'), "
        "astype('float32') or, for text, astype('U').",
    ),
    (
        {"class_names": np.array([b"a"] * 4)},
        "class_names has dtype |S1, which is not supported; save integers, float16 or float32, and text with astype('U').",
    ),
    (
        {"logits": LOGITS.astype(complex)},
        "logits has dtype complex128, which is not supported; save integers, float16 or float32, and text with astype('U').",
    ),
]


@pytest.mark.parametrize(("changes", "expected"), INVALID, ids=[sentence[:60] for _, sentence in INVALID])
def test_an_invalid_array_is_refused_in_one_sentence(changes, expected, tmp_path):
    np.savez(tmp_path / "mine.npz", **good(**changes))
    sentence = refusal(tmp_path / "mine.npz")
    start, _, end = expected.partition("{}")
    assert sentence.startswith(start) and sentence.endswith(end) and (sentence == expected or "{}" in expected)


def test_the_unchanged_files_are_valid(tmp_path):
    np.savez(tmp_path / "mine.npz", **good())
    import_file(tmp_path / "mine.npz", "x", out=tmp_path / "bundle")
    for form in (probabilities(), confidences()):
        np.savez(tmp_path / "mine.npz", **good(**form))
        import_file(tmp_path / "mine.npz", "x", out=tmp_path / "bundle")


# ---- damaged and malicious files


class Trap:
    """Unpickling it leaves a file behind."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return open, (str(self.mark), "w")


def zipped(path, members, **options):
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def npy(array=None, header=None):
    """The bytes of a .npy file, with `header` in place of its own if one is given."""
    file = io.BytesIO()
    if header is None:
        np.save(file, array)
        return file.getvalue()
    text = str(header).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + (b"" if array is None else array.tobytes())


def test_no_pickle_is_ever_opened(tmp_path):
    mark = tmp_path / "mark"
    np.savez(tmp_path / "a.npz", **good(class_names=np.array([Trap(mark)] * 4)))
    assert refusal(tmp_path / "a.npz").startswith("class_names holds Python objects, which only pickle can read;")
    zipped(tmp_path / "b.npz", {"labels.npy": pickle.dumps(Trap(mark))})
    assert "b.npz is damaged or not a valid .npz file" in refusal(tmp_path / "b.npz")
    # So are pickled bytes under a plain header.
    lie = npy(header={"descr": "|O", "fortran_order": False, "shape": (1,)}) + pickle.dumps(Trap(mark))
    zipped(tmp_path / "c.npz", {"labels.npy": lie})
    assert "labels holds Python objects" in refusal(tmp_path / "c.npz")
    for ending in ("pkl", "pt", "pth", "joblib"):
        path = tmp_path / f"d.{ending}"
        path.write_bytes(pickle.dumps(Trap(mark)))
        expected = "is a pickle, which can run any code and is never opened; save its arrays with numpy.savez instead."
        assert refusal(path) == f"d.{ending} {expected}"
    assert not mark.exists()


@pytest.mark.parametrize("shape", [(10**9, 10**9), (2**62,), (-1, -300), (301,), (299,), (0,), (10**30,)])
def test_a_header_that_lies_about_its_size_is_refused(shape, tmp_path):
    zipped(tmp_path / "a.npz", {"labels.npy": npy(LABELS, {"descr": "<i8", "fortran_order": False, "shape": shape})})
    assert refusal(tmp_path / "a.npz").startswith("labels claims shape (")


@pytest.mark.parametrize(
    "header",
    [
        {"descr": "<U0", "fortran_order": False, "shape": (10**15,)},
        {"descr": "<i8", "fortran_order": False, "shape": "(300,)"},
        {"descr": [("a", "<i8")], "fortran_order": False, "shape": (300,)},
        {"descr": "<M8[s]", "fortran_order": False, "shape": (300,)},
        {"descr": "no type", "fortran_order": False, "shape": (300,)},
        {"shape": (300,)},
        "__import__('os').getcwd()",
        "[" * 5000,
        "",
    ],
)
def test_a_malformed_header_is_refused(header, tmp_path):
    zipped(tmp_path / "a.npz", {"labels.npy": npy(LABELS, header)})
    refusal(tmp_path / "a.npz")


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", **good(logits=np.zeros((3, 300, 4000))))
    assert (tmp_path / "a.npz").stat().st_size < 200_000
    sentence = refusal(tmp_path / "a.npz", most=2**20)
    assert re.fullmatch(r"a.npz has 12 arrays of 3,8[\d,]+ values" + costly("MiB", "1 MiB", "M"), sentence)
    assert re.fullmatch(r"a.npz has [\d,]+ bytes" + costly("KiB", "1,000 bytes", "K", "at least"), refusal(tmp_path / "a.npz", most=1000))


def test_a_zip_directory_that_lies_about_a_size_is_refused(tmp_path):
    """A member that claims too few bytes is cut off there, and its checksum fails."""
    path = zipped(tmp_path / "a.npz", {"labels.npy": npy(np.zeros(10**6, np.int64))}, compression=zipfile.ZIP_DEFLATED)
    true, lie = struct.pack("<I", 8 * 10**6 + 128), struct.pack("<I", 8 * 300 + 128)
    data = path.read_bytes()
    assert data.count(true) == 2
    path.write_bytes(data.replace(true, lie))
    refusal(path)
    path.write_bytes(data.replace(true, struct.pack("<I", 2**32 - 2)))
    assert refusal(path).startswith("labels claims shape (1000000,), but its data has another size;")


def test_odd_archives_are_refused(tmp_path):
    with pytest.warns(UserWarning, match="Duplicate name"):
        with zipfile.ZipFile(tmp_path / "twice.npz", "w") as archive:
            archive.writestr("labels.npy", npy(LABELS))
            archive.writestr("labels.npy", npy(LABELS))
    expected = "twice.npz has 2 arrays with 1 distinct names; give at most 200 arrays, each with its own name."
    assert refusal(tmp_path / "twice.npz") == expected
    zipped(tmp_path / "many.npz", {f"a{i}.npy": b"" for i in range(201)})
    assert "many.npz has 201 arrays" in refusal(tmp_path / "many.npz")
    zipped(tmp_path / "lzma.npz", {"labels.npy": npy(LABELS)}, compression=zipfile.ZIP_LZMA)
    expected = "labels uses a compression that numpy does not; save the file again with numpy.savez_compressed."
    assert refusal(tmp_path / "lzma.npz") == expected
    locked = bytearray(zipped(tmp_path / "locked.npz", {"labels.npy": npy(LABELS)}).read_bytes())
    for sign, flag in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        locked[locked.index(sign) + flag] |= 1
    (tmp_path / "locked.npz").write_bytes(locked)
    refusal(tmp_path / "locked.npz")


@pytest.mark.parametrize("ending", ["npz", "safetensors", "parquet", "csv", "jsonl"])
def test_other_content_is_refused(ending, tmp_path, monkeypatch):
    for content in (b"hello\x00world" * 50, b"", b"PK\x03\x04", b"PAR1", b"\xff" * 100, b"PAR1" + b"\xff" * 100 + b"PAR1"):
        (tmp_path / f"a.{ending}").write_bytes(content)
        assert f"a.{ending}" in refusal(tmp_path / f"a.{ending}")
        decode_in_this_process(monkeypatch)  # all but the first


@pytest.mark.parametrize("ending", ["npz", "safetensors", "parquet"])
def test_a_truncated_file_is_refused(ending, tmp_path, monkeypatch):
    decode_in_this_process(monkeypatch)
    whole = write_template("parquet" if ending == "parquet" else "logits", tmp_path / f"a.{ending}").read_bytes()
    for share in (0.1, 0.5, 0.9, 0.999):
        (tmp_path / f"a.{ending}").write_bytes(whole[: int(len(whole) * share)])
        refusal(tmp_path / f"a.{ending}")


def test_a_flipped_bit_in_an_archive_is_detected(tmp_path):
    np.savez(tmp_path / "a.npz", **good())
    data = bytearray((tmp_path / "a.npz").read_bytes())
    data[data.index(LOGITS.tobytes()) + 1000] ^= 1
    (tmp_path / "a.npz").write_bytes(data)
    assert "Bad CRC-32 for file 'logits.npy'" in refusal(tmp_path / "a.npz")


def test_other_file_types_and_folders_are_refused(tmp_path):
    (tmp_path / "a.txt").write_text("1,2")
    endings = ".npz, .safetensors, .parquet, .csv or .jsonl"
    assert refusal(tmp_path / "a.txt") == f"a.txt cannot be imported because of its file type; give an {endings} file."
    (tmp_path / "a.h5").write_bytes(b"\x89HDF")
    assert refusal(tmp_path / "a.h5") == (
        'a.h5 is an HDF5 file, which is not read; convert it with `numpy.savez("outputs.npz", **{name: data[()] for name, data in'
        " h5py.File(path).items()})` and import that."
    )
    (tmp_path / "b.npz").mkdir()
    assert refusal(tmp_path / "b.npz") == f"{tmp_path / 'b.npz'} is a folder; give the path of a file in it."
    assert refusal(tmp_path / "none.npz") == f"There is no file {tmp_path / 'none.npz'}; check the path."
    os.mkfifo(tmp_path / "pipe.csv")
    problem = "is a pipe or a device; write what it gives to a file and import that"
    assert refusal(tmp_path / "pipe.csv") == f"{tmp_path / 'pipe.csv'} {problem}."
    (tmp_path / "c\x1b[31m\n.txt").write_text("1,2")
    assert refusal(tmp_path / "c\x1b[31m\n.txt").startswith("c [31m .txt cannot be imported")


def raw_safetensors(path, header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


@pytest.mark.parametrize(
    "header",
    [
        {"labels": {"dtype": "I64", "shape": [10**15], "data_offsets": [0, 8]}},
        {"labels": {"dtype": "I64", "shape": [1], "data_offsets": [0, 8 * 10**15]}},
        {"labels": {"dtype": "I64", "shape": [-1], "data_offsets": [0, 8]}},
        {"labels": {"dtype": "PICKLE", "shape": [1], "data_offsets": [0, 8]}},
        b"{" * 1000,
        b"null",
    ],
)
def test_a_safetensors_header_that_lies_is_refused(header, tmp_path):
    assert "not a valid .safetensors file" in refusal(raw_safetensors(tmp_path / "a.safetensors", header, b"\0" * 8))


@pytest.mark.parametrize("dtype", ["F8_E4M3", "C64"])
def test_safetensors_types_that_numpy_lacks_are_refused(dtype, tmp_path):
    size = {"F8_E4M3": 1, "C64": 8}[dtype]
    raw_safetensors(tmp_path / "a.safetensors", {"logits": {"dtype": dtype, "shape": [1], "data_offsets": [0, size]}}, b"\0" * size)
    assert refusal(tmp_path / "a.safetensors") == f"logits has dtype {dtype}, which numpy lacks; save float16 or float32."


@pytest.mark.parametrize("names", ["{", "{}", "[]", "[1]", "[" * 100_000, '"abc"'])
def test_names_in_metadata_must_be_a_list_of_strings(names, tmp_path):
    save_file(TEMPLATES["probs"](), tmp_path / "a.safetensors", metadata={"class_names": names})
    assert (
        refusal(tmp_path / "a.safetensors") == 'class_names in the metadata is not a JSON list of strings; write it as ["first", "second"].'
    )


# ---- Parquet


def columns(**changes):
    """Columns of a valid file. None leaves a column out."""
    arrays = good()
    made = {"label": arrays["labels"], "id": arrays["ids"]}
    for k in range(3):
        made[f"exit{k}.logits"] = list(arrays["logits"][k])
        made[f"exit{k}.cost"] = np.full(300, k + 1.0)
    made |= {name.replace("__", "."): column for name, column in changes.items()}
    return {name: column for name, column in made.items() if column is not None}


def with_gap(values, row):
    return [None if i == row else value for i, value in enumerate(values)]


EXIT0 = columns()["exit0.logits"]
INVALID_COLUMNS = [
    ({"label": None}, "There is no column label, only id, {}, exit0.logits, exit0.cost; add label, the true class of every example."),
    (
        {"exit0__cost": None, "exit1__cost": None, "exit2__cost": None},
        "There is no column of costs, only {}, exit0.logits; add exit0.cost and so on, the total cost of leaving at each exit, or "
        "exit0.stage_cost and so on, the cost of each stage alone.",
    ),
    (
        {f"exit{k}__{name}": np.full(300, 0.5) if name == "conf" else None for k in range(3) for name in ("logits", "conf")},
        "There is exit0.conf and so on without predictions, {}; add exit0.pred and so on, or exit0.correct and so on.",
    ),
    ({"label": with_gap(LABELS, 7)}, "label is empty in row 7 (counted from 0); fill it or leave that row out."),
    ({"exit0__logits": with_gap(EXIT0, 7)}, "exit0.logits is empty in row 7 (counted from 0); fill it or leave that row out."),
    ({"exit0__logits": [[None, 1.0, 1.0, 1.0]] * 300}, "exit0.logits has a list with a missing value; fill it or leave that row out."),
    (
        {"exit0__logits": [*EXIT0[:7], EXIT0[7][:3], *EXIT0[8:]]},
        "exit0.logits has 3 values in row 7 but 4 in row 0; give one per class.",
    ),
    (
        {"exit1__logits": [row[:3] for row in EXIT0]},
        "exit1.logits has rows of shape (3,) but exit0.logits has (4,); give one value per class.",
    ),
    ({"exit1__logits": None}, "The file has exit0.logits, exit2.logits but no exit1.logits; add it (these columns count exits from 0)."),
    (
        {"exit0__cost": np.arange(300.0)},
        "cost does not increase (3 at exit 1, row 3, 2 at exit 2, row 3); give cumulative costs, or rename it to stage_cost if each "
        "number is the cost of one stage.",
    ),
    ({"exit0__logits": ["a"] * 300}, "exit1.logits has rows of shape (4,) but exit0.logits has (); give one value per class."),
    (
        {"exit0__logits": [["a", "b", "c", "d"]] * 300},
        "exit0.logits has type string; write it as integers, floats, text or lists of floats.",
    ),
    (
        {"exit0__cost": None, "exit1__cost": None, "exit2__cost": None, "cost": np.ones(300)},
        "Column cost does not name its exit; call it exit0.cost, exit1.cost and so on.",
    ),
    ({"cost": np.ones(300)}, "The file has a column cost as well as one per exit; leave one of the two out."),
    ({"labels": LABELS}, "Two columns name the same array; rename or leave out one of them."),
    ({"label": [b"a"] * 300}, "label has type binary; write it as integers, floats, text or lists of floats."),
    ({"label": [{"a": 1}] * 300}, "label has type struct<a: int64>; write it as integers, floats, text or lists of floats."),
    (
        {"label": LABELS + 1},
        "labels contains 4 at {}, but the 4 classes are numbered 0 to 3; they seem to be numbered from 1, so subtract 1.",
    ),
]


@pytest.mark.parametrize(("changes", "expected"), INVALID_COLUMNS, ids=[sentence[:60] for _, sentence in INVALID_COLUMNS])
def test_an_invalid_column_is_refused_in_one_sentence(changes, expected, tmp_path, monkeypatch):
    decode_in_this_process(monkeypatch)
    pq.write_table(pa.table(columns(**changes)), tmp_path / "a.parquet")
    sentence = refusal(tmp_path / "a.parquet")
    start, _, end = expected.partition("{}")
    assert sentence.startswith(start) and sentence.endswith(end) and (sentence == expected or "{}" in expected)


def test_columns_of_many_kinds_are_read(tmp_path):
    """Lists of fixed and variable length, 16 to 64 bits, text and dictionaries, a type per exit, in several row groups."""
    arrays = good()
    table = pa.table(
        {
            "label": arrays["labels"].astype(np.uint8),
            "split": pa.array(arrays["split"]).dictionary_encode(),
            "exit0.logits": pa.array(list(arrays["logits"][0].astype(np.float16)), pa.list_(pa.float16(), 4)),
            "exit1.logits": pa.array(list(arrays["logits"][1].astype(np.float64)), pa.large_list(pa.float64())),
            "exit2.logits": pa.array(list(arrays["logits"][2]), pa.list_(pa.float32())),
            **{f"exit{k}.cost": np.full(300, k + 1) for k in range(3)},
            "comment": ["unknown"] * 300,
        }
    )
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=70)
    made = import_file(tmp_path / "a.parquet", "x", out=tmp_path / "bundle")
    outputs = made.draft.outputs
    np.testing.assert_allclose(outputs.logits, arrays["logits"], rtol=1e-3)
    assert (outputs.labels == arrays["labels"]).all() and (outputs.split == arrays["split"]).all()
    assert outputs.stage_cost["cost"].tolist() == [1, 1, 1]
    assert "Ignored, with names that are not known here: comment." in made.notes


def bomb(path, values):
    """A small Parquet file with one row: one list of `values` zeros."""
    zeros = pa.FixedSizeListArray.from_arrays(pa.array(np.zeros(values, np.float32)), values)
    pq.write_table(pa.table({"label": [0], "exit0.logits": zeros, "exit0.cost": [1.0]}), path, compression="zstd")
    assert path.stat().st_size < 5000
    return path


def test_a_parquet_bomb_is_refused(tmp_path):
    sentence = refusal(bomb(tmp_path / "a.parquet", 2**23), most=2**20)
    assert re.fullmatch("a.parquet has 1 row with 8,388,610 values" + costly("MiB", "1 MiB", "M"), sentence)


def test_rows_that_take_no_room_in_the_file_are_counted_before_they_are_read(tmp_path):
    """Five million constant rows, and a long text that every row repeats."""
    ones = pa.array(np.ones(2**20))
    columns = {"a": ones, "b": ones, "text": pa.DictionaryArray.from_arrays(pa.array(np.zeros(2**20, np.int8)), ["x" * 2000])}
    with pq.ParquetWriter(tmp_path / "a.parquet", pa.table(columns).schema, compression="zstd") as file:
        for _ in range(5):
            file.write_table(pa.table(columns))
    assert (tmp_path / "a.parquet").stat().st_size < 1_300_000
    sentence = refusal(tmp_path / "a.parquet", most=2**30)
    assert re.fullmatch("a.parquet has 5,242,880 rows of 3 columns" + costly("GiB", "1 GiB", "M"), sentence)
    # Only once it is read is it known how much text there is.
    assert re.fullmatch("a.parquet has 5,242,880 rows of 3 columns" + costly("GiB", "4 GiB", "G"), refusal(tmp_path / "a.parquet"))


def test_a_parquet_bomb_whose_footer_lies_is_refused(tmp_path):
    path = bomb(tmp_path / "a.parquet", 2**23)
    data = path.read_bytes()
    footer = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    true = bytes([0x80, 0x80, 0x80, 0x08])  # 2^23, as the footer writes it: zigzag, seven bits a byte
    lie = bytes([0x82, 0x80, 0x80, 0x00])  # 1, in the same number of bytes
    assert data.count(true, footer) >= 1
    path.write_bytes(data[:footer] + data[footer:].replace(true, lie))
    stated = pq.ParquetFile(path).metadata.row_group(0)
    assert max(stated.column(j).num_values for j in range(3)) == 1
    refusal(path, most=1_000_000)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the memory of a process")
def test_the_memory_of_the_worker_is_limited():
    program = (
        "import numpy as np; from engine.importing.worker import MemoryLimit; limit = MemoryLimit()\n"
        "with limit.of(2**20): np.zeros(2**20, 'u1'); print('enough'); np.empty(2**28, 'u1')"
    )
    child = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert child.returncode == 1 and "MemoryError" in child.stderr and child.stdout == "enough\n"


def test_a_misspelt_cost_is_listed_first(tmp_path):
    arrays = good()
    for name in [name for name in arrays if name.startswith(("cost", "stage_cost"))]:
        arrays["costs"] = arrays.pop(name)
    np.savez(tmp_path / "mine.npz", **arrays)
    assert refusal(tmp_path / "mine.npz").startswith("There is no cost array, only costs, ")


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "1e308", "soon"])
def test_a_time_limit_that_is_none_is_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import", "log.csv", "--id", "log", "--most-minutes", text]) == 2
    assert_one_sentence(capsys.readouterr().err.strip(), f"'{text}'", "--most-minutes")
