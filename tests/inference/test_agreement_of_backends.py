"""The bundle of `lite` gives torch's scores on every real pair at hand, also through a list that is interrupted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import innersight
from innersight.datasets.dataset import DataSet
from innersight.datasets.registry import open_dataset
from innersight.inference.batch import score_list
from innersight.inference.pair_lists import list_rows
from innersight.io.tables import read_rows


@pytest.mark.thorough
@pytest.mark.parametrize("part", ["tid2013", "live"])
def test_every_pair_at_hand_scores_within_1e_5_and_identical_images_exactly_0(
    shared: Path, tmp_path: Path, part: str
) -> None:
    folder = shared / "data" / part
    found = open_dataset("tid2013", folder) if part == "tid2013" else open_dataset(str(folder / "opinions.csv"))
    assert isinstance(found, DataSet)
    references = sorted({pair.reference for pair in found.pairs})
    rows: list[dict[str, Any]] = [{"reference": pair.reference, "distorted": pair.distorted} for pair in found.pairs]
    rows += [{"reference": name, "distorted": name} for name in references]
    pairs = list_rows(rows, found.root)
    scorers = {name: innersight.Scorer("lite", runtime=name) for name in ("onnx", "torch")}

    def interrupt(done: int) -> None:
        if done == len(rows) // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        score_list(pairs, scorers, tmp_path / "out.csv", on_row=interrupt, with_layers=True)
    assert score_list(pairs, scorers, tmp_path / "out.csv", resume=True, with_layers=True).failed == 0
    scored = [row for _, row in read_rows(tmp_path / "out.csv")]
    for row in scored[: len(found.pairs)]:
        assert float(row["score_onnx"]) == pytest.approx(float(row["score_torch"]), rel=1e-5), row["distorted"]
        assert float(row["score_onnx"]) > 0
    for row in scored[len(found.pairs) :]:
        assert (float(row["score_onnx"]), float(row["score_torch"])) == (0.0, 0.0)
