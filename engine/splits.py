"""The four disjoint parts of a data set and what each may be used for."""

from enum import StrEnum


class Split(StrEnum):
    """The split of an example.

    A network learns on TRAIN. Gates learn on FIT, which the network never saw. Knobs are set on CALIBRATION, and
    results are reported on TEST. Only because the splits are disjoint can the reported results be trusted.
    """

    TRAIN = "train"
    FIT = "fit"
    CALIBRATION = "calibration"
    TEST = "test"


#: The splits a bundle holds outputs for. Training images are left out: a network is overconfident on images it has learned.
BUNDLE_SPLITS = (Split.FIT, Split.CALIBRATION, Split.TEST)
