"""Exits for a network without any: a torch module is cut after named layers, with a small classifier at every cut.

The network itself is frozen: it stays in evaluation mode and learns nothing. Its own prediction, the last exit, does not change (unless
it is used as a feature extractor for other classes: then its end gets a head like the other exits). Only the new heads learn:
normalisation and one linear layer on the mean over positions (a linear probe).

Stages must run one after the other. Hooks need the whole network to run, so instead torch.fx records the computation, which is then cut
where the named layers end. Values computed before a cut and needed after it are passed on in the state. This has limits:

* torch.fx must be able to record the network. Control flow that depends on values prevents it; torchvision's classifiers work.
* Values that cross a cut must be tensors with the batch first, and a layer with weights must be used on one side of every cut only.
* Heads read layer outputs of shape (batch, channels, height, width), (batch, tokens, channels) or (batch, channels).
* The network takes one tensor of images and returns one tensor of logits (batch, classes).
"""

import operator
import re
from collections.abc import Sequence
from copy import deepcopy
from itertools import pairwise

import torch
from torch import Tensor, fx, nn

from engine.cascades.base import Cascade, Stage, State
from engine.errors import UserError

#: A stage must not write into the state that it receives.
_OUT_OF_PLACE = {operator.iadd: operator.add, operator.isub: operator.sub, operator.imul: operator.mul, operator.itruediv: operator.truediv}


class Frozen(nn.Module):
    """A frozen part of a network. State -> State, with the tensor that the exit reads first."""

    def __init__(self, part: fx.GraphModule) -> None:
        super().__init__()
        self.part = part.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> "Frozen":
        """Always stay in evaluation mode, so that batch norm's running averages are frozen too."""
        return super().train(False)

    def forward(self, state: State) -> State:
        with torch.no_grad():
            return self.part(*state)


class Scaled(nn.Module):
    """Scales pixels from [0, 1] to the range the network was trained on, then runs the network."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, network: nn.Module, mean: Sequence[float], deviation: Sequence[float]) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(mean).view(-1, 1, 1))
        self.register_buffer("deviation", torch.tensor(deviation).view(-1, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        return self.network((images - self.mean) / self.deviation)


class Probe(nn.Module):
    """A head on a layer's output. State -> (batch, classes)"""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(channels)  # unlike layer norm, it keeps the magnitude of an example's features
        self.out = nn.Linear(channels, classes)

    def forward(self, state: State) -> Tensor:
        return self.out(self.norm(_pooled(state[0])))


class Own(nn.Module):
    """The network's own logits, the only tensor in the last state."""

    def forward(self, state: State) -> Tensor:
        return state[0]


def wrap(
    network: nn.Module,
    exits: Sequence[str],
    image_size: tuple[int, int],
    mean: Sequence[float] = (0.0, 0.0, 0.0),
    deviation: Sequence[float] = (1.0, 1.0, 1.0),
    classes: int | None = None,
    features: bool = False,
) -> Cascade:
    """A copy of `network` as a chain of stages, for float images (batch, 3, height, width) in [0, 1].

    exits:           layers that get an exit, in the order in which they run, named as in `network.named_modules()`
    image_size:      height, width of the input images
    mean, deviation: of each colour channel, as in the network's training
    classes:         number of classes; None: that of the network
    features:        whether the network returns features (batch, features) instead of logits; its end then gets a head for `classes` too

    Raises UserError if a layer does not exist, if the layers run in another order, or if the network cannot be cut there.
    """
    known = dict(network.named_modules())
    for name in exits:
        if not name or name not in known:
            raise UserError(f"The network has no layer {name!r}; choose from its layers, such as {', '.join(list(known)[1:9])}.")
    whole = Scaled(deepcopy(network), mean, deviation).to(next(network.parameters()).device).eval()
    graph = _recorded(whole)
    nodes = [node for node in graph.nodes if node.op != "output"]
    ends = [_last_of(f"network.{name}", name, nodes) for name in exits]
    if any(a >= b for a, b in pairwise((*ends, len(nodes) - 1))):
        raise UserError(
            f"The exits {', '.join(exits)} do not run in this order before the end of the network; list them in the order they run in."
        )
    state: State = (torch.zeros(2, 3, *image_size, device=whole.mean.device),)
    stages = []
    parts = _parts(whole, nodes, [*ends, len(nodes) - 1], graph)
    _check_weights(parts)
    for k, part in enumerate(parts):
        trunk = Frozen(part)
        try:
            state = trunk(state)
        except (RuntimeError, AssertionError) as error:
            height, width = image_size
            raise UserError(f"The network does not take images of {height} x {width}; give the size it was designed for.") from error
        name = exits[k] if k < len(exits) else "its end"
        if not all(isinstance(value, Tensor) and value.ndim and len(value) == 2 for value in state):
            raise UserError(f"The network cannot be cut at {name}: only tensors with the batch first may cross a cut; cut elsewhere.")
        stages.append((name, trunk, state[0]))
    if state[0].ndim != 2:
        raise UserError(f"The network returns {tuple(state[0].shape)} for two images; it must return logits (batch, classes).")
    outputs = state[0].shape[1]
    if not features and classes not in (None, outputs):
        raise UserError(f"The network has {outputs:,} classes, not {classes:,}; give one with {classes:,} classes.")
    probes = [Probe(_channels(name, features), classes or outputs).to(features.device) for name, _, features in stages]
    heads = probes if features else [*probes[:-1], Own()]
    return Cascade([Stage(trunk, head) for (_, trunk, _), head in zip(stages, heads, strict=True)])


def _pooled(features: Tensor) -> Tensor:
    """The mean over positions: (batch, channels)."""
    return features.mean(dim=(2, 3)) if features.ndim == 4 else features.mean(dim=1) if features.ndim == 3 else features


def _channels(name: str, features: Tensor) -> int:
    if not 2 <= features.ndim <= 4:
        raise UserError(f"The layer {name} returns {tuple(features.shape)} for two images, which a head cannot read; choose another layer.")
    return _pooled(features).shape[1]


def _recorded(whole: nn.Module) -> fx.Graph:
    """The network's computation, with in-place operations replaced."""
    for module in whole.modules():
        if getattr(module, "inplace", False):
            module.inplace = False  # pyrefly: ignore[bad-argument-type]  # PyTorch declares only tensors and modules as attributes
    try:
        graph = fx.Tracer().trace(whole)
    except Exception as error:  # torch.fx raises whatever went wrong inside the network
        reason = re.split(r"[.!?]?\n|[.!?]\s|[.!?]$", str(error))[0]  # its first sentence
        raise UserError(f"torch.fx cannot record this network ({reason}), so it cannot be cut into stages; try another network.") from error
    _result(graph)
    for node in graph.nodes:
        if node.op == "call_function":
            node.target = _OUT_OF_PLACE.get(node.target, node.target)
        if node.kwargs.get("inplace"):
            node.update_kwarg("inplace", False)
    return graph


def _result(graph: fx.Graph) -> fx.Node:
    """The node that computes the network's output. Raises UserError unless it is one."""
    (result,) = next(node for node in graph.nodes if node.op == "output").args
    if not isinstance(result, fx.Node):
        raise UserError("The network returns more than one tensor; it must return logits (batch, classes).")
    return result


def _last_of(path: str, name: str, nodes: list[fx.Node]) -> int:
    """The index of the last node that the layer computes."""
    places = [index for index, node in enumerate(nodes) if path in node.meta.get("nn_module_stack", {})]
    if not places:
        raise UserError(f"The layer {name!r} computes nothing that torch.fx can see; choose the layer that contains it.")
    return places[-1]


def _parts(whole: nn.Module, nodes: list[fx.Node], ends: list[int], graph: fx.Graph) -> list[fx.GraphModule]:
    """The computation, cut after the nodes at `ends`. Each part returns what its exit reads, then what later parts need."""
    place = {node: index for index, node in enumerate(nodes)}
    result = _result(graph)
    parts, arriving, begin = [], [nodes[0]], 0
    for end in ends:
        last = end == ends[-1]
        leaving = [result] if last else [nodes[end]]
        if not last:
            # weights are not part of the state: each part takes them from the network
            computed = (node for node in nodes[:end] if node.op != "get_attr")
            leaving += [node for node in computed if node is result or any(place.get(user, -1) > end for user in node.users)]
        own = fx.Graph()
        values = {node: own.placeholder(node.name) for node in arriving}

        def value(node: fx.Node, own: fx.Graph = own, values: dict[fx.Node, fx.Node] = values) -> fx.Node:
            if node not in values:  # a weight that was first used before the cut
                values[node] = own.node_copy(node)
            return values[node]

        for node in nodes[begin : end + 1]:
            if node not in values and node.op != "get_attr":
                values[node] = own.node_copy(node, value)
        own.output(tuple(value(node) for node in leaving))
        parts.append(fx.GraphModule(whole, own))
        arriving, begin = leaving, end + 1
    return parts


def _check_weights(parts: list[fx.GraphModule]) -> None:
    """Raise UserError if a weight belongs to two stages: it would be saved twice, and the two copies could come to differ."""
    owner: dict[int, int] = {}
    for index, part in enumerate(parts):
        for name, tensor in part.state_dict(keep_vars=True).items():
            if owner.setdefault(id(tensor), index) != index:
                raise UserError(f"The weights {name.removeprefix('network.')} are used on both sides of an exit; cut elsewhere.")
