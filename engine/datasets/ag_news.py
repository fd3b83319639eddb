"""AG News: the title and the first lines of news in four classes (Zhang, Zhao and LeCun, "Character-level Convolutional Networks for Text
Classification", NeurIPS 2015, section 4).

TEST is the 7,600 official test texts. The other texts are those of the 120,000 training texts that the file holds with their title: 1,500
in FIT, 1,500 in CALIBRATION, and the rest in TRAIN. Rows without a title are left out. Its files write quotation marks as `quot;` and
apostrophes as `#39;`, which networks read as they are and people are shown as characters.
"""

from engine.datasets.sentences import ROWS, Parts, Sentence, SentenceFile, Sentences, shuffled
from engine.splits import Split

HELD_OUT = 1_500
#: In the second column of the training file.
WITH_TITLE = "titled"
CLASSES = ("World", "Sports", "Business", "Sci/Tech")
FILES = (
    SentenceFile("text/agnews/train_pieces.tsv", columns=3, label_first=True),
    SentenceFile("text/agnews/test.tsv", label_first=True),
)


def ag_news() -> Sentences:
    return Sentences("ag-news", "AG News", CLASSES, FILES, divide, escaped=True)


def divide(training: list[tuple[int, tuple[str, str], int]], test: list[tuple[int, tuple[str], int]]) -> Parts:
    """The splits. training: (row, (whether it has a title, text), label);  test: (row, (text,), label). Raises ValueError if too few."""
    titled = [Sentence(row, text, label) for row, (kind, text), label in training if kind == WITH_TITLE]
    if len(titled) <= 2 * HELD_OUT:
        raise ValueError(f"{FILES[0].path} has only {len(titled)} texts with a title, too few to hold out 2 x {HELD_OUT}")
    order = [titled[place] for place in shuffled(len(titled))]
    return {
        Split.TRAIN: order[2 * HELD_OUT :],
        Split.FIT: sorted(order[:HELD_OUT]),
        Split.CALIBRATION: sorted(order[HELD_OUT : 2 * HELD_OUT]),
        Split.TEST: [Sentence(ROWS + row, text, label) for row, (text,), label in test],
    }
