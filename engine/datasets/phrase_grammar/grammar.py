"""Writes reviews. Each praises exactly one of five subjects; obstacles on the way to that are drawn and counted.

The more severe a review is meant to be, the more likely each obstacle is: other subjects, which are blamed or only mentioned; negations;
expectations that turn out to be wrong; hedges; references such as "the former"; words of judgement that fit any subject; sentences around
the matter; and misspelt words.
"""

from dataclasses import dataclass

from engine.datasets.dice import Dice
from engine.datasets.phrase_grammar import lexicon as words
from engine.datasets.phrase_grammar.lexicon import SUBJECTS

NAMES: tuple[str, ...] = tuple(SUBJECTS)
#: How much each obstacle adds to the difficulty, each time.
WEIGHTS = {"others": 0.11, "negations": 0.08, "reversals": 0.1, "references": 0.15, "hedges": 0.04, "typos": 0.03, "asides": 0.01}
LONGEST_TYPED = 4  # letters of the shortest word that can be misspelt


@dataclass(frozen=True)
class Review:
    """A text, and how often each obstacle of WEIGHTS is in it."""

    text: str
    obstacles: dict[str, int]

    @property
    def difficulty(self) -> float:
        """In [0, 1]."""
        return min(1.0, sum(WEIGHTS[name] * count for name, count in self.obstacles.items()))


def write(praised: int, severity: float, dice: Dice) -> Review:
    """A review that praises one subject. praised: its place in NAMES;  severity: from 0 to 1"""
    writer = _Writer(severity, dice)
    rest = _shuffled([name for name in NAMES if name != NAMES[praised]], dice)
    others = rest[: dice.weighted([(0, 1 - severity), (1, 0.5), (2, 1.2 * severity), (3, 0.9 * severity**2)])]
    writer.count("others", len(others))
    clauses: list[tuple[str, int]] = []  # and whether it praises (1), blames (-1) or neither (0)
    if others and dice.chance(0.5 * severity):
        clauses.append((writer.pair(NAMES[praised], others.pop()), 0))
    else:
        clauses.append((writer.judgement(NAMES[praised], good=True), 1))
    for other in others:
        blamed = dice.chance(0.75)
        clauses.append((writer.judgement(other, good=False), -1) if blamed else (writer.mention(other), 0))
    sentences = _sentences(_shuffled(clauses, dice), dice)
    if dice.chance(0.15 + 0.3 * severity):
        sentences.insert(0, dice.pick(words.OPENERS))
        writer.count("asides")
    if dice.chance(0.05 + 0.2 * severity):
        sentences.append(dice.pick(words.CLOSERS))
        writer.count("asides")
    text = " ".join(f"{sentence[0].upper()}{sentence[1:]}." for sentence in sentences)
    return Review(writer.misspelt(text), writer.obstacles)


class _Writer:
    """Writes clauses of one review, and counts their obstacles."""

    def __init__(self, severity: float, dice: Dice) -> None:
        self.severity, self.dice = severity, dice
        self.obstacles = dict.fromkeys(WEIGHTS, 0)
        self.used: set[str] = set()

    def count(self, obstacle: str, times: int = 1) -> None:
        self.obstacles[obstacle] += times

    def judgement(self, subject: str, good: bool) -> str:
        """A clause that praises or blames a subject, directly or not."""
        severity = self.severity
        forms, opposite, obstacle, times = self.dice.weighted(
            [
                ((words.PLAIN, False, None, 0), 1.1 - severity),
                ((words.HEDGED, False, "hedges", 1), 0.4 * severity),
                ((words.NEGATED, True, "negations", 1), 0.9 * severity),
                ((words.TWICE_NEGATED, False, "negations", 2), 0.8 * severity**2),
                ((words.REVERSED, True, "reversals", 1), 0.9 * severity),
            ]
        )
        if obstacle:
            self.count(obstacle, times)
        name, was = self._named(subject)
        word = self._word(subject, good != opposite)
        if not obstacle and self.dice.chance(0.4) and word not in {*words.GOOD, *words.BAD} - {*words.GRADABLE}:
            word = f"{self.dice.pick(words.DEGREES)} {word}"
        return self._once(forms).format(it=name, was=was, word=word)

    def mention(self, subject: str) -> str:
        """A clause that does not judge."""
        name, was = self._named(subject)
        return f"{name} {self.dice.pick(SUBJECTS[subject].neutral).format(was=was)}"

    def pair(self, praised: str, blamed: str) -> str:
        """A clause about two subjects that only says by its structure which of them is praised."""
        self.count("references")
        (this, this_was), (that, that_was) = self._named(praised), self._named(blamed)
        good, bad = self.dice.pick(words.GOOD), self.dice.pick(words.BAD)
        if self.dice.chance(0.5):
            return self._once(words.COMPARED).format(this=this, this_was=this_was, that=that, that_was=that_was, good=good, bad=bad)
        first = self.dice.chance(0.5)
        one, other = (this, that) if first else (that, this)
        return self._once(words.REFERENCES).format(one=one, other=other, pick="former" if first else "latter", good=good)

    def misspelt(self, text: str) -> str:
        """The text with some words misspelt: two letters swapped, one doubled, or one left out."""
        parts = text.split(" ")
        while self.dice.chance(0.45 * self.severity) and self.obstacles["typos"] < 3:
            place = self.dice.whole(0, len(parts) - 1)
            word = parts[place]
            if len(word) > LONGEST_TYPED and word.isalpha():
                at = self.dice.whole(1, len(word) - 2)
                kinds = (word[:at] + word[at + 1] + word[at] + word[at + 2 :], word[:at] + word[at] + word[at:], word[:at] + word[at + 1 :])
                parts[place] = self.dice.pick(kinds)
                self.count("typos", parts[place] != word)
        return " ".join(parts)

    def _once(self, forms: tuple[str, ...]) -> str:
        """A form that this review does not have yet."""
        form = self.dice.pick([form for form in forms if form not in self.used])
        self.used.add(form)
        return form

    def _named(self, subject: str) -> tuple[str, str]:
        """A name of the subject, and the verb that agrees with it."""
        name, plural = self.dice.pick(SUBJECTS[subject].names)
        return name, "were" if plural else "was"

    def _word(self, subject: str, good: bool) -> str:
        if self.dice.chance(0.4 + 0.55 * self.severity):
            return self.dice.pick(words.GOOD if good else words.BAD)
        return self.dice.pick(SUBJECTS[subject].good if good else SUBJECTS[subject].bad)


def _sentences(clauses: list[tuple[str, int]], dice: Dice) -> list[str]:
    """Clauses joined in pairs, by a contrast only where one praises and the other blames."""
    sentences = []
    while clauses:
        clause, kind = clauses.pop(0)
        if clauses and "," not in clause and dice.chance(0.6):
            second, other = clauses.pop(0)
            contrast = kind * other < 0
            joined = dice.pick(("{}, but {}", "although {}, {}", "{}, while {}", "{}; {}") if contrast else ("{}, and {}", "{}; {}"))
            sentences.append(joined.format(clause, second))
        else:
            sentences.append(clause)
    return sentences


def _shuffled(items: list, dice: Dice) -> list:
    return [item for _, item in sorted(((dice.roll(), place), item) for place, item in enumerate(items))]
