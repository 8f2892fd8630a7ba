"""A pair of images with the map of their differences."""

from __future__ import annotations

import textwrap

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from innersight.errors import ArgumentError
from innersight.report.figures.style import PAGE, check_width, figure_style, new_figure

Floats = npt.NDArray[np.float32]

SMALLEST = 3.0
"""The smallest width of the figure, inches. Below it, the titles do not fit."""

_NARROW = 5.5  # inches; below, and if its label is too long, the colour bar is under the map and not beside it
_CHARACTER = 0.055  # inches, the mean width
_BAR = 0.75  # inches, the colour bar with its labels
_TITLE = 0.25  # inches
_GAP = 0.06  # inches
_THICKNESS = 0.06  # of the colour bar, as a share of the map
_LINE = 18  # characters below a narrow map


def draw_map(
    reference: Floats,
    distorted: Floats,
    values: Floats,
    *,
    score: float | None = None,
    label: str = "score before pooling",
    top: float | None = None,
    width: float = PAGE,
) -> Figure:
    """Draw a reference, a distorted image and the map of their differences side by side, with a colour bar.

    The colormap is `inferno` of matplotlib. Its lightness increases, so the map is readable in grey.

    Args:
        reference: (3, H, W) float32 in [0, 1], as `innersight.read_image` returns it.
        distorted: The same shape.
        values: (H, W) map, float32 from 0, as `innersight.Scorer` returns it.
        score: The score, for the title of the map. Default: None, not shown.
        label: Label of the colour bar. Default: `score before pooling`.
        top: The value that is drawn brightest. The same value makes several figures comparable. Default: the maximum of
            `values`.
        width: Width of the figure, inches. Default: 7.16, two columns of a paper.

    Returns:
        The figure.

    Raises:
        ArgumentError: If the sizes differ, `top` is not above 0, or the width is not 3 to 20 inches.

    Example:
        >>> image = np.zeros((3, 40, 60), dtype=np.float32)
        >>> figure = draw_map(image, image, np.eye(40, 60, dtype=np.float32), score=1.5)
        >>> [axes.get_title() for axes in figure.axes[:3]]
        ['reference', 'distorted', 'map, score 1.50']
    """
    size = values.shape
    for name, image in (("reference", reference), ("distorted", distorted)):
        if image.shape != (3, *size):
            raise ArgumentError(
                f"Argument `{name}` must have the size of the map, {(3, *size)}, but got {image.shape}. Use the images "
                "of this map."
            )
    if top is not None and not top > 0:
        raise ArgumentError(f"Argument `top` must be above 0, but got {top}. Use None for the maximum of the map.")
    check_width(width, SMALLEST)
    peak = float(values.max()) if top is None else top
    height, wide = size
    panel = (width - 3 * _GAP - _BAR) / 3
    narrow = width < _NARROW or panel * height / wide < _CHARACTER * len(label)
    panel += _BAR / 3 if narrow else 0
    with figure_style():
        figure = new_figure(width, panel * height / wide + _TITLE + (_BAR if narrow else 0), layout="compressed")
        panels = figure.subplots(1, 3)
        for axes, image, title in zip(panels, (reference, distorted), ("reference", "distorted"), strict=False):
            axes.imshow((image * 255).round().astype(np.uint8).transpose(1, 2, 0))
            axes.set_title(title)
        drawn = panels[2].imshow(values, cmap="inferno", vmin=0, vmax=peak if peak > 0 else 1)
        panels[2].set_title("map" if score is None else f"map, score {score:.2f}")
        for axes in panels:
            axes.set_axis_off()
        bar = figure.colorbar(
            drawn,
            ax=panels[2],
            orientation="horizontal" if narrow else "vertical",
            extend="max" if top is not None and float(values.max()) > top else "neither",
            pad=0.03,
            fraction=_THICKNESS,
            aspect=(wide / height if narrow else height / wide) / _THICKNESS,  # as long as the side of the map
        )
        bar.set_label("\n".join(textwrap.wrap(label, _LINE)) if narrow else label)
        bar.outline.set_linewidth(0.4)
    return figure
