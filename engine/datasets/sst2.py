"""SST-2: sentences of film reviews, positive or negative (Socher et al., "Recursive Deep Models for Semantic Compositionality Over a
Sentiment Treebank", EMNLP 2013, section 3), in the form of GLUE (Wang et al., ICLR 2019, section 3.1).

GLUE's training rows are phrases: a sentence occurs whole and in many parts. A network that has seen parts of a sentence is overconfident
on it, so the whole sentences of FIT and CALIBRATION take all their phrases out of TRAIN. They are GLUE's 872 validation sentences and
1,000 of the training sentences. TEST is the 1,821 official test sentences with their labels.
"""

from collections.abc import Iterable, Iterator

from engine.datasets.sentences import ROWS, Parts, Sentence, SentenceFile, Sentences, shuffled
from engine.splits import Split

HELD_OUT = 1_000
#: How the treebank writes what would be a bracket or an escape in its own notation.
ESCAPES = {"-lrb-": "(", "-rrb-": ")", "\\/": "/", "\\*": "*"}
HEADER = ("sentence", "label")
FILES = (
    SentenceFile("text/sst2/train.tsv", HEADER),
    SentenceFile("text/sst2/train_sentences.tsv", HEADER),
    SentenceFile("text/sst2/dev.tsv", HEADER),
    SentenceFile("text/sst2/test_labelled.tsv", HEADER),
)
Rows = list[tuple[int, tuple[str], int]]


def sst2() -> Sentences:
    return Sentences("sst2", "SST-2", ("negative", "positive"), FILES, divide)


def divide(phrases: Rows, whole: Rows, validation: Rows, test: Rows) -> Parts:
    """The splits. phrases: of the training sentences;  whole, validation, test: sentences. Raises ValueError if there are too few."""
    rows, sentences, validating, testing = (
        [Sentence(file * ROWS + row, written(text), label) for row, (text,), label in part]
        for file, part in enumerate((phrases, whole, validation, test))
    )
    texts = {row.text for row in rows}
    # others are spelled differently there, so their phrases cannot be recognized
    known = [sentence for sentence in sentences if sentence.text in texts]
    if len(known) < HELD_OUT:
        raise ValueError(f"only {len(known)} of {FILES[1].path} are whole in {FILES[0].path}, fewer than the {HELD_OUT} to hold out")
    held_out = [*validating, *(known[place] for place in shuffled(len(known))[:HELD_OUT])]
    excluded = {*phrases_of(sentence.text for sentence in held_out), *(sentence.text for sentence in testing)}
    train = [row for row in rows if row.text not in excluded]
    order = shuffled(len(held_out))
    half = len(held_out) // 2
    return {
        Split.TRAIN: [train[place] for place in shuffled(len(train))],
        Split.FIT: sorted(held_out[place] for place in order[:half]),
        Split.CALIBRATION: sorted(held_out[place] for place in order[half:]),
        Split.TEST: testing,
    }


def written(text: str) -> str:
    """A sentence with brackets and slashes as people write them."""
    for escape, character in ESCAPES.items():
        text = text.replace(escape, character)
    return text


def phrases_of(sentences: Iterable[str]) -> Iterator[str]:
    """Every run of consecutive words of each sentence."""
    for sentence in sentences:
        words = sentence.split()
        for begin in range(len(words)):
            for end in range(begin + 1, len(words) + 1):
                yield " ".join(words[begin:end])
