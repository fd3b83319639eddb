"""Numbers by id: a published sequence, integer arithmetic, and no pattern."""

from hashlib import blake2b

import numpy as np

from engine.hashing import hash_texts, hash_uniform
from tests.engine.policies import reference


def test_the_numbers_are_those_of_splitmix64():
    """The first outputs of SplitMix64 with seed 1234567, as published with its other implementations."""
    published = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821]
    for seed, output in enumerate(published):
        assert hash_uniform(np.array([1234567]), seed)[0] == (output >> 11) / 2**53


def test_the_numbers_equal_integer_arithmetic():
    ids = [0, 1, -1, 2**62, -(2**63), 2**63 - 1, *np.random.default_rng(0).integers(-(2**63), 2**63 - 1, size=200).tolist()]
    for seed in (0, 1, 12345):
        assert hash_uniform(np.array(ids), seed).tolist() == [reference.hash_uniform(id, seed) for id in ids]


def test_the_numbers_of_neighbouring_ids_are_uniform():
    drawn = hash_uniform(np.arange(100_000))
    assert drawn.min() >= 0 and drawn.max() < 1
    counts = np.bincount((drawn * 50).astype(int), minlength=50)
    assert ((counts - 2000) ** 2 / 2000).sum() < 100, "fifty bins, so about fifty"
    assert abs(np.corrcoef(drawn[:-1], drawn[1:])[0, 1]) < 0.02
    assert len(np.unique(drawn)) == len(drawn)


def test_texts_have_hashes_of_64_bits_that_never_change():
    texts = ["", "q1", "naïve 猫", "\ud800", *map(str, range(100))]
    hashes = hash_texts(texts)
    assert hashes.dtype == np.int64 and len(set(hashes.tolist())) == len(texts)
    assert hashes[1] == int.from_bytes(blake2b(b"q1", digest_size=8).digest(), "little", signed=True)
    assert hash_texts(["q1"]).tolist() == [7530267129497158631]
    assert hash_texts([]).shape == (0,)
