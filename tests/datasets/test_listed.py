"""Lists: each line is loaded or named in an error. The opinion direction is never guessed."""

from __future__ import annotations

from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from innersight.datasets.dataset import Choice, ChoiceSet, DataSet, RatedPair
from innersight.datasets.listed import load_list
from innersight.errors import ArgumentError


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


class TestRatedPairs:
    def test_csv_json_lines_and_parquet_give_the_same_pairs(self, tmp_path: Path) -> None:
        expected = (RatedPair("A.png", "sub/b.png", 3.5, 0.5, 12, "01"), RatedPair("A.png", "ü.png", 4.0))
        table = write(
            tmp_path / "mine.csv",
            "reference,distorted,opinion,opinion_std,votes,kind\nA.png,sub/b.png,3.5,0.5,12,01\nA.png,ü.png,4,,,\n",
        )
        lines = write(
            tmp_path / "mine.jsonl",
            '{"reference": "A.png", "distorted": "sub/b.png", "opinion": 3.5, "opinion_std": 0.5, "votes": 12, "kind": "01"}\n'
            '{"reference": "A.png", "distorted": "ü.png", "opinion": 4}\n',
        )
        columns = pyarrow.Table.from_pylist([vars(pair) for pair in expected])
        parquet.write_table(columns, columnar := tmp_path / "mine.parquet")
        for path in (table, lines, columnar):
            found = load_list(path, "lower-is-better")
            assert isinstance(found, DataSet)
            assert found == DataSet("mine", None, tmp_path, "opinion", "lower-is-better", expected, 2, {}, "")

    def test_missing_images_are_not_reported_by_the_loader(self, tmp_path: Path) -> None:
        path = write(tmp_path / "mine.csv", "reference,distorted,opinion\nno.png,none.png,1\n")
        assert load_list(path, "higher-is-better").summary == "mine: 1 pair (1 reference); opinion, higher is better"

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("reference,distorted,opinion\n", "must have at least one row, but has none"),
            (
                "ref,distorted,opinion\na,b,1\n",
                r"line 2: `reference` must have a value, .* The columns are \(ref, distorted, opinion\)",
            ),
            ("reference,distorted\na,b\n", "line 2: `opinion` must have a value"),
            ("reference,distorted,opinion\na,b,1\na,,1\n", "line 3: `distorted` must have a value"),
            ("reference,distorted,opinion\na,b,\n", "line 2: `opinion` must have a value"),
            ("reference,distorted,opinion\na,b,inf\n", "line 2: `opinion` must be a finite number, but is 'inf'"),
            ("reference,distorted,opinion,opinion_std\na,b,1,-1\n", "line 2: `opinion_std` must be .* at least 0"),
            ("reference,distorted,opinion,votes\na,b,1,0\n", "line 2: `votes` must be a finite number of at least 1"),
            ("reference,distorted,opinion,votes\na,b,1,1.5\n", "line 2: `votes` must be a whole number, but is '1.5'"),
        ],
    )
    def test_an_invalid_line_is_named(self, tmp_path: Path, text: str, message: str) -> None:
        with pytest.raises(ArgumentError, match=message):
            load_list(write(tmp_path / "mine.csv", text), "higher-is-better")

    def test_a_path_must_be_text(self, tmp_path: Path) -> None:
        path = write(tmp_path / "mine.jsonl", '{"reference": 1, "distorted": "b", "opinion": 1}\n')
        with pytest.raises(ArgumentError, match="line 1: `reference` must be the path of an image, but is 1"):
            load_list(path, "higher-is-better")

    def test_a_list_of_real_images(self, shared: Path) -> None:
        found = load_list(shared / "data" / "live" / "opinions.csv")
        assert isinstance(found, DataSet)
        assert found.summary == "opinions: 89 pairs (10 references); opinion, lower is better"
        assert found.pairs[0] == RatedPair("refimgs/bikes.png", "gblur/img112.png", 29.8413, kind="gblur")
        assert all((found.root / pair.distorted).is_file() for pair in found.pairs)


class TestDirection:
    def rows(self, tmp_path: Path, *directions: str) -> Path:
        lines = "".join(f"a.png,b.png,1,{direction}\n" for direction in directions)
        name = f"{len(directions)}{directions[0]}.csv"
        return write(tmp_path / name, f"reference,distorted,opinion,opinion_direction\n{lines}")

    def test_the_direction_comes_from_the_column_the_argument_or_both(self, tmp_path: Path) -> None:
        lower = "lower-is-better"
        for path, argument in (
            (self.rows(tmp_path, lower, lower), None),
            (self.rows(tmp_path, lower), lower),
            (self.rows(tmp_path, "", ""), lower),
        ):
            found = load_list(path, argument)
            assert isinstance(found, DataSet)
            assert found.opinion_direction == lower

    def test_a_list_without_direction_is_refused(self, tmp_path: Path) -> None:
        path = write(tmp_path / "mine.csv", "reference,distorted,opinion\na,b,1\n")
        with pytest.raises(ArgumentError, match=r"pass --opinion-direction higher-is-better\|lower-is-better"):
            load_list(path)

    def test_contradictory_directions_are_refused(self, tmp_path: Path) -> None:
        with pytest.raises(
            ArgumentError, match=r"has 'lower-is-better', but the argument `opinion_direction` is 'higher-is-better'"
        ):
            load_list(self.rows(tmp_path, "lower-is-better"), "higher-is-better")
        with pytest.raises(ArgumentError, match="line 3: `opinion_direction` must be the same in all lines"):
            load_list(self.rows(tmp_path, "lower-is-better", "higher-is-better"))
        for directions in (("lower-is-better", ""), ("", "lower-is-better")):
            with pytest.raises(ArgumentError, match="line 3: `opinion_direction` must be the same in all lines"):
                load_list(self.rows(tmp_path, *directions))

    def test_an_unknown_direction_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ArgumentError, match=r"line 2: `opinion_direction` must be one of \(.*\), but is 'up'"):
            load_list(self.rows(tmp_path, "up"))
        with pytest.raises(ArgumentError, match="Did you mean lower-is-better"):
            load_list(self.rows(tmp_path, "lower-is-better"), "lower")  # type: ignore[arg-type]


class TestChoices:
    def test_a_list_with_the_columns_a_and_b_is_a_list_of_choices(self, tmp_path: Path) -> None:
        path = write(
            tmp_path / "mine.csv",
            "reference,a,b,share_preferring_b,votes,kind\nr.png,x.png,y.png,0.8,5,cnn\nr.png,x.png,z.png,1,,\n",
        )
        expected = (Choice("r.png", "x.png", "y.png", 0.8, 5, "cnn"), Choice("r.png", "x.png", "z.png", 1.0))
        assert load_list(path) == ChoiceSet("mine", tmp_path, expected, 2)

    def test_an_invalid_line_is_named(self, tmp_path: Path) -> None:
        for cells, message in (
            ("r,x,y,1.2", r"line 2: `share_preferring_b` must be a finite number in \[0, 1\], but is '1\.2'"),
            ("r,x,y,", "line 2: `share_preferring_b` must have a value"),
            ("r,,y,0.5", "line 2: `a` must have a value"),
        ):
            with pytest.raises(ArgumentError, match=message):
                load_list(write(tmp_path / "mine.csv", f"reference,a,b,share_preferring_b\n{cells}\n"))

    def test_choices_have_no_direction(self, tmp_path: Path) -> None:
        path = write(tmp_path / "mine.csv", "reference,a,b,share_preferring_b\nr,x,y,0.5\n")
        with pytest.raises(ArgumentError, match="Argument `opinion_direction` must not be given"):
            load_list(path, "higher-is-better")
