"""Anchors of a preset: the scores of JPEG files of photographs, by quality and size of the image."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np

_FILE = "anchors.json"


@dataclass(frozen=True)
class Anchors:
    """Scores of JPEG files (4:2:0) of several photographs with one metric at one size.

    Attributes:
        qualities: JPEG qualities, rising.
        lowest: The lowest score among the photographs at each quality.
        highest: The highest score among the photographs at each quality.
    """

    qualities: Sequence[int]
    lowest: Sequence[float]
    highest: Sequence[float]

    def sentence(self, score: float) -> str:
        """Say between which JPEG qualities of photographs a score lies.

        Args:
            score: A score of an image of this size by the metric, above 0.

        Example:
            >>> Anchors((1, 50, 100), (9.0, 5.0, 3.0), (11.0, 6.0, 3.4)).sentence(5.5)
            'Photographs of this size have this score at JPEG quality 44 to 60.'
        """
        if score < self.lowest[-1]:
            return "Photographs of this size have a higher score at JPEG quality 100."
        if score > self.highest[0]:
            return "Photographs of this size have a lower score at JPEG quality 1."
        # A photograph with low scores has this one at a low quality already.
        first, last = (self._quality(curve, score) for curve in (self.lowest, self.highest))
        shown = f"{first}" if first == last else f"{first} to {last}"
        return f"Photographs of this size have this score at JPEG quality {shown}."

    def _quality(self, curve: Sequence[float], score: float) -> int:
        falling = np.minimum.accumulate(curve)  # neighbouring qualities can be in disorder
        return round(float(np.interp(-score, -falling, self.qualities)))


def find_anchors(description: Mapping[str, Any], size: tuple[int, int]) -> Anchors | None:
    """Return the anchors of a metric for images of a size.

    Args:
        description: What `Scorer.describe` returns.
        size: (height, width), pixels. The shorter side counts. Between two sizes of the table, scores are
            interpolated.

    Returns:
        The anchors; None if there are none for exactly this configuration and these weights, or for this size.

    Example:
        >>> from innersight import Scorer
        >>> find_anchors(Scorer("lite").describe(), (512, 768)).qualities[-1]
        100
        >>> find_anchors(Scorer("lite").describe(), (4000, 6000)) is None
        True
    """
    found = anchor_table(description)
    if found is None:
        return None
    sizes = sorted(int(text) for text in found["sizes"])
    short = min(size)
    if not sizes[0] <= short <= sizes[-1]:
        return None
    curves = {name: np.array([found["sizes"][str(each)][name] for each in sizes]).T for name in ("lowest", "highest")}
    between = {
        name: [float(np.interp(np.log(short), np.log(sizes), scores)) for scores in curve]
        for name, curve in curves.items()
    }
    return Anchors(found["qualities"], between["lowest"], between["highest"])


def anchor_table(description: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the table of a metric: its `qualities`, and by size the `lowest` and the `highest` scores.

    Args:
        description: What `Scorer.describe` returns.

    Returns:
        The table; None if there is none for exactly this configuration and these weights.
    """
    table = json.loads(files("innersight.inference").joinpath(_FILE).read_text())
    found: Mapping[str, Any] | None = table.get(configuration_digest(description))
    return found


def configuration_digest(description: Mapping[str, Any]) -> str:
    """Return a digest of what decides the scores of a metric: its configuration and its weights.

    Args:
        description: What `Scorer.describe` returns.
    """
    decisive = {key: description.get(key) for key in ("scale", "reduce", "views", "terms")}
    return hashlib.sha256(json.dumps(decisive, sort_keys=True, default=str).encode()).hexdigest()[:16]
