"""Windows are cut in their order."""

from __future__ import annotations

import torch

from innersight.preprocess.input_policy import WindowGrid
from innersight.preprocess.windows import cut_windows


def test_cut_goes_window_by_window() -> None:
    images = torch.arange(2 * 4 * 6).view(2, 1, 4, 6)
    grid = WindowGrid.over(4, 6, window=3, stride=2)
    views = cut_windows(images, grid.corners, grid.window)
    assert len(grid) == len(grid.corners) == 6
    assert views.shape == (12, 1, 3, 3)
    for k, (top, left) in enumerate(grid.corners):
        for n in range(2):
            assert torch.equal(views[k * 2 + n], images[n, :, top : top + 3, left : left + 3])
