"""The words of the reviews: what is judged, what can be said of it, and what leaves it open.

Texts in braces are filled in: {it} is what is judged, {was} agrees with it in number, {word} is the judgement.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Subject:
    """One of the things that a review can praise.

    names:   what it is called, and whether that is a plural
    good, bad: words that are said of it alone
    neutral: what can be said of it without judging, after its name
    """

    names: tuple[tuple[str, bool], ...]
    good: tuple[str, ...]
    bad: tuple[str, ...]
    neutral: tuple[str, ...]


SUBJECTS: dict[str, Subject] = {
    "food": Subject(
        names=(
            ("the food", False),
            ("the soup", False),
            ("the dinner", False),
            ("the breakfast", False),
            ("the fish", False),
            ("the cake", False),
            ("the noodles", True),
            ("the meals", True),
        ),
        good=("delicious", "tasty", "fresh", "flavourful", "well cooked"),
        bad=("bland", "stale", "greasy", "burnt", "oversalted"),
        neutral=("came at eight", "{was} served on the terrace", "came on white plates", "{was} brought to the table"),
    ),
    "room": Subject(
        names=(
            ("the room", False),
            ("the bedroom", False),
            ("the bathroom", False),
            ("the suite", False),
            ("the bed", False),
            ("the rooms", True),
            ("the beds", True),
        ),
        good=("spacious", "cosy", "bright", "spotless", "comfortable"),
        bad=("cramped", "dingy", "dusty", "damp", "shabby"),
        neutral=("{was} upstairs", "{was} painted white", "{was} near the lift", "{was} in the new wing"),
    ),
    "staff": Subject(
        names=(
            ("the staff", False),
            ("the waiter", False),
            ("the host", False),
            ("the receptionist", False),
            ("the waiters", True),
            ("the porters", True),
            ("the cooks", True),
        ),
        good=("friendly", "attentive", "charming", "patient", "helpful"),
        bad=("rude", "careless", "grumpy", "impatient", "clumsy"),
        neutral=("wore green", "{was} in the lobby", "came from the village", "{was} there in the morning"),
    ),
    "place": Subject(
        names=(
            ("the place", False),
            ("the neighbourhood", False),
            ("the street", False),
            ("the garden", False),
            ("the location", False),
            ("the grounds", True),
            ("the surroundings", True),
        ),
        good=("quiet", "pretty", "central", "peaceful", "leafy"),
        bad=("noisy", "remote", "ugly", "crowded", "littered"),
        neutral=("{was} close to the station", "{was} behind the church", "{was} by the river", "{was} on our map"),
    ),
    "price": Subject(
        names=(
            ("the price", False),
            ("the bill", False),
            ("the rate", False),
            ("the cost", False),
            ("the prices", True),
            ("the fees", True),
        ),
        good=("fair", "modest", "reasonable", "affordable", "low"),
        bad=("steep", "outrageous", "excessive", "inflated", "high"),
        neutral=("{was} due in advance", "{was} written on a board", "{was} in euros", "{was} known beforehand"),
    ),
}

#: Said of anything, so that only the sentence tells of what.
GOOD = ("excellent", "wonderful", "good", "lovely", "superb", "marvellous", "splendid", "delightful", "agreeable")
BAD = ("poor", "bad", "awful", "disappointing", "terrible", "dreadful", "mediocre", "horrible", "dismal")

#: Words of judgement that have degrees, as all those have that are said of one subject alone.
GRADABLE = ("good", "lovely", "delightful", "poor", "bad", "disappointing")
DEGREES = ("very", "really", "quite", "rather", "so")

#: Plain judgements.
PLAIN = ("{it} {was} {word}", "we found {it} {word}", "{it} seemed {word}", "{it} {was} {word} from start to finish")

#: The opposite of the word, by one negation.
NEGATED = (
    "{it} {was} not {word}",
    "{it} {was} hardly {word}",
    "{it} {was} anything but {word}",
    "{it} {was} far from {word}",
    "it would be wrong to call {it} {word}",
    "no one could call {it} {word}",
)

#: The same as the word, by two negations.
TWICE_NEGATED = (
    "it would not be wrong to call {it} {word}",
    "we cannot say that {it} {was} not {word}",
    "no one could say that {it} {was} not {word}",
    "it is not true that {it} {was} not {word}",
    "not once did we find {it} anything but {word}",
)

#: The opposite of the word: an expectation or a claim was mistaken.
REVERSED = (
    "we had expected {it} to be {word} and were wrong",
    "everyone had told us that {it} {was} {word}, and everyone was mistaken",
    "at first {it} seemed {word}, which was a false impression",
    "the guidebook calls {it} {word}, and the guidebook is mistaken",
    "the guest who wrote that {it} {was} {word} cannot have been here",
)

#: The word, with reservations that change nothing.
HEDGED = (
    "I suppose that {it} {was} {word}",
    "{it} {was}, all things considered, {word}",
    "{it} {was}, if I may say so, {word}",
    "{it} {was}, in a way, {word}",
    "some may disagree, yet {it} {was} {word}",
    "I would almost say that {it} {was} {word}",
)

#: Two things at once. {one} is the first that is named, {other} the second; {pick} says which of the two is meant.
REFERENCES = (
    "of {one} and {other}, only the {pick} deserves praise",
    "we compared {one} with {other}, and only the {pick} was {good}",
    "{one} and {other} could not have been more different: only the {pick} was any good",
    "we had heard about {one} and about {other}, but it is the {pick} that we would come back for",
)
#: {this} is praised and {that} blamed, in words that could be said of either.
COMPARED = (
    "{this} {this_was} as {good} as {that} {that_was} {bad}",
    "{that} {that_was} as {bad} as {this} {this_was} {good}",
    "{this} made up for {that}, which {that_was} {bad}",
    "{that} {that_was} so {bad} that not even {this}, which {this_was} {good}, could make up for it",
)

OPENERS = (
    "we stayed for two nights",
    "we came here in March",
    "our train was late",
    "it rained all week",
    "my sister had booked for us",
    "we were four",
    "it was our second visit",
)
CLOSERS = (
    "that is all I can say",
    "make of that what you will",
    "I write this on the way home",
    "so much for our trip",
    "thank you for reading",
)
