"""A table of scores becomes the rows of a report."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from innersight.errors import ArgumentError
from innersight.inference.regions import Region
from innersight.report.content import ReportMetric
from innersight.report.tables import read_scores

LITE = ReportMetric("lite", layers=("a", "b"))
ROWS = [
    {
        "reference": "r.png",
        "distorted": "d1.png",
        "mos": 4.5,
        "kind": "1",
        "score": 1.5,
        "per_layer": [1.0, 0.5],
        "error": None,
    },
    {
        "reference": "r.png",
        "distorted": "d2.png",
        "mos": None,
        "kind": "x",
        "score": None,
        "per_layer": None,
        "error": "damaged",
    },
]


def write(path: Path) -> Path:
    if path.suffix == ".jsonl":
        path.write_text("\n".join(json.dumps(row) for row in ROWS))
    elif path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(ROWS), path)
    else:
        cells = [
            ["" if v is None else f'"{v}"' if isinstance(v, list) else str(v) for v in row.values()] for row in ROWS
        ]
        path.write_text("\n".join(",".join(line) for line in [list(ROWS[0]), *cells]) + "\n")
    return path


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_each_format_gives_the_same_rows(tmp_path: Path, suffix: str) -> None:
    first, second = read_scores(write(tmp_path / f"scores{suffix}"), [LITE])
    assert (first.reference, first.distorted) == ("r.png", "d1.png")
    assert first.scores == {"lite": 1.5}
    assert first.parts == {"lite": [1.0, 0.5]}
    assert first.others == {"mos": 4.5, "kind": "1"}
    assert first.files == (tmp_path / "r.png", tmp_path / "d1.png")
    assert (second.scores, second.parts, second.error) == ({}, {}, "damaged")
    assert second.others == {"mos": None, "kind": "x"}


def test_paths_start_from_the_root(tmp_path: Path) -> None:
    (row, _) = read_scores(write(tmp_path / "scores.csv"), [LITE], root=tmp_path / "images")
    assert row.files == (tmp_path / "images" / "r.png", tmp_path / "images" / "d1.png")


def test_the_mask_of_a_row_takes_the_place_of_the_common_one(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("reference,distorted,mask,score\nr,d,m.png,1\nr,d,,2\n")
    first, second = read_scores(tmp_path / "s.csv", [LITE], region=Region(mask="all.png", crop_border=2))
    assert first.region == Region(mask=tmp_path / "m.png", crop_border=2)
    assert second.region == Region(mask="all.png", crop_border=2)


def test_several_metrics_have_a_column_each(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("reference,distorted,score_lite,score_psnr\nr,d,1,30\n")
    (row,) = read_scores(tmp_path / "s.csv", [LITE, ReportMetric("psnr")])
    assert row.scores == {"lite": 1.0, "psnr": 30.0}


def test_parts_of_another_metric_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text('reference,distorted,score,per_layer\nr,d,1,"[1, 2, 3]"\nr,d,1,no list\n')
    assert [row.parts for row in read_scores(tmp_path / "s.csv", [LITE])] == [{}, {}]


@pytest.mark.parametrize("cell", ["nan", "inf", "text"])
def test_a_score_that_is_no_finite_number_is_none(tmp_path: Path, cell: str) -> None:
    (tmp_path / "s.csv").write_text(f"reference,distorted,score\nr,d,{cell}\n")
    assert read_scores(tmp_path / "s.csv", [LITE])[0].scores == {}


def test_an_infinite_value_of_another_column_stays_readable(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("reference,distorted,score,psnr\nr,d,0,inf\nr,e,1,30\n")
    assert [row.others["psnr"] for row in read_scores(tmp_path / "s.csv", [LITE])] == ["inf", "30"]


def test_codes_keep_their_zeros(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("reference,distorted,score,kind,level\nr,d,0,08,8\nr,e,1,11,0.5\n")
    rows = read_scores(tmp_path / "s.csv", [LITE])
    assert [row.others for row in rows] == [{"kind": "08", "level": 8.0}, {"kind": "11", "level": 0.5}]


def test_a_table_without_the_scores_names_its_columns(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("reference,distorted,score_vit\nr,d,1\n")
    with pytest.raises(
        ArgumentError, match=r"no column with the scores of 'lite': neither 'score' nor 'score_lite'.*score_vit"
    ):
        read_scores(tmp_path / "s.csv", [LITE])


def test_one_column_is_not_read_as_two_metrics(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("reference,distorted,score\nr,d,1\n")
    with pytest.raises(ArgumentError, match="in the column 'score', but 2 metrics were named"):
        read_scores(tmp_path / "s.csv", [LITE, ReportMetric("psnr")])


def test_paths_that_a_spreadsheet_could_run_are_found_in_our_own_csv(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text("reference,distorted,score,'=note\n'=r.png,'-d.png,1.5,'@x\n")
    row = read_scores(tmp_path / "own.csv", [ReportMetric("lite")])[0]
    assert row.files == (tmp_path / "=r.png", tmp_path / "-d.png")
    assert row.others == {"=note": "@x"}
