"""The four disjoint parts of a data set, and what each may be used for."""

from enum import StrEnum


class Split(StrEnum):
    """Where an example belongs.

    A network learns on TRAIN; gates learn on FIT, which the network never saw; knobs are chosen on CALIBRATION;
    numbers are reported on TEST. Keeping them apart is what makes a reported number honest.
    """

    TRAIN = "train"
    FIT = "fit"
    CALIBRATION = "calibration"
    TEST = "test"


#: The parts a bundle holds outputs for. Training images are left out: a network is too sure about what it has learned.
BUNDLE_SPLITS = (Split.FIT, Split.CALIBRATION, Split.TEST)
