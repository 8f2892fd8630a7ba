"""A gate as the content of a report."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from innersight.gate import Case, Limits, run_gate
from innersight.gate.page import report_of
from innersight.inference.regions import Region
from innersight.inference.scorer import Scorer


def test_each_case_is_a_row_with_its_result_and_its_limits(tmp_path: Path) -> None:
    scorer = Scorer("lite")
    for name, level in (("a.png", 50), ("b.png", 220)):
        Image.new("L", (64, 64), level).save(tmp_path / name)
    a, b = tmp_path / "a.png", tmp_path / "b.png"
    part = Region(crop_border=4)
    cases = [
        Case("same", a, a, Limits(max=1, max_map=2.5), part),
        Case("other", a, b, Limits(max=1)),
        Case("gone", a, None, Limits(jpeg_equivalent=80), problem="The new image is missing."),
    ]
    same, other, gone = report_of(run_gate(cases, scorer), scorer, "Pages").rows
    assert same.others == {"case": "same", "result": "passed", "limits": "max 1, max-map 2.5", "reason": ""}
    assert (same.scores, same.region, same.is_urgent, same.files) == ({"lite": 0.0}, part, False, (a, a))
    assert other.others["result"] == "failed"
    assert str(other.others["reason"]).endswith("is above the limit 1.")
    assert (other.error, other.is_urgent) == (None, True)
    assert (gone.error, gone.files, gone.scores) == ("The new image is missing.", None, {})
    assert gone.others["limits"] == "jpeg-equivalent 80"
