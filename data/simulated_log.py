"""Writes the shipped log of language models, which is simulated: no model was run, and its title says so.

    python data/simulated_log.py

Questions are put together from the invented parts below. Whether a model answers one, what it costs and how confident it is are drawn with
a fixed seed, from a difficulty that is drawn too. The models are invented. One costs more than the best and answers less, so the import
leaves it out and the page shows it as dominated. What is imported is a CSV file as people keep such logs.
"""

import csv
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.special import expit

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs from anywhere as `python data/simulated_log.py`

from engine.importing.importer import Imported, import_file
from engine.splits import BUNDLE_SPLITS

ID, TITLE = "simulated-llm-log", "Simulated: a log of four language models"
SEED = 0
#: Of each split, in the order of `BUNDLE_SPLITS`.
EXAMPLES = (600, 600, 1200)


@dataclass(frozen=True)
class Model:
    """skill: larger = answers more;  dollars_in, dollars_out: for a million tokens of the question, and of the answer"""

    name: str
    skill: float
    dollars_in: float
    dollars_out: float


MODELS = (
    Model("tiny", 2.6, 0.05, 0.2),
    Model("medium", 4.6, 0.4, 1.6),
    Model("large", 7.4, 3.0, 12.0),
    Model("former large", 5.6, 10.0, 30.0),
)
#: Tokens of a word, and of the instructions before each question.
TOKENS_OF_A_WORD, INSTRUCTIONS = 1.3, 60

PEOPLE = ("Arlo", "Bettina", "Caspar", "Dunya", "Emeka", "Fleur", "Goran", "Hilde", "Ines", "Jovan", "Kerstin", "Lomax")
THINGS = ("lanterns", "walnuts", "kites", "buttons", "tin whistles", "postcards", "marbles", "teacups", "acorns", "sundials")
PLACES = ("Ulmbrook", "Vesterhaven", "Old Quillon", "Marrowfield", "Tansy Point", "Nether Holt", "Port Calder", "Greywater")
BUILDINGS = ("mill", "bridge", "lighthouse", "bakery", "observatory", "ferry landing", "clock tower", "granary", "town well")
ERRANDS = ("feed the geese", "wind the clock", "mend the net", "collect the post", "water the ferns", "polish the bell", "fetch the ladder")
CHANGES = ("finds {n} more", "gives {n} to {who}", "loses {n} on the way", "trades {n} for twice as many", "puts {n} aside")


def sums(steps: int, rng: np.random.Generator) -> str:
    """Question about numbers of things."""
    (who, *others), thing = rng.permutation(PEOPLE), rng.choice(THINGS)
    told = [f"{who} has {rng.integers(20, 90)} {thing}."]
    for _ in range(steps):
        change = str(rng.choice(CHANGES)).format(n=rng.integers(2, 20), who=rng.choice(others))
        told.append(f"Then {who} {change}.")
    return f"{' '.join(told)} How many {thing} does {who} have now?"


def years(steps: int, rng: np.random.Generator) -> str:
    """Question about the order of events in a town."""
    place, built = rng.choice(PLACES), rng.permutation(BUILDINGS)[: steps + 2]
    told = [f"In {place}, the {built[0]} was built in {rng.integers(1600, 1850)}."]
    for one, before in zip(built[1:], built[:-1], strict=False):
        told.append(f"The {one} came {rng.integers(3, 60)} years {rng.choice(['before', 'after'])} the {before}.")
    return f"{' '.join(told)} Which is older, the {built[0]} or the {built[-1]}?"


def plans(steps: int, rng: np.random.Generator) -> str:
    """Question about an order of errands."""
    who, errands = rng.choice(PEOPLE), rng.permutation(ERRANDS)[: min(steps + 2, len(ERRANDS))]
    rules = [f"{who} must {one} before going to {other}." for one, other in zip(errands[1:], errands[:-1], strict=False)]
    return f"{who} is in {rng.choice(PLACES)} and has {len(errands)} errands. {' '.join(rng.permutation(rules))} What comes first?"


QUESTIONS = (sums, years, plans)


def write_csv(path: Path) -> None:
    """A row for each question and model. Before any model runs, a guess of the difficulty and the length of the question are known."""
    rng = np.random.default_rng(SEED)
    number = sum(EXAMPLES)
    split = np.repeat([str(split) for split in BUNDLE_SPLITS], EXAMPLES)
    difficulty = rng.beta(1.3, 1.6, number)
    steps = np.clip(np.round(1 + 5 * difficulty + rng.normal(0, 0.8, number)), 1, 6).astype(int)
    question = [QUESTIONS[rng.integers(len(QUESTIONS))](count, rng) for count in steps]
    words = np.array([len(text.split()) for text in question])
    guess = np.clip(difficulty + rng.normal(0, 0.12, number), 0, 1)
    luck = rng.normal(0, 0.5, number)  # shared by all models: some questions are simply unlucky
    with open(path, "w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        head = ("query_id", "prompt", "split", "model", "correct", "confidence", "cost_usd")
        rows.writerow((*head, "before_difficulty_guess", "before_question_words", "factor_difficulty"))
        for model in MODELS:
            odds = model.skill + luck - 8.5 * difficulty
            correct = rng.random(number) < expit(1.4 * odds)
            confidence = expit(0.5 * odds + 1.1 * np.where(correct, 1, -1) + rng.normal(0, 0.8, number))
            answer = rng.gamma(8, (60 + 240 * difficulty) / 8).round()
            dollars = (model.dollars_in * (INSTRUCTIONS + TOKENS_OF_A_WORD * words) + model.dollars_out * answer) / 1e6
            for i in range(number):
                result = (model.name, int(correct[i]), f"{confidence[i]:.5f}", f"{dollars[i]:.7f}")
                rows.writerow((f"sim-{i + 1:04}", question[i], split[i], *result, f"{guess[i]:.4f}", words[i], f"{difficulty[i]:.4f}"))


def write(folder: Path | None = None) -> Imported:
    """Import the log. folder: of the bundle, by default in the data folder"""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / f"{ID}.csv"
        write_csv(path)
        return import_file(path, ID, TITLE, out=folder)


if __name__ == "__main__":
    imported = write()
    print(f"Bundle written to {imported.folder}.", *imported.notes, sep="\n")
