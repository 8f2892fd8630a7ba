"""Only pairs that were scored and are within all limits pass."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from innersight import Scorer
from innersight.errors import ArgumentError
from innersight.gate import Case, Limits, cases_of_folders, run_gate
from innersight.inference.equivalents import score_of_jpeg
from innersight.inference.regions import Region


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    return Scorer("lite")


def test_of_three_cases_one_passes_one_is_beyond_and_one_is_broken(project: Path, scorer: Scorer) -> None:
    cases = cases_of_folders(project / "golden", project / "new", Limits(max=5))
    seen: list[str] = []
    report = run_gate(cases, scorer, on_case=lambda result: seen.append(result.case.name))
    assert seen == ["broken", "changed", "same"]
    assert [result.passed for result in report.results] == [False, False, True]
    broken, changed, same = report.results
    assert broken.score is None
    assert "'" + str(project / "new" / "broken.png") + "' cannot be decoded" in broken.reasons[0]
    assert changed.score == scorer(cases[1].reference, cases[1].distorted)  # type: ignore[arg-type]
    assert changed.reasons == (f"The score {changed.score:.4f} is above the limit 5.",)
    assert same.score == 0
    assert not report.passed
    summary = report.summary()
    assert {key: summary[key] for key in ("n", "failed", "errors", "max")} == {
        "n": 3,
        "failed": 2,
        "errors": 1,
        "max": changed.score,
    }


class TestLimits:
    @pytest.fixture
    def case(self, project: Path) -> Case:
        return Case("c", project / "golden" / "changed.png", project / "new" / "changed.jpg", Limits(max=0))

    def test_the_limit_itself_passes(self, case: Case, scorer: Scorer) -> None:
        score = scorer(case.reference, case.distorted)  # type: ignore[arg-type]
        assert run_gate([replace(case, limits=Limits(max=score))], scorer).passed
        assert not run_gate([replace(case, limits=Limits(max=np.nextafter(score, 0)))], scorer).passed

    def test_the_largest_value_of_the_map_counts(self, case: Case, scorer: Scorer) -> None:
        found = scorer.score(case.reference, case.distorted, map=True)  # type: ignore[arg-type]
        top = float(np.asarray(found.map).max())
        assert run_gate([replace(case, limits=Limits(max_map=top))], scorer).passed
        (result,) = run_gate([replace(case, limits=Limits(max=99, max_map=top * 0.99))], scorer).results
        assert "The map reaches" in result.reasons[0]

    def test_a_jpeg_of_the_reference_is_a_limit(self, case: Case, scorer: Scorer) -> None:
        score = scorer(case.reference, case.distorted)  # type: ignore[arg-type]
        assert case.reference is not None
        for quality in (10, 20, 50):
            expected = score <= score_of_jpeg(scorer, case.reference, quality)
            assert run_gate([replace(case, limits=Limits(jpeg_equivalent=quality))], scorer).passed == expected
        assert not expected

    def test_a_metric_that_is_higher_for_similar_images_has_a_lowest_score(self, case: Case) -> None:
        psnr = Scorer("psnr")
        score = psnr(case.reference, case.distorted)  # type: ignore[arg-type]
        assert run_gate([replace(case, limits=Limits(min=score - 0.01))], psnr).passed
        (result,) = run_gate([replace(case, limits=Limits(min=score + 0.01))], psnr).results
        assert "is below the limit" in result.reasons[0]
        assert run_gate([replace(case, limits=Limits(jpeg_equivalent=5))], psnr).passed
        assert not run_gate([replace(case, limits=Limits(jpeg_equivalent=80))], psnr).passed

    def test_a_region_limits_the_check(self, case: Case, project: Path, scorer: Scorer) -> None:
        image = np.array(Image.open(project / "golden" / "changed.png"))
        image[:20, :30] = 0
        Image.fromarray(image).save(project / "new" / "stamp.png")
        stamped = replace(case, distorted=project / "new" / "stamp.png")
        assert not run_gate([stamped], scorer).passed
        assert run_gate([replace(stamped, region=Region(ignore=((0, 0, 30, 20),)))], scorer).passed


class TestNeverPasses:
    @pytest.mark.parametrize("kind", ["missing", "size", "empty", "text", "folder"])
    def test_a_pair_that_cannot_be_scored(self, project: Path, scorer: Scorer, kind: str) -> None:
        path = project / "new" / "x.png"
        if kind == "size":
            Image.new("RGB", (20, 20)).save(path)
        elif kind == "folder":
            path.mkdir()
        elif kind != "missing":
            path.write_bytes(b"" if kind == "empty" else b"not an image")
        (result,) = run_gate([Case("x", project / "golden" / "same.png", path, Limits(max=1e9))], scorer).results
        assert (result.passed, result.score) == (False, None)

    def test_a_damaged_image_that_equals_its_damaged_reference(self, project: Path, scorer: Scorer) -> None:
        shutil.copy(project / "new" / "broken.png", project / "golden" / "broken.png")
        cases = cases_of_folders(project / "golden", project / "new", Limits(max=5))
        assert not run_gate(cases, scorer).results[0].passed

    def test_a_gate_without_cases(self, scorer: Scorer) -> None:
        with pytest.raises(ArgumentError, match="at least one case"):
            run_gate([], scorer)

    def test_a_thousand_pairs_with_broken_ones_are_all_accounted_for(self, tmp_path: Path, scorer: Scorer) -> None:
        broken = set(range(7, 1000, 100))
        for folder in ("golden", "new"):
            (tmp_path / folder).mkdir()
        grey = Image.new("L", (24, 24), 90)
        grey.save(tmp_path / "one.png")
        data = (tmp_path / "one.png").read_bytes()
        for index in range(1000):
            (tmp_path / "golden" / f"{index}.png").write_bytes(data)
            (tmp_path / "new" / f"{index}.png").write_bytes(data[:40] if index in broken else data)
        report = run_gate(cases_of_folders(tmp_path / "golden", tmp_path / "new", Limits(max=5)), scorer)
        assert len(report.results) == 1000
        assert {int(result.case.name) for result in report.errors} == broken
        assert len(report.failed) == 10


def test_artifacts_hold_both_images_and_a_heat_map_of_failing_cases_only(project: Path, scorer: Scorer) -> None:
    (project / "out" / "changed").mkdir(parents=True)
    (project / "out" / "changed" / "old.png").touch()
    cases = cases_of_folders(project / "golden", project / "new", Limits(max=5))
    extra = [replace(cases[1], name=name) for name in ("../a/b", "a b", "..", "A_B")]
    report = run_gate([*cases, *extra], scorer, artifacts=project / "out")
    names = {path.relative_to(project / "out").as_posix() for path in (project / "out").rglob("*.*")}
    folders = ("changed", "a_b", "a_b_2", "case", "A_B_3")
    expected = {f"{name}/{file}" for name in folders for file in ("reference.png", "distorted.jpg", "map.png")}
    assert names == expected | {"broken/reference.png", "broken/distorted.png"}
    heatmap = np.asarray(Image.open(project / "out" / "changed" / "map.png"))
    assert heatmap.shape == (260, 351, 3)
    assert heatmap.std() > 5
    assert report.results[1].artifacts == project / "out" / "changed"
    assert report.results[2].artifacts is None


def test_artifacts_need_a_folder(project: Path, scorer: Scorer) -> None:
    (project / "file").touch()
    with pytest.raises(ArgumentError, match=r"is a file\. Name a folder"):
        run_gate([Case("a", None, None, Limits(max=1))], scorer, artifacts=project / "file")
