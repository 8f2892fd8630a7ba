"""Figures for papers. Each function returns a `matplotlib.figure.Figure`; `save_figure` writes it.

The extra `plot` installs what the figures need. No display is needed, and pyplot is not imported.
"""

from __future__ import annotations

from innersight.extras import needed_for

with needed_for("A figure"):
    import matplotlib  # noqa: F401 - the modules of this package need both
    import scipy  # noqa: F401

from innersight.evaluation.layer_agreement import layer_srcc
from innersight.report.figures.compare import draw_compare, read_results
from innersight.report.figures.layers import draw_layers
from innersight.report.figures.maps import draw_map
from innersight.report.figures.output import save_figure
from innersight.report.figures.scatter import draw_scatter
from innersight.report.figures.style import COLUMN, PAGE

__all__ = [
    "COLUMN",
    "PAGE",
    "draw_compare",
    "draw_layers",
    "draw_map",
    "draw_scatter",
    "layer_srcc",
    "read_results",
    "save_figure",
]
