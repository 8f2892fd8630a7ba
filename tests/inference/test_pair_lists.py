"""Lists are read as streams, every column kept, and nothing in them is guessed."""

from __future__ import annotations

from pathlib import Path

import pyarrow
import pytest
from PIL import Image
from pyarrow import parquet

from innersight.errors import ArgumentError
from innersight.inference.pair_lists import open_list, pair_folders


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_csv_json_lines_and_parquet_give_the_same_rows_with_all_columns(tmp_path: Path) -> None:
    table = write(tmp_path / "a.csv", 'reference,distorted,"note, long"\na.png,b.png,"x ""y"""\nü.png,c.png,\n')
    lines = write(
        tmp_path / "a.jsonl",
        '{"reference": "a.png", "distorted": "b.png", "note, long": "x \\"y\\""}\n\n'
        '{"reference": "ü.png", "distorted": "c.png", "note, long": ""}\n',
    )
    parquet.write_table(pyarrow.Table.from_pylist(list(open_list(lines).rows())), columnar := tmp_path / "a.parquet")
    for path in (table, lines, columnar):
        opened = open_list(path)
        rows = list(opened.rows())
        assert rows == list(opened.rows())
        assert rows[0] == {"reference": "a.png", "distorted": "b.png", "note, long": 'x "y"'}
        assert opened.paths(rows[1]) == (tmp_path / "ü.png", tmp_path / "c.png")


def test_a_parquet_list_that_is_damaged_or_without_its_library_is_one_clear_error(tmp_path: Path, monkeypatch) -> None:
    path = write(tmp_path / "a.parquet", "PAR1 no more")
    with pytest.raises(ArgumentError, match=r"a\.parquet' can't be read as parquet: "):
        open_list(path)
    monkeypatch.setattr("innersight.io.tables.importlib.util.find_spec", lambda name: None)
    with pytest.raises(ArgumentError, match=r"need pyarrow: pip install 'innersight\[parquet\]'"):
        open_list(path)


def test_columns_have_the_names_that_are_said(tmp_path: Path) -> None:
    opened = open_list(write(tmp_path / "a.csv", "ref,dis\na.png,b.png\n"), "ref", "dis")
    assert opened.paths(next(opened.rows())) == (tmp_path / "a.png", tmp_path / "b.png")


def test_the_digest_follows_the_content(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "reference,distorted\na.png,b.png\n")
    before = open_list(path).digest
    assert open_list(path).digest == before
    write(path, "reference,distorted\na.png,c.png\n")
    assert open_list(path).digest != before


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.txt", "", r"one of \(\.csv, \.jsonl, \.parquet\), but got"),
        ("a.csv", "", "has no rows"),
        ("a.csv", "reference,distorted\n", "has no rows"),
        (
            "a.csv",
            "ref,distorted\na,b\n",
            r"line 2: no 'reference'; there is \(ref, distorted\)\. Name the columns with",
        ),
        ("a.csv", "reference,distorted\na\n", "line 2: more or fewer cells than the header has"),
        ("a.csv", "reference,distorted\na,b,c\n", "line 2: more or fewer cells than the header has"),
        ("a.csv", "reference,distorted\n,b\n", "line 2: no 'reference'"),
        ("a.jsonl", "[1]\n", "line 1: not a JSON object"),
        ("a.jsonl", '{"reference": 1, "distorted": "b"}\n', "line 1: no 'reference'"),
        ("a.jsonl", "{reference}\n", "can't be read as jsonl"),
    ],
)
def test_what_is_no_list_is_said_with_the_line(tmp_path: Path, name: str, text: str, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        open_list(write(tmp_path / name, text))


def test_a_missing_list(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="No such list"):
        open_list(tmp_path / "none.csv")


class TestFolders:
    @pytest.fixture
    def folders(self, tmp_path: Path) -> tuple[Path, Path]:
        for folder, names in (("ref", ("a.png", "sub/b.png")), ("dis", ("a.jpg", "sub/b.webp"))):
            for name in names:
                (path := tmp_path / folder / name).parent.mkdir(parents=True, exist_ok=True)
                Image.new("RGB", (2, 2)).save(path)
        (tmp_path / "dis" / "notes.txt").touch()
        return tmp_path / "ref", tmp_path / "dis"

    def test_names_pair_without_their_suffix(self, folders: tuple[Path, Path]) -> None:
        paired = pair_folders(*folders)
        assert [paired.paths(row) for row in paired.rows()] == [
            (folders[0] / "a.png", folders[1] / "a.jpg"),
            (folders[0] / "sub/b.png", folders[1] / "sub/b.webp"),
        ]

    def test_unmatched_and_ambiguous_names_are_listed_never_guessed(self, folders: tuple[Path, Path]) -> None:
        Image.new("RGB", (2, 2)).save(folders[0] / "alone.png")
        Image.new("RGB", (2, 2)).save(folders[1] / "a.png")
        with pytest.raises(ArgumentError) as error:
            pair_folders(*folders)
        assert f"ambiguous in '{folders[1]}': a.jpg, a.png" in str(error.value)
        assert f"in '{folders[0]}' but not in '{folders[1]}': alone.png" in str(error.value)

    def test_missing_and_empty_folders(self, tmp_path: Path, folders: tuple[Path, Path]) -> None:
        with pytest.raises(ArgumentError, match="No such folder"):
            pair_folders(tmp_path / "none", folders[1])
        (tmp_path / "empty").mkdir()
        with pytest.raises(ArgumentError, match="holds no image"):
            pair_folders(folders[0], tmp_path / "empty")


def test_a_path_with_a_nul_byte_is_one_clear_error_fault_33(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="line 2: the path in 'distorted' holds a NUL byte"):
        open_list(write(tmp_path / "a.csv", "reference,distorted\na.png,b\0.png\n"))
