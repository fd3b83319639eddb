"""Words by number. A word that the lexicon lacks, such as a misspelt one, is known by its set of letters.

That set is the same if letters are swapped or doubled, and nearly the same for a word that lacks one, so a network can learn some of them.
"""

import hashlib
import re
from functools import cache

from engine.datasets.phrase_grammar import lexicon

#: Token of the first word; the numbers below are padding, and the buckets of unknown words.
BUCKETS = 256
_PARTS = re.compile(r"[a-z]+|[.,;:]")


def parts_of(text: str) -> list[str]:
    """Lower-case words and punctuation marks."""
    return _PARTS.findall(text.lower())


@cache
def vocabulary() -> dict[str, int]:
    """The token of every word of the lexicon, counted from BUCKETS + 1."""
    texts: list[str] = ["but although while and former latter was were . , ; :"]
    for name, value in vars(lexicon).items():
        if name.isupper() and isinstance(value, tuple):
            texts.extend(value)
    for subject in lexicon.SUBJECTS.values():
        texts += [*(name for name, _ in subject.names), *subject.good, *subject.bad, *subject.neutral]
    known = sorted({part for text in texts for part in parts_of(re.sub(r"\{\w*\}", " ", text))})
    return {word: BUCKETS + 1 + place for place, word in enumerate(known)}


def tokens_of(text: str) -> list[int]:
    """The tokens of a text, all above 0."""
    known = vocabulary()
    return [known.get(part) or _bucket(part) for part in parts_of(text)]


@cache
def _bucket(word: str) -> int:
    letters = "".join(sorted(set(word)))
    return 1 + int.from_bytes(hashlib.sha256(letters.encode()).digest()[:4], "big") % BUCKETS
