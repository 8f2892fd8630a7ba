"""Every distance has a finite value and a finite gradient of sensible size at every scale of its channels."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from innersight.distances.channel_moments import ORDERS, channel_moments
from innersight.distances.chroma_range import chroma_range
from innersight.distances.paper_divergences import jsd, skld, wsd
from innersight.distances.pointwise import cos_along_width, cosine, l2, relative_l2
from innersight.distances.sliced import swd

Distance = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]

TOKENS, MAPS, STACK = (2, 6, 8), (2, 8, 4, 5), (2, 2, 8, 8)
SCALE_FREE: list[tuple[str, Distance, tuple[int, ...]]] = [
    ("relative_l2 tokens", relative_l2, TOKENS),
    ("relative_l2 maps", relative_l2, MAPS),
    ("cosine tokens", cosine, TOKENS),
    ("cosine maps", cosine, MAPS),
    ("cos_along_width", cos_along_width, MAPS),
    *[(f"channel_moments {k} tokens", partial(channel_moments, order=k), TOKENS) for k in ORDERS],
    *[(f"channel_moments {k} maps", partial(channel_moments, order=k), MAPS) for k in ORDERS],
    ("chroma_range", chroma_range, MAPS),
    ("skld", skld, STACK),
    ("jsd", jsd, STACK),
    ("wsd", wsd, STACK),
]
SQUARED: list[tuple[str, Distance, tuple[int, ...]]] = [
    ("l2 tokens", l2, TOKENS),
    ("l2 maps", l2, MAPS),
    ("swd", swd, STACK),
]
SEEDS = st.integers(0, 2**31)
# 10 to the power; None makes the channel zero.
EXPONENTS = st.lists(st.one_of(st.none(), st.integers(-40, 35)), min_size=8, max_size=8)
MILD = st.lists(st.one_of(st.none(), st.integers(-20, 3)), min_size=8, max_size=8)
KINDS = st.sampled_from(["other", "nearly equal", "constant"])


def channels(shape: tuple[int, ...], exponents: list[int | None]) -> torch.Tensor:
    scales = torch.tensor([0.0 if e is None else 10.0**e for e in exponents])
    return scales.view(-1, 1, 1) if shape == MAPS else scales


def pair(shape: tuple[int, ...], seed: int, exponents: list[int | None], kind: str) -> list[torch.Tensor]:
    draw = torch.Generator().manual_seed(seed)
    first, second = (torch.randn(shape, generator=draw) for _ in range(2))
    if kind == "nearly equal":
        second = first * (1 + 1e-6 * second)
    elif kind == "constant":
        second = torch.ones(shape)
    scales = channels(shape, exponents)
    return [(first * scales).requires_grad_(), (second * scales.roll(seed % 2, 0)).requires_grad_()]


def gradients(function: Distance, inputs: list[torch.Tensor]) -> list[torch.Tensor]:
    """Return the gradients with respect to both inputs."""
    return list(torch.autograd.grad(function(*inputs).sum(), inputs))


UNBOUNDED = (l2, swd)
"""Distances in squared units of the features. Their values exceed the largest float where the squares do."""

EVERY = pytest.mark.parametrize(("function", "shape"), [pytest.param(f, s, id=n) for n, f, s in SCALE_FREE + SQUARED])


@pytest.mark.thorough
@EVERY
@settings(max_examples=25, deadline=None)
@given(SEEDS, EXPONENTS, KINDS)
@example(0, [-32, None, None, None, None, 11, None, None], "other")  # powers of order 8 are close to underflow
def test_the_gradient_is_finite_fault_25(
    function: Distance, shape: tuple[int, ...], seed: int, exponents: list[int | None], kind: str
) -> None:
    inputs = pair(shape, seed, exponents, kind)
    value = function(*inputs)
    assert not value.isnan().any()
    assert torch.isfinite(value).all() or function in UNBOUNDED
    assert all(torch.isfinite(gradient).all() for gradient in gradients(function, inputs))


@pytest.mark.thorough
@EVERY
@settings(max_examples=25, deadline=None)
@given(SEEDS, MILD, KINDS)
def test_the_gradient_is_of_sensible_size_fault_25(
    function: Distance, shape: tuple[int, ...], seed: int, exponents: list[int | None], kind: str
) -> None:
    inputs = pair(shape, seed, exponents, kind)
    assert torch.isfinite(function(*inputs)).all()
    found = gradients(function, inputs)
    assert max(gradient.abs().max().item() for gradient in found) < 1e8


@EVERY
@pytest.mark.parametrize("scale", [0.0, 1e-40, 1e-20, 1e-12, 1e-6, 1.0, 1e6, 1e15, 1e20, 1e25, 1e35])
def test_equal_features_give_zero_and_a_zero_gradient_fault_25(
    function: Distance, shape: tuple[int, ...], scale: float
) -> None:
    features = scale * torch.randn(shape, generator=torch.Generator().manual_seed(0))
    inputs = [features.clone().requires_grad_() for _ in range(2)]
    assert (function(*inputs) == 0).all()
    assert all((gradient == 0).all() for gradient in gradients(function, inputs))


@pytest.mark.parametrize("order", ORDERS)
@settings(max_examples=50, deadline=None)
@given(SEEDS, st.floats(-20, -3))
def test_a_weak_channel_beside_a_strong_one_fault_25(order: int, seed: int, exponent: float) -> None:
    scales = torch.tensor([1.0, 10.0**exponent])
    draw = torch.Generator().manual_seed(seed)
    inputs = [(torch.randn(1, 16, 2, generator=draw) * scales).requires_grad_() for _ in range(2)]
    value = channel_moments(*inputs, order=order)
    # In double precision the powers do not underflow until far smaller scales.
    exact = [x.detach().double().requires_grad_() for x in inputs]
    torch.testing.assert_close(value.double(), channel_moments(*exact, order=order), rtol=1e-4, atol=1e-7)
    for gradient in torch.autograd.grad(value.sum(), inputs):
        assert torch.isfinite(gradient).all()
        assert gradient.abs().max() < 100


@EVERY
def test_zero_features_have_a_sensible_gradient_fault_25(function: Distance, shape: tuple[int, ...]) -> None:
    inputs = [torch.zeros(shape, requires_grad=True), torch.ones(shape, requires_grad=True)]
    for ordered in (inputs, inputs[::-1]):
        assert max(gradient.abs().max().item() for gradient in gradients(function, ordered)) < 100


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e20, 1e30])
def test_the_cosine_of_a_zero_vector_is_a_half_fault_25(scale: float) -> None:
    zero, other = torch.zeros(TOKENS), scale * torch.ones(TOKENS)
    torch.testing.assert_close(cosine(zero, other), torch.full(TOKENS[:2], 0.5))
    torch.testing.assert_close(cosine(other, zero), torch.full(TOKENS[:2], 0.5))
    assert (cosine(zero, zero) == 0).all()


@pytest.mark.parametrize("scale", [1e-6, 1e6, 1e15, 1e20, 1e30])
def test_relative_l2_keeps_its_value_at_every_scale_fault_25(scale: float) -> None:
    for shape in (TOKENS, MAPS):
        first, second = (x.detach() for x in pair(shape, 0, [0] * 8, "other"))
        torch.testing.assert_close(
            relative_l2(scale * first, scale * second), relative_l2(first, second), rtol=1e-5, atol=1e-6
        )


@settings(deadline=None, max_examples=50)
@given(SEEDS, st.integers(-4, 30))
def test_the_cosine_keeps_its_value_at_every_scale_fault_25(seed: int, exponent: int) -> None:
    first, second = (x.detach() for x in pair(TOKENS, seed, [0] * 8, "other"))
    expected = cosine(first.double(), second.double()).float()
    torch.testing.assert_close(cosine(10.0**exponent * first, second), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e6, 1e7, 1e15, 1e20, 1e30, 1e35])
@pytest.mark.parametrize(
    ("function", "shape"),
    [(chroma_range, MAPS), (skld, STACK), (jsd, STACK), (wsd, STACK)],
    ids=["chroma_range", "skld", "jsd", "wsd"],
)
@pytest.mark.parametrize("kind", ["other", "constant"])
def test_the_value_and_the_gradient_are_those_of_double_precision_at_every_scale_fault_25(
    function: Distance, shape: tuple[int, ...], scale: float, kind: str
) -> None:
    inputs = [(scale * x.detach()).requires_grad_() for x in pair(shape, 1, [0] * 8, kind)]
    exact = [x.detach().double().requires_grad_() for x in inputs]  # the squares fit there
    torch.testing.assert_close(function(*inputs).double(), function(*exact), rtol=1e-4, atol=1e-6)
    for found, expected in zip(gradients(function, inputs), gradients(function, exact), strict=True):
        largest = expected.abs().max().item()
        torch.testing.assert_close(found.double(), expected, rtol=1e-2, atol=max(1e-3 * largest, 1e-30))


@pytest.mark.parametrize("scale", [1.0, 1e15, 1e18, 1e20, 1e30, 1e37])
@pytest.mark.parametrize(("shape", "axis"), [(TOKENS, -1), (MAPS, 1)])
def test_l2_is_infinite_only_beyond_the_largest_float_and_its_gradient_is_right_fault_25(
    scale: float, shape: tuple[int, ...], axis: int
) -> None:
    inputs = [(scale * x.detach()).requires_grad_() for x in pair(shape, 0, [0] * 8, "other")]
    difference = inputs[1].detach().double() - inputs[0].detach().double()
    expected = difference.square().sum(axis)
    fits = expected < torch.finfo(torch.float32).max
    found = l2(*inputs)
    torch.testing.assert_close(found[fits].double(), expected[fits] / shape[axis], rtol=1e-5, atol=0)
    assert (found[~fits] == torch.inf).all()
    slopes = gradients(l2, inputs)
    for slope, sign in zip(slopes, (-2, 2), strict=True):
        torch.testing.assert_close(slope.double(), sign * difference / shape[axis], rtol=1e-5, atol=1e-6 * scale)


@pytest.mark.parametrize("scale", [1.0, 1e15, 1e18, 1e20, 1e30, 1e36])
def test_swd_is_infinite_only_beyond_the_largest_float_and_its_gradient_is_right_fault_25(scale: float) -> None:
    inputs = [(scale * x.detach()).requires_grad_() for x in pair(STACK, 0, [0] * 8, "other")]
    unscaled = [(x.detach().double() / scale).requires_grad_() for x in inputs]
    expected = swd(*unscaled) * scale**2
    found = swd(*inputs)
    if expected.max() < torch.finfo(torch.float32).max:
        torch.testing.assert_close(found.double(), expected, rtol=1e-4, atol=0)
    else:
        assert (found == torch.inf).all()
    for slope, exact in zip(gradients(swd, inputs), gradients(swd, unscaled), strict=True):
        # The order of nearly equal projections can differ between the two precisions.
        torch.testing.assert_close(slope.double().norm() / scale, exact.norm(), rtol=1e-3, atol=0)
