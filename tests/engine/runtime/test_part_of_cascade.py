"""A cascade in two parts takes the routes of the executor, and what the parts exchange survives pickling."""

import pickle

import numpy as np
import pytest
import torch

from engine.cascades.base import Cascade, CascadeKind, Stage
from engine.outputs import Outputs
from engine.policies import policy
from engine.policies.methods.static import StaticRule
from engine.route import Route
from engine.runtime.executor import execute, online_rule_of
from engine.runtime.part_of_cascade import first_stages, other_stages
from engine.runtime.survivors import PackedTensor
from engine.splits import Split
from tests.engine.runtime.test_executor import EXAMPLES, IDS, chain, family, images, pixels
from tests.synthetic import split_names


@pytest.fixture(scope="module", params=[chain, family], ids=["chain", "family"])
def world(request: pytest.FixtureRequest) -> tuple[Cascade, Outputs]:
    torch.manual_seed(1)
    cascade = request.param()
    with torch.inference_mode():
        logits = cascade(images(IDS)).numpy()
    labels = np.where(np.arange(EXAMPLES) % 3 == 0, logits[0].argmax(axis=1), logits[-1].argmax(axis=1))
    cost = {"macs": np.array([1.0, 2.0, 4.0])}
    return cascade, Outputs.from_logits(logits, labels, split_names(EXAMPLES // 3), cost, ids=IDS, kind=str(cascade.kind))


def in_two_parts(cascade: Cascade, rule, boundary: int, batch_size: int = 16) -> tuple[Route, int]:
    """The route, and the number of examples that travelled. Each part has its own stages only."""
    nothing = Stage(torch.nn.Identity(), torch.nn.Identity())
    first = Cascade([*list(cascade.stages)[:boundary], *[nothing] * (3 - boundary)], cascade.kind)
    second = Cascade([*[nothing] * boundary, *list(cascade.stages)[boundary:]], cascade.kind)
    places, online_rule, device = np.arange(EXAMPLES), online_rule_of(rule, cascade), torch.device("cpu")
    halves, travelled = np.array_split(places, 2), []
    lefts = []
    for here in halves:
        left, survivors = first_stages(first, online_rule, here, IDS[here], {}, pixels, device, batch_size, boundary)
        assert [len(batch) for batch in survivors[:-1]] == [batch_size] * len(survivors[:-1])
        lefts.append(left)
        travelled += pickle.loads(pickle.dumps(survivors))
    if travelled:
        lefts.append(other_stages(second, online_rule, travelled, device, batch_size, boundary))
    order = np.argsort(np.concatenate([left.places for left in lefts]))
    exit, prediction = (np.concatenate([getattr(left, name) for left in lefts])[order] for name in ("exit", "prediction"))
    return Route(exit, np.concatenate([left.visited for left in lefts], axis=1)[:, order], prediction), sum(map(len, travelled))


@pytest.mark.parametrize("boundary", [1, 2])
@pytest.mark.parametrize("name", ["maxprob", "patience", "committee", "bolukbasi"])
def test_the_routes_are_those_of_one_process(world: tuple[Cascade, Outputs], name: str, boundary: int) -> None:
    cascade, outputs = world
    fitted = policy(name).fit(outputs.tuning(Split.FIT), outputs.tuning(Split.CALIBRATION), "macs")
    for share in (0.3, 0.7):
        rule = fitted.solve(max(fitted.cheapest, share * outputs.full_cost("macs")))
        expected = execute(cascade, rule, IDS, pixels, batch_size=16)
        route, travelled = in_two_parts(cascade, rule, boundary)
        assert route.exit.tolist() == expected.exit.tolist()
        assert route.prediction is not None and route.prediction.tolist() == expected.prediction.tolist()
        assert route.visited.tolist() == expected.visited.tolist()
        assert travelled == expected.visited[boundary:].any(axis=0).sum()


@pytest.mark.parametrize("exit", range(3))
def test_an_exit_beyond_the_boundary_costs_no_head_before_it(world: tuple[Cascade, Outputs], exit: int) -> None:
    cascade, _ = world
    expected = execute(cascade, StaticRule(exit, 0.0), IDS, pixels, batch_size=16)
    route, travelled = in_two_parts(cascade, StaticRule(exit, 0.0), 1, batch_size=7)
    assert route.exit.tolist() == expected.exit.tolist() and route.visited.tolist() == expected.visited.tolist()
    assert travelled == (EXAMPLES if exit else 0)
    if cascade.kind is CascadeKind.FAMILY and exit:
        assert not route.visited[0].any()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.uint8, torch.int64])
def test_a_packed_tensor_keeps_its_type_shape_and_memory_order(dtype: torch.dtype) -> None:
    for tensor in (torch.arange(120).reshape(2, 3, 4, 5).to(dtype), torch.arange(6).reshape(2, 3).to(dtype)):
        for laid in (tensor, tensor.contiguous(memory_format=torch.channels_last) if tensor.ndim == 4 else tensor):
            back = PackedTensor.of(laid).on("cpu")
            assert back.dtype == dtype and torch.equal(back, laid) and back.stride() == laid.stride()
