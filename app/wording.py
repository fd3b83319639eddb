"""Numbers of the engine as short sentences."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from app.dominated_models import dominated_models
from engine.analysis.verdict import MARGIN, LostSpeed, Outcome, Verdict
from engine.bundle.bundle import Bundle
from engine.bundle.measurements import Measured, MeasuredRun
from engine.cost_units import cost_unit
from engine.display_text import counted, printable
from engine.outputs import CascadeKind
from engine.policies import POLICIES, Rule
from engine.qualities import measure_title, quality_measure
from engine.recipes.terms import terms_of
from engine.sweep import Sweep
from engine.targets import TargetResult

#: Shown where the data folder is empty.
NO_BUNDLE = "There is no bundle yet; make one with `python -m engine compute doodles`."
NAME = "Offramp"


@dataclass(frozen=True)
class Words:
    """What the results, the examples and the reference of a bundle are called. The fields are those of images with classes.

    graded:    whether results have a quality from 0 to 1, and are not correct or incorrect
    measure:   what they are worth, within a sentence: accuracy, quality, or the name of the quality;  meaning: of that name, or empty
    reference: what budgets are shares of;  best: its name where it is a model among others, else empty
    stage:     what an example leaves at
    truth:     what an oracle knows
    one, many: an example, and examples
    """

    graded: bool = False
    measure: str = "accuracy"
    meaning: str = ""
    reference: str = "full network"
    best: str = ""
    stage: str = "exit"
    truth: str = "labels"
    one: str = "image"
    many: str = "images"

    @classmethod
    def of(cls, bundle: Bundle) -> "Words":
        outputs = bundle.outputs
        is_log = not outputs.has_classes or bundle.reads_texts or bundle.id_texts is not None
        models = is_log and outputs.kind is CascadeKind.FAMILY
        usual = cls()
        pictured = bundle.images is not None or outputs.overlap is not None
        images = pictured or not (is_log or "imported_from" in bundle.provenance)  # a data set may have the images
        return cls(
            graded=outputs.is_graded,
            measure=measure_title(outputs),
            meaning=quality_measure(outputs.quality_name).meaning if outputs.is_graded else "",
            reference="best single model" if models else usual.reference,
            best=bundle.exit_names[outputs.full] if models else "",
            stage="model" if models else usual.stage,
            truth=usual.truth if outputs.has_classes else "results" if outputs.overlap is None else "true masks",
            one=usual.one if images else "example",
            many=usual.many if images else "examples",
        )

    def adapted(self, text: str) -> str:
        """What is true of any bundle, in the words of this one. Without classes, a top probability is a confidence."""
        names = {"full network": self.reference, "exit": self.stage, "Exit": self.stage.capitalize(), "labels": self.truth}
        names["top probability"] = "top probability" if self.truth == USUAL.truth else "confidence"
        return _GENERAL.sub(lambda name: names[name[0]], text)

    @property
    def named(self) -> str:
        """The reference, with its name where it has one."""
        return f"{self.reference}, {self.best}" if self.best else self.reference

    def amount(self, share: float, digits: int = 1) -> str:
        """An accuracy in percent, or a quality with as many digits."""
        return f"{float(rounded(100 * share, digits)) / 100:.{digits + 2}f}" if self.graded else percent(share, digits)

    def against_reference(self, value: float, of_reference: float) -> str:
        """The difference of the two as they are printed, so that a reader who subtracts gets the same."""
        tenths = round(10 * float(rounded(100 * value))) - round(10 * float(rounded(100 * of_reference)))
        if tenths == 0:
            return f"as {'good' if self.graded else 'accurate'} as the {self.named}"
        difference = f"{abs(tenths) / 1000:.3f}" if self.graded else f"{abs(tenths) / 10:.1f} points"
        return f"{difference} {'above' if tenths > 0 else 'below'} the {self.named}"


USUAL = Words()
#: What may be called something else in a bundle.
_GENERAL = re.compile("full network|[eE]xit|labels|top probability")
#: Models by their numbers, in a note and in settings.
_NUMBERED = re.compile(r"\bmodels? (\d+(?:, \d+)*(?: and \d+)?)")
_SET = re.compile(r"(?:(?<=\bmodel = )|(?<=\bmodel of the rest = ))\d+")


def literal(text: str) -> str:
    """Other people's text, escaped for Streamlit's Markdown: it is shown as it is, so that no file can put an image on the page."""
    return re.sub(r"([\\`*_{}\[\]()<>#+.!|~$:@&-])", r"\\\1", text)


def page_title(*parts: str) -> str:
    """Of the browser's tab, which shows the beginning: what differs between tabs comes first. parts: those that are empty are left out"""
    return " · ".join(filter(None, (*parts, NAME)))


def footer(provenance: Mapping[str, Any]) -> str:
    """The last line of a file: what made it, and when and on what the outputs were computed, as far as the bundle says."""
    date, device = (printable(fact, 100) if isinstance(fact := provenance.get(key), str) else "" for key in ("date", "device"))
    computed = " ".join(filter(None, (device and f"on {device}", f"({date})" if device and date else date)))
    return f"Made with {NAME}" + (f" · outputs computed {computed}" if computed else "")


def bundle_size(bundle: Bundle) -> str:
    """What a bundle holds, in a line."""
    outputs, words = bundle.outputs, Words.of(bundle)
    if outputs.has_classes:
        results = f"{outputs.classes} classes"
    else:
        results = f"graded from 0 to 1{_by_name(words)}" if words.graded else "correct or not"
    faces = [f"{len(bundle.images):,} images"] if bundle.images is not None else []
    faces += ["texts"] if bundle.texts is not None else []
    missing = "no images or texts" if not outputs.has_classes else "no texts" if bundle.reads_texts else "no images"
    return f"{counted(outputs.exits, words.stage)}, {results}, {counted(bundle.examples, 'example')}, {' and '.join(faces) or missing}"


def _by_name(words: Words) -> str:
    """Of a quality that has one."""
    return "" if words.measure == "quality" else f" by {words.measure}"


def import_sentences(bundle: Bundle) -> list[str]:
    """What an import left out, for people who compare the bundle with the file: incomplete examples, and models that are dominated."""
    words, sentences = Words.of(bundle), []
    match bundle.provenance.get("complete"):
        case {"examples": int(kept), "of": int(given)}:
            sentences.append(f"{kept:,} of the {given:,} examples are complete; on the others, some {words.stage}s were not run.")
    models = dominated_models(bundle, next(iter(bundle.outputs.stage_cost)))
    if models:
        listed = joined([f"{model.name} ({words.amount(model.quality)} at {percent(model.cost, 0)} of its cost)" for model in models])
        sentences.append(f"Left out, because {words.best or words.reference} is at least as good on calibration and costs less: {listed}.")
    return sentences


def faces_sentence(bundle: Bundle, missing: str) -> str:
    """Why examples have no images, or empty if they have other faces. missing: the same of an album, empty if the images are there"""
    if not missing or bundle.texts is not None:
        return ""
    known = bundle.outputs.has_classes or bundle.outputs.overlap is not None
    return missing if known else "This bundle holds neither images nor texts."


def held_terms(bundle: Bundle, has_images: bool) -> str:
    """What is shown of its data set, and on what terms, such as "images of SVHN, which are for non-commercial use only"; else empty.

    has_images: whether images are shown, of the bundle or of its data set
    """
    what = " and ".join((["images"] if has_images else []) + (["texts"] if bundle.texts is not None else []))
    terms = terms_of(bundle.provenance)
    return f"{what} {terms}" if what and terms else ""


def spent(unit: str) -> str:
    return cost_unit(unit).noun


def fitting(what: str) -> str:
    """What one waits for. what: a policy on a bundle"""
    return f"Fitting {what}"


def queued(what: str) -> str:
    """The same while nothing happens yet."""
    return f"{what} waits until other policies are fitted"


def unit_title(unit: str, measured: Sequence[Measured] = ()) -> str:
    """The name of a unit; of a measured one with its batch size, and with its device if `measured` holds it."""
    device = next((f", {entry.device}" for entry in measured if unit in entry.units.values()), "")
    return f"{cost_unit(unit).title}{device}"


def rounded(value: float, digits: int = 1) -> str:
    """Half of a unit is rounded up, as in the browser, so that both print the same."""
    return format(Decimal(value).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP), "f")


def percent(share: float, digits: int = 1) -> str:
    """What is more than nothing is not printed as nothing."""
    text = rounded(100 * share, digits)
    return f"<{10**-digits:.{digits}f}%" if share > 0 and float(text) == 0 else f"{text}%"


def cost_in_words(cost: float) -> str:
    """A whole percentage, with a digit more where that would be 0%; as `costInWords` in app/web/core/printed.js."""
    return percent(cost, 0 if cost <= 0 or float(rounded(100 * cost, 0)) >= 1 else 1)


def told(text: str, bundle: Bundle) -> str:
    """A note or the settings of a rule: models have names in place of the numbers of exits."""
    words, names = Words.of(bundle), bundle.exit_names
    text = words.adapted(text)
    if words.best:
        text = _NUMBERED.sub(lambda listed: re.sub(r"\d+", lambda number: names[int(number[0]) - 1], listed[1]), text)
        text = _SET.sub(lambda number: names[int(number[0]) - 1], text)
    return text


def settings(rule: Rule) -> str:
    """The setting of a rule's knob, such as "lambda = 5.6"."""
    return ", ".join(f"{name} = {value:.3g}" for name, value in rule.readable_knob().items())


def budget_sentence(sweep: Sweep, step: int, words: Words = USUAL) -> str:
    """What one budget buys, in a sentence that a stakeholder can repeat."""
    cost, accuracy = float(sweep.cost[step]), float(sweep.accuracy[step])
    bought = f"{words.amount(accuracy)} {words.measure} at {cost_in_words(cost)} of the {spent(sweep.unit)}"
    return f"{bought} ({words.against_reference(accuracy, sweep.full.accuracy)}); {_early(sweep, step, words)}."


def _early(sweep: Sweep, step: int, words: Words) -> str:
    tenths = round(10 * float(sweep.before_half[step]))
    if tenths == 0:
        return f"almost no {words.one} leaves before half the cost"
    if tenths == 10:
        return f"almost every {words.one} leaves before half the cost"
    return f"{tenths} of 10 {words.many} {'leaves' if tenths == 1 else 'leave'} before half the cost"


def result_sentences(result: TargetResult, examples: int, words: Words = USUAL) -> str:
    """What the rule does on calibration, where it was tuned, and on the test examples. examples: how many those are"""
    tuned, test, what = result.calibration, result.test, spent(result.unit)
    tuning, on_test = (f"{words.amount(point.accuracy)} {words.measure} at {percent(point.cost)} of the {what}" for point in (tuned, test))
    results = f"{tuning} on calibration, where it was tuned. On {counted(examples, 'test example')}: {on_test}"
    reference = f"{words.named}: {words.amount(result.full.accuracy)}"
    return f"{POLICIES[result.policy].title}: {results}; {reference}. {result.rule.note}".strip()


def run_lines(entry: Measured, run: MeasuredRun) -> list[str]:
    """One real run, a fact on each line."""
    return [
        f"Measured at batch {entry.batch_size}, {percent(run.budget, 0)} budget",
        f"{speed(run.speed_up)}: {percent(run.time, 0)} of the full network’s time",
        _expected(run),
        f"{percent(run.accuracy)} accuracy on {entry.tested:,} test images, full network {percent(entry.alone[-1].accuracy)}",
        f"timed on {entry.examples:,} of them: {entry.device}, {entry.date}",
    ]


def speed(speed_up: float) -> str:
    """Compared with the full network."""
    if speed_up >= MARGIN:
        return f"{_factor(speed_up)} faster"
    return f"{_factor(1 / speed_up)} slower" if speed_up * MARGIN < 1 else "no faster"


def _factor(number: float) -> str:
    return f"{number:.1f}x" if number >= 1.095 else f"{number:.2f}x"


def speedup_sentence(entry: Measured, verdicts: Sequence[Verdict], exit_names: Sequence[str]) -> str:
    """For one device and batch size: at which budgets early exit is faster, at which not, why not, and what would be."""
    start = f"Batch {entry.batch_size} on {entry.device}"
    if not verdicts:
        return f"{start}: no budget was run."
    parts: list[str] = []
    loss = None
    pays = [verdict.run for verdict in verdicts if verdict.outcome is Outcome.PAYS]
    if pays:
        parts.append(f"early exit is {joined([f'{speed(run.speed_up)} at a {percent(run.budget, 0)} budget' for run in pays])}")
    for verdict in verdicts:
        if verdict.outcome is Outcome.PAYS:
            continue
        budget, how = f"at a {percent(verdict.run.budget, 0)} budget", speed(verdict.run.speed_up)
        part = f"{budget} it is {how}" if parts else f"early exit is {how} {budget}"
        instead = _instead(entry, verdict, exit_names)
        if verdict.outcome is Outcome.SLOWER:
            part += " for the same reason" if verdict.loss is loss else f" because {_because(entry, verdict)}"
            part += f", while {instead}" if instead else ""
            loss = verdict.loss
        else:
            part += f" but {instead}"
        parts.append(part)
    return f"{start}, {entry.examples:,} test images timed: {'; '.join(parts)}."


def _because(entry: Measured, verdict: Verdict) -> str:
    images = "one image" if entry.batch_size == 1 else f"{entry.batch_size} images"
    reasons = {
        LostSpeed.PLAN: "the exits along the way cost what leaving early saves",
        LostSpeed.SMALL_BATCH: f"every stage takes a fixed time, however little it computes for {images}",
        LostSpeed.STAGES: "the stages that all images run take more time per MAC than the later ones",
        LostSpeed.RUNNING: "deciding, gathering the images that continue and forming new batches use up the gain",
    }
    return f"{reasons[verdict.loss]} ({_expected(verdict.run)})"


def _expected(run: MeasuredRun) -> str:
    return f"expected {run.ideal_by_macs:.2f}x from MACs, {run.ideal_by_times:.2f}x from stage times"


def _instead(entry: Measured, verdict: Verdict, exit_names: Sequence[str]) -> str:
    """The exit that would do better alone, if there is one."""
    if verdict.instead is None:
        return ""
    exit = entry.alone[verdict.instead]
    accuracy = f"{percent(exit.accuracy)} accuracy (early exit: {percent(verdict.run.accuracy)})"
    return f"{exit_names[verdict.instead]} alone is {speed(exit.speed_up)} with {accuracy}"


def joined(parts: Sequence[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
