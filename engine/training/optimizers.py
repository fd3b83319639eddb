"""Optimizers for training: one for convolution kernels, one for all other parameters.

Kernels may use Muon (Keller Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024), which replaces each step by
the nearest orthogonal matrix, and so gets further than AdamW in short trainings of small convolutional networks. PyTorch implements it
only for matrices, so every kernel is viewed as one: outputs x (height, width, inputs), the same memory in channels_last order. Everything
else (classifiers, batch norm, scalars) uses AdamW, without weight decay for vectors. Heads may learn at another rate than the trunk: they
begin with random weights where the trunk begins with published ones.
"""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn

OPTIMIZERS = ("adamw", "muon")


class Optimizers:
    """Both optimizers of a network, which must be in channels_last memory format and stay on its device."""

    def __init__(
        self, network: nn.Module, kernels: str, weight_decay: float, heads: Iterable[nn.Parameter] = (), head_rate: float = 1.0
    ) -> None:
        """kernels: the optimizer of convolution kernels, one of OPTIMIZERS

        heads:     parameters that learn at another rate; convolution kernels are not among them
        head_rate: that rate, as a multiple of the learning rate
        """
        if kernels not in OPTIMIZERS:
            raise ValueError(f"the optimizer {kernels!r} must be one of {OPTIMIZERS}")
        learning = [p for p in network.parameters() if p.requires_grad]
        self._kernels = [p for p in learning if p.ndim == 4 and kernels == "muon"]
        # views of the kernels: `view` raises where it would need a copy
        self._matrices = [nn.Parameter(_as_rows(p.detach()).view(len(p), -1)) for p in self._kernels]
        taken = {id(p) for p in self._kernels}
        rest = [p for p in learning if id(p) not in taken]
        in_heads = {id(p) for p in heads} if head_rate != 1 else set()
        groups = [
            {"params": [p for p in rest if (p.ndim > 1) == matrices and (id(p) in in_heads) == faster], "weight_decay": decay, "rate": rate}
            for faster, rate in ((False, 1.0), (True, head_rate))
            for matrices, decay in ((True, weight_decay), (False, 0.0))
        ]
        self._all: list[torch.optim.Optimizer] = [torch.optim.AdamW(groups if in_heads else groups[:2])]
        if self._matrices:
            # steps are scaled to the size of AdamW's, so that both use one learning rate and one weight decay
            self._all.append(torch.optim.Muon(self._matrices, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw"))

    def step(self, learning_rate: float) -> None:
        """Update every parameter from its gradient, then clear the gradients."""
        for kernel, matrix in zip(self._kernels, self._matrices, strict=True):
            matrix.grad = None if kernel.grad is None else _as_rows(kernel.grad).reshape(len(kernel), -1)
            kernel.grad = None
        for optimizer in self._all:
            for group in optimizer.param_groups:
                group["lr"] = learning_rate * group.get("rate", 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

    def state(self) -> dict[str, Tensor]:
        """The optimizers' state under flat names, for a checkpoint."""
        return {f"{which}.{index}.{name}": tensor for which, index, name, tensor in self._remembered()}

    def _remembered(self) -> Iterator[tuple[int, int, str, Tensor]]:
        for which, optimizer in enumerate(self._all):
            for index, state in optimizer.state_dict()["state"].items():
                for name, tensor in state.items():
                    yield which, index, name, tensor

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        """Restore what `state` returned."""
        states: list[dict[int, dict[str, Tensor]]] = [{} for _ in self._all]
        for key, tensor in tensors.items():
            which, index, name = key.split(".", 2)
            states[int(which)].setdefault(int(index), {})[name] = tensor
        for optimizer, state in zip(self._all, states, strict=True):
            optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def _as_rows(kernel: Tensor) -> Tensor:
    """(outputs, inputs, height, width) -> (outputs, height, width, inputs), the order in channels_last memory."""
    return kernel.permute(0, 2, 3, 1)
