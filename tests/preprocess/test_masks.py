"""The share of a mask in each position is its area average; windows cut the mask as they cut images."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from innersight.errors import ArgumentError
from innersight.preprocess.input_policy import InputPolicy
from innersight.preprocess.masks import cell_shares, position_weights, window_masks

SIDES = st.integers(1, 40)


@given(SIDES, SIDES, SIDES, SIDES, st.integers(0, 2**32 - 1))
def test_shares_are_those_of_a_finely_divided_mask(h: int, w: int, rows: int, columns: int, seed: int) -> None:
    mask = np.random.default_rng(seed).random((h, w), dtype=np.float32)
    # Each pixel is divided into rows x columns equal parts, so that a cell holds whole parts only.
    fine = np.kron(mask.astype(np.float64), np.ones((rows, columns)))
    wanted = fine.reshape(rows, h, columns, w).mean((1, 3))
    np.testing.assert_allclose(cell_shares(mask, rows, columns), wanted, atol=1e-6)


@given(SIDES, SIDES, SIDES, SIDES)
def test_a_white_mask_has_a_share_of_1_everywhere(h: int, w: int, rows: int, columns: int) -> None:
    assert np.allclose(cell_shares(np.ones((h, w), np.float32), rows, columns), 1, atol=1e-6)


def test_a_mask_of_the_size_of_the_grid_stays_as_it_is() -> None:
    mask = np.random.default_rng(0).random((5, 7), dtype=np.float32)
    assert np.array_equal(cell_shares(mask, 5, 7), mask)


def test_windows_cut_the_resized_mask_at_the_corners_of_the_grid() -> None:
    policy = InputPolicy(short_side=8, window=6, stride=4)
    mask = np.zeros((16, 24), np.float32)
    mask[:8, :12] = 1
    parts = window_masks(mask, policy, 1, "main")
    resized = np.zeros((8, 12), np.float32)
    resized[:4, :6] = 1
    assert np.array_equal(parts[0], resized[:6, :6])
    assert np.array_equal(parts[-1], resized[2:, 6:])
    assert len(parts) == 6


def test_a_mask_that_is_smaller_than_a_window_is_refused() -> None:
    with pytest.raises(ArgumentError, match="windows of 6 x 6 pixels"):
        window_masks(np.ones((4, 9), np.float32), InputPolicy(None, 6, 6), 1, "main")


def test_tokens_without_a_position_get_the_mean_weight() -> None:
    mask = np.zeros((4, 4), np.float32)
    mask[:, :1] = 1
    found = position_weights([mask, np.ones((4, 4), np.float32)], 2, 2, tokens=6)
    assert np.allclose(found, [[0.25, 0.25, 0.5, 0, 0.5, 0], [1] * 6])
