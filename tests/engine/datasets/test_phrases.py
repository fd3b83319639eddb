"""Phrases: each review praises exactly one thing, obstacles are counted as written, and hard reviews need more than their words."""

import re

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

from engine.datasets.dice import Dice
from engine.datasets.phrase_grammar import grammar, lexicon
from engine.datasets.phrase_grammar.grammar import NAMES, WEIGHTS, write
from engine.datasets.phrase_grammar.tokens import BUCKETS, parts_of, tokens_of, vocabulary
from engine.datasets.phrases import LONGEST, Phrases
from engine.splits import Split

SOME = 3_000


@pytest.fixture(scope="module")
def reviews() -> list[grammar.Review]:
    return [write(i % len(NAMES), i / SOME, Dice("a test", i)) for i in range(SOME)]


def test_a_plain_review_has_no_obstacles() -> None:
    direct = [write(place, 0.0, Dice("plain", place, i)) for place in range(len(NAMES)) for i in range(40)]
    alone = [review for review in direct if review.difficulty == 0]
    assert len(alone) > 50
    for review in alone:
        assert re.fullmatch(r"[A-Z][a-z' ]+\.", review.text), review.text


def test_every_obstacle_occurs_and_adds_to_the_difficulty(reviews: list[grammar.Review]) -> None:
    for name in WEIGHTS:
        counts = np.array([review.obstacles[name] for review in reviews])
        assert counts.max() > 0 and counts[: SOME // 4].mean() < counts[-SOME // 4 :].mean(), name
    difficulty = np.array([review.difficulty for review in reviews])
    assert difficulty.min() == 0 and 0.7 < difficulty.max() <= 1
    assert difficulty[: SOME // 4].mean() + 0.2 < difficulty[-SOME // 4 :].mean()


def test_typos_and_asides_are_counted_as_they_are_written(reviews: list[grammar.Review]) -> None:
    asides = {f"{text[0].upper()}{text[1:]}" for text in (*lexicon.OPENERS, *lexicon.CLOSERS)}
    for review in reviews:
        misspelt = [part for part in parts_of(review.text) if part not in vocabulary()]
        assert len(misspelt) <= review.obstacles["typos"]  # a letter left out may make another word
        sentences = review.text.rstrip(".").split(". ")
        if not misspelt:
            assert sum(sentence in asides for sentence in sentences) == review.obstacles["asides"], review.text


@pytest.mark.parametrize("good", [True, False])
@pytest.mark.parametrize("subject", NAMES)
def test_judgements_say_what_they_should(subject: str, good: bool) -> None:
    """An independent reading: one negation or a mistaken expectation turns the word of judgement round, two negations do not."""
    praise = {*lexicon.GOOD, *lexicon.SUBJECTS[subject].good}
    blame = {*lexicon.BAD, *lexicon.SUBJECTS[subject].bad}
    turned = ("wrong", "mistaken", "false impression", "cannot have been here")
    for i in range(300):
        clause = grammar._Writer(0.6, Dice(subject, good, i)).judgement(subject, good)
        judging = [word for word in praise | blame if re.search(rf"\b{word}\b", clause)]
        assert judging, clause
        word = max(judging, key=len)
        turns = len(re.findall(r"\bnot\b|\bhardly\b|\banything but\b|\bfar from\b|\bno one\b|\bcannot say\b", clause))
        turns += any(text in clause for text in turned)
        assert (word in praise) == (good == (turns % 2 == 0)), clause


def test_a_word_is_known_by_its_letters_when_it_is_misspelt() -> None:
    known = vocabulary()
    assert len(set(known.values())) == len(known) and min(known.values()) == BUCKETS + 1
    assert tokens_of("The food.") == [known["the"], known["food"], known["."]]
    (swapped,), (doubled,), (other,) = tokens_of("splnedid"), tokens_of("splenndid"), tokens_of("receptoinist")
    assert swapped == doubled != other and 0 < swapped <= BUCKETS


def test_reviews_depend_on_seed_and_id_alone() -> None:
    data = Phrases()
    ids = data.ids(Split.TEST)[:50]
    assert data.take(ids[10:20]).texts == data.take(ids).texts[10:20]
    assert Phrases(seed=1).take(ids).texts != data.take(ids).texts and Phrases(seed=1).digest() != data.digest()
    with pytest.raises(ValueError, match="train_size is -1"):
        Phrases(train_size=-1)


def test_words_alone_tell_easy_reviews_and_not_hard_ones() -> None:
    data = Phrases()
    learn, test = data.take(data.ids(Split.TRAIN)[:4_000]), data.take(data.ids(Split.TEST)[:1_500])
    counts = CountVectorizer().fit(learn.texts)
    model = LogisticRegression(max_iter=300).fit(counts.transform(learn.texts), learn.labels)
    correct = model.predict(counts.transform(test.texts)) == test.labels
    difficulty = test.factors["difficulty"]
    assert correct[difficulty < 0.1].mean() > 0.9
    assert correct[difficulty > 0.4].mean() < 0.45
    assert test.tokens.shape[1] <= LONGEST and data.take(data.ids(Split.FIT)).tokens.shape[1] <= LONGEST
