"""Train a recipe's network: all exits at once, resumable at every epoch.

The loss is the weighted mean over the exits (joint training, as in the MSDNet paper, section 4); an early exit may also
be asked to agree with the last one (self-distillation: Phuong and Lampert, "Distillation-Based Training for Multi-Exit
Architectures", ICCV 2019). What is kept is a running average of the weights, which is better and steadier than the last.

Random numbers are drawn afresh from (seed, epoch), so a checkpoint needs none of them: a run killed at any moment and
started again ends with the same weights as an unbroken one. The network sees TRAIN only, less the last few examples,
which draw the learning curve.
"""

import json
import math
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from copy import deepcopy
from dataclasses import MISSING, asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.cascades.base import Cascade
from engine.cascades.whitening import whiten
from engine.datasets.base import Dataset
from engine.errors import UserError
from engine.recipes import RECIPES, Recipe, Training, recipe, weights_path
from engine.runtime.devices import pick_device
from engine.runtime.image_tensors import to_tensor
from engine.runtime.weights import Tensors, load_weights, save_weights, take_over
from engine.splits import Split
from engine.storage.files import sha256_of, write_synced
from engine.storage.sealed import read_sealed, write_sealed
from engine.training.augment import augmented
from engine.training.optimizers import Optimizers

CHECKPOINT = "checkpoint.safetensors"
WHITENED_WITH = 2_000  # pictures whose patches the first layer is worked out from, where the network has such a layer


def train(name: str | Recipe, epochs: int | None = None, device: str = "auto", out: Path | None = None) -> Path:
    """Train a recipe and return the path of its weights.

    epochs: instead of the recipe's own;  out: the folder for weights, learning curve and checkpoint, by default the library's
    """
    chosen = recipe(name)
    return train_recipe(chosen, epochs, device, out or weights_path(chosen.name).parent)


def with_settings(chosen: Recipe, **asked: Any) -> Recipe:
    """The recipe with other settings of its training; those that are None stay. Raises UserError for what makes no sense."""
    training = _training(chosen)
    changes = {name: value for name, value in asked.items() if value is not None}
    weights, share, rate = changes.get("exit_weights"), changes.get("distillation", 0.0), changes.get("learning_rate", 1.0)
    if weights is not None and not (min(weights) >= 0 and 0 < sum(weights) < math.inf):
        raise UserError(f"The exit weights {weights} make no sense; give one for each exit, at least 0 and not all 0.")
    if not 0 <= share <= 1:
        raise UserError(f"A distillation of {share:g} makes no sense; give the share of an early exit's loss, from 0 to 1.")
    if not 0 < rate < math.inf:
        raise UserError(f"A learning rate of {rate:g} makes no sense; give one above 0, such as {training.learning_rate:g}.")
    if changes.get("start_from") == chosen.name:
        if changes.get("frozen"):
            raise UserError("With --further there is nothing that --frozen would leave to train; leave one of the two out.")
        changes["frozen"] = False  # all of it was taken over; what is wrapped stays frozen by itself
    elif changes.get("frozen") and not (training.start_from or training.frozen):
        raise UserError(f"{chosen.name} begins from nothing, so there is nothing to freeze; leave --frozen out.")
    return chosen.configured(training=replace(training, **changes))


def train_recipe(chosen: Recipe, epochs: int | None, device: str, out: Path) -> Path:
    """Train, write `NAME.safetensors` and `NAME.curve.jsonl` to the folder `out`, and remove the checkpoint."""
    settings = _training(chosen)
    where = pick_device(device)
    dataset = chosen.dataset()
    # a small data set keeps most of its pictures to learn from
    held_out = min(settings.validation, max(1, len(dataset.ids(Split.TRAIN)) // 3))
    settings = replace(settings, epochs=epochs or settings.epochs, validation=held_out)
    began_with = _weights_to_start_from(chosen, out)
    began_digest = None if began_with is None else sha256_of(began_with)
    data, trunk = dataset.digest(), dict(chosen.config.about)
    key = json.loads(json.dumps({"recipe": chosen.name, "data": data, "began_with": began_digest, **trunk, **asdict(settings)}))
    partial = out / f"{chosen.name}.partial"
    network = untrained(chosen, settings)
    say(f"{chosen.name}: drawing or reading the training pictures")
    learn, check = LabelledImages.halves(dataset, settings.validation, where)
    whiten(network, to_tensor(learn.pixels[:WHITENED_WITH]))
    run = TrainingRun.start(network, settings, where, began_with)
    run.resume(partial / CHECKPOINT, key)
    for epoch in range(len(run.curve), settings.epochs):
        began = time.monotonic()
        loss = run.epoch(epoch, learn)
        run.load_average()
        accuracy = accuracies(run.averaged, check, where)
        run.curve.append({"epoch": epoch + 1, "loss": loss, "accuracy": accuracy, "seconds": round(time.monotonic() - began, 1)})
        run.save(partial / CHECKPOINT, key)
        say(_line(chosen.name, run.curve[-1], settings.epochs))
    weights = out / f"{chosen.name}.safetensors"
    run.load_average()
    about = {**trunk, "settings": asdict(settings), "data_digest": data, "torch": torch.__version__, "device": where.type}
    if began_digest:
        about["began_with"] = began_digest
    save_weights(run.averaged, weights, chosen.name, {**about, "validation_accuracy": run.curve[-1]["accuracy"]}, half=True)
    load_weights(run.averaged, weights)  # what was written is what was meant, or this fails
    write_synced(out / f"{chosen.name}.curve.jsonl", "".join(json.dumps(row) + "\n" for row in run.curve).encode())
    shutil.rmtree(partial)
    return weights


@dataclass(frozen=True, eq=False)
class LabelledImages:
    """Pictures on the device, as bytes: (examples, height, width, 3) uint8, and their labels (examples,) int64."""

    pixels: Tensor
    labels: Tensor

    @classmethod
    def halves(cls, dataset: Dataset, validation: int, device: torch.device) -> "tuple[LabelledImages, LabelledImages]":
        """What to learn from, and what to check on: the last `validation` examples of TRAIN."""
        ids = dataset.ids(Split.TRAIN)
        images = dataset.take(ids)
        pixels, labels = (torch.from_numpy(array).to(device) for array in (images.pixels, images.labels))
        cut = len(ids) - validation
        return cls(pixels[:cut], labels[:cut]), cls(pixels[cut:], labels[cut:])


@dataclass(eq=False)
class TrainingRun:
    """A training under way. The only thing here that changes; all of it goes into the checkpoint.

    averaged: a second network that takes the running average, to be checked and kept
    """

    network: Cascade
    averaged: Cascade
    average: Tensors
    optimizers: Optimizers
    settings: Training
    device: torch.device
    curve: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def start(cls, network: Cascade, settings: Training, device: torch.device, began_with: Path | None = None) -> "TrainingRun":
        """began_with: weights to take over, where names and shapes agree"""
        if began_with is not None:
            taken = take_over(network, began_with)
            for name, parameter in network.named_parameters():
                if settings.frozen and name in taken:
                    parameter.requires_grad_(False)
        network.to(device, memory_format=torch.channels_last)
        average = {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
        optimizers = Optimizers(network, settings.optimizer, settings.weight_decay)
        return cls(network, deepcopy(network), average, optimizers, settings, device)

    def epoch(self, epoch: int, learn: LabelledImages) -> float:
        """Once through the data; returns the mean loss."""
        settings = self.settings
        generator = torch.Generator().manual_seed(settings.seed * 1_000_003 + epoch)
        size = min(settings.batch_size, len(learn.labels))
        steps = len(learn.labels) // size  # the odd end is left out: another order brings it back next time
        order = torch.randperm(len(learn.labels), generator=generator)
        total = torch.zeros((), device=self.device)
        learning(self.network)
        for step in range(steps):
            done = epoch * steps + step
            batch = order[step * size : (step + 1) * size]
            images = augmented(learn.pixels, batch, epoch, settings, generator)
            with autocast(self.device):
                logits = self.network(images)
            loss = exits_loss(logits.float(), learn.labels[batch.to(self.device)], settings)
            loss.backward()
            self.optimizers.step(learning_rate(done / (settings.epochs * steps), settings))
            self.follow(done)
            total += loss.detach()
            if step % 10 == 9:
                say(f"epoch {epoch + 1}/{settings.epochs}  {step + 1}/{steps}  loss {total.item() / (step + 1):.4f}", passing=True)
        return round(total.item() / steps, 6)

    @torch.no_grad()
    def follow(self, done: int) -> None:
        """Move the running average a little; a lot in the first steps, when it knows nothing yet."""
        share = 1 - min(self.settings.average, (1 + done) / (10 + done))
        now = self.network.state_dict()
        floats = [name for name, tensor in now.items() if tensor.is_floating_point()]
        torch._foreach_lerp_([self.average[name] for name in floats], [now[name] for name in floats], share)

    def load_average(self) -> None:
        self.averaged.load_state_dict(self.average)

    def save(self, path: Path, key: dict[str, Any]) -> None:
        parts = {"network": self.network.state_dict(), "average": self.average, "optimizers": self.optimizers.state()}
        tensors = {f"{part}/{name}": tensor.detach().cpu() for part, named in parts.items() for name, tensor in named.items()}
        write_sealed(path, tensors, {"kind": "checkpoint", "key": key, "curve": self.curve})

    def resume(self, path: Path, key: dict[str, Any]) -> None:
        """Go on from the checkpoint at `path`, if there is one. Refuses one that another training left behind."""
        if not path.is_file():
            return
        tensors, about = read_sealed(path)
        since = {field.name: field.default for field in fields(Training) if field.default is not MISSING}
        there = {**since, **about.get("key", {})}  # a setting that is younger than the checkpoint had its default
        if there != key:
            names = sorted(name for name in there.keys() | key.keys() if there.get(name) != key.get(name))
            differ = ", ".join(f"{name} {there.get(name)} instead of {key.get(name)}" for name in names)
            raise UserError(f"{path} belongs to another training ({differ}); delete {path.parent} or ask for the same again.")
        parts: dict[str, Tensors] = {"network": {}, "average": {}, "optimizers": {}}
        for name, tensor in tensors.items():
            part, _, rest = name.partition("/")
            parts[part][rest] = tensor
        self.network.load_state_dict(parts["network"])
        self.average = {name: tensor.to(self.device) for name, tensor in parts["average"].items()}
        self.optimizers.load_state(parts["optimizers"])
        self.curve = about["curve"]
        say(f"going on after epoch {len(self.curve)}, from {path}")


def untrained(chosen: Recipe, settings: Training) -> Cascade:
    """The network as its training begins; the same seed gives the same."""
    with torch.random.fork_rng(devices=[]):  # leave the caller's random numbers alone
        torch.manual_seed(settings.seed)
        network = (chosen.begin or chosen.cascade)()
    exits, wanted = len(network.stages), settings.exit_weights
    if wanted is not None and len(wanted) != exits:
        raise UserError(f"There are {len(wanted)} exit weights for {exits} exits; give one for each exit.")
    return network


def learning(network: Cascade) -> None:
    """Training mode, except for normalisation whose weights are frozen: its averages stay as they are too."""
    network.train()
    for module in network.modules():
        own = list(module.parameters(recurse=False))
        if own and isinstance(module, nn.modules.batchnorm._BatchNorm) and not any(p.requires_grad for p in own):
            module.eval()


def _weights_to_start_from(chosen: Recipe, out: Path) -> Path | None:
    """Beside what is to be written, or in the library."""
    name = _training(chosen).start_from
    if name is None:
        return None
    beside = out / f"{name}.safetensors"
    found = beside if beside.is_file() else weights_path(name)
    if not found.is_file():
        starts = chosen if name == chosen.name else chosen.starts or RECIPES.get(name)
        first = starts.remedy if starts else f"train {name}"
        raise UserError(f"This training begins with the weights of {name}, and there are none at {found}; {first} first.")
    return found


def _training(chosen: Recipe) -> Training:
    if chosen.training is None:
        raise UserError(f"{chosen.name} is not trained, for its weights are published; {chosen.remedy} and go on with `compute`.")
    return chosen.training


def learning_rate(done: float, settings: Training) -> float:
    """One cycle: up in a straight line, down along a cosine. `done` is the share of the training that is over."""
    if done < settings.warm_up:
        return settings.learning_rate * (done / settings.warm_up)
    return settings.learning_rate * (1 + math.cos(math.pi * (done - settings.warm_up) / (1 - settings.warm_up))) / 2


def exits_loss(logits: Tensor, labels: Tensor, settings: Training) -> Tensor:
    """The weighted mean of the exits' losses. logits: (exits, batch, classes); labels: (batch,)"""
    wanted = torch.tensor(settings.exit_weights or (1.0,) * len(logits), device=logits.device)
    losses = torch.stack([F.cross_entropy(said, labels, label_smoothing=settings.label_smoothing) for said in logits])
    if settings.distillation:
        teacher = logits[-1].detach().softmax(dim=1)
        agreement = torch.stack([F.cross_entropy(said, teacher) for said in logits[:-1]])
        early = torch.lerp(losses[:-1], agreement, settings.distillation)
        losses = torch.cat((early, losses[-1:]))
    return (losses * wanted).sum() / wanted.sum()


def autocast(device: torch.device) -> AbstractContextManager:
    """bfloat16 where the device computes in it: two thirds of the time on a processor, far less on a GPU."""
    able = device.type == "cuda" or (device.type == "cpu" and _processor_has_bf16())
    return torch.autocast(device.type if able else "cpu", torch.bfloat16, enabled=able)


def _processor_has_bf16() -> bool:
    known = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(known.get("avx512_bf16") or known.get("amx_bf16"))


@torch.inference_mode()
def accuracies(network: Cascade, pictures: LabelledImages, device: torch.device) -> list[float]:
    """The share of pictures each exit gets right, in float32 as when outputs are computed. (exits,)"""
    network.eval()
    correct = sum((network(images).argmax(dim=2) == labels).sum(dim=1) for images, labels in _batches(pictures))
    return [round(share, 6) for share in (correct / len(pictures.labels)).tolist()]


def _batches(pictures: LabelledImages, size: int = 250) -> Iterator[tuple[Tensor, Tensor]]:
    for pixels, labels in zip(pictures.pixels.split(size), pictures.labels.split(size), strict=True):
        yield to_tensor(pixels), labels


def _line(name: str, row: dict[str, Any], epochs: int) -> str:
    exits = "  ".join(f"{100 * share:.1f}" for share in row["accuracy"])
    return f"{name}  epoch {row['epoch']}/{epochs}  loss {row['loss']:.4f}  validation accuracy per exit, %:  {exits}  ({row['seconds']} s)"


def say(text: str, passing: bool = False) -> None:
    """A line on stderr; a passing one is overwritten by the next and left out where nobody watches."""
    watched = sys.stderr.isatty()
    if passing and not watched:
        return
    columns = shutil.get_terminal_size().columns
    print(f"\r{text[: columns - 1]:<{columns - 1}}" if watched else text, end="" if passing else "\n", file=sys.stderr, flush=True)
