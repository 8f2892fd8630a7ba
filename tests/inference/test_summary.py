"""A summary counts every pair and has the statistics that numpy computes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from innersight.errors import ArgumentError
from innersight.inference.summary import ScoredPair, check_summary, pairs_of_output, summarise, write_summary

SCORES = st.lists(st.none() | st.floats(0, 100), max_size=40)


def pairs_of(scores: list[float | None]) -> list[ScoredPair]:
    return [
        ScoredPair("r", str(index), {} if score is None else {"m": score}, f"case {index}")
        for index, score in enumerate(scores)
    ]


@given(SCORES, st.booleans())
def test_statistics_are_those_of_numpy_and_the_worst_come_first(scores: list[float | None], higher: bool) -> None:
    found = summarise(pairs_of(scores), {"m": higher})
    known = [score for score in scores if score is not None]
    assert (found["n"], found["errors"]) == (len(scores), scores.count(None))
    if not known:
        assert set(found) == {"n", "errors"}
        return
    assert found["mean"] == pytest.approx(np.mean(known))
    assert found["median"] == pytest.approx(np.median(known))
    assert (found["p5"], found["p95"]) == pytest.approx(tuple(np.percentile(known, (5, 95))))
    assert (found["min"], found["max"]) == (min(known), max(known))
    assert [one["score"] for one in found["worst"]] == sorted(known, reverse=not higher)[:10]
    json.dumps(found, allow_nan=False)


def test_several_metrics_have_their_names_as_prefixes() -> None:
    found = summarise([ScoredPair("r", "d", {"a": 1.0, "b": 30.0})], {"a": False, "b": True})
    assert found["a.mean"] == 1
    assert found["b.worst"] == [{"reference": "r", "distorted": "d", "score": 30.0}]
    assert "mean" not in found


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_the_output_of_a_list_is_read_with_its_errors(tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"out.{suffix}"
    if suffix == "csv":
        out.write_text("ref,dis,score_a,score_b,error\nr,1,0.5,7,\nr,2,,,damaged\n")
    else:
        rows = [{"ref": "r", "dis": "1", "score_a": 0.5, "score_b": 7, "error": None}]
        rows.append({"ref": "r", "dis": "2", "score_a": None, "score_b": None, "error": "damaged"})
        out.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    assert list(pairs_of_output(out, ["a", "b"], ("ref", "dis"))) == [
        ScoredPair("r", "1", {"a": 0.5, "b": 7.0}),
        ScoredPair("r", "2", {}),
    ]


def test_a_place_that_cannot_be_written_is_found_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="is a folder"):
        check_summary(tmp_path)
    with pytest.raises(ArgumentError, match="which is no folder"):
        check_summary(tmp_path / "none" / "a.json")
    write_summary(tmp_path / "a.json", {"n": 1})
    assert json.loads((tmp_path / "a.json").read_text()) == {"n": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
