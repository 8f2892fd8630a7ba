"""skld, jsd and wsd equal the published formulas, computed with scipy and POT for each column."""

from __future__ import annotations

import math

import numpy as np
import ot
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.special import softmax
from scipy.stats import entropy

from innersight.distances.paper_divergences import fold, jsd, skld, wsd
from innersight.errors import ArgumentError

SHAPE = (2, 3, 9, 16)  # 9 tokens, cut to 8


def pair(seed: int = 0, dtype: torch.dtype = torch.float64, scale: float = 1.0) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(seed)
    r = torch.randn(SHAPE, generator=draw, dtype=dtype)
    return r, r + scale * torch.randn(SHAPE, generator=draw, dtype=dtype)


def columns(stack: torch.Tensor) -> np.ndarray:
    """One image's stack (L, T, D) as 64 rows, by the written rule and numpy alone."""
    layers, tokens, width = stack.shape
    target = 8 * round(tokens / 8)
    padded = np.zeros((layers, target, width))
    padded[:, : min(tokens, target)] = stack[:, :target].numpy()
    return padded.reshape(64, -1)


def weight(z: float) -> float:
    return 1 / (math.sqrt(math.exp(-1 / (z + 10))) * (z + 10) ** 2)


def compress(raw: float) -> float:
    return math.log(1 + raw) ** 0.25


def skld_by_hand(y: np.ndarray, x: np.ndarray) -> float:
    p, q = softmax(x, axis=0) + 1e-10, softmax(y, axis=0) + 1e-10
    raw = 0.0
    for j in range(x.shape[1]):
        # scipy's entropy would renormalise; the method does not.
        k = (np.sum(p[:, j] * np.log(p[:, j] / q[:, j])) + np.sum(q[:, j] * np.log(q[:, j] / p[:, j]))) / 2
        raw += k + weight(k) * np.sum((x[:, j] - y[:, j]) ** 2)
    return compress(raw / x.shape[1])


def wsd_by_pot(y: np.ndarray, x: np.ndarray) -> float:
    u, v = softmax(x, axis=1), softmax(y, axis=1)
    positions = np.arange(64.0)
    raw = 0.0
    for j in range(x.shape[1]):
        s = ot.wasserstein_1d(positions, positions, u[:, j], v[:, j], p=1)
        raw += s + weight(s) * np.sum((x[:, j] - y[:, j]) ** 2)
    return compress(raw / x.shape[1])


def jsd_by_scipy(y: np.ndarray, x: np.ndarray) -> float:
    return compress(np.mean(jensenshannon(softmax(x, axis=0), softmax(y, axis=0), axis=0) ** 2))


@pytest.mark.parametrize(
    ("ours", "theirs", "rel"), [(skld, skld_by_hand, 1e-10), (wsd, wsd_by_pot, 1e-10), (jsd, jsd_by_scipy, 1e-6)]
)
@pytest.mark.parametrize("scale", [0.01, 1.0, 5.0])
def test_equals_the_outside_implementation(ours, theirs, rel: float, scale: float) -> None:
    r, d = pair(scale=scale)
    expected = [theirs(columns(r[n]), columns(d[n])) for n in range(2)]
    assert ours(r, d).tolist() == pytest.approx(expected, rel=rel)


def test_skld_by_hand_agrees_with_scipys_entropy() -> None:
    r, d = (columns(stack[0]) for stack in pair())
    p, q = softmax(d, axis=0), softmax(r, axis=0)
    k = (entropy(p[:, 0], q[:, 0]) + entropy(q[:, 0], p[:, 0])) / 2
    by_hand = np.sum((p[:, 0] - q[:, 0]) * np.log(p[:, 0] / q[:, 0])) / 2
    assert k == pytest.approx(by_hand, rel=1e-9)


@pytest.mark.parametrize(("tokens", "target"), [(197, 200), (257, 256), (50, 48), (8, 8), (12, 16), (20, 16), (5, 8)])
def test_fold_rounds_the_token_count_half_to_even(tokens: int, target: int) -> None:
    stack = torch.arange(tokens * 8.0).view(1, 1, tokens, 8) + 1
    folded = fold(stack)
    assert folded.shape == (1, 64, target * 8 // 64)
    kept = min(tokens, target) * 8
    assert torch.equal(folded.flatten()[:kept], stack.flatten()[:kept])
    assert torch.all(folded.flatten()[kept:] == 0)


@pytest.mark.parametrize("shape", [(1, 2, 4, 64), (1, 1, 8, 4)])
@pytest.mark.parametrize("function", [skld, jsd, wsd])
def test_a_stack_that_cannot_be_folded_is_refused(function, shape: tuple[int, ...]) -> None:
    with pytest.raises(ArgumentError, match=r"at least 5 tokens, .* must be a multiple of 64, but got \d x \d x \d+"):
        function(torch.randn(shape), torch.randn(shape))


@pytest.mark.parametrize("scale", [1e-5, 1e-4, 1e-2, 1.0, 100.0])
def test_float32_keeps_small_and_large_differences(scale: float) -> None:
    r, d = (stack.float() for stack in pair(scale=scale))
    for function in (skld, jsd, wsd):
        expected = function(r.double(), d.double())
        torch.testing.assert_close(function(r, d).double(), expected, rtol=1e-3, atol=0)


@pytest.mark.parametrize("function", [skld, jsd, wsd])
class TestEveryFoldedDistance:
    def test_identical_is_exactly_zero_with_zero_gradient(self, function) -> None:
        r, _ = pair(dtype=torch.float32)
        d = r.clone().requires_grad_()
        r.requires_grad_()
        value = function(r, d)
        assert torch.equal(value, torch.zeros(2))
        value.sum().backward()
        assert torch.equal(d.grad, torch.zeros_like(d))
        assert torch.equal(r.grad, torch.zeros_like(r))

    def test_nearly_identical_has_a_finite_gradient(self, function) -> None:
        r, _ = pair(dtype=torch.float32)
        d = (r + 1e-7).requires_grad_()
        function(r, d).sum().backward()
        assert torch.isfinite(d.grad).all()

    @pytest.mark.thorough
    def test_gradients_are_right(self, function) -> None:
        r, d = pair()
        assert torch.autograd.gradcheck(function, (r.requires_grad_(), d.requires_grad_()))

    @settings(max_examples=20)
    @given(seed=st.integers(0, 2**31))
    def test_symmetric_and_not_negative(self, function, seed: int) -> None:
        r, d = pair(seed)
        assert (function(r, d) > 0).all()
        torch.testing.assert_close(function(r, d), function(d, r))

    def test_the_batch_does_not_matter(self, function) -> None:
        r, d = pair(dtype=torch.float32)
        alone = torch.cat([function(r[n : n + 1], d[n : n + 1]) for n in range(2)])
        torch.testing.assert_close(function(r, d), alone, rtol=1e-6, atol=0)


def test_jsd_stays_below_its_bound() -> None:
    r, d = pair(scale=1e3)
    assert (jsd(r, d) <= math.log(1 + math.log(2)) ** 0.25).all()
