"""Cases come from folders and TOML files; what is missing fails, and what is misspelt is an error."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from innersight import Scorer
from innersight.errors import ArgumentError
from innersight.gate import Case, Limits, cases_of_folders, read_cases
from innersight.inference.regions import Region


def written(folder: Path, text: str) -> Path:
    (folder / "cases.toml").write_text(text)
    return folder / "cases.toml"


class TestFolders:
    def test_each_image_is_a_case_and_one_without_a_partner_fails(self, project: Path) -> None:
        (project / "golden" / "gone.png").write_bytes(b"")
        (project / "new" / "added.png").write_bytes(b"")
        cases = cases_of_folders(project / "golden", project / "new", Limits(max=5))
        assert [case.name for case in cases] == ["added", "broken", "changed", "gone", "same"]
        assert "no image 'added' in" in str(cases[0].problem)
        assert "no image 'gone' in" in str(cases[3].problem)
        assert cases[2] == Case(
            "changed", project / "golden" / "changed.png", project / "new" / "changed.jpg", Limits(max=5)
        )


class TestFile:
    def test_a_case_has_its_own_values_and_the_defaults_of_the_file(self, tmp_path: Path) -> None:
        path = written(
            tmp_path,
            "max = 5\nmax-map = 8\nignore = [[0, 0, 10, 10]]\n"
            '[[case]]\nname = "a"\nreference = "r.png"\ndistorted = "sub/d.png"\nmax = 3.5\njpeg-equivalent = 50\n'
            '[[case]]\nname = "b"\nreference = "r.png"\ndistorted = "/d.png"\nmask = "m.png"\ncrop-border = 4\n',
        )
        first, second = read_cases(path)
        assert (first.reference, first.distorted) == (tmp_path / "r.png", tmp_path / "sub" / "d.png")
        assert first.limits == Limits(max=3.5, max_map=8, jpeg_equivalent=50)
        assert first.region == Region(ignore=((0, 0, 10, 10),))
        assert second.distorted == Path("/d.png")
        assert second.region == Region(tmp_path / "m.png", ((0, 0, 10, 10),), 4)

    def test_folders_in_the_file_give_cases_that_tables_change(self, project: Path) -> None:
        path = written(
            project,
            'reference-dir = "golden"\ndistorted-dir = "new"\nmax = 5\n[[case]]\nname = "changed"\nmax = 8\n'
            '[[case]]\nname = "none"\n[[case]]\nname = "more"\nreference = "golden/same.png"\ndistorted = "new/x.png"\n',
        )
        cases = {case.name: case for case in read_cases(path)}
        assert list(cases) == ["broken", "changed", "same", "none", "more"]
        assert (cases["changed"].limits.max, cases["same"].limits.max) == (8, 5)
        assert "There is no image 'none'" in str(cases["none"].problem)

    def test_options_are_defaults_that_the_file_overrides(self, tmp_path: Path) -> None:
        text = (
            '[[case]]\nreference = "r.png"\ndistorted = "d.png"\n[[case]]\nreference = "r"\ndistorted = "e"\nmax = 1\n'
        )
        first, second = read_cases(written(tmp_path, text), Limits(max=7), Region(crop_border=2))
        assert (first.name, first.limits.max, second.limits.max) == ("d.png", 7, 1)
        assert first.region == second.region == Region(crop_border=2)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("max = 5", "has no case"),
            ("maxx = 5", r"`key` must be one of \(.*but got 'maxx'.*Did you mean max"),
            ('[[case]]\nname = "a"\nrefrence = "x"', "Did you mean reference"),
            ('[[case]]\nname = "a"\nreference = "x"', "Case 1, 'a', must have both"),
            ('[[case]]\nname = "a"', "Case 1, 'a', must have both"),
            ("[[case]]", "`name` must be a text"),
            ("case = 3", "`case` must be tables"),
            ('reference-dir = "x"', "must both be set"),
            ('reference-dir = "x"\ndistorted-dir = "y"', "No such folder"),
            (f'reference-dir = "{"x" * 300}"\ndistorted-dir = "y"', "cannot be read: File name too long"),
            ('max = "5"\n[[case]]', "`max` must be a finite number, but got '5'"),
            ("max = nan\n[[case]]", "`max` must be a finite number, but got nan"),
            ("jpeg-equivalent = 0\n[[case]]", "`jpeg_equivalent` must be a whole number from 1 to 100"),
            ("ignore = 3\n[[case]]", "`ignore` must be a list of rectangles"),
            ("ignore = [[1, 2]]\n[[case]]", "`ignore` must hold rectangles"),
            ('[[case]]\nname = "a"\nreference = "x"\ndistorted = ""', "`distorted` must be a text"),
            ('[[case]]\nreference="r"\ndistorted="d"\n[[case]]\nreference="r"\ndistorted="d"', "Two cases"),
            ("max = ", "is not a TOML file"),
        ],
    )
    def test_what_is_not_allowed_is_named_with_the_file(self, tmp_path: Path, text: str, message: str) -> None:
        with pytest.raises(ArgumentError, match=message) as error:
            read_cases(written(tmp_path, text))
        assert "cases.toml'" in str(error.value)

    def test_a_missing_file(self, tmp_path: Path) -> None:
        with pytest.raises(ArgumentError, match=r"none\.toml' cannot be read: No such file"):
            read_cases(tmp_path / "none.toml")


class TestLimits:
    @pytest.mark.parametrize("values", [{"max": True}, {"min": "3"}, {"max_map": -1}, {"jpeg_equivalent": 50.0}])
    def test_other_values_are_refused(self, values: Any) -> None:
        with pytest.raises(ArgumentError, match=f"Limit `{next(iter(values))}` must be"):
            Limits(**values)

    @pytest.mark.parametrize(
        ("metric", "limits", "message"),
        [
            ("lite", Limits(), "has no limit"),
            ("lite", Limits(min=3), "a lower score of lite means more similar images: use max"),
            ("psnr", Limits(max=3), "a higher score of psnr means more similar images: use min"),
            ("psnr", Limits(min=3, max_map=3), "psnr has no map"),
        ],
    )
    def test_limits_that_do_not_fit_the_metric_are_refused(self, metric: str, limits: Limits, message: str) -> None:
        with pytest.raises(ArgumentError, match=message):
            limits.check(Scorer(metric), "a")
