"""Proposals of limits, from repeated runs of the reference system."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from innersight.errors import ArgumentError, ImageError
from innersight.inference.folders import match_folders
from innersight.inference.planner import score_pairs
from innersight.inference.scorer import Scorer

MARGIN = 1.1
"""The factor between the largest score of unchanged runs and the proposed limit."""


@dataclass(frozen=True)
class Calibration:
    """The scores between runs of an unchanged system.

    Attributes:
        reference: The folder of the run that the others are compared with.
        largest: By the name of an image, the largest score of another run.
        runs: The number of runs, the first one included.
        metric: The name of the metric.
    """

    reference: Path
    largest: Mapping[str, float]
    runs: int
    metric: str

    def limit(self, score: float) -> float:
        """Return the proposed limit for a largest score: 1.1 times the score, rounded up to 2 decimals.

        Example:
            >>> Calibration(Path("runs/1"), {}, 2, "lite").limit(3.0)
            3.3
        """
        return math.ceil(score * MARGIN * 100) / 100

    def to_toml(self, distorted_folder: str | Path) -> str:
        """Write the proposed limits as the cases of a gate, see `innersight.gate.read_cases`.

        Args:
            distorted_folder: The folder of the images that the gate will compare with the reference.

        Returns:
            A TOML document. Relative paths in it start from the folder that the file is put in.
        """
        import tomli_w

        worst = max(self.largest.values())
        head = (
            f"# Limits proposed from {self.runs} runs of an unchanged system, with the metric {self.metric}.\n"
            f"# Each is {MARGIN:g} times the largest score against the first run, rounded up to 2 decimals.\n"
            f"# The largest of all scores is {worst:.4f}.\n"
        )
        cases = [{"name": name, "max": self.limit(score)} for name, score in self.largest.items()]
        content = {
            "reference-dir": str(self.reference),
            "distorted-dir": str(distorted_folder),
            "max": self.limit(worst),
            "case": cases,
        }
        return head + tomli_w.dumps(content)


def calibrate(folder: str | Path, scorer: Scorer) -> Calibration:
    """Score repeated runs of an unchanged system against the first of them.

    Each folder in `folder` is a run, with the same image names. The first run, by name, is the reference, as one run is
    in the gate. The other runs differ from it by what the system varies from run to run.

    Args:
        folder: The folder of the runs.
        scorer: The scorer, of a metric of which a lower score means more similar images.

    Returns:
        The largest score of each image.

    Raises:
        ArgumentError: If there are fewer than two runs, an image is missing in one, or a higher score of the metric
            means more similar images.
        ImageError: If a pair cannot be scored.
    """
    folder = Path(folder)
    if scorer.higher_is_better:
        raise ArgumentError(
            f"A calibration needs a metric of which a lower score means more similar images, which {scorer.name} is "
            "not: use 'lite'."
        )
    if not folder.is_dir():
        raise ArgumentError(f"No such folder: '{folder}'.")
    runs = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    if len(runs) < 2:
        raise ArgumentError(f"The folder '{folder}' must have at least two folders of runs, but has {len(runs)}.")
    names: list[str] = []
    pairs: list[tuple[Path, Path]] = []
    for run in runs[1:]:
        found = match_folders(runs[0], run)
        alone = [*found.only_reference, *found.only_distorted]
        if alone:
            raise ArgumentError(f"The image {alone[0]!r} must be in '{runs[0]}' and in '{run}', but is in one of them.")
        names += found.pairs
        pairs += found.pairs.values()
    largest: dict[str, float] = {}
    for name, result in zip(names, score_pairs(pairs, {scorer.name: scorer}), strict=True):
        if result.error is not None:
            raise ImageError(result.error)
        largest[name] = max(largest.get(name, 0.0), result.scores[scorer.name])
    return Calibration(runs[0], largest, len(runs), scorer.name)
