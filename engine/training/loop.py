"""Train a recipe's network: all exits at once, resumable after every epoch.

The loss is the weighted mean over the exits (joint training, as in the MSDNet paper, section 4). Early exits may also be
trained to agree with the last exit (self-distillation: Phuong and Lampert, "Distillation-Based Training for Multi-Exit
Architectures", ICCV 2019). A running average of the weights is kept, which is more accurate and steadier than the last weights.

Random numbers depend only on (seed, epoch), so a checkpoint stores no random state: a run that is killed at any time and
restarted ends with the same weights as an uninterrupted one. The network sees only TRAIN, except its last few examples,
which are held out for the learning curve.
"""

import json
import logging
import math
import shutil
import time
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
from engine.errors import UserError
from engine.progress import Progress, no_progress
from engine.recipes import RECIPES, Recipe, Training, recipe, weights_path
from engine.runtime.devices import pick_device
from engine.runtime.inputs import to_tensor
from engine.runtime.weights import Tensors, load_weights, save_weights, take_over
from engine.splits import Split
from engine.storage.files import sha256_of, write_synced
from engine.storage.sealed import read_sealed, write_sealed
from engine.training.examples import UNCOUNTED, Examples
from engine.training.optimizers import Optimizers

logger = logging.getLogger("offramp.training")

CHECKPOINT = "checkpoint.safetensors"
WHITENED_WITH = 2_000  # images whose patches determine the whitening layer, if the network has one


def train(
    name: str | Recipe, epochs: int | None = None, device: str = "auto", out: Path | None = None, progress: Progress = no_progress
) -> Path:
    """Train a recipe and return the path of its weights.

    epochs:   instead of the recipe's number
    out:      the folder for weights, learning curve and checkpoint, by default the library's
    progress: called with the steps done and the steps in all
    """
    network_recipe = recipe(name)
    return train_recipe(network_recipe, epochs, device, out or weights_path(network_recipe.name).parent, progress)


def with_settings(recipe: Recipe, **settings: Any) -> Recipe:
    """The recipe with other training settings; a setting of None keeps the recipe's. Raises UserError for invalid settings."""
    training = _training(recipe)
    changes = {name: value for name, value in settings.items() if value is not None}
    weights, share, rate = changes.get("exit_weights"), changes.get("distillation", 0.0), changes.get("learning_rate", 1.0)
    if weights is not None and not (min(weights) >= 0 and 0 < sum(weights) < math.inf):
        raise UserError(f"Exit weights {weights} must be at least 0 and not all 0; give one finite number for each exit.")
    if not 0 <= share <= 1:
        raise UserError(f"A distillation of {share:g} must be a share of an early exit's loss; give a number from 0 to 1.")
    if not 0 < rate < math.inf:
        raise UserError(f"A learning rate of {rate:g} must be a finite number above 0; give for example {training.learning_rate:g}.")
    if changes.get("start_from") == recipe.name:
        if changes.get("frozen"):
            raise UserError("With --further, --frozen would leave nothing to train; leave one of the two out.")
        changes["frozen"] = False  # all weights were loaded, so all would be frozen; wrapped networks freeze themselves
    elif changes.get("frozen") and not (training.start_from or training.frozen):
        raise UserError(f"{recipe.name} begins with random weights, so there is nothing to freeze; leave --frozen out.")
    return recipe.configured(training=replace(training, **changes))


def train_recipe(recipe: Recipe, epochs: int | None, device: str, out: Path, progress: Progress = no_progress) -> Path:
    """Train, write `NAME.safetensors` and `NAME.curve.jsonl` to the folder `out`, and remove the checkpoint."""
    settings = _training(recipe)
    where = pick_device(device)
    dataset = recipe.dataset()
    # a small data set keeps most of its images for training
    held_out = min(settings.validation, max(1, len(dataset.ids(Split.TRAIN)) // 3))
    settings = replace(settings, epochs=epochs or settings.epochs, validation=held_out)
    began_with = _weights_to_start_from(recipe, out)
    began_digest = None if began_with is None else sha256_of(began_with)
    data, trunk = dataset.digest(), dict(recipe.config.about)
    key = json.loads(json.dumps({"recipe": recipe.name, "data": data, "began_with": began_digest, **trunk, **asdict(settings)}))
    partial = out / f"{recipe.name}.partial"
    network = untrained(recipe, settings)
    logger.info("%s: preparing the training examples", recipe.name)
    learn, check = Examples.halves(dataset, settings.validation, where)
    whiten(network, to_tensor(learn.inputs[:WHITENED_WITH]))
    run = TrainingRun.start(network, settings, where, began_with)
    run.resume(partial / CHECKPOINT, key)
    for epoch in range(len(run.curve), settings.epochs):
        began = time.monotonic()
        loss = run.epoch(epoch, learn, progress)
        run.load_average()
        accuracy = accuracies(run.averaged, check, where)
        run.curve.append({"epoch": epoch + 1, "loss": loss, "accuracy": accuracy, "seconds": round(time.monotonic() - began, 1)})
        run.save(partial / CHECKPOINT, key)
        logger.info(_line(recipe.name, run.curve[-1], settings.epochs))
    weights = out / f"{recipe.name}.safetensors"
    run.load_average()
    about = {**trunk, "settings": asdict(settings), "data_digest": data, "torch": torch.__version__, "device": where.type}
    if began_digest:
        about["began_with"] = began_digest
    save_weights(run.averaged, weights, recipe.name, {**about, "validation_accuracy": run.curve[-1]["accuracy"]}, half=True)
    load_weights(run.averaged, weights)  # fails unless the file can be loaded again
    write_synced(out / f"{recipe.name}.curve.jsonl", "".join(json.dumps(row) + "\n" for row in run.curve).encode())
    shutil.rmtree(partial)
    return weights


@dataclass(eq=False)
class TrainingRun:
    """The state of a training run, the only mutable object here. Checkpoints contain all of it.

    averaged: a second network that holds the running average, for validation and for the saved weights
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
        """began_with: weights to start from, where names and shapes match"""
        if began_with is not None:
            taken = take_over(network, began_with)
            for name, parameter in network.named_parameters():
                if settings.frozen and name in taken:
                    parameter.requires_grad_(False)
        network.to(device).to(memory_format=torch.channels_last)
        average = {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
        heads = [parameter for stage in network.stages for parameter in stage.head.parameters()]
        optimizers = Optimizers(network, settings.optimizer, settings.weight_decay, heads, settings.head_rate)
        return cls(network, deepcopy(network), average, optimizers, settings, device)

    def epoch(self, epoch: int, learn: Examples, progress: Progress = no_progress) -> float:
        """Train for one epoch and return the mean loss."""
        settings = self.settings
        generator = torch.Generator().manual_seed(settings.seed * 1_000_003 + epoch)
        size = min(settings.batch_size, len(learn.labels))
        steps = learn.steps(size)
        total = torch.zeros((), device=self.device)
        learning(self.network)
        for step, (inputs, labels) in enumerate(learn.epoch(epoch, size, settings, generator)):
            done = epoch * steps + step
            with autocast(self.device):
                logits = self.network(inputs)
            loss = exits_loss(logits.float(), labels, settings)
            loss.backward()
            self.optimizers.step(learning_rate(done / (settings.epochs * steps), settings))
            self.follow(done)
            total += loss.detach()
            progress(done + 1, settings.epochs * steps)
        return round(total.item() / steps, 6)

    @torch.no_grad()
    def follow(self, done: int) -> None:
        """Update the running average: by a small share of the difference, and by a large share in the first steps."""
        share = 1 - min(self.settings.average, (1 + done) / (10 + done))
        now = self.network.state_dict()
        floats = [name for name, tensor in now.items() if tensor.is_floating_point()]
        torch._foreach_lerp_(  # documented as torch._foreach_*, without a public name
            [self.average[name] for name in floats], [now[name] for name in floats], share
        )

    def load_average(self) -> None:
        self.averaged.load_state_dict(self.average)

    def save(self, path: Path, key: dict[str, Any]) -> None:
        parts = {"network": self.network.state_dict(), "average": self.average, "optimizers": self.optimizers.state()}
        tensors = {f"{part}/{name}": tensor.detach().cpu() for part, named in parts.items() for name, tensor in named.items()}
        write_sealed(path, tensors, {"kind": "checkpoint", "key": key, "curve": self.curve})

    def resume(self, path: Path, key: dict[str, Any]) -> None:
        """Resume from the checkpoint at `path`, if it exists. Raises UserError if it belongs to another training run."""
        if not path.is_file():
            return
        tensors, about = read_sealed(path)
        defaults = {field.name: field.default for field in fields(Training) if field.default is not MISSING}
        stored = {**defaults, **about.get("key", {})}  # a setting that was added after the checkpoint had its default
        if stored != key:
            names = sorted(name for name in stored.keys() | key.keys() if stored.get(name) != key.get(name))
            differ = ", ".join(f"{name} {stored.get(name)} instead of {key.get(name)}" for name in names)
            raise UserError(
                f"{path} belongs to another training run ({differ}); delete {path.parent} or train with the same settings again."
            )
        parts: dict[str, Tensors] = {"network": {}, "average": {}, "optimizers": {}}
        for name, tensor in tensors.items():
            part, _, rest = name.partition("/")
            parts[part][rest] = tensor
        self.network.load_state_dict(parts["network"])
        self.average = {name: tensor.to(self.device) for name, tensor in parts["average"].items()}
        self.optimizers.load_state(parts["optimizers"])
        self.curve = about["curve"]
        logger.info("resuming after epoch %d from %s", len(self.curve), path)


def untrained(recipe: Recipe, settings: Training) -> Cascade:
    """The network at the start of its training; the same seed gives the same network."""
    with torch.random.fork_rng(devices=[]):  # leave the caller's random numbers alone
        torch.manual_seed(settings.seed)
        network = (recipe.begin or recipe.cascade)()
    exits, weights = len(network.stages), settings.exit_weights
    if weights is not None and len(weights) != exits:
        raise UserError(f"There are {len(weights)} exit weights for {exits} exits; give one for each exit.")
    return network


def learning(network: Cascade) -> None:
    """Set training mode, except for batch norm with frozen weights, whose running averages are frozen too."""
    network.train()
    for module in network.modules():
        own = list(module.parameters(recurse=False))
        if own and isinstance(module, nn.modules.batchnorm._BatchNorm) and not any(p.requires_grad for p in own):
            module.eval()


def _weights_to_start_from(recipe: Recipe, out: Path) -> Path | None:
    """The file of the weights to start from, in `out` or in the library. Raises UserError if it is missing."""
    name = _training(recipe).start_from
    if name is None:
        return None
    in_out = out / f"{name}.safetensors"
    weights = in_out if in_out.is_file() else weights_path(name)
    if not weights.is_file():
        starts = recipe if name == recipe.name else recipe.starts or RECIPES.get(name)
        first = starts.remedy if starts else f"train {name}"
        raise UserError(f"This training begins with the weights of {name}, which are not at {weights}; {first} first.")
    return weights


def _training(recipe: Recipe) -> Training:
    if recipe.training is None:
        raise UserError(f"{recipe.name} is not trained here because its weights are published; {recipe.remedy}, then run `compute`.")
    return recipe.training


def learning_rate(done: float, settings: Training) -> float:
    """One cycle: a linear rise, then a cosine decay. `done` is the completed share of the training."""
    if done < settings.warm_up:
        return settings.learning_rate * (done / settings.warm_up)
    return settings.learning_rate * (1 + math.cos(math.pi * (done - settings.warm_up) / (1 - settings.warm_up))) / 2


def exits_loss(logits: Tensor, labels: Tensor, settings: Training) -> Tensor:
    """The weighted mean of the exits' losses, of masks the mean over their pixels.

    logits: (exits, batch, classes, ...); labels: (batch, ...), where nothing or (height, width) follows
    """
    weights = torch.tensor(settings.exit_weights or (1.0,) * len(logits), device=logits.device)
    losses = torch.stack([F.cross_entropy(one_exit, labels, label_smoothing=settings.label_smoothing) for one_exit in logits])
    if settings.distillation:
        teacher = logits[-1].detach().softmax(dim=1)
        agreement = torch.stack([F.cross_entropy(one_exit, teacher) for one_exit in logits[:-1]])
        early = torch.lerp(losses[:-1], agreement, settings.distillation)
        losses = torch.cat((early, losses[-1:]))
    return (losses * weights).sum() / weights.sum()


def autocast(device: torch.device) -> AbstractContextManager:
    """bfloat16 where the device supports it: this takes two thirds of the time on a CPU, and far less on a GPU."""
    able = device.type == "cuda" or (device.type == "cpu" and _processor_has_bf16())
    return torch.autocast(device.type if able else "cpu", torch.bfloat16, enabled=able)


def _processor_has_bf16() -> bool:
    known = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(known.get("avx512_bf16") or known.get("amx_bf16"))


@torch.inference_mode()
def accuracies(network: Cascade, examples: Examples, device: torch.device) -> list[float]:
    """The accuracy of each exit, of masks that of their pixels, in float32 as when outputs are computed. (exits,)"""
    network.eval()
    correct, counted = torch.zeros(len(network.stages), dtype=torch.int64, device=device), 0
    for inputs, labels in examples.in_order():
        correct += (network(inputs).argmax(dim=2) == labels).flatten(1).sum(dim=1)
        counted += int((labels != UNCOUNTED).sum())
    return [round(share, 6) for share in (correct / counted).tolist()]


def _line(name: str, row: dict[str, Any], epochs: int) -> str:
    exits = "  ".join(f"{share:.1%}" for share in row["accuracy"])
    return f"{name}  epoch {row['epoch']}/{epochs}  loss {row['loss']:.4f}  validation accuracy per exit:  {exits}  ({row['seconds']} s)"
